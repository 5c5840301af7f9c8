"""What a week of features costs: `python -m forest_fire_retrain_tests.benchmarks.look_back`.

The first figure is a week against building 1,000 days of the same park in the same run; the second is a week after
so many weekly commits of a small park against its first one.
"""

import argparse
import datetime as dt
import json
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.row_versions import CHANGED_FROM
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.featuring import build_features

START = dt.date(2021, 1, 4)
DAY = dt.timedelta(days=1)
WEEK = 7 * DAY
N_DAYS = 1_000
N_CELLS_OF_WEEKS = 200
CELL_DAYS_PER_FIRE = 500
MEGABYTE = 1024


def cells_of(n_cells: int) -> pa.Table:
    """Cells on a grid."""
    ids = [f"cell-{number:06d}" for number in range(n_cells)]
    columns = {
        "cell_id": ids,
        "name": ids,
        "latitude": np.linspace(30.0, 45.0, n_cells),
        "longitude": np.linspace(-120.0, -110.0, n_cells),
        "elevation_m": np.zeros(n_cells),
    }
    return pa.table(columns, schema=CELLS_SCHEMA)


def weather_of(window: Interval, cells: pa.Table, seed: int = 0) -> pa.Table:
    """Made-up weather in the order of days and cells, one of a hundred days without rain gauge."""
    rng, n_cells = np.random.default_rng((seed, window.start.toordinal())), cells.num_rows
    n_rows = window.n_days * n_cells
    days = np.repeat(np.datetime64(window.start, "D") + np.arange(window.n_days), n_cells)
    warmest = np.round(rng.normal(22.0, 8.0, n_rows), 1)
    rain = np.round(np.where(rng.random(n_rows) < 0.25, rng.gamma(0.6, 8.0, n_rows), 0.0), 1)
    columns = {
        "cell_id": cells["cell_id"].take(pa.array(np.tile(np.arange(n_cells), window.n_days))),
        "date": pa.array(days),
        "temp_max_c": warmest,
        "temp_min_c": np.round(warmest - rng.uniform(4.0, 16.0, n_rows), 1),
        "rel_humidity_pct": np.round(rng.uniform(10.0, 95.0, n_rows), 0),
        "wind_speed_kmh": np.round(rng.gamma(2.0, 6.0, n_rows), 1),
        "precip_mm": pa.array(rain, mask=rng.random(n_rows) < 0.01),
        "recorded_at": pa.array(days.astype("datetime64[us]") + np.timedelta64(18, "h"), pa.timestamp("us", "UTC")),
    }
    return pa.table(columns, schema=WEATHER_SCHEMA)


def fires_of(window: Interval, cells: pa.Table, seed: int = 0) -> pa.Table:
    """Made-up reports, two days late."""
    rng = np.random.default_rng((seed, 1, window.start.toordinal()))
    n_fires = max(1, window.n_days * cells.num_rows // CELL_DAYS_PER_FIRE)
    days = np.sort(np.datetime64(window.start, "D") + rng.integers(0, window.n_days, n_fires))
    columns = {
        "fire_id": [f"fire-{window.start}-{number}" for number in range(n_fires)],
        "cell_id": cells["cell_id"].take(pa.array(rng.integers(0, cells.num_rows, n_fires))),
        "date": pa.array(days),
        "area_ha": np.ones(n_fires),
        "recorded_at": pa.array(days.astype("datetime64[us]") + np.timedelta64(54, "h"), pa.timestamp("us", "UTC")),
    }
    return pa.table(columns, schema=FIRES_SCHEMA)


def deliver(lake: DeltaLake, window: Interval, cells: pa.Table) -> None:
    """Weather and fires of some days, as an ingest notes them."""
    notes = {CHANGED_FROM: window.start.isoformat()}
    lake.append(TableName.WEATHER, weather_of(window, cells), through=window.end, notes=notes)
    lake.append(TableName.FIRES, fires_of(window, cells), through=window.end, notes=notes)


def measured(run: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def time_week(n_cells: int, repeats: int, folder: Path) -> dict[str, object]:
    """The week after 1,000 days, against building them."""
    lake, cells, calendar = DeltaLake(str(folder)), cells_of(n_cells), ParkCalendar(START)
    lake.overwrite(TableName.CELLS, cells)
    end = START + N_DAYS * DAY
    for first in range(0, N_DAYS, 28):
        deliver(lake, Interval(start=START + first * DAY, end=min(START + (first + 28) * DAY, end)), cells)
    engine = DuckDbEngine()
    whole = measured(lambda: build_features(lake, engine, Interval(start=START, end=end), calendar))
    weeks = []
    for number in range(repeats):
        week = Interval(start=end + number * WEEK, end=end + (number + 1) * WEEK)
        deliver(lake, week, cells)
        weeks.append(measured(lambda: build_features(lake, engine, week, calendar)))  # noqa: B023 - called at once
    one = statistics.median(weeks)
    return {
        "cells": n_cells,
        f"{N_DAYS} days, CPU s": round(whole, 2),
        "one week, CPU s": round(one, 3),
        f"{N_DAYS} days / week": round(whole / one, 1),
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE,
    }


def time_weeks(befores: list[int], repeats: int, folder: Path) -> dict[str, object]:
    """Weeks of a small park after so many weeks that came one by one; the homes are measured in turn, week by week."""
    cells, calendar, engine = cells_of(N_CELLS_OF_WEEKS), ParkCalendar(START), DuckDbEngine()

    def build(lake: DeltaLake, number: int) -> float:
        week = Interval(start=START + number * WEEK, end=START + (number + 1) * WEEK)
        deliver(lake, week, cells)
        return measured(lambda: build_features(lake, engine, week, calendar))

    grown = DeltaLake(str(folder / "grown"))
    grown.overwrite(TableName.CELLS, cells)
    for number in range(max(befores) + 1):
        if number in befores:
            shutil.copytree(folder / "grown", folder / f"after {number}")
        build(grown, number)
    homes = {before: DeltaLake(str(folder / f"after {before}")) for before in befores}
    taken: dict[int, list[float]] = {before: [] for before in befores}
    for number in range(repeats):
        for before, lake in homes.items():
            taken[before].append(1000 * build(lake, before + number))
    first = taken[befores[0]]
    return {
        f"weeks {before + 1} to {before + repeats}": {
            "median CPU ms": round(statistics.median(weeks), 1),
            "mean": round(statistics.mean(weeks), 1),
            "of the first": round(statistics.median(weeks) / statistics.median(first), 2),
            "of their mean": round(statistics.mean(weeks) / statistics.mean(first), 2),
        }
        for before, weeks in taken.items()
    }


def main() -> None:
    """Measure both and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1_000, help="10,000 cells take ten times as long")
    parser.add_argument("--weeks", type=int, nargs="*", default=[0, 100], help="500 take three minutes")
    parser.add_argument("--repeats", type=int, default=20, help="consecutive weeks, so that compactions are among them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, object] = {}
        if asked.cells:
            found["a week against 1,000 days"] = time_week(asked.cells, min(asked.repeats, 5), Path(folder) / "days")
        if asked.weeks:
            found["a week after so many"] = time_weeks(asked.weeks, asked.repeats, Path(folder) / "weeks")
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
