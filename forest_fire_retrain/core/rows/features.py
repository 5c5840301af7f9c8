"""Features per cell and day: query text for the fire history, numpy for all that follows from the weather.

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
- The query text is of the subset that DuckDB and Spark share once it is translated: days are a table, dates are
  subtracted by `date_diff`, numbers are `DOUBLE` and never `DECIMAL`.
- What follows from the weather of a cell follows from no other cell: any group of cells may be computed alone.
"""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.carried_codes import DAYS_PER_YEAR, MEMORIES, fire_weather_columns
from forest_fire_retrain.core.rows.feature_catalogue import (
    CELL_FIRE_WINDOWS_DAYS,
    DRY_SPELL_CAP_DAYS,
    FEATURES_SCHEMA,
    MIN_OBSERVED_SHARE_OF_RATES,
    PARK_FIRE_WINDOWS_DAYS,
)
from forest_fire_retrain.core.rows.membership import OBSERVED_FROM, days_of, membership, observed_from
from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.rows.row_versions import KNOWN_ON, add_known_on, mark_withdrawn
from forest_fire_retrain.core.rows.weather_panel import count_observed, enough_days, lay_out_weather, rolling_columns
from forest_fire_retrain.core.windows import Interval

WEATHER_LOOK_BACK_DAYS = DRY_SPELL_CAP_DAYS
PLACE = "place"


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
    tables = history_tables(ordered, add_known_on(mark_withdrawn(fires), time_zone), window, history_start)
    return join_features(
        cells=ordered,
        weather=add_known_on(mark_withdrawn(weather), time_zone),
        history=engine.query(build_query(window, park_start(ordered, history_start)), tables),
        window=window,
        history_start=history_start,
        carried=carried,
        weather_lag_days=weather_lag_days,
    )


def history_tables(cells: pa.Table, fires: pa.Table, window: Interval, history_start: dt.date) -> dict[str, pa.Table]:
    """The tables that the query names: `cells` by their places in the order given, `days`, `fires`.

    Parameters
    ----------
    cells, fires : pyarrow.Table
        As of `compute_features`; the reports with the columns `known_on` and `withdrawn`.
    window : Interval
        Days to compute.
    history_start : datetime.date
        First day of the data used.
    """
    places = pa.array(np.arange(cells.num_rows), pa.int32())
    starts = pa.array(observed_from(cells, history_start), pa.date32())
    found = pc.index_in(fires["cell_id"], cells["cell_id"].combine_chunks())
    return {
        "cells": pa.table({PLACE: places, OBSERVED_FROM: starts}),
        "days": pa.table({"date": pa.array(days_of(window), pa.date32())}),
        "fires": fires.select(["fire_id", "date", "recorded_at", "withdrawn", KNOWN_ON]).append_column(PLACE, found),
    }


def park_start(cells: pa.Table, history_start: dt.date) -> dt.date:
    """First day on which a fire could be observed in any cell."""
    starts = observed_from(cells, history_start)
    first: dt.date = starts.min().astype(object) if len(starts) else history_start
    return first


def join_features(
    *,
    cells: pa.Table,
    weather: pa.Table,
    history: pa.Table,
    window: Interval,
    history_start: dt.date,
    carried: pa.Table | None,
    weather_lag_days: int,
) -> pa.Table:
    """Features of `cells`, which may be a part of all, from their weather and what the query says of their fires.

    Parameters
    ----------
    cells : pyarrow.Table
        The cells, sorted by their id.
    weather : pyarrow.Table
        As of `compute_features`, with the columns `known_on` and `withdrawn`; rows of other cells play no part.
    history : pyarrow.Table
        What the query says of these cells, by day and cell.
    window, history_start, carried, weather_lag_days
        As of `compute_features`.
    """
    days = Interval(start=window.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS), end=window.end)
    panel = lay_out_weather(weather, cells["cell_id"].combine_chunks(), days, weather_lag_days)
    of_window = {name: values[WEATHER_LOOK_BACK_DAYS:] for name, values in panel.items()}
    observed = count_observed(panel, WEATHER_LOOK_BACK_DAYS, (memory.memory_days for memory in MEMORIES.values()))
    computed = {
        **of_window,
        **rolling_columns(panel, WEATHER_LOOK_BACK_DAYS),
        **fire_weather_columns(
            of_window, observed, cells=cells, window=window, history_start=history_start, carried=carried
        ),
    }
    number = pa.array(np.tile(np.arange(cells.num_rows), window.n_days))
    given = {
        "date": pa.array(np.repeat(days_of(window), cells.num_rows), pa.date32()),
        **{name: cells[name].take(number) for name in ("cell_id", "latitude", "longitude")},
    }
    columns = [
        pa.array(computed[name].ravel(), pa.float64(), from_pandas=True)
        if name in computed
        else given.get(name, history[name] if name in history.column_names else None)
        for name in FEATURES_SCHEMA.names
    ]
    rows = pa.table(columns, schema=FEATURES_SCHEMA)
    belongs = membership(cells, window).ravel()
    return rows if belongs.all() else rows.filter(pa.array(belongs))


