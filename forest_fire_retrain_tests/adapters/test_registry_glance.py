"""The registry as it is read without MLflow: what MLflow says, whatever a person did by hand."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters import registry_glance
from forest_fire_retrain.adapters.mlflow_connection import connect, sqlite_path
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.adapters.registry_glance import see_registry
from forest_fire_retrain.core.oversight.observed import SeenRegistry

MODEL = "forest_fire_risk"


@pytest.fixture
def client(tracking_uri: str) -> MlflowClient:
    """Three versions, the second is champion; a model of another name beside it."""
    client: MlflowClient = connect(tracking_uri)
    for name in (MODEL, "other"):
        client.create_registered_model(name)
        for number in range(1, 4):
            client.create_model_version(name, source=f"s3://models/{number}")
    client.set_registered_model_alias(MODEL, "champion", "2")
    client.set_registered_model_alias(MODEL, "mine", "3")
    client.set_registered_model_alias("other", "champion", "1")
    return client


def asked(tracking_uri: str) -> SeenRegistry:
    registry = MlflowRegistry(tracking_uri)
    return SeenRegistry(registry.champion(MODEL), frozenset(held.version for held in registry.versions(MODEL)))


@pytest.fixture
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks through MLflow fails."""
    monkeypatch.setattr(registry_glance, "_ask", None)


@pytest.mark.usefixtures("no_mlflow")
def test_alias_and_versions_are_read_as_mlflow_says_them(client: MlflowClient, tracking_uri: str) -> None:
    assert see_registry(tracking_uri, MODEL) == asked(tracking_uri) == SeenRegistry(2, frozenset({1, 2, 3}))
    client.delete_model_version(MODEL, "1")
    assert see_registry(tracking_uri, MODEL) == asked(tracking_uri) == SeenRegistry(2, frozenset({2, 3}))
    client.delete_registered_model_alias(MODEL, "champion")
    assert see_registry(tracking_uri, MODEL) == asked(tracking_uri) == SeenRegistry(None, frozenset({2, 3}))
    client.delete_registered_model(MODEL)
    assert see_registry(tracking_uri, MODEL) == asked(tracking_uri) == SeenRegistry(None, frozenset())


@pytest.mark.usefixtures("no_mlflow")
def test_a_store_that_nobody_has_made_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    assert see_registry(f"sqlite:///{tmp_path / 'mlflow.db'}", MODEL) == SeenRegistry(None, frozenset())
    assert list(tmp_path.iterdir()) == []


def test_a_store_with_other_tables_is_asked_through_mlflow(
    client: MlflowClient, tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry_glance.COLUMNS, "model_versions", ("name", "number"))
    assert client.get_registered_model(MODEL).name == MODEL
    assert see_registry(tracking_uri, MODEL) == SeenRegistry(2, frozenset({1, 2, 3}))


def test_what_cannot_be_asked_says_so(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = sqlite_path(tracking_uri)
    assert database is not None
    database.write_bytes(b"rust" * 4096)
    seen = see_registry(tracking_uri, MODEL)
    assert seen.trouble is not None
    assert (seen.alias, seen.versions) == (None, frozenset())
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert "failed at" in str(see_registry("http://ada:secret@127.0.0.1:9", MODEL).trouble)
    assert "secret" not in str(see_registry("http://ada:secret@127.0.0.1:9", MODEL).trouble)


def test_reading_needs_no_right_to_write(client: MlflowClient, tracking_uri: str) -> None:
    database = sqlite_path(tracking_uri)
    assert database is not None
    before = database.read_bytes()
    with closing(sqlite3.connect(database)) as store:  # somebody else is about to write
        store.execute("BEGIN IMMEDIATE")
        assert see_registry(tracking_uri, MODEL).alias == 2
        store.execute("ROLLBACK")
    assert database.read_bytes() == before
    assert client.get_registered_model(MODEL).name == MODEL
