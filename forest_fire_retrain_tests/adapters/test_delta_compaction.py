"""Many small files are put together: nothing is lost, nothing counts as changed, and pinned versions stay."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from forest_fire_retrain.adapters import delta_compaction
from forest_fire_retrain.adapters.delta_compaction import MAX_SMALL_FILES, read_log
from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.core.windows import Interval

TABLE = "weather"
DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
N_DAYS = MAX_SMALL_FILES + 10


def rows_of(day: int, value: float = 0.0) -> pa.Table:
    return pa.table({"date": pa.array([START + day * DAY], pa.date32()), "precip_mm": pa.array([value])})


def write(lake: DeltaLake, day: int, value: float = 0.0) -> int:
    window = Interval(start=START + day * DAY, end=START + (day + 1) * DAY)
    noted = {"changed_from": str(day)}
    return lake.replace(TABLE, rows_of(day, value), day_column="date", window=window, through=window.end, notes=noted)


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(str(tmp_path / "lake"))


@pytest.fixture
def versions(lake: DeltaLake) -> list[int]:
    """Per day the version that its commit returned."""
    return [write(lake, day, day / 10) for day in range(N_DAYS)]


def n_files(tmp_path: Path) -> int:
    return len(DeltaTable(tmp_path / "lake" / TABLE).file_uris())


def test_files_stay_few_and_no_row_is_lost(lake: DeltaLake, versions: list[int], tmp_path: Path) -> None:
    assert len(versions) == N_DAYS
    assert n_files(tmp_path) < MAX_SMALL_FILES
    held = lake.read(TABLE).sort_by("date")
    assert held["date"].to_pylist() == [START + day * DAY for day in range(N_DAYS)]
    assert held["precip_mm"].to_pylist() == [day / 10 for day in range(N_DAYS)]


def test_every_version_stays_what_it_was(lake: DeltaLake, versions: list[int]) -> None:
    assert [lake.read(TABLE, version=version).num_rows for version in versions] == list(range(1, N_DAYS + 1))
    assert lake.unreadable_versions(TABLE, versions, are_pages_read=True) == {}


def test_mark_and_notes_are_those_of_the_last_commit(lake: DeltaLake, tmp_path: Path) -> None:
    for day in range(N_DAYS):
        write(lake, day)
        assert lake.complete_through(TABLE) == START + (day + 1) * DAY
        (newest,) = lake.commits(TABLE)
        assert newest.notes["changed_from"] == str(day)
    assert any(entry["operation"] == "OPTIMIZE" for entry in DeltaTable(tmp_path / "lake" / TABLE).history())


def test_a_compaction_is_no_change(lake: DeltaLake, versions: list[int]) -> None:
    noted = [commit.notes["changed_from"] for commit in lake.commits(TABLE, after=versions[0])]
    assert noted == [str(day) for day in reversed(range(1, N_DAYS))]


def test_a_day_of_a_file_that_was_put_together_can_be_replaced(lake: DeltaLake, versions: list[int]) -> None:
    write(lake, 3, 99.0)
    held = lake.read(TABLE).sort_by("date")
    assert held.num_rows == len(versions)
    assert held["precip_mm"].to_pylist()[3] == 99.0


def test_what_another_writer_noted_in_between_stays_the_newest(
    lake: DeltaLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(5):
        write(lake, day)
    stale = DeltaTable(tmp_path / "lake" / TABLE)
    write(lake, 5)
    monkeypatch.setattr(delta_compaction, "STEPS", (delta_compaction.Step(2, 1024**2),))
    delta_compaction.compact_if_scattered(stale)
    assert lake.complete_through(TABLE) == START + 6 * DAY
    (newest,) = lake.commits(TABLE)
    assert newest.notes["changed_from"] == "5"
    assert lake.read(TABLE).num_rows == 6


def test_files_that_have_grown_wait_for_others_like_them(lake: DeltaLake, tmp_path: Path) -> None:
    """A file of the second step is not written again with the next few small ones."""
    grown = pa.table(
        {"date": pa.array([START] * 100_000, pa.date32()), "precip_mm": np.random.default_rng(1).random(100_000)}
    )
    lake.append(TABLE, grown)
    (large,) = DeltaTable(tmp_path / "lake" / TABLE).file_uris()
    for day in range(3 * MAX_SMALL_FILES):
        write(lake, day + 1)
    files = DeltaTable(tmp_path / "lake" / TABLE).file_uris()
    assert large in files
    assert len(files) <= MAX_SMALL_FILES + 1


@pytest.mark.parametrize("folder", ["lake", "a lake, é"])
def test_the_log_is_read_commit_by_commit_as_delta_rs_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Without listing the log, which grows with every commit."""
    lake = DeltaLake(str(tmp_path / folder))
    for day in range(N_DAYS):
        write(lake, day)
    table = DeltaTable(tmp_path / folder / TABLE)
    expected = {n: table.history(n) for n in (1, 2, 5, N_DAYS, 1_000)}
    assert any(entry["operation"] == "OPTIMIZE" for entry in expected[N_DAYS])
    monkeypatch.delattr(DeltaTable, "history")
    assert {n: list(read_log(table, n)) for n in expected} == expected


def leave_out_note(file: Path) -> None:
    """As a writer does that notes nothing: the format does not ask for it."""
    actions = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(action for action in actions if "commitInfo" not in action), encoding="utf-8")


@pytest.mark.parametrize("spoil", [Path.unlink, leave_out_note])
def test_a_log_with_a_commit_that_notes_nothing_is_read_by_delta_rs(
    versions: list[int], tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    table = DeltaTable(tmp_path / "lake" / TABLE)
    spoil(tmp_path / "lake" / TABLE / "_delta_log" / f"{versions[0]:020}.json")
    assert read_log(table, table.version() + 1) == table.history(table.version() + 1)
