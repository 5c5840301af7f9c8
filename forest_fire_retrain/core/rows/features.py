"""Features per cell and day: query text for rolling figures and fire history, numpy for fire weather.

Rules
-----
- One row per cell and day of the window that the cell belongs to the park on, also where weather is missing.
- Days are those of the park's time zone. Weather of day d: the last row for it recorded by the end of day
  d + `weather_lag_days`. Fires at day d: only what was recorded on d-1 or before; of each fire the last
  correction known then.
- A row marked `withdrawn` says that the source no longer says this: the weather is missing, the fire is none.
- Fires are counted per year observed: a window reaches back to the first day of the data used, or of the cell.
- Rolling sums are over integer tenths and the moisture codes are carried, so a period computed alone
  has the same bits as in a full rebuild. A rolling figure is missing when fewer than 80 % of its days
  were observed.
"""

import datetime as dt

import numpy as np
import pyarrow as pa

from forest_fire_retrain.core.rows.carried_codes import DAYS_PER_YEAR, MEMORIES, fire_weather_columns
from forest_fire_retrain.core.rows.feature_catalogue import (
    CELL_FIRE_WINDOWS_DAYS,
    DRY_SPELL_CAP_DAYS,
    FEATURES_SCHEMA,
    MIN_OBSERVED_SHARE,
    MIN_OBSERVED_SHARE_OF_RATES,
    PARK_FIRE_WINDOWS_DAYS,
    RAIN_WINDOWS_DAYS,
    WET_DAY_MM,
)
from forest_fire_retrain.core.rows.membership import OBSERVED_FROM, membership, observed_from
from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.rows.row_versions import KNOWN_ON, add_known_on, mark_withdrawn
from forest_fire_retrain.core.windows import Interval

WEATHER_LOOK_BACK_DAYS = DRY_SPELL_CAP_DAYS


def compute_features(
    engine: SqlEngine,
    *,
    cells: pa.Table,
    weather: pa.Table,
    fires: pa.Table,
    window: Interval,
    history_start: dt.date,
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
        Weather rows dated from `window.start - WEATHER_LOOK_BACK_DAYS` on; see `row_versions.mark_withdrawn`.
    fires : pyarrow.Table
        All fire reports (a correction can move a fire from any date to any other); as above.
    window : Interval
        Days to compute.
    history_start : datetime.date
        First day of the data used; nothing of the days before counts as observed.
    carried : pyarrow.Table, optional
        Feature rows of the day before the window; `None` starts the moisture codes afresh.
    weather_lag_days : int
        Days after which a day's weather is final.
    time_zone : str
        IANA name of the zone whose days these are.
    """
    ordered = cells.sort_by("cell_id")
    starts = observed_from(ordered, history_start)
    tables = {
        "cells": ordered.append_column(OBSERVED_FROM, pa.array(starts, pa.date32())),
        "weather": add_known_on(mark_withdrawn(weather), time_zone),
        "fires": add_known_on(mark_withdrawn(fires), time_zone),
    }
    park_start = starts.min().astype(object) if len(starts) else history_start
    rows = engine.query(build_query(window, park_start, weather_lag_days), tables)
    computed = fire_weather_columns(rows, ordered, window, history_start, carried)
    columns = [
        pa.array(computed[name], pa.float64(), from_pandas=True) if name in computed else rows[name]
        for name in FEATURES_SCHEMA.names
    ]
    return pa.table(columns, schema=FEATURES_SCHEMA).filter(pa.array(membership(ordered, window).ravel()))


def build_query(window: Interval, park_start: dt.date, weather_lag_days: int = 1) -> str:
    """Query text over the tables `cells`, `weather` and `fires`; only dates and numbers are put into it.

    `park_start` is the first day on which a fire could be observed in any cell.
    """
    first = window.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS)
    last = window.end - dt.timedelta(days=1)
    return f"""
WITH known_weather AS (
    SELECT * FROM weather WHERE {KNOWN_ON} <= date + {int(weather_lag_days)}
    QUALIFY row_number() OVER (PARTITION BY cell_id, date ORDER BY recorded_at DESC) = 1
), days AS (
    SELECT CAST(unnest(generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 DAY)) AS DATE) AS date
), panel AS (
    SELECT cells.cell_id, days.date, cells.latitude, cells.longitude, cells.{OBSERVED_FROM},
           w.temp_max_c, w.temp_min_c, w.rel_humidity_pct, w.wind_speed_kmh, w.precip_mm,
           CAST(round(w.precip_mm * 10) AS BIGINT) AS rain, CAST(round(w.temp_max_c * 10) AS BIGINT) AS warmth,
           w.temp_max_c + w.precip_mm + coalesce(w.rel_humidity_pct, w.temp_min_c) AS seen
    FROM cells CROSS JOIN days
    LEFT JOIN known_weather w ON w.cell_id = cells.cell_id AND w.date = days.date AND NOT w.withdrawn
), rolled AS (
    SELECT *, {_rolling_columns()} FROM panel
    WINDOW {_rolling_windows()}
), reports AS (
    SELECT cell_id, date AS fire_date, withdrawn, {KNOWN_ON} AS known_from,
           lead({KNOWN_ON}) OVER (PARTITION BY fire_id ORDER BY recorded_at) AS known_until
    FROM fires
), cell_history AS (
    SELECT r.cell_id, r.date, {_fire_counts("cell", CELL_FIRE_WINDOWS_DAYS, "r", f"r.{OBSERVED_FROM}")}
    FROM rolled r JOIN reports f ON f.cell_id = r.cell_id AND {_known_then("r", max(CELL_FIRE_WINDOWS_DAYS))}
    WHERE r.date >= DATE '{window.start}' GROUP BY ALL
), park_history AS (
    SELECT d.date, {_fire_counts("park", PARK_FIRE_WINDOWS_DAYS, "d", f"DATE '{park_start}'")}
    FROM days d JOIN reports f ON {_known_then("d", max(PARK_FIRE_WINDOWS_DAYS))}
    WHERE d.date >= DATE '{window.start}' GROUP BY ALL
)
SELECT r.* EXCLUDE (rain, warmth, seen),
       {_fire_history("c", "cell", CELL_FIRE_WINDOWS_DAYS, f"r.{OBSERVED_FROM}")},
       {_fire_history("p", "park", PARK_FIRE_WINDOWS_DAYS, f"DATE '{park_start}'")}
