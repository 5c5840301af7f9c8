"""Features per cell and day: query text for rolling figures and fire history, numpy for fire weather.

Rules
-----
- One row per cell and day of the window that the cell belongs to the park on, also where weather is missing.
- Days are those of the park's time zone. Weather of day d: the last row for it recorded by the end of day
  d + `weather_lag_days`. Fires at day d: only what was recorded on d-1 or before; of each fire the last
  correction known then.
- A row marked `withdrawn` says that the source no longer says this: the weather is missing, the fire is none.
- Rolling sums are over integer tenths and the moisture codes are carried, so a period computed alone
  has the same bits as in a full rebuild. A rolling figure is missing when fewer than 80 % of its days
  were observed.
"""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forest_fire_retrain.core.rows.feature_catalogue import (
    CELL_FIRE_WINDOWS_DAYS,
    DRY_SPELL_CAP_DAYS,
    FEATURES_SCHEMA,
    MIN_OBSERVED_SHARE,
    PARK_FIRE_WINDOWS_DAYS,
    RAIN_WINDOWS_DAYS,
    WET_DAY_MM,
)
from forest_fire_retrain.core.rows.fire_weather import (
    Floats,
    MoistureCodes,
    advance_day,
    estimate_rel_humidity_pct,
    saturation_vapour_pressure_kpa,
    start_codes,
)
from forest_fire_retrain.core.rows.knowledge import day_sql, mark_withdrawn
from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.windows import Interval

Booleans = NDArray[np.bool_]

WEATHER_LOOK_BACK_DAYS = DRY_SPELL_CAP_DAYS
DAYS_PER_YEAR = 365.25


def compute_features(
    engine: SqlEngine,
    *,
    cells: pa.Table,
    weather: pa.Table,
    fires: pa.Table,
    window: Interval,
    carried: pa.Table | None,
    weather_lag_days: int = 1,
    time_zone: str = "UTC",
) -> pa.Table:
    """Features of every cell and day of `window`, ordered by (date, cell).

    Parameters
    ----------
    engine : SqlEngine
        Runs the query text.
    cells : pyarrow.Table
        All cells, also former ones. A cell has rows from its date `first_day` to its date `last_day`, both included;
        without the column, or where it is null, there is no such bound.
    weather : pyarrow.Table
        Weather rows dated from `window.start - WEATHER_LOOK_BACK_DAYS` on; see `knowledge.mark_withdrawn`.
    fires : pyarrow.Table
        All fire reports (a correction can move a fire from any date to any other); as above.
    window : Interval
        Days to compute.
    carried : pyarrow.Table, optional
        Feature rows of the day before the window; `None` starts the moisture codes afresh.
    weather_lag_days : int
        Days after which a day's weather is final.
    time_zone : str
        IANA name of the zone whose days these are.

    Raises
    ------
    ConfigurationError
        If there is no such time zone.
    """
    sql = build_query(window, weather_lag_days, time_zone)
    tables = {"cells": cells, "weather": mark_withdrawn(weather), "fires": mark_withdrawn(fires)}
    rows = engine.query(sql, tables)
    ordered_cells = cells.sort_by("cell_id")
    membership = _membership(ordered_cells, window)
    computed = _fire_weather_columns(rows, ordered_cells, membership, window, carried)
    columns = [
        pa.array(computed[name], pa.float64(), from_pandas=True) if name in computed else rows[name]
        for name in FEATURES_SCHEMA.names
    ]
    return pa.table(columns, schema=FEATURES_SCHEMA).filter(pa.array(membership.ravel()))


