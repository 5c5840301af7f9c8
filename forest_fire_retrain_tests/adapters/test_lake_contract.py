"""What every `Lake` promises, run on the fake and on Delta tables."""

import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import UTC_INSTANT
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.fakes.lake import FakeLake

TABLE = "weather"
DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
DAY_COLUMNS = ["date", "recorded_at"]


@pytest.fixture(params=["fake", "delta"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return FakeLake() if request.param == "fake" else DeltaLake(str(tmp_path / "lake"))


def window(first: int, end: int) -> Interval:
    """Days counted from the start."""
    return Interval(start=START + first * DAY, end=START + end * DAY)


def rows(*days: int, value: float | None = 0.5) -> pa.Table:
    """A row per day, recorded in the last microsecond of its day."""
    dates = [START + day * DAY for day in days]
    last = [dt.datetime.combine(date, dt.time.max, tzinfo=dt.UTC) for date in dates]
    return pa.table(
        {
            "cell_id": pa.array([f"cell {day} é" for day in days], pa.string()),
            "date": pa.array(dates, pa.date32()),
            "precip_mm": pa.array([value] * len(days), pa.float64()),
            "recorded_at": pa.array(last, UTC_INSTANT),
        }
    )


def fingerprint(table: pa.Table) -> str:
    return fingerprint_table(table.sort_by([("recorded_at", "ascending"), ("cell_id", "ascending")]))


def days_held(lake: Lake, version: int | None = None) -> list[int]:
    return sorted((day - START).days for day in lake.read(TABLE, version=version)["date"].to_pylist())


def replace(lake: Lake, table: pa.Table, first: int, end: int) -> int:
    span = window(first, end)
    return lake.replace(TABLE, table, day_column="recorded_at", window=span, through=span.end)


def test_a_table_that_was_never_written_has_no_version_no_mark_and_no_rows(lake: Lake) -> None:
    assert lake.version(TABLE) is None
    assert lake.complete_through(TABLE) is None
    with pytest.raises(LakeError, match=TABLE):
        lake.read(TABLE)


def test_values_come_back_bit_for_bit(lake: Lake) -> None:
    written = pa.concat_tables([rows(0, 1, value=0.1 + 0.2), rows(2, value=None)])
    replace(lake, written, 0, 3)
    assert fingerprint(lake.read(TABLE)) == fingerprint(written)
    replace(lake, rows(3, value=5e-324), 3, 4)
    assert lake.read(TABLE, day_column="date", window=window(3, 4))["precip_mm"].to_pylist() == [5e-324]


@pytest.mark.parametrize("day_column", DAY_COLUMNS)
def test_replacing_a_window_leaves_all_other_days(lake: Lake, day_column: str) -> None:
    span = window(2, 4)
    replace(lake, rows(0, 1, 2, 3, 4, 5), 0, 6)
    lake.replace(TABLE, rows(3, value=9.0), day_column=day_column, window=span, through=span.end)
    assert days_held(lake) == [0, 1, 3, 4, 5]
    values = lake.read(TABLE, day_column=day_column, window=span)["precip_mm"].to_pylist()
    assert values == [9.0]


@pytest.mark.parametrize("day_column", DAY_COLUMNS)
def test_reading_a_window_takes_its_first_day_and_not_its_end(lake: Lake, day_column: str) -> None:
    replace(lake, rows(0, 1, 2, 3, 4), 0, 5)
    found = lake.read(TABLE, columns=["date"], day_column=day_column, window=window(1, 3))
    assert sorted(found.to_pydict()["date"]) == [START + DAY, START + 2 * DAY]
    assert lake.read(TABLE, day_column=day_column, window=window(7, 9)).num_rows == 0


def test_a_window_without_rows_is_emptied(lake: Lake) -> None:
    replace(lake, rows(0, 1, 2), 0, 3)
    replace(lake, rows(), 1, 3)
    assert days_held(lake) == [0]


def test_a_table_can_begin_without_rows(lake: Lake) -> None:
    assert replace(lake, rows(), 0, 3) == lake.version(TABLE)
    assert lake.complete_through(TABLE) == START + 3 * DAY
    assert lake.read(TABLE).schema.names == rows().schema.names
    replace(lake, rows(4), 3, 6)
    assert days_held(lake) == [4]


def test_only_the_columns_asked_for_are_read(lake: Lake) -> None:
    replace(lake, rows(0, 1), 0, 2)
    assert lake.read(TABLE, columns=["precip_mm", "cell_id"]).column_names == ["precip_mm", "cell_id"]


def test_every_version_stays_readable_as_it_was(lake: Lake) -> None:
    kept = {}
    for day in range(6):
        version = replace(lake, rows(day, value=float(day)), day, day + 1)
        kept[version] = fingerprint(lake.read(TABLE))
    for write in (lake.append, lake.overwrite):
        version = write(TABLE, rows(1, value=7.0))
        kept[version] = fingerprint(lake.read(TABLE))
    assert len(set(kept.values())) == 8
    assert {version: fingerprint(lake.read(TABLE, version=version)) for version in kept} == kept
    assert sorted(kept) == list(range(min(kept), min(kept) + 8))
    assert lake.version(TABLE) == max(kept)


def test_a_version_that_does_not_exist_cannot_be_read(lake: Lake) -> None:
    version = replace(lake, rows(0), 0, 1)
    with pytest.raises(LakeError, match=f"{TABLE} at version {version + 1}"):
        lake.read(TABLE, version=version + 1)


def test_the_mark_moves_with_the_rows_and_never_back(lake: Lake) -> None:
    replace(lake, rows(0), 0, 7)
    assert lake.complete_through(TABLE) == START + 7 * DAY
    replace(lake, rows(8), 7, 14)
    assert lake.complete_through(TABLE) == START + 14 * DAY
    replace(lake, rows(1), 0, 7)
    assert lake.complete_through(TABLE) == START + 14 * DAY


def test_appending_adds_rows_and_leaves_the_mark(lake: Lake) -> None:
    replace(lake, rows(0), 0, 7)
    lake.append(TABLE, rows(0, 1))
    assert days_held(lake) == [0, 0, 1]
    assert lake.complete_through(TABLE) == START + 7 * DAY


def test_appending_and_overwriting_create_a_table_without_a_mark(lake: Lake) -> None:
    lake.append("scores", rows(0))
    lake.overwrite("cells", rows(1))
    assert [lake.read(table).num_rows for table in ("scores", "cells")] == [1, 1]
    assert [lake.complete_through(table) for table in ("scores", "cells")] == [None, None]


def test_overwriting_puts_new_rows_in_the_place_of_all(lake: Lake) -> None:
    lake.overwrite(TABLE, rows(0, 1))
    lake.overwrite(TABLE, rows(5))
    assert days_held(lake) == [5]


def test_tables_do_not_touch_each_other(lake: Lake) -> None:
    replace(lake, rows(0), 0, 7)
    lake.overwrite("cells", rows(1))
    assert days_held(lake) == [0]
    assert lake.complete_through("fires") is None


@pytest.mark.parametrize("day_column", DAY_COLUMNS)
def test_rows_outside_the_window_are_refused_and_nothing_changes(lake: Lake, day_column: str) -> None:
    before = replace(lake, rows(0, 1), 0, 2)
    with pytest.raises(LakeError, match=f"{TABLE}.* cannot be written"):
        lake.replace(TABLE, rows(2, 5), day_column=day_column, window=window(2, 4), through=START + 4 * DAY)
    assert (lake.version(TABLE), days_held(lake)) == (before, [0, 1])
    assert lake.complete_through(TABLE) == START + 2 * DAY


def test_rows_of_another_shape_are_refused_and_nothing_changes(lake: Lake) -> None:
    before = replace(lake, rows(0, 1), 0, 2)
    for write in (lake.append, lake.overwrite):
        with pytest.raises(LakeError, match=f"{TABLE}.* cannot be written"):
            write(TABLE, rows(2).drop(["precip_mm"]))
    assert (lake.version(TABLE), days_held(lake)) == (before, [0, 1])


def test_a_column_that_came_later_is_null_in_the_rows_of_before(lake: Lake) -> None:
    replace(lake, rows(0, 1), 0, 2)
    more = rows(1, 2).append_column("withdrawn", pa.array([True, False]))
    replace(lake, more.slice(0, 1), 1, 2)
    lake.append(TABLE, more.slice(1))
    lake.overwrite("cells", rows(0))
    lake.overwrite("cells", more)
    found = lake.read(TABLE).sort_by("date")
    assert (days_held(lake), found["withdrawn"].to_pylist()) == ([0, 1, 2], [None, True, False])
    assert "withdrawn" not in lake.read(TABLE, version=0).column_names
    assert lake.read("cells")["withdrawn"].to_pylist() == [True, False]


def test_a_description_that_was_reworded_since_changes_nothing(lake: Lake) -> None:
    day = pa.field("date", pa.date32())
    told, reworded = (
        pa.table([[START], [0.5]], schema=pa.schema([day, pa.field("x", pa.float64(), metadata={"description": text})]))
        for text in ("chance", "chance of a fire start")
    )
    later = pa.field("y", pa.float64(), metadata={"description": "came later"})
    lake.append(TABLE, told)
    lake.append(TABLE, reworded)
    lake.replace(TABLE, reworded, day_column="date", window=window(0, 1), through=START + DAY)
    lake.overwrite(TABLE, reworded)
    lake.append(TABLE, reworded.append_column(later, [[1.0]]))
    assert lake.read(TABLE)["x"].to_pylist() == [0.5, 0.5]


def test_the_notes_of_every_version_can_be_asked_for_from_the_newest_back(lake: Lake) -> None:
    assert lake.commits(TABLE) == []
    lake.append(TABLE, rows(0), through=START + 2 * DAY, notes={"changed_from": "2024-01-01"})
    lake.append(TABLE, rows(1).slice(0, 0), through=START + DAY)
    lake.replace(
        TABLE, rows(1), day_column="date", window=window(1, 2), through=START + 5 * DAY, notes={"built_from": "{}"}
    )
    assert lake.complete_through(TABLE) == START + 5 * DAY
    newest, *older = lake.commits(TABLE, after=-1)
    assert lake.commits(TABLE) == [newest]
    assert lake.commits(TABLE, after=2) == []
    assert [commit.version for commit in (newest, *older)] == [2, 1, 0]
    assert newest.notes["built_from"] == "{}"
    assert [commit.notes.get("changed_from") for commit in older] == [None, "2024-01-01"]
    assert [commit.notes["complete_through"] for commit in older] == ["2024-01-03", "2024-01-03"]


def test_fake_and_delta_hold_the_same_after_any_series_of_writes(tmp_path: Path) -> None:
    lakes: tuple[Lake, Lake] = (FakeLake(), DeltaLake(str(tmp_path)))
    rng = random.Random(11)  # noqa: S311 - a fixed series of writes
    for step in range(16):
        first = rng.randrange(20)
        span = window(first, first + rng.randrange(1, 8))
        days = [day for day in range(30) if START + day * DAY in span and rng.random() < 0.7]
        table = rows(*days, value=float(step))
        column = rng.choice(DAY_COLUMNS)
        if rng.random() < 0.2:
            versions = [lake.append(TABLE, table) for lake in lakes]
        else:
            versions = [lake.replace(TABLE, table, day_column=column, window=span, through=span.end) for lake in lakes]
        assert versions == [step, step]
        assert lakes[0].complete_through(TABLE) == lakes[1].complete_through(TABLE)
    for version in range(16):
        fake, delta = (fingerprint_of_all(lake, version) for lake in lakes)
        assert fake == delta


def fingerprint_of_all(lake: Lake, version: int) -> str:
    order = [(name, "ascending") for name in ("recorded_at", "precip_mm")]
    return fingerprint_table(lake.read(TABLE, version=version).sort_by(order))


def test_pinned_rows_are_those_that_are_read_and_come_in_one_order(lake: Lake) -> None:
    days = random.Random(5).sample(range(40), 40)  # noqa: S311 - days in any order
    for start in range(0, 40, 8):
        lake.append(TABLE, rows(*days[start : start + 8], value=float(start) or None))
    lake.overwrite(TABLE, rows(1))
    pinned = lake.pin(TABLE, version=4, day_column="date", window=window(5, 30))
    names = pinned.schema.names
    one_by_one = pa.table({name: pinned.read([name])[name] for name in names})
    assert one_by_one.schema.equals(pinned.schema)
    assert one_by_one.equals(pinned.read(names))
    read = lake.read(TABLE, version=4, day_column="date", window=window(5, 30))
    assert fingerprint(one_by_one) == fingerprint(read)
    assert one_by_one.num_rows == 25


def test_rows_that_cannot_be_pinned_are_an_error(lake: Lake) -> None:
    lake.overwrite(TABLE, rows(1))
    for table, version in (("fires", 0), (TABLE, 7)):
        with pytest.raises(LakeError):
            lake.pin(table, version=version, day_column="date", window=window(0, 2))
