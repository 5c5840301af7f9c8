"""Delta tables forget nothing, move their mark with their rows, and fail in plain words."""

import datetime as dt
import json
import os
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from forest_fire_retrain.adapters import delta_lake
from forest_fire_retrain.adapters.delta_lake import ATTEMPTS, KEEP_EVERYTHING, DeltaLake
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval

TABLE = "weather"
DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
N_COMMITS = 25
LONG_AGO_SECONDS = 60 * 86_400


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(str(tmp_path / "lake"))


def rows(*days: int, value: float = 0.0) -> pa.Table:
    return pa.table(
        {
            "date": pa.array([START + day * DAY for day in days], pa.date32()),
            "precip_mm": pa.array([value] * len(days), pa.float64()),
        }
    )


def write_day(lake: DeltaLake, day: int, value: float = 0.0) -> int:
    window = Interval(start=START + day * DAY, end=START + (day + 1) * DAY)
    return lake.replace(TABLE, rows(day, value=value), day_column="date", window=window, through=window.end)


def days_at(lake: DeltaLake, version: int) -> list[int]:
    return sorted((day - START).days for day in lake.read(TABLE, version=version)["date"].to_pylist())


def log_folder(tmp_path: Path) -> Path:
    return tmp_path / "lake" / TABLE / "_delta_log"


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_version_and_mark_stays_readable_after_many_commits_and_checkpoints(
    lake: DeltaLake, tmp_path: Path
) -> None:
    """Log files look two months old, as they will; checkpoints are taken as delta-rs and as a person takes them."""
    versions = []
    for day in range(N_COMMITS):
        versions.append(write_day(lake, day))
        for file in log_folder(tmp_path).iterdir():
            os.utime(file, (time.time() - LONG_AGO_SECONDS,) * 2)
        if day in {9, 19}:
            DeltaTable(tmp_path / "lake" / TABLE).create_checkpoint()
    table = DeltaTable(tmp_path / "lake" / TABLE)
    table.cleanup_metadata()
    assert len(list(log_folder(tmp_path).glob("*.checkpoint.parquet"))) >= 2
    assert len(list(log_folder(tmp_path).glob("0*.json"))) == versions[-1] + 1 > N_COMMITS
    for day, version in enumerate(versions):
        assert days_at(lake, version) == list(range(day + 1))
    assert lake.complete_through(TABLE) == START + N_COMMITS * DAY


def test_a_replaced_value_is_still_there_in_the_version_that_held_it(lake: DeltaLake) -> None:
    versions = [write_day(lake, 0, value=float(step)) for step in range(14)]
    held = [lake.read(TABLE, version=version)["precip_mm"].to_pylist() for version in versions]
    assert held == [[float(step)] for step in range(14)]


def test_a_table_is_created_with_all_clean_up_off(lake: DeltaLake, tmp_path: Path) -> None:
    write_day(lake, 0)
    lake.overwrite("cells", rows(0))
    lake.append("scores", rows(0))
    for table in (TABLE, "cells", "scores"):
        assert DeltaTable(tmp_path / "lake" / table).metadata().configuration == KEEP_EVERYTHING


def test_rows_and_mark_move_in_one_commit(lake: DeltaLake, tmp_path: Path) -> None:
    for day in range(3):
        write_day(lake, day)
    commits = [path.read_text() for path in sorted(log_folder(tmp_path).glob("*.json"))]
    for day, commit in enumerate(commits):
        actions = [json.loads(line) for line in commit.splitlines()]
        (mark,) = (action["commitInfo"]["complete_through"] for action in actions if "commitInfo" in action)
        assert mark == (START + (day + 1) * DAY).isoformat()
        assert any("add" in action for action in actions)


def test_rows_and_their_origin_move_in_one_commit(lake: DeltaLake) -> None:
    assert lake.origin("cells") is None
    lake.overwrite("cells", rows(0), origin="the park")
    assert (lake.origin("cells"), lake.version("cells")) == ("the park", 0)
    lake.overwrite("cells", rows(1))
    assert lake.origin("cells") is None


