"""A small park with gaps, corrections and three cells, and its features, for the tests of features."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.windows import Interval

ENGINE = DuckDbEngine()
DAY = dt.timedelta(days=1)
START = dt.date(2023, 1, 2)
SPAN = Interval(start=START, end=START + 200 * DAY)
LONG_AGO = START - 2000 * DAY
CELLS = pa.Table.from_pylist(
    [
        {"cell_id": cell, "name": cell, "latitude": latitude, "longitude": -120.0, "elevation_m": None}
        for cell, latitude in (("ridge", 41.0), ("Bay", 38.5), ("été", -20.0))
    ],
    schema=CELLS_SCHEMA,
)
CELL_IDS = sorted(CELLS["cell_id"].to_pylist(), key=str.encode)
Row = dict[str, object]


class Park(NamedTuple):
    """What is known of a small park."""

    weather: pa.Table
    fires: pa.Table

    def plus(self, *, weather: list[Row] | None = None, fires: list[Row] | None = None) -> "Park":
        """The park with further rows."""
        return Park(
            pa.concat_tables([self.weather, pa.Table.from_pylist(weather or [], schema=WEATHER_SCHEMA)]),
            pa.concat_tables([self.fires, pa.Table.from_pylist(fires or [], schema=FIRES_SCHEMA)]),
        )


def at(day: dt.date, hour: float = 6.0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC) + dt.timedelta(hours=hour)


def weather_row(cell: str, day: dt.date, recorded_at: dt.datetime | None = None, **measures: float | None) -> Row:
    plain: Mapping[str, float | None] = {
        "temp_max_c": 21.3,
        "temp_min_c": 9.7,
        "rel_humidity_pct": 41.0,
        "wind_speed_kmh": 12.0,
        "precip_mm": 0.0,
    }
    return {"cell_id": cell, "date": day, **plain, **measures, "recorded_at": recorded_at or at(day)}


def fire_row(fire: str, cell: str, day: dt.date, recorded_at: dt.datetime | None = None) -> Row:
    return {
        "fire_id": fire,
        "cell_id": cell,
        "date": day,
        "area_ha": 12.0,
        "recorded_at": recorded_at or at(day + 2 * DAY),
    }


def days_of(window: Interval) -> list[dt.date]:
    return [window.start + offset * DAY for offset in range(window.n_days)]


def random_park(seed: int = 5) -> Park:
    """Weather with gaps and measures missing, fires, and a correction of every fourth fire."""
    rng = np.random.default_rng(seed)
    weather = [
        weather_row(
            cell,
            day,
            temp_max_c=rng.normal(24, 9) if rng.random() > 0.01 else None,
            temp_min_c=rng.normal(9, 4),
            rel_humidity_pct=rng.uniform(10, 95) if rng.random() > 0.5 else None,
            wind_speed_kmh=rng.gamma(2, 6) if rng.random() > 0.2 else None,
            precip_mm=rng.gamma(0.3, 12) if rng.random() > 0.01 else None,
        )
        for cell in CELL_IDS
        for day in days_of(SPAN)
        if rng.random() > 0.01
    ]
    fires = []
    for number in range(40):
        day = START + int(rng.integers(0, 190)) * DAY
        fires.append(fire_row(f"f{number}", str(rng.choice(CELL_IDS)), day))
        if number % 4 == 0:
            moved = fire_row(f"f{number}", str(rng.choice(CELL_IDS)), day - 3 * DAY, at(day + 9 * DAY))
            fires.append(moved)
    empty = Park(WEATHER_SCHEMA.empty_table(), FIRES_SCHEMA.empty_table())
    return empty.plus(weather=weather, fires=fires)


RANDOM_PARK = random_park()


def compute(
    park: Park,
    window: Interval = SPAN,
    carried: pa.Table | None = None,
    *,
    cells: pa.Table = CELLS,
    weather_lag_days: int = 1,
    time_zone: str = "UTC",
    history_start: dt.date = LONG_AGO,
) -> pa.Table:
    """Features; the history began long before the span, so that every code is stated and every rate observed."""
    return compute_features(
        ENGINE,
        cells=cells,
        weather=park.weather,
        fires=park.fires,
        window=window,
        history_start=history_start,
        carried=carried,
        weather_lag_days=weather_lag_days,
        time_zone=time_zone,
    )


def between(rows: pa.Table, start: dt.date, end: dt.date) -> pa.Table:
    days = rows["date"].to_pylist()
    return rows.filter(pa.array([start <= day < end for day in days]))


def value(rows: pa.Table, cell: str, day: dt.date, name: str) -> float | None:
    (row,) = (row for row in rows.to_pylist() if row["cell_id"] == cell and row["date"] == day)
    found: float | None = row[name]
    return found


def with_column(park: Park, *, weather: list[Row] | None = None, fires: list[Row] | None = None) -> Park:
    """The park with further rows, in tables that have the column `withdrawn`."""
    column = pa.field("withdrawn", pa.bool_())

    def extend(table: pa.Table, rows: list[Row] | None) -> pa.Table:
        schema = table.schema.append(column)
        added = pa.Table.from_pylist(rows or [], schema=schema)
        return pa.concat_tables([table.append_column(column, pa.nulls(table.num_rows, pa.bool_())), added])

    return Park(extend(park.weather, weather), extend(park.fires, fires))


def cells_with_days(**days: tuple[dt.date | None, dt.date | None]) -> pa.Table:
    """The cells with their first and last day; a cell not named has neither."""
    bounds = [days.get(cell, (None, None)) for cell in CELLS["cell_id"].to_pylist()]
    columns = zip(("first_day", "last_day"), zip(*bounds, strict=True), strict=True)
    cells = CELLS
    for name, values in columns:
        cells = cells.append_column(name, pa.array(values, pa.date32()))
    return cells


FULL_REBUILD = compute(RANDOM_PARK)
