"""Spark beside one process: `python -m forest_fire_retrain_tests.benchmarks.spark`.

Both compute the same features of the same lake, and score the same rows; the bits are compared. Seconds are those of
the clock, and of the processor in all processes that take part.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from forest_fire_retrain import get_model
from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.row_files import open_rows
from forest_fire_retrain.adapters.spark_features import SparkFeatures
from forest_fire_retrain.adapters.spark_session import spark_session
from forest_fire_retrain.adapters.spark_settings import SparkSettings
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.scoring import score_rows, score_rows_on_spark
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.benchmarks.look_back import DAY, START, cells_of, deliver

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
WEEK_OF_MODEL = "2024-07-01"


class Taken(NamedTuple):
    """Seconds of a call."""

    clock: float
    processor: float

    def told(self, alone: "Taken | None" = None) -> dict[str, float]:
        """The seconds, and how many times those of one process they are."""
        seconds = {"s": round(self.clock, 2), "CPU s": round(self.processor, 2)}
        times = {} if alone is None else {"CPU, of one process": round(self.processor / alone.processor, 1)}
        return {**seconds, **times}


def processor_seconds() -> float:
    """Of this process and all below it: Spark's Java, and its workers, which stay."""
    parents, ticks = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            parents[int(file.parent.name)] = int(fields[1])
            ticks[int(file.parent.name)] = sum(int(value) for value in fields[11:15])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(ticks.get(pid, 0) for pid in below) / os.sysconf("SC_CLK_TCK")


def seconds_of(run: Callable[[], Any]) -> tuple[Taken, Any]:
    """What a call takes, and what it gives."""
    began, processor = time.perf_counter(), processor_seconds()
    given = run()
    return Taken(time.perf_counter() - began, processor_seconds() - processor), given


def compare_features(n_cells: int, n_days: int, groups: list[int], master: str, folder: Path) -> dict[str, object]:
    """A chunk of days with its look-back, by one process and by Spark with groups of so many cells."""
    lake, cells, calendar = DeltaLake(str(folder)), cells_of(n_cells), ParkCalendar(START)
    lake.overwrite(TableName.CELLS, cells)
    window = Interval(start=START + WEATHER_LOOK_BACK_DAYS * DAY, end=START + (WEATHER_LOOK_BACK_DAYS + n_days) * DAY)
    for first in range(0, WEATHER_LOOK_BACK_DAYS + n_days, 28):
        end = min(START + (first + 28) * DAY, window.end)
        deliver(lake, Interval(start=START + first * DAY, end=end), cells)

    def compute_here() -> pa.Table:
        return compute_features(
            DuckDbEngine(),
            cells=lake.read(TableName.CELLS),
            weather=lake.read(TableName.WEATHER, day_column="date", window=Interval(start=START, end=window.end)),
            fires=lake.read(TableName.FIRES),
            window=window,
            history_start=START,
            carried=None,
        )

    compute_here()
    alone, expected = seconds_of(compute_here)
    found: dict[str, object] = {"cell-days": expected.num_rows, "one process": alone.told()}
    began = time.perf_counter()
    with spark_session(master, "benchmark") as session:
        found["start of Spark, s"] = round(time.perf_counter() - began, 1)
        for cells_at_once in groups:
            engine = SparkFeatures(session, str(folder), cells_at_once)
            first, _rows = seconds_of(lambda: engine.compute(lake, window, None, calendar))  # noqa: B023 - called at once
            again, rows = seconds_of(lambda: engine.compute(lake, window, None, calendar))  # noqa: B023 - as above
            found[f"Spark, {cells_at_once} cells a group"] = {
                "first": first.told(),
                "again": again.told(alone),
                "same bits": fingerprint_table(rows) == fingerprint_table(expected),
            }
    return found


def compare_scores(n_rows: int, master: str, folder: Path) -> dict[str, object]:
    """A table scored by one process and by Spark, its start included."""
    home = folder / "home"
    environment = {**os.environ, "FOREST_FIRE_HOME": str(home), "FOREST_FIRE_SIMULATOR__N_CELLS": "20"}
    command = [str(Path(sys.executable).parent / "forest-fire"), "retrain", "--partition", WEEK_OF_MODEL]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    served = get_model(settings=load_settings(home=home))
    features = open_rows(str(home / "lake" / "features")).dataset.to_table()
    source = folder / "rows"
    source.mkdir()
    for number in range(-(-n_rows // features.num_rows)):
        left = n_rows - number * features.num_rows
        pq.write_table(features.slice(0, left), source / f"{number:05}.parquet", row_group_size=65_536)
    rows = open_rows(str(source))
    here = folder / "here.parquet"
    alone, _scored = seconds_of(lambda: score_rows(served, rows, here, NOW, lambda _n: None))
    there = folder / "there"
    first, _scored = seconds_of(lambda: score_rows_on_spark(served, rows, there, NOW, SparkSettings(master=master)))
    order = [("date", "ascending"), ("cell_id", "ascending")]
    prints = {fingerprint_table(pq.read_table(said).sort_by(order)) for said in (here, there)}
    shutil.rmtree(there)
    return {
        "rows": rows.n_rows,
        "one process": alone.told(),
        "Spark and its start": first.told(alone),
        "same bits": len(prints) == 1,
    }


def main() -> None:
    """Measure both and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--groups", type=int, nargs="*", default=[50, 200, 1_000])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--master", default="local[*]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, object] = {"cores": os.cpu_count()}
        if asked.cells:
            lake = Path(folder) / "lake"
            found["features"] = compare_features(asked.cells, asked.days, asked.groups, asked.master, lake)
        if asked.rows:
            found["scores"] = compare_scores(asked.rows, asked.master, Path(folder))
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
