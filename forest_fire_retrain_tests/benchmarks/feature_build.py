"""Peak memory of a full rebuild of the features: `python -m forest_fire_retrain_tests.benchmarks.feature_build`.

A process of its own computes the features of every day of a made-up lake. The park of `--cells` and `--days` is built,
and one with a tenth of the days beside it: what the memory of the larger is above that of the smaller is what grows
with history. `--cells 10000 --days 5000` are 50 million rows, and take 450 CPU seconds to build.
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain_tests.benchmarks.flat_costs import peak_memory_mb

START, DAY = dt.date(2010, 1, 4), dt.timedelta(days=1)
KNOWN_FROM = dt.datetime(2010, 1, 1, tzinfo=dt.UTC)
ROWS_OF_A_COMMIT = 500_000
ROWS_PER_FIRE = 500
MEASURES = {
    "temp_max_c": (20, 8),
    "temp_min_c": (8, 3),
    "rel_humidity_pct": (45, 10),
    "wind_speed_kmh": (15, 4),
    "precip_mm": (1, 0.5),
}
"""Mean and spread of what is made up; none is below zero."""


def _table(table: TableName, columns: dict[str, object], n_rows: int) -> pa.Table:
    schema = LAKE_SCHEMAS[table]
    return pa.table({field.name: columns.get(field.name, pa.nulls(n_rows, field.type)) for field in schema}).cast(
        schema
    )


def write_lake(n_cells: int, n_days: int, folder: Path) -> None:
    """Cells on a grid, weather of every day in integer tenths, and a fire in so many rows."""
    lake, rng = DeltaLake(str(folder)), np.random.default_rng(0)
    cells = [f"cell-{number:06d}" for number in range(n_cells)]
    places = {"latitude": rng.uniform(35, 45, n_cells), "longitude": rng.uniform(0, 10, n_cells)}
    known = pa.array([KNOWN_FROM] * n_cells)
    lake.overwrite(
        TableName.CELLS,
        _table(TableName.CELLS, {"cell_id": cells, "name": cells, **places, "recorded_at": known}, n_cells),
    )
    days_at_once = max(1, ROWS_OF_A_COMMIT // n_cells)
    for first in range(0, n_days, days_at_once):
        days = np.arange(first, min(first + days_at_once, n_days))
        dates = np.repeat(np.datetime64(START) + days, n_cells)
        n_rows = len(dates)
        keys: dict[str, object] = {
            "cell_id": pa.DictionaryArray.from_arrays(np.tile(np.arange(n_cells, dtype=np.int32), len(days)), cells),
            "date": pa.array(dates),
            "recorded_at": pa.array(dates.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC")),
        }
        measures = {name: np.round(np.maximum(rng.normal(*told, n_rows), 0.0), 1) for name, told in MEASURES.items()}
        through = START + (int(days[-1]) + 1) * DAY
        lake.append(TableName.WEATHER, _table(TableName.WEATHER, {**keys, **measures}, n_rows), through=through)
        burned = rng.choice(n_rows, n_rows // ROWS_PER_FIRE, replace=False)
        fires = {name: keys[name].take(pa.array(burned)) for name in keys}  # type: ignore[attr-defined] # arrays
        fires["fire_id"] = [f"fire-{first}-{number}" for number in range(len(burned))]
        lake.append(TableName.FIRES, _table(TableName.FIRES, fires, len(burned)), through=through)


def build_here(n_days: int, folder: Path) -> None:
    """Build all features in this process; print rows, seconds and peak memory."""
    began = time.perf_counter()
    window = Interval(start=START + (n_days - 7) * DAY, end=START + n_days * DAY)
    report = build_features(DeltaLake(str(folder)), DuckDbEngine(), window, ParkCalendar(history_start=START))
    found = {
        "rows": report.n_rows,
        "seconds": time.perf_counter() - began,
        "CPU seconds": time.process_time(),
        "peak, MB": peak_memory_mb(),
    }
    print(json.dumps(found))  # noqa: T201 - the answer


def measure(n_cells: int, n_days: int, folder: Path) -> dict[str, float]:
    """The same in a process of its own, on a lake that is written for it."""
    write_lake(n_cells, n_days, folder)
    module = "forest_fire_retrain_tests.benchmarks.feature_build"
    command = [sys.executable, "-m", module, "--build", str(n_days), str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(said))


def main() -> None:
    """Build both parks and print the peaks first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=2_000)
    parser.add_argument(
        "--folder", help="where the lakes are written and removed again; they take 0.2 GB a million rows"
    )
    parser.add_argument("--build", nargs=2, help="days, lake: build in this process")
    asked = parser.parse_args()
    if asked.build:
        build_here(int(asked.build[0]), Path(asked.build[1]))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        few, many = (measure(asked.cells, days, Path(folder) / str(days)) for days in (asked.days // 10, asked.days))
    found = {"peak, MB": many["peak, MB"], "of ten times fewer days, MB": few["peak, MB"], "many": many, "few": few}
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