def build_query(window: Interval, park_start: dt.date) -> str:
    """Query text over the tables `cells`, `days` and `fires`; only dates and numbers are put into it.

    `park_start` is the first day on which a fire could be observed in any cell.
    """
    return f"""
WITH reports AS (
    SELECT {PLACE}, date AS fire_date, withdrawn, {KNOWN_ON} AS known_from,
           lead({KNOWN_ON}) OVER (PARTITION BY fire_id ORDER BY recorded_at) AS known_until
    FROM fires
), told AS (
    SELECT * FROM reports
    WHERE NOT withdrawn AND fire_date >= DATE '{window.start}' - {max(CELL_FIRE_WINDOWS_DAYS)}
          AND fire_date < DATE '{window.end}'
), cell_history AS (
    SELECT c.{PLACE}, d.date, {_fire_counts("cell", CELL_FIRE_WINDOWS_DAYS, f"c.{OBSERVED_FROM}")}
    FROM told f JOIN cells c ON c.{PLACE} = f.{PLACE} JOIN days d ON {_known_then(max(CELL_FIRE_WINDOWS_DAYS))}
    GROUP BY c.{PLACE}, d.date
), park_history AS (
    SELECT d.date, {_fire_counts("park", PARK_FIRE_WINDOWS_DAYS, f"DATE '{park_start}'")}
    FROM told f JOIN days d ON {_known_then(max(PARK_FIRE_WINDOWS_DAYS))}
    GROUP BY d.date
)
SELECT r.{PLACE}, r.date,
       {_fire_history("c", "cell", CELL_FIRE_WINDOWS_DAYS, f"r.{OBSERVED_FROM}")},
       {_fire_history("p", "park", PARK_FIRE_WINDOWS_DAYS, f"DATE '{park_start}'")}
FROM (SELECT c.{PLACE}, c.{OBSERVED_FROM}, d.date FROM cells c CROSS JOIN days d) r
LEFT JOIN cell_history c ON c.{PLACE} = r.{PLACE} AND c.date = r.date
LEFT JOIN park_history p ON p.date = r.date
ORDER BY r.date, r.{PLACE}
"""  # noqa: S608 - only dates and numbers are put into the text


def _known_then(n_days: int) -> str:
    return (
        f"f.fire_date BETWEEN d.date - {n_days} AND d.date - 1"
        " AND f.known_from < d.date AND (f.known_until IS NULL OR f.known_until >= d.date)"
    )


def _fire_counts(scope: str, windows: tuple[int, ...], start: str) -> str:
    """Fires of each window, and those of them since `start`."""
    counts = [(n, f"f.fire_date >= d.date - {n}") for n in windows]
    return ", ".join(
        f"count(*) FILTER (WHERE {inside}) AS {scope}_fires_{n}d, "
        f"count(*) FILTER (WHERE {inside} AND f.fire_date >= {start}) AS {scope}_observed_fires_{n}d"
        for n, inside in counts
    )


def _fire_history(alias: str, scope: str, windows: tuple[int, ...], start: str) -> str:
    """Counts, and rates per year of the days of the window since `start`."""
    columns = []
    for n in windows:
        n_days = f"least({n}, date_diff('day', {start}, r.date))"
        enough = enough_days(n, MIN_OBSERVED_SHARE_OF_RATES)
        rate = f"coalesce({alias}.{scope}_observed_fires_{n}d, 0) * CAST({DAYS_PER_YEAR} AS DOUBLE) / {n_days}"
        columns += [
            f"CAST(coalesce({alias}.{scope}_fires_{n}d, 0) AS DOUBLE) AS {scope}_fires_{n}d",
            f"CASE WHEN {n_days} >= {enough} THEN {rate} END AS {scope}_fires_per_year_{n}d",
        ]
    return ",\n       ".join(columns)
