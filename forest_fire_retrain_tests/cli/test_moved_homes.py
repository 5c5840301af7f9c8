"""A home works wherever it is moved, copied or restored, and leaves other places alone."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from forest_fire_retrain import get_model
from forest_fire_retrain.adapters.mlflow_addresses import ARTIFACTS, COLUMNS
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in
from forest_fire_retrain_tests.example_reigns import EASY
from forest_fire_retrain_tests.prepared_store import prepare_store

pytestmark = pytest.mark.slow
ODD = "a 'home' 100% of b+c=d & (e), \u00e9"
MISTAKEN = "park #1 * {x}"
"""Read as an address, the path would end early; read as a pattern, it would match other folders."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with two reigns, at a path where no test works."""
    base = tmp_path_factory.getbasetemp()
    template = prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    with pytest.MonkeyPatch.context() as environment, patch.dict(os.environ):
        home = settle_in(tmp_path_factory.mktemp("made") / "home", environment)
        furnish(home, environment, template)
        for name, value in EASY.model_dump(exclude_unset=True).items():
            environment.setenv(f"FOREST_FIRE_ADJUDICATION__{name.upper()}", str(value))
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-14") == 0
        yield home


def fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def addresses(home: Path) -> list[str]:
    """Every address of artifacts in the home's MLflow store, but those that MLflow resolves by itself."""
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as store:
        rows = [row for table, column in COLUMNS for row in store.execute(f"SELECT {column} FROM {table}")]  # noqa: S608
    return sorted({address for (address,) in rows if address and ARTIFACTS in address})


def use(forest_fire: Run, home: Path, environment: pytest.MonkeyPatch) -> None:
    """Read, predict, retrain, roll back and reproduce in the home; each has to work."""
    settle_in_here(home, environment)
    for words in (
        ("verify",),
        ("predict", "--date", "2025-07-19", "--retro"),
        ("retrain", "--partition", "2025-07-21"),
        ("reproduce", "2025-07-07"),
        ("rollback", "--to", "1", "--reason", "a test"),
        ("verify",),
    ):
        answer = forest_fire(*words)
        assert answer.code == 0, (words, answer)
    assert get_model().version == 1
    here = (home / "mlflow" / "artifacts").as_uri()
    assert addresses(home)
    assert [address for address in addresses(home) if not address.startswith(here)] == []


def settle_in_here(home: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FOREST_FIRE_HOME", str(home))
    environment.setenv("DAGSTER_HOME", str(home / "dagster"))


def test_a_moved_home_works_and_nothing_is_made_at_the_old_path(
    made: Path, tmp_path: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = shutil.copytree(made, tmp_path / "kept")
    home = made.rename(tmp_path / "elsewhere")
    try:
        use(forest_fire, home, monkeypatch)
        assert not made.exists()
    finally:
        shutil.rmtree(made, ignore_errors=True)
        kept.rename(made)


@pytest.mark.parametrize("name", ["copy", ODD, MISTAKEN])
def test_a_copied_home_works_and_writes_nothing_into_the_original(
    made: Path, tmp_path: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = fingerprints(made)
    home = shutil.copytree(made, tmp_path / name)
    use(forest_fire, home, monkeypatch)
    assert fingerprints(made) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]
