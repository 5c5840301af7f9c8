"""Everything recorded before the window's end is in the lake afterwards, once, and nothing is lost."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.errors import InputContractError, LakeError
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.rows.ports import Lake, Source, SourceSlice
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import Intake
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain_tests.fakes.lake import FakeLake, falls_into
from forest_fire_retrain_tests.property_examples import examples

DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
Row = dict[str, object]
Ingest = Callable[[Intake, Interval], IngestReport]


def weeks(first: int, end: int) -> Interval:
    return Interval(start=START + 7 * first * DAY, end=START + 7 * end * DAY)


def instant(day: int, hour: int = 6) -> dt.datetime:
    return dt.datetime.combine(START + day * DAY, dt.time(hour), tzinfo=dt.UTC)


def cell_row(cell: str, latitude: float = 40.0) -> Row:
    return {"cell_id": cell, "name": cell, "latitude": latitude, "longitude": -120.0, "elevation_m": None}


def weather_row(cell: str, day: int, precip_mm: float | None = 0.0, recorded_on: int | None = None) -> Row:
    measures = {"temp_max_c": 20.0, "temp_min_c": 9.0, "rel_humidity_pct": None, "wind_speed_kmh": 7.0}
    recorded_at = instant(day if recorded_on is None else recorded_on)
    key = {"cell_id": cell, "date": START + day * DAY}
    return {**key, **measures, "precip_mm": precip_mm, "recorded_at": recorded_at}


def fire_row(fire: str, cell: str, day: int, recorded_on: int) -> Row:
    return {
        "fire_id": fire,
        "cell_id": cell,
        "date": START + day * DAY,
        "area_ha": 4.0,
        "recorded_at": instant(recorded_on),
    }


@dataclass
class FakeSource:
    """Delivers the rows recorded in the window asked for, newest first; `breach` breaks the contract."""

    weather: list[Row] = field(default_factory=lambda: [weather_row(c, d) for d in range(35) for c in "ab"])
    fires: list[Row] = field(default_factory=lambda: [fire_row(f"f{d}", "a", d, d + 2) for d in range(0, 33, 3)])
    cells: list[Row] = field(default_factory=lambda: [cell_row("b"), cell_row("a")])
    warnings: tuple[str, ...] = ()
    breach: str | None = None
    asked: list[Interval] = field(default_factory=list)
    name: str = "the test's source"

    def read(self, recorded: Interval) -> SourceSlice:
        self.asked.append(recorded)
        if self.breach:
            raise InputContractError("the test's source", [self.breach])
        cells = pa.Table.from_pylist(self.cells, schema=CELLS_SCHEMA)
        weather = self._recorded(self.weather, WEATHER_SCHEMA, recorded)
        return SourceSlice(cells, weather, self._recorded(self.fires, FIRES_SCHEMA, recorded), self.warnings)

    def read_whole(self) -> None:
        """It delivers slices only."""

    def _recorded(self, rows: list[Row], schema: pa.Schema, recorded: Interval) -> pa.Table:
        table = pa.Table.from_pylist(rows, schema=schema).sort_by([("recorded_at", "descending")])
        return table.filter(falls_into(table["recorded_at"], recorded))


@dataclass(frozen=True)
class Case:
    """One of the two ingestions."""

    table: str
    ingest: Ingest

    def run(self, source: FakeSource, lake: FakeLake, first: int, end: int) -> IngestReport:
        return self.ingest(intake(source, lake), weeks(first, end))


def intake(source: Source, lake: Lake) -> Intake:
    return Intake(source, lake, DuckDbEngine(), ParkCalendar(START, look_back_days=0))


@pytest.fixture(params=[Case("weather", ingest_weather), Case("fires", ingest_fire_reports)], ids=lambda c: c.table)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def rows_of(lake: FakeLake, table: str, version: int | None = None) -> list[str]:
    """All versions of all rows."""
    return texts(lake.read(table, version=version).drop(["withdrawn"]))


def known(lake: FakeLake, table: str) -> list[str]:
    """What the last versions say, whenever that was recorded."""
    return texts(current_rows(lake.read(table), TableName(table)).drop(["recorded_at", "withdrawn"]))


def texts(rows: pa.Table) -> list[str]:
    return sorted(map(repr, rows.to_pylist()))


def expected(source: FakeSource, table: str, n_weeks: int, *, left_out: Sequence[str] = ()) -> list[str]:
    return texts(getattr(source.read(weeks(0, n_weeks)), table).drop(list(left_out)))


def test_the_first_run_fetches_all_history_up_to_its_windows_end(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    report = case.run(source, lake, 2, 3)
    assert source.asked == [weeks(0, 3)]
    assert rows_of(lake, case.table) == expected(source, case.table, 3)
    assert (report.window, report.written, report.table) == (weeks(0, 3), True, case.table)
    assert report.n_rows == lake.read(case.table).num_rows > 0
    assert report.version == lake.version(case.table)
    assert lake.complete_through(case.table) == weeks(0, 3).end


def test_a_later_run_fetches_its_window_and_what_earlier_runs_missed(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    for first, asked in ((0, weeks(0, 1)), (1, weeks(1, 2)), (4, weeks(2, 5))):
        case.run(source, lake, first, first + 1)
        assert source.asked[-1] == asked
    assert rows_of(lake, case.table) == expected(source, case.table, 5)


def test_the_same_rows_again_write_nothing(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    case.run(source, lake, 0, 1)
    first = case.run(source, lake, 1, 2)
    lake.interrupt = refuse
    source.weather.reverse()
    source.fires.reverse()
    again = case.run(source, lake, 1, 2)
    assert (again.written, again.version, again.content_hash) == (False, first.version, first.content_hash)
    assert again.warnings == ()


def refuse(point: str) -> None:
    raise LakeError(point)


def test_an_empty_week_moves_the_mark_so_that_it_is_not_asked_for_again(case: Case) -> None:
    source, lake = FakeSource(weather=[], fires=[]), FakeLake()
    for first in range(3):
        assert case.run(source, lake, first, first + 1).n_rows == 0
        assert lake.complete_through(case.table) == weeks(0, first + 1).end
    assert source.asked == [weeks(0, 1), weeks(1, 2), weeks(2, 3)]


def test_rows_the_source_changed_follow_theirs_and_count_from_the_ingest_that_found_them(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    case.run(source, lake, 0, 3)
    before = rows_of(lake, case.table)
    source.weather = [{**row, "precip_mm": 7.5} if row["date"] == START + 8 * DAY else row for row in source.weather]
    source.fires = [{**row, "cell_id": "b"} if row["fire_id"] == "f6" else row for row in source.fires]
    report = case.run(source, lake, 1, 2)
    assert (report.written, report.n_added, report.n_withdrawn) == (True, 0, 0)
    assert report.n_changed == (2 if case.table == "weather" else 1)
    assert known(lake, case.table) == expected(source, case.table, 3, left_out=["recorded_at"])
    assert set(before) < set(rows_of(lake, case.table))
    newest = pc.max(lake.read(case.table)["recorded_at"]).as_py()
    assert newest == midnight(weeks(0, 3).end)
    assert rows_of(lake, case.table, report.version - 1) == before
    assert lake.complete_through(case.table) == weeks(0, 3).end


def test_rows_the_source_no_longer_delivers_are_withdrawn_and_kept(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    case.run(source, lake, 0, 3)
    source.weather = [row for row in source.weather if row["date"] != START + 8 * DAY]
    source.fires = [row for row in source.fires if row["fire_id"] not in {"f6", "f9"}]
    before = rows_of(lake, case.table)
    report = case.run(source, lake, 1, 2)
    assert (report.n_added, report.n_changed, report.n_withdrawn) == (0, 0, 2)
    assert set(before) < set(rows_of(lake, case.table))
    assert known(lake, case.table) == expected(source, case.table, 3, left_out=["recorded_at"])
    again = case.run(source, lake, 1, 2)
    assert (again.written, again.n_withdrawn) == (False, 0)


def test_a_fire_report_that_arrives_late_belongs_to_the_week_it_was_recorded_in() -> None:
    source, lake = FakeSource(fires=[fire_row("late", "a", 2, recorded_on=15)]), FakeLake()
    assert [ingest_fire_reports(intake(source, lake), weeks(n, n + 1)).n_added for n in range(3)] == [0, 0, 1]


def test_a_source_that_breaks_the_contract_writes_nothing_at_all(case: Case) -> None:
    lake = FakeLake()
    with pytest.raises(InputContractError, match="5537"):
        case.run(FakeSource(breach="weather.csv, temp_max_c: row 9 is 5537, at most 60"), lake, 0, 1)
    assert lake.tables == {}


def test_a_run_cut_before_its_rows_are_written_is_made_good_by_the_next(case: Case) -> None:
    source, lake = FakeSource(), FakeLake()
    case.run(source, lake, 0, 1)
    held = rows_of(lake, case.table)

    def cut(point: str) -> None:
        if point == f"before append {case.table}":
            raise LakeError(point)

    lake.interrupt = cut
    with pytest.raises(LakeError):
        case.run(source, lake, 1, 2)
    assert rows_of(lake, case.table) == held
    lake.interrupt = lambda _point: None
    case.run(source, lake, 2, 3)
    assert rows_of(lake, case.table) == expected(source, case.table, 3)


def test_what_the_department_has_to_live_with_is_in_the_weather_report_only() -> None:
    source = FakeSource(warnings=("weather: humidity is never observed",))
    assert ingest_weather(intake(source, FakeLake()), weeks(0, 1)).warnings == source.warnings
    assert ingest_fire_reports(intake(source, FakeLake()), weeks(0, 1)).warnings == ()


def test_cells_are_written_with_the_weather_and_only_when_they_changed() -> None:
    source, lake = FakeSource(), FakeLake()
    versions = []
    for first in range(4):
        if first == 2:
            source.cells = [cell_row("a"), cell_row("b", 41.5), cell_row("c")]
        ingest_weather(intake(source, lake), weeks(first, first + 1))
        ingest_fire_reports(intake(source, lake), weeks(first, first + 1))
        versions.append(lake.version("cells"))
    assert versions == [0, 0, 1, 1]
    assert lake.read("cells")["cell_id"].to_pylist() == ["a", "b", "c"]


@examples(40)
@given(order=st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_any_order_of_weeks_ends_in_the_same_rows_as_one_long_run(order: list[int]) -> None:
    for case in (Case("weather", ingest_weather), Case("fires", ingest_fire_reports)):
        source, lake = FakeSource(), FakeLake()
        for first in order:
            case.run(source, lake, first, first + 1)
        last = max(order) + 1
        assert rows_of(lake, case.table) == expected(source, case.table, last)
        assert lake.complete_through(case.table) == weeks(0, last).end


def test_the_content_hash_is_that_of_the_delivered_rows_in_a_total_order() -> None:
    source = FakeSource()
    report = ingest_weather(intake(source, FakeLake()), weeks(0, 1))
    delivered = source.read(weeks(0, 1)).weather
    order = pc.sort_indices(delivered, sort_keys=[("date", "ascending"), ("cell_id", "ascending")])
    assert report.content_hash == fingerprint_table(delivered.take(order))