def build_query(window: Interval, weather_lag_days: int = 1, time_zone: str = "UTC") -> str:
    """Query text over the tables `cells`, `weather` and `fires`; only dates, numbers and a zone's name are put into it.

    Raises
    ------
    ConfigurationError
        If there is no such time zone.
    """
    first = window.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS)
    last = window.end - dt.timedelta(days=1)
    return f"""
WITH known_weather AS (
    SELECT * FROM weather WHERE {day_sql("recorded_at", time_zone)} <= date + {int(weather_lag_days)}
    QUALIFY row_number() OVER (PARTITION BY cell_id, date ORDER BY recorded_at DESC) = 1
), days AS (
    SELECT CAST(unnest(generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 DAY)) AS DATE) AS date
), panel AS (
    SELECT cells.cell_id, days.date, cells.latitude, cells.longitude,
           w.temp_max_c, w.temp_min_c, w.rel_humidity_pct, w.wind_speed_kmh, w.precip_mm,
           CAST(round(w.precip_mm * 10) AS BIGINT) AS rain, CAST(round(w.temp_max_c * 10) AS BIGINT) AS warmth
    FROM cells CROSS JOIN days
    LEFT JOIN known_weather w ON w.cell_id = cells.cell_id AND w.date = days.date AND NOT w.withdrawn
), rolled AS (
    SELECT *, {_rolling_columns()} FROM panel
    WINDOW {_rolling_windows()}
), reports AS (
    SELECT cell_id, date AS fire_date, withdrawn, {day_sql("recorded_at", time_zone)} AS known_from,
           {day_sql("lead(recorded_at) OVER (PARTITION BY fire_id ORDER BY recorded_at)", time_zone)} AS known_until
    FROM fires
), cell_history AS (
    SELECT r.cell_id, r.date, {_fire_counts("cell", CELL_FIRE_WINDOWS_DAYS)}
    FROM rolled r JOIN reports f ON f.cell_id = r.cell_id AND {_known_then("r", max(CELL_FIRE_WINDOWS_DAYS))}
    WHERE r.date >= DATE '{window.start}' GROUP BY ALL
), park_history AS (
    SELECT d.date, {_fire_counts("park", PARK_FIRE_WINDOWS_DAYS, "d")}
    FROM days d JOIN reports f ON {_known_then("d", max(PARK_FIRE_WINDOWS_DAYS))}
    WHERE d.date >= DATE '{window.start}' GROUP BY ALL
)
SELECT r.* EXCLUDE (rain, warmth),
       {_coalesced("c", "cell", CELL_FIRE_WINDOWS_DAYS)}, {_coalesced("p", "park", PARK_FIRE_WINDOWS_DAYS)}
FROM rolled r
LEFT JOIN cell_history c ON c.cell_id = r.cell_id AND c.date = r.date
LEFT JOIN park_history p ON p.date = r.date
WHERE r.date >= DATE '{window.start}'
ORDER BY r.date, r.cell_id
"""  # noqa: S608 - only dates, numbers and the name of a zone that exists are put into the text


def _rolling_columns() -> str:
    columns = [
        _if_observed(f"sum(rain) OVER w{n} / 10.0", "rain", n) + f" AS precip_{n}d_mm" for n in RAIN_WINDOWS_DAYS
    ]
    week, month = (f"sum(warmth) OVER w{n} / (10.0 * count(warmth) OVER w{n})" for n in (7, 30))
    columns.append(_if_observed(week, "warmth", 7) + " AS temp_max_7d_c")
    columns.append(_if_observed(f"({week}) - ({month})", "warmth", 30) + " AS temp_max_anomaly_c")
    last_rain = f"max(CASE WHEN rain >= {round(WET_DAY_MM * 10)} THEN date END) OVER w{DRY_SPELL_CAP_DAYS}"
    dry = f"CAST(coalesce(date - ({last_rain}), {DRY_SPELL_CAP_DAYS}) AS DOUBLE)"
    columns.append(_if_observed(dry, "rain", DRY_SPELL_CAP_DAYS) + " AS dry_spell_days")
    return ",\n           ".join(columns)


def _if_observed(figure: str, column: str, n_days: int) -> str:
    enough = int(np.ceil(MIN_OBSERVED_SHARE * n_days))
    return f"CASE WHEN count({column}) OVER w{n_days} >= {enough} THEN {figure} END"


def _rolling_windows() -> str:
    lengths = sorted({7, *RAIN_WINDOWS_DAYS, DRY_SPELL_CAP_DAYS})
    frame = "PARTITION BY cell_id ORDER BY date ROWS BETWEEN {} PRECEDING AND CURRENT ROW"
    return ", ".join(f"w{n} AS ({frame.format(n - 1)})" for n in lengths)


