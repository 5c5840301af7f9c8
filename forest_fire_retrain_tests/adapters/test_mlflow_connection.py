"""Reaching MLflow: quick refusals, no credentials in messages, no import before it is needed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.mlflow_connection import is_absent, sqlite_path, without_credentials
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.core.errors import RegistryError, TrackingError

NOBODY_LISTENS = "http://warden:s3cr3t@127.0.0.1:9"
FIRST_USE = """
import sys
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
MlflowTracker(sys.argv[1], "candidates").prepare()
"""


def test_an_unreachable_server_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    started = time.monotonic()
    with pytest.raises(TrackingError) as refused, MlflowTracker(NOBODY_LISTENS, "x").candidate_run("x", {}):
        pytest.fail("the block was entered")
    with pytest.raises(RegistryError) as refused_too:
        MlflowRegistry(NOBODY_LISTENS).champion("forest_fire_risk")
    assert time.monotonic() - started < 5
    for message in (str(refused.value), str(refused_too.value)):
        assert "http://***@127.0.0.1:9" in message
        assert "s3cr3t" not in message
        assert "forest-fire status" in message


def test_an_sqlite_store_that_cannot_be_opened_is_a_tracking_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, whatever its name says" * 50)
    with (
        pytest.raises(TrackingError, match="opening the run"),
        MlflowTracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "x").candidate_run("x", {}),
    ):
        pytest.fail("the block was entered")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://host/x", "http://host/x"),
        ("https://a:b@host:5000/x", "https://***@host:5000/x"),
        ("postgresql://a:p@ss@host/db and http://c@d", "postgresql://***@host/db and http://***@d"),
        ("someone@example.org", "someone@example.org"),
    ],
)
def test_credentials_are_cut_out_of_every_uri(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_only_an_sqlite_file_can_be_absent(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path / 'a%20b.db'}"
    assert sqlite_path(missing) == tmp_path / "a b.db"
    assert is_absent(missing)
    assert not is_absent("http://127.0.0.1:9")
    (tmp_path / "a b.db").touch()
    assert not is_absent(missing)


@pytest.mark.slow
def test_the_adapters_do_not_import_mlflow_until_it_is_needed() -> None:
    code = (
        "import sys, forest_fire_retrain.adapters.mlflow_tracking, forest_fire_retrain.adapters.mlflow_registry;"
        "sys.exit(any(name.partition('.')[0] == 'mlflow' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
def test_the_first_use_of_a_database_in_a_process_warns_of_nothing(tracking_uri: str, scheme: str) -> None:
    uri = tracking_uri.replace("sqlite", scheme, 1)
    done = subprocess.run([sys.executable, "-W", "error", "-c", FIRST_USE, uri], check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
