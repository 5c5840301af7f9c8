"""What `up` starts knows its own names; a name that no address line has is refused."""

from pathlib import Path

import pytest

from forest_fire_retrain.cli.dagster_servers import read_words
from forest_fire_retrain.cli.serving import Server, plan_servers
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.settings import load_settings


def option(server: Server, name: str) -> str:
    return server.command[server.command.index(name) + 1]


def test_both_servers_are_told_the_names_of_the_proxy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_SERVED_NAMES", '["fires.example.org", "fires.example.org:8443"]')
    dagster, mlflow = plan_servers(load_settings())
    given = read_words(list(dagster.command[3:]))
    assert given.name == ["fires.example.org", "fires.example.org:8443"]
    assert (given.host, given.port) == ("127.0.0.1", 3000)
    assert given.workspace == home / "dagster" / "workspace.yaml"
    hosts = option(mlflow, "--allowed-hosts").split(",")
    assert {"127.0.0.1:5000", "localhost:5000", "[::1]:5000", "fires.example.org:8443"} <= set(hosts)
    assert "https://fires.example.org" in option(mlflow, "--cors-allowed-origins").split(",")


@pytest.mark.usefixtures("home")
def test_without_a_proxy_mlflow_allows_no_other_origin() -> None:
    _, mlflow = plan_servers(load_settings())
    assert "--cors-allowed-origins" not in mlflow.command
    assert sorted(option(mlflow, "--allowed-hosts").split(",")) == ["127.0.0.1:5000", "[::1]:5000", "localhost:5000"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["", "*", "https://fires.example.org", "fires.example.org/", "a b", "a,b", "a:port"])
def test_a_name_that_no_address_line_has_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_SERVED_NAMES", f'["{name}"]')
    with pytest.raises(ConfigurationError, match="FOREST_FIRE_SERVED_NAMES"):
        load_settings()
