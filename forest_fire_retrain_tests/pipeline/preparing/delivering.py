"""A source that says everything at once, as a folder does, and what a home makes of a series of its deliveries."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import FeatureReport, IngestReport
from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.ports import Lake, SourceSlice
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import Intake
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.pipeline.preparing.shrinking import Consent, NoConsent
from forest_fire_retrain_tests.fakes.lake import FakeLake, falls_into

DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
FIRE_LAG_DAYS, WEATHER_LAG_DAYS = 2, 1
ENGINE = DuckDbEngine()
Row = dict[str, object]


class AcceptsAll(NoConsent):
    """A person accepts whatever comes."""

    def to_delivery(self, _fingerprint: str) -> bool:
        return True


def day(number: int) -> dt.date:
    return START + number * DAY


def cell_row(cell: str, place: float = 0.0) -> Row:
    return {"cell_id": cell, "name": cell, "latitude": 40.0 + place, "longitude": -120.0, "elevation_m": None}


def weather_row(cell: str, number: int, temp_max_c: float = 25.0, recorded_at: dt.datetime | None = None) -> Row:
    measures = {"temp_min_c": 9.0, "rel_humidity_pct": 40.0, "wind_speed_kmh": 7.0, "precip_mm": float(number % 5 == 0)}
    row = {"cell_id": cell, "date": day(number), "temp_max_c": temp_max_c + number % 3, **measures}
    return row if recorded_at is None else {**row, "recorded_at": recorded_at}


def fire_row(fire: str, cell: str, number: int, recorded_at: dt.datetime | None = None) -> Row:
    row = {"fire_id": fire, "cell_id": cell, "date": day(number), "area_ha": 4.0}
    return row if recorded_at is None else {**row, "recorded_at": recorded_at}


def weather_of(cells: Iterable[str], days: Iterable[int]) -> list[Row]:
    return [weather_row(cell, number) for number in days for cell in cells]


@dataclass
class Folder:
    """Says all its rows at once; those without `recorded_at` get the assumed lag, as the data contract does it."""

    weather: list[Row] = field(default_factory=list)
    fires: list[Row] = field(default_factory=list)
    cells: list[Row] = field(default_factory=lambda: [cell_row("a"), cell_row("b", 0.5)])
    start: dt.date = START
    fire_lag_days: int = FIRE_LAG_DAYS
    weather_lag_days: int = WEATHER_LAG_DAYS
    name: str = "the test's folder"

    def read_whole(self) -> SourceSlice:
        return SourceSlice(
            pa.Table.from_pylist(self.cells, CELLS_SCHEMA),
            self._table(self.weather, WEATHER_SCHEMA, self.weather_lag_days),
            self._table(self.fires, FIRES_SCHEMA, self.fire_lag_days),
            (),
            frozenset(
                name
                for name, rows in ((TableName.WEATHER, self.weather), (TableName.FIRES, self.fires))
                if not any("recorded_at" in row for row in rows)
            ),
        )

    def read(self, recorded: Interval) -> SourceSlice:
        whole = self.read_whole()
        cut = (table.filter(falls_into(table["recorded_at"], recorded)) for table in (whole.weather, whole.fires))
        weather, fires = cut
        return whole._replace(weather=weather, fires=fires)

    def _table(self, rows: list[Row], schema: pa.Schema, lag_days: int) -> pa.Table:
        used = [row for row in rows if isinstance(row["date"], dt.date) and row["date"] >= self.start]
        return pa.Table.from_pylist([{"recorded_at": _assumed(row, lag_days), **row} for row in used], schema)


def _assumed(row: Row, lag_days: int) -> dt.datetime:
    date = row["date"]
    assert isinstance(date, dt.date)
    return midnight(date + lag_days * DAY)


@dataclass
class Home:
    """A lake that takes deliveries, week by week or day by day, with the features that follow from them."""

    lake: FakeLake = field(default_factory=FakeLake)
    consent: Consent = field(default_factory=NoConsent)
    start: dt.date = START
    weather_first: bool = True
    weather_lag_days: int = WEATHER_LAG_DAYS

    @property
    def calendar(self) -> ParkCalendar:
        return ParkCalendar(self.start, weather_lag_days=self.weather_lag_days)

    def intake(self, folder: Folder) -> Intake:
        delivering = replace(folder, start=self.start, weather_lag_days=self.weather_lag_days)
        return Intake(delivering, self.lake, ENGINE, self.calendar, self.consent)

    def ingest(self, folder: Folder, until: int) -> dict[str, IngestReport]:
        """What the folder says now, for the period that ends on day `until`."""
        window, intake = Interval(start=day(until - 7), end=day(until)), self.intake(folder)
        steps = [ingest_weather, ingest_fire_reports] if self.weather_first else [ingest_fire_reports, ingest_weather]
        reports = [step(intake, window) for step in steps]
        return {report.table: report for report in reports}

    def build(self, until: int) -> FeatureReport:
        return build_features(self.lake, ENGINE, Interval(start=day(until - 7), end=day(until)), self.calendar)

    def known(self, table: TableName) -> list[Row]:
        """What the last versions say."""
        rows = current_rows(self.lake.read(table), table).drop(["recorded_at", "withdrawn"])
        return sorted(rows.to_pylist(), key=repr)

    def versions(self, table: TableName, **of: object) -> list[Row]:
        """All versions of the rows that have these values, in the order of their instants."""
        rows = [row for row in self.lake.read(table).to_pylist() if all(row[name] == of[name] for name in of)]
        return sorted(rows, key=lambda row: row["recorded_at"])

    def cell(self, cell_id: str) -> Row:
        rows: list[Row] = self.lake.read(TableName.CELLS).to_pylist()
        (found,) = (row for row in rows if row["cell_id"] == cell_id)
        return found


def said(folder: Folder, table: TableName) -> list[Row]:
    """What the folder says, without instants."""
    rows = folder.weather if table is TableName.WEATHER else folder.fires
    return sorted(({name: value for name, value in row.items() if name != "recorded_at"} for row in rows), key=repr)


def rebuild(lake: Lake, until: int, calendar: ParkCalendar) -> pa.Table:
    """All features up to day `until`, computed at once from the lake's tables."""
    return compute_features(
        ENGINE,
        cells=lake.read(TableName.CELLS),
        weather=lake.read(TableName.WEATHER),
        fires=lake.read(TableName.FIRES),
        window=Interval(start=calendar.history_start, end=day(until)),
        history_start=calendar.history_start,
        carried=None,
        weather_lag_days=calendar.weather_lag_days,
        time_zone=calendar.time_zone,
    )