FROM rolled r
LEFT JOIN cell_history c ON c.cell_id = r.cell_id AND c.date = r.date
LEFT JOIN park_history p ON p.date = r.date
WHERE r.date >= DATE '{window.start}'
ORDER BY r.date, r.cell_id
"""  # noqa: S608 - only dates and numbers are put into the text


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
    columns += [f"count(seen) OVER w{n} AS observed_{n}d" for n in _memories()]
    return ",\n           ".join(columns)


def _memories() -> list[int]:
    return [memory.memory_days for memory in MEMORIES.values()]


def _if_observed(figure: str, column: str, n_days: int) -> str:
    return f"CASE WHEN count({column}) OVER w{n_days} >= {_enough(n_days)} THEN {figure} END"


def _enough(n_days: int, share: float = MIN_OBSERVED_SHARE) -> int:
    return int(np.ceil(share * n_days))


def _rolling_windows() -> str:
    lengths = sorted({7, *RAIN_WINDOWS_DAYS, DRY_SPELL_CAP_DAYS, *_memories()})
    frame = "PARTITION BY cell_id ORDER BY date ROWS BETWEEN {} PRECEDING AND CURRENT ROW"
    return ", ".join(f"w{n} AS ({frame.format(n - 1)})" for n in lengths)


def _known_then(day: str, n_days: int) -> str:
    return (
        f"NOT f.withdrawn AND f.fire_date BETWEEN {day}.date - {n_days} AND {day}.date - 1"
        f" AND f.known_from < {day}.date AND (f.known_until IS NULL OR f.known_until >= {day}.date)"
    )


def _fire_counts(scope: str, windows: tuple[int, ...], day: str, start: str) -> str:
    """Fires of each window, and those of them since `start`."""
    counts = [(n, f"f.fire_date >= {day}.date - {n}") for n in windows]
    return ", ".join(
        f"count(*) FILTER ({inside}) AS {scope}_fires_{n}d, "
        f"count(*) FILTER ({inside} AND f.fire_date >= {start}) AS {scope}_observed_fires_{n}d"
        for n, inside in counts
    )


def _fire_history(alias: str, scope: str, windows: tuple[int, ...], start: str) -> str:
    """Counts, and rates per year of the days of the window since `start`."""
    columns = []
    for n in windows:
        n_days = f"least({n}, r.date - {start})"
        enough = _enough(n, MIN_OBSERVED_SHARE_OF_RATES)
        rate = f"coalesce({alias}.{scope}_observed_fires_{n}d, 0) * CAST({DAYS_PER_YEAR} AS DOUBLE) / {n_days}"
        columns += [
            f"CAST(coalesce({alias}.{scope}_fires_{n}d, 0) AS DOUBLE) AS {scope}_fires_{n}d",
            f"CASE WHEN {n_days} >= {enough} THEN {rate} END AS {scope}_fires_per_year_{n}d",
        ]
    return ",\n       ".join(columns)