@pytest.mark.parametrize("schema", [CELLS_SCHEMA, WEATHER_SCHEMA, FIRES_SCHEMA], ids=["cells", "weather", "fires"])
def test_the_canonical_tables_come_back_with_their_types(lake: DeltaLake, schema: pa.Schema) -> None:
    values = {
        pa.string(): "é",
        pa.float64(): 0.1,
        pa.date32(): START,
        pa.timestamp("us", tz="UTC"): dt.datetime(2024, 1, 1, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    }
    full = {field.name: values[field.type] for field in schema}
    gaps = {field.name: None if field.nullable else values[field.type] for field in schema}
    table = pa.Table.from_pylist([full, gaps], schema=schema)
    lake.overwrite("t", table)
    read_back = lake.read("t")
    assert read_back.schema.types == schema.types
    assert sorted(map(repr, read_back.to_pylist())) == sorted(map(repr, table.to_pylist()))
    assert fingerprint_table(read_back.slice(0, 0)) == fingerprint_table(table.slice(0, 0))


def test_a_lake_that_cannot_be_written_says_so_and_changes_nothing(tmp_path: Path) -> None:
    """A file stands in the place of the folder: rights would not stop a test that runs as root."""
    (tmp_path / "lake").write_text("no folder")
    before, lake = files_below(tmp_path), DeltaLake(str(tmp_path / "lake"))
    writes = (
        lambda: write_day(lake, 0),
        lambda: lake.append(TABLE, rows(0)),
        lambda: lake.overwrite(TABLE, rows(0)),
    )
    for write in writes:
        with pytest.raises(
            LakeError, match=f"table {TABLE} of the lake at {tmp_path}/lake cannot be written"
        ) as caught:
            write()
        assert "Nothing was changed" in str(caught.value)
    assert files_below(tmp_path) == before


def test_a_table_whose_log_takes_no_commit_keeps_its_rows_and_mark(lake: DeltaLake, tmp_path: Path) -> None:
    """A folder stands where the next commit's file has to go."""
    write_day(lake, 0)
    (log_folder(tmp_path) / "00000000000000000001.json" / "x").mkdir(parents=True)
    with pytest.raises(LakeError, match="cannot be written"):
        write_day(lake, 1)
    (log_folder(tmp_path) / "00000000000000000001.json" / "x").rmdir()
    (log_folder(tmp_path) / "00000000000000000001.json").rmdir()
    assert (lake.version(TABLE), days_at(lake, 0), lake.complete_through(TABLE)) == (0, [0], START + DAY)
    assert write_day(lake, 1) == 1


def test_a_table_that_is_broken_is_named_without_a_native_stack(lake: DeltaLake, tmp_path: Path) -> None:
    write_day(lake, 0)
    (log_folder(tmp_path) / "00000000000000000000.json").write_text("garbage")
    for use in (lambda: lake.version(TABLE), lambda: lake.complete_through(TABLE), lambda: lake.read(TABLE)):
        with pytest.raises(LakeError, match=rf"table {TABLE} .*cannot be read: .*Run: forest-fire verify$") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_rows_whose_data_file_is_gone_are_an_error_and_not_an_empty_table(lake: DeltaLake, tmp_path: Path) -> None:
    write_day(lake, 0)
    for file in (tmp_path / "lake" / TABLE).glob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match="cannot be read"):
        lake.read(TABLE)


def test_writers_at_the_same_time_all_get_through(lake: DeltaLake) -> None:
    write_day(lake, 0)
    faults: list[LakeError] = []

    def work(number: int) -> None:
        try:
            for step in range(3):
                write_day(lake, 10 * number + step)
        except LakeError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=[number]) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert days_at(lake, 6) == [0, 10, 11, 12, 20, 21, 22]
    assert lake.complete_through(TABLE) == START + 23 * DAY


class ContendedLake(DeltaLake):
    """A lake in which another writer commits first, `n_conflicts` times."""

    n_conflicts = 0

    def _write(self, *what: object, **how: object) -> None:
        if self.n_conflicts:
            self.n_conflicts -= 1
            raise CommitFailedError("a concurrent transaction changed the same rows")
        super()._write(*what, **how)  # type: ignore[arg-type] # passed on as they came


@pytest.mark.parametrize(("n_conflicts", "gets_through"), [(3, True), (ATTEMPTS - 1, True), (ATTEMPTS, False)])
def test_a_writer_gives_way_a_bounded_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_conflicts: int, *, gets_through: bool
) -> None:
    monkeypatch.setattr(delta_lake, "LONGEST_PAUSE_SECONDS", 0.0)
    lake = ContendedLake(str(tmp_path))
    write_day(lake, 0)
    lake.n_conflicts = n_conflicts
    if gets_through:
        assert write_day(lake, 1) == 1
    else:
        with pytest.raises(LakeError, match="cannot be written: a concurrent transaction"):
            write_day(lake, 1)
    assert lake.complete_through(TABLE) == START + (2 if gets_through else 1) * DAY


class OvertakenLake(DeltaLake):
    """A lake in which another writer commits day 30 between opening the table and writing to it, once."""

    overtaker: DeltaLake | None = None

    def _write(self, *what: object, **how: object) -> None:
        if self.overtaker is not None:
            overtaker, self.overtaker = self.overtaker, None
            write_day(overtaker, 30)
        super()._write(*what, **how)  # type: ignore[arg-type] # passed on as they came


def test_a_writer_that_was_overtaken_does_not_take_the_mark_back(tmp_path: Path) -> None:
    lake = OvertakenLake(str(tmp_path))
    write_day(lake, 0)
    lake.overtaker = DeltaLake(str(tmp_path))
    assert write_day(lake, 1) == 2
    assert days_at(lake, 2) == [0, 1, 30]
    assert lake.complete_through(TABLE) == START + 31 * DAY
