"""Addresses of artifacts are led to where the home lies now: those of the home, and no others."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from forest_fire_retrain.adapters import mlflow_addresses
from forest_fire_retrain.adapters.mlflow_addresses import COLUMNS, lead_here, settle_here
from forest_fire_retrain.core.errors import TrackingError

OLD = "file:///old%20place/mlflow/artifacts"
ELSEWHERE = (
    "s3://bucket/mlflow/artifacts/m",
    f"{OLD}_too/m",
    f"{OLD}/../m",
    "models:/m-1",
    "/other/mlflow/artifacts/m",
)


def make_store(folder: Path, place: str) -> Path:
    """A store with the tables that hold addresses: one below `place` in each, and those that lead elsewhere."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        for table in sorted({table for table, _ in COLUMNS}):
            names = [column for held, column in COLUMNS if held == table]
            store.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            for address in (place if table == "experiments" else f"{place}/m", *ELSEWHERE, None):
                store.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", [address] * len(names))  # noqa: S608
    return folder / "mlflow.db"


def read(database: Path) -> list[list[str | None]]:
    with closing(sqlite3.connect(database)) as store:
        return [[row[0] for row in store.execute(f"SELECT {column} FROM {table}")] for table, column in COLUMNS]  # noqa: S608


def test_what_lies_in_the_home_is_led_here_once_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = make_store(tmp_path / "mlflow", OLD)
    settle_here(database)
    once, here = read(database), (tmp_path / "mlflow" / "artifacts").as_uri()
    assert once == [[here if column == COLUMNS[0] else f"{here}/m", *ELSEWHERE, None] for column in COLUMNS]
    settle_here(database)
    assert read(database) == once
    assert len(caplog.messages) == 1
    assert "/old place/mlflow/artifacts" in caplog.messages[0]


def test_a_cut_half_way_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = make_store(tmp_path / "mlflow", OLD)
    before = read(database)
    monkeypatch.setattr(mlflow_addresses, "COLUMNS", (*COLUMNS, ("no_such_table", "x")))
    with pytest.raises(TrackingError, match="no_such_table"):
        settle_here(database)
    assert read(database) == before


def test_another_path_of_the_same_folder_is_no_move(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    database = make_store(tmp_path / "mlflow", (tmp_path / "link" / "mlflow" / "artifacts").as_uri())
    (tmp_path / "mlflow" / "artifacts").mkdir()
    before = read(database)
    settle_here(database)
    assert read(database) == before


def test_a_store_that_is_no_homes_own_is_left_alone(tmp_path: Path) -> None:
    database = make_store(tmp_path / "server", OLD)
    before = read(database)
    settle_here(database)
    assert read(database) == before


def test_who_may_only_read_is_led_here_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = make_store(tmp_path / "mlflow", OLD)
    before = read(database)
    monkeypatch.setattr(os, "access", lambda *_: False)
    settle_here(database)
    assert read(database) == before
    assert lead_here(f"{OLD}/m", database) == (tmp_path / "mlflow" / "artifacts" / "m").as_uri()
    assert [lead_here(address, database) for address in ELSEWHERE] == list(ELSEWHERE)