def _known_then(day: str, n_days: int) -> str:
    return (
        f"NOT f.withdrawn AND f.fire_date BETWEEN {day}.date - {n_days} AND {day}.date - 1"
        f" AND f.known_from < {day}.date AND (f.known_until IS NULL OR f.known_until >= {day}.date)"
    )


def _fire_counts(scope: str, windows: tuple[int, ...], day: str = "r") -> str:
    return ", ".join(f"count(*) FILTER (f.fire_date >= {day}.date - {n}) AS {scope}_fires_{n}d" for n in windows)


def _coalesced(alias: str, scope: str, windows: tuple[int, ...]) -> str:
    names = (f"{scope}_fires_{n}d" for n in windows)
    return ", ".join(f"CAST(coalesce({alias}.{name}, 0) AS DOUBLE) AS {name}" for name in names)


def _membership(cells: pa.Table, window: Interval) -> Booleans:
    """Whether a cell belongs to the park on a day, shape (n_days, n_cells)."""
    days = (np.datetime64(window.start, "D") + np.arange(window.n_days))[:, np.newaxis]
    first, last = (_bounds(cells, name) for name in ("first_day", "last_day"))
    return np.asarray((np.isnat(first) | (days >= first)) & (np.isnat(last) | (days <= last)))


def _bounds(cells: pa.Table, name: str) -> NDArray[np.datetime64]:
    """A date per cell, `NaT` where there is none."""
    if name not in cells.column_names:
        return np.full(cells.num_rows, "NaT", dtype="datetime64[D]")
    return np.asarray(cells[name].to_numpy(), dtype="datetime64[D]")


def _fire_weather_columns(
    rows: pa.Table, cells: pa.Table, membership: Booleans, window: Interval, carried: pa.Table | None
) -> dict[str, Floats]:
    """Columns that numpy computes, each of shape (n_days * n_cells,) in row order.

    The codes of a cell stay those of the start until its first day.
    """
    n_cells = cells.num_rows
    latitude = cells["latitude"].to_numpy()
    temp_max, temp_min, wind, rain, observed = (
        rows[name].to_numpy().reshape(-1, n_cells)
        for name in ("temp_max_c", "temp_min_c", "wind_speed_kmh", "precip_mm", "rel_humidity_pct")
    )
    humidity = np.where(np.isnan(observed), estimate_rel_humidity_pct(temp_max, temp_min), observed)
    codes = _carried_codes(cells, carried)
    days = [window.start + dt.timedelta(days=offset) for offset in range(window.n_days)]
    series: dict[str, list[Floats]] = {name: [] for name in ("ffmc", "dmc", "dc", "isi", "bui", "fwi")}
    for position, day in enumerate(days):
        weather = advance_day(
            codes,
            month=day.month,
            latitude=latitude,
            temp_c=temp_max[position],
            rel_humidity_pct=humidity[position],
            wind_kmh=wind[position],
            precip_mm=rain[position],
        )
        codes = MoistureCodes(
            *(np.where(membership[position], new, old) for new, old in zip(weather.codes, codes, strict=True))
        )
        for name, values in zip(series, (*codes, weather.isi, weather.bui, weather.fwi), strict=True):
            series[name].append(values)
    angle = np.array([2.0 * np.pi * day.timetuple().tm_yday / DAYS_PER_YEAR for day in days])
    deficit = saturation_vapour_pressure_kpa(temp_max) * (1.0 - humidity / 100.0)
    return {
        **{name: np.concatenate(values) for name, values in series.items()},
        "rel_humidity_pct": humidity.ravel(),
        "vapour_pressure_deficit_kpa": deficit.ravel(),
        "season_sin": np.repeat(np.sin(angle), n_cells),
        "season_cos": np.repeat(np.cos(angle), n_cells),
    }


def _carried_codes(cells: pa.Table, carried: pa.Table | None) -> MoistureCodes:
    """Yesterday's codes in the order of `cells`; a cell without a yesterday starts afresh."""
    fresh = start_codes(cells.num_rows)
    if carried is None:
        return fresh
    places = pc.index_in(cells["cell_id"], carried["cell_id"].combine_chunks())
    taken = (carried[name].take(places).to_numpy() for name in MoistureCodes._fields)
    return MoistureCodes(*(np.where(np.isnan(old), new, old) for old, new in zip(taken, fresh, strict=True)))
