"""Whatever store of a home is taken back, rewritten or deleted, verify names it; registry and alias are put right."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forest_fire_retrain import verification
from forest_fire_retrain.adapters.mlflow_connection import connect
from forest_fire_retrain.core.errors import LedgerTamperedError
from forest_fire_retrain_tests.example_bench import MODEL
from forest_fire_retrain_tests.example_reigns import stamp_at
from forest_fire_retrain_tests.reliability.tampering import (
    Homes,
    Touched,
    describe,
    list_few,
    list_trials,
    make_homes,
    open_home,
    try_touched,
)

pytestmark = pytest.mark.slow

N_STORES, N_ACTIONS = 9, 3


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    """Three reigns on real stores, and the same home as it was after two."""
    yield make_homes(tmp_path_factory.mktemp("homes"))
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.mark.parametrize("touched", list_few(), ids=describe)
def test_what_was_done_to_stores_is_noticed(homes: Homes, tmp_path: Path, touched: Touched) -> None:
    assert try_touched(tmp_path / "tried", homes, touched) == []


def edit_store(place: Path, sql: str) -> None:
    with closing(sqlite3.connect(place / "home/mlflow/mlflow.db")) as store, store:
        store.execute(sql)


def client_of(place: Path) -> MlflowClient:
    return connect(f"sqlite:///{place / 'home/mlflow/mlflow.db'}")


def make_again(place: Path) -> None:
    """Delete the registered model and register another run's model under its name."""
    client = client_of(place)
    source = client.get_model_version(MODEL, "1").source
    client.delete_registered_model(MODEL)
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, source)
    client.create_model_version(MODEL, source)
    client.set_registered_model_alias(MODEL, "champion", "2")


MENDED: dict[str, Callable[[Path], object]] = {
    "address of the champion": lambda place: edit_store(
        place, "UPDATE model_versions SET storage_location = '/elsewhere', source = '/elsewhere' WHERE version = 3"
    ),
    "address alone": lambda place: edit_store(
        place, "UPDATE model_versions SET storage_location = '/elsewhere' WHERE version = 3"
    ),
    "source of the champion": lambda place: edit_store(
        place, "UPDATE model_versions SET source = (SELECT source FROM model_versions WHERE version = 1)"
    ),
    "stage of the champion": lambda place: edit_store(place, "UPDATE model_versions SET current_stage = 'Archived'"),
    "registered model deleted": lambda place: client_of(place).delete_registered_model(MODEL),
    "registered model made again": make_again,
    "champion's version deleted": lambda place: client_of(place).delete_model_version(MODEL, "3"),
    "earlier version deleted": lambda place: client_of(place).delete_model_version(MODEL, "1"),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_consumers_get_is_proved_and_put_right(homes: Homes, tmp_path: Path, name: str) -> None:
    place = tmp_path / "tried"
    shutil.copytree(homes.newer, place)
    MENDED[name](place)
    installation = open_home(place)
    found = verification.find_faults(installation, stamp_at(installation))
    assert found
    assert all(fault.repairable for fault in found), found
    assert verification.repair_faults(installation, found, stamp_at(installation)) is not None
    assert verification.find_faults(installation, stamp_at(installation)) == []
    assert installation.registry.champion(MODEL) == 3
    held = client_of(place).get_model_version_by_alias(MODEL, "champion")
    assert held.tags.keys() >= {"decision_id", "artifact_sha256", "outcome", "recipe", "status"}
    load_by_alias(place)


def load_by_alias(place: Path) -> None:
    """As whoever follows the alias: MLflow finds a model there."""
    client = client_of(place)
    version = client.get_model_version_by_alias(MODEL, "champion").version
    folder = client.get_model_version_download_uri(MODEL, version).removeprefix("file://")
    assert Path(folder).is_relative_to(place)
    assert (Path(folder) / "MLmodel").exists()


def test_a_repair_moves_no_alias_for_a_ledger_that_is_older_than_the_registry(homes: Homes, tmp_path: Path) -> None:
    place = tmp_path / "tried"
    shutil.copytree(homes.newer, place)
    shutil.copy(homes.older / "home/ledger.duckdb", place / "home/ledger.duckdb")
    shutil.rmtree(place / "home/export")
    shutil.copytree(homes.older / "home/export", place / "home/export")
    installation = open_home(place)
    found = verification.find_faults(installation, stamp_at(installation))
    assert any("the ledger lost rows" in fault.what for fault in found)
    with pytest.raises(LedgerTamperedError, match="nothing was repaired"):
        verification.repair_faults(installation, found, stamp_at(installation))
    assert installation.registry.champion(MODEL) == 3
    assert len(installation.ledger.entries()) == 4


def test_the_campaign_tries_every_store_and_every_pair_of_stores() -> None:
    n_pairs = N_STORES * (N_STORES - 1) // 2
    assert len(list_trials()) == len(list_few()) + n_pairs * N_ACTIONS**2
