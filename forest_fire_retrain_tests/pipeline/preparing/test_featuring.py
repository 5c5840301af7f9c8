"""Features in the lake are those of a full rebuild, whatever the order of runs, cuts and corrections."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import CHANGED_FROM
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, LAKE_SCHEMAS, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing import featuring
from forest_fire_retrain.pipeline.preparing.featuring import ROW_ORDER, build_features
from forest_fire_retrain_tests.fakes.lake import FakeLake

pytestmark = pytest.mark.slow

ENGINE = DuckDbEngine()
DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
N_DAYS = 70
CELLS = ("Bay", "ridge")
Row = dict[str, object]


def days(first: int, end: int) -> Interval:
    return Interval(start=START + first * DAY, end=START + end * DAY)


def instant(day: int, hour: int = 6) -> dt.datetime:
    return dt.datetime.combine(START + day * DAY, dt.time(hour), tzinfo=dt.UTC)


def fire_row(fire: str, cell: str, day: int, recorded_on: int) -> Row:
    date = START + day * DAY
    return {"fire_id": fire, "cell_id": cell, "date": date, "area_ha": 4.0, "recorded_at": instant(recorded_on)}


def weather_rows() -> list[Row]:
    rng = np.random.default_rng(8)
    return [
        {
            "cell_id": cell,
            "date": START + day * DAY,
            "temp_max_c": rng.normal(20, 8),
            "temp_min_c": rng.normal(6, 3),
            "rel_humidity_pct": None,
            "wind_speed_kmh": rng.gamma(2, 5) if rng.random() > 0.2 else None,
            "precip_mm": rng.gamma(0.3, 10),
            "recorded_at": instant(day),
        }
        for day in range(N_DAYS)
        for cell in CELLS
    ]


WEATHER = pa.Table.from_pylist(weather_rows(), schema=WEATHER_SCHEMA)
FIRES = pa.Table.from_pylist([fire_row(f"f{d}", CELLS[d % 2], d, d + 2) for d in range(0, 60, 4)], schema=FIRES_SCHEMA)
CELL_TABLE = pa.Table.from_pylist(
    [
        {"cell_id": cell, "name": cell, "latitude": 40.0, "longitude": -120.0, "elevation_m": None}
        for cell in reversed(CELLS)
    ],
    schema=CELLS_SCHEMA,
)


def fill(lake: Lake) -> None:
    """Weather, fires and cells of all days; they leave out nothing, so features alone are under test."""
    everything = days(0, N_DAYS)
    lake.overwrite(TableName.CELLS, CELL_TABLE)
    lake.replace(TableName.WEATHER, WEATHER, day_column="date", window=everything, through=everything.end)
    lake.append(TableName.FIRES, FIRES)


@pytest.fixture
def lake() -> FakeLake:
    filled = FakeLake()
    fill(filled)
    return filled


def build(lake: Lake, first: int, end: int) -> FeatureReport:
    return build_features(lake, ENGINE, days(first, end), ParkCalendar(START))


def held(lake: Lake, window: Interval | None = None) -> pa.Table:
    return lake.read(TableName.FEATURES, day_column="date", window=window or days(0, N_DAYS)).sort_by(ROW_ORDER)


def rebuilt(lake: Lake, end: int) -> pa.Table:
    """All features up to `end`, computed at once."""
    tables = {name: lake.read(name) for name in ("cells", "weather", "fires")}
    return compute_features(ENGINE, **tables, window=days(0, end), history_start=START, carried=None)


def is_full_rebuild(lake: Lake, end: int) -> bool:
    return fingerprint_table(held(lake)) == fingerprint_table(rebuilt(lake, end))


def correct_rain(lake: FakeLake, day: int, precip_mm: float = 61.0) -> None:
    """The source now says something else for a day, recorded on that day."""
    rows = [
        {**row, "precip_mm": precip_mm} if row["date"] == START + day * DAY else row
        for row in lake.read(TableName.WEATHER).to_pylist()
    ]
    lake.overwrite(TableName.WEATHER, pa.Table.from_pylist(rows, schema=WEATHER_SCHEMA))


def add_fire(lake: FakeLake, fire: Row) -> None:
    lake.append(TableName.FIRES, pa.Table.from_pylist([fire], schema=FIRES_SCHEMA))


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten days stand for years."""
    monkeypatch.setattr(featuring, "CHUNK_DAYS", 10)


@settings(max_examples=8, deadline=None)
@given(weeks=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_any_order_of_weeks_gives_the_bits_of_a_full_rebuild(weeks: list[int]) -> None:
    lake = FakeLake()
    fill(lake)
    for week in weeks:
        build(lake, 7 * week, 7 * week + 7)
    end = 7 * max(weeks) + 7
    assert is_full_rebuild(lake, end)
    assert lake.complete_through(TableName.FEATURES) == START + end * DAY


def test_delta_tables_hold_the_bits_of_a_full_rebuild(tmp_path: object) -> None:
    lake = DeltaLake(str(tmp_path))
    fill(lake)
    build(lake, 0, 28)
    build(lake, 28, 35)
    assert build(lake, 14, 21).written is False
    assert is_full_rebuild(lake, 35)


@pytest.mark.usefixtures("short_chunks")
def test_history_computed_in_chunks_gives_the_bits_of_a_full_rebuild(lake: FakeLake) -> None:
    report = build(lake, 28, 35)
    assert is_full_rebuild(lake, 35)
    assert lake.version(TableName.FEATURES) == 3
    assert (report.window, report.n_rows, report.written) == (days(0, 35), 70, True)


def test_a_park_of_many_cells_is_computed_in_shorter_chunks_with_the_same_bits(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(featuring, "CHUNK_ROWS", 9 * len(CELLS) + 1)
    build(lake, 28, 35)
    assert is_full_rebuild(lake, 35)
    assert [version.mark for version in lake.tables[TableName.FEATURES]] == [START + n * DAY for n in (9, 18, 27, 35)]


@pytest.mark.usefixtures("short_chunks")
def test_the_report_is_about_the_window_asked_for_even_when_more_was_computed(lake: FakeLake) -> None:
    report = build(lake, 28, 35)
    window = held(lake, days(28, 35))
    assert report.content_hash == fingerprint_table(window)
    assert report.version == lake.version(TableName.FEATURES)
    shares = {name: window[name].null_count / window.num_rows for name in window.column_names}
    assert report.null_share == {name: round(share, 4) for name, share in shares.items() if share}
    assert report.null_share["isi"] > 0
    again = build(lake, 28, 35)
    assert (again.content_hash, again.null_share) == (report.content_hash, report.null_share)


def test_recomputing_a_window_writes_nothing_when_nothing_changed(lake: FakeLake) -> None:
    build(lake, 0, 35)
    lake.interrupt = refuse
    report = build(lake, 14, 21)
    assert (report.written, report.recomputed_through, report.version) == (False, None, 0)
    assert (report.window, report.n_rows) == (days(14, 21), 0)


def refuse(point: str) -> None:
    raise LakeError(point)


def test_a_changed_input_is_carried_forward_to_the_newest_day(lake: FakeLake) -> None:
    build(lake, 0, 49)
    before = held(lake)
    correct_rain(lake, 16)
    report = build(lake, 14, 21)
    assert (report.written, report.recomputed_through) == (True, START + 49 * DAY)
    assert report.content_hash == fingerprint_table(held(lake, days(14, 21)))
    assert is_full_rebuild(lake, 49)
    newest, then = held(lake, days(48, 49)), before.slice(before.num_rows - 2)
    assert newest["dc_carried"].to_pylist() != then["dc_carried"].to_pylist()
    assert fingerprint_table(held(lake, days(0, 16))) == fingerprint_table(before.slice(0, 32))
    assert lake.complete_through(TableName.FEATURES) == START + 49 * DAY


def test_the_version_before_a_change_stays_readable(lake: FakeLake) -> None:
    version = build(lake, 0, 49).version
    before = fingerprint_table(held(lake))
    correct_rain(lake, 16)
    build(lake, 14, 21)
    assert fingerprint_table(lake.read(TableName.FEATURES, version=version).sort_by(ROW_ORDER)) == before


@pytest.mark.parametrize("recorded_on", [14, 17, 20])
def test_a_fire_reported_on_any_day_of_the_window_reaches_the_features(lake: FakeLake, recorded_on: int) -> None:
    """Reported on the last day, it first shows on the day after the window."""
    build(lake, 0, 49)
    add_fire(lake, fire_row("found later", "Bay", recorded_on - 1, recorded_on))
    assert build(lake, 14, 21).written
    assert is_full_rebuild(lake, 49)


def test_the_newest_window_has_no_day_after_it(lake: FakeLake) -> None:
    build(lake, 0, 21)
    assert build(lake, 14, 21).written is False
    add_fire(lake, fire_row("found later", "Bay", 19, 20))
    assert build(lake, 14, 21).written is False
    build(lake, 21, 28)
    assert is_full_rebuild(lake, 28)


def cut_at_write(n: int) -> Callable[[str], None]:
    """Cuts the work ahead of the n-th write from now on."""
    seen: list[str] = []

    def interrupt(point: str) -> None:
        seen.append(point)
        if len(seen) == n:
            raise LakeError(point)

    return interrupt


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_first_run_cut_between_two_writes_is_finished_by_the_next(lake: FakeLake, n: int) -> None:
    lake.interrupt = cut_at_write(n)
    with pytest.raises(LakeError, match="before replace features"):
        build(lake, 28, 35)
    build(lake, 28, 35)
    assert is_full_rebuild(lake, 35)


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("changed_day", [20])
@pytest.mark.parametrize("n", [1, 2])
def test_a_change_carried_forward_and_cut_between_two_writes_is_finished_by_the_next(
    lake: FakeLake, n: int, changed_day: int
) -> None:
    build(lake, 0, 35)
    correct_rain(lake, changed_day)
    lake.interrupt = cut_at_write(n)
    with pytest.raises(LakeError, match="before replace features"):
        build(lake, 14, 21)
    build(lake, 14, 21)
    assert is_full_rebuild(lake, 35)


def test_a_cell_that_was_added_gets_rows_from_its_first_day_on(lake: FakeLake) -> None:
    build(lake, 0, 21)
    row = {**CELL_TABLE.to_pylist()[0], "cell_id": "new", "first_day": START + 9 * DAY}
    added = pa.Table.from_pylist([row], schema=LAKE_SCHEMAS[TableName.CELLS])
    lake.append(TableName.CELLS, added, notes={CHANGED_FROM: (START + 9 * DAY).isoformat()})
    assert build(lake, 14, 21).written
    new_days = [row["date"] for row in held(lake).to_pylist() if row["cell_id"] == "new"]
    assert new_days == [START + day * DAY for day in range(9, 21)]


def test_days_before_the_first_change_that_is_noted_are_not_computed_again(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lake, 0, 49)
    lake.append(TableName.FIRES, FIRES.slice(0, 0), notes={CHANGED_FROM: "none"})
    lake.append(TableName.WEATHER, WEATHER.slice(0, 0), notes={CHANGED_FROM: (START + 40 * DAY).isoformat()})
    asked: list[Interval] = []

    def compute(*_args: object, window: Interval, **others: object) -> pa.Table:
        asked.append(window)
        return compute_features(*_args, window=window, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(featuring, "compute_features", compute)
    assert build(lake, 42, 49).written is False
    assert asked == [days(40, 49)]
    build(lake, 49, 56)
    assert asked[1:] == [days(40, 49), days(49, 56)]
    build(lake, 49, 56)
    assert len(asked) == 3


@pytest.mark.parametrize("other", [{"weather_lag_days": 0}, {"time_zone": "Pacific/Auckland"}])
def test_another_lag_or_zone_computes_all_days_again(lake: FakeLake, other: dict[str, object]) -> None:
    build(lake, 0, 21)
    report = build_features(lake, ENGINE, days(14, 21), ParkCalendar(START)._replace(**other))
    assert report.window == days(0, 21)


@pytest.mark.parametrize("missing", [TableName.CELLS, TableName.WEATHER, TableName.FIRES])
def test_a_missing_input_table_is_named_and_nothing_is_written(lake: FakeLake, missing: TableName) -> None:
    del lake.tables[missing]
    with pytest.raises(LakeError, match=missing):
        build(lake, 0, 7)
    assert lake.version(TableName.FEATURES) is None
