"""What a period costs in a home of many periods: `python -m forest_fire_retrain_tests.benchmarks.flat_costs`.

Each figure stands beside its baseline of the same run: a week read by the lake against all files opened for it, the
memory that a million rows more take in training, and the requests of a candidate to an MLflow server.
"""

import argparse
import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import requests
from deltalake import DeltaTable

from forest_fire_retrain.adapters import delta_compaction
from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.core.models.model_rows import feature_frame, label_array, predict
from forest_fire_retrain.core.models.ports import RowsUsed
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.records import Knowledge, Snapshot
from forest_fire_retrain.core.rows.feature_catalogue import FEATURES_SCHEMA
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.featuring import CHUNK_DAYS
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.preparing.reading_training import read_training
from forest_fire_retrain.pipeline.retraining.training_candidates import fit_and_score, sampler_of
from forest_fire_retrain_tests.reliability.outages import MlflowServer

START = dt.date(2020, 1, 6)
WEEK = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
N_CELLS, N_TRAINING_CELLS = 200, 1_000
WHOLE, SAMPLED, AS_TABLES = "all rows", "ten negatives per positive", "all rows as tables and frames"
"""Ways to train; the last is the former one, in the same run."""
KILOBYTES = 1024
REPEATS = 15


def features_of(first: dt.date, n_days: int, n_cells: int, seed: int) -> pa.Table:
    """Made-up features of `n_cells` cells and `n_days` days, by day and cell."""
    rng, n_rows = np.random.default_rng(seed), n_days * n_cells
    days = np.repeat(np.arange(n_days), n_cells) + np.datetime64(first)
    cells = np.tile(np.array([f"cell-{cell:06d}" for cell in range(n_cells)], dtype=object), n_days)
    columns: dict[str, object] = {
        field.name: pa.array(rng.random(n_rows)) if pa.types.is_floating(field.type) else pa.nulls(n_rows, field.type)
        for field in FEATURES_SCHEMA
    }
    return pa.table({**columns, "date": pa.array(days), "cell_id": pa.array(cells)}).cast(FEATURES_SCHEMA)


def median_cpu_ms(run: Callable[[], object]) -> float:
    """CPU milliseconds of a call, after a first one."""
    run()
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken)


def time_reads(n_weeks: int, folder: Path) -> dict[str, object]:
    """One week of a table that was written week by week, and without the two mechanisms."""
    compacted, scattered = write_weeks(n_weeks, folder / "compacted"), folder / "scattered"
    with patch.object(delta_compaction, "STEPS", ()):
        write_weeks(n_weeks, scattered)
    start = START + n_weeks // 2 * WEEK
    wanted = Interval(start=start, end=start + WEEK)
    chosen = (pads.field("date") >= wanted.start) & (pads.field("date") < wanted.end)

    def read_all_files() -> pa.Table:
        return DeltaTable(f"{scattered}/{TableName.FEATURES}").to_pyarrow_dataset().to_table(filter=chosen)

    def read(lake: DeltaLake) -> pa.Table:
        return lake.read(TableName.FEATURES, day_column="date", window=wanted)

    assert read(compacted).num_rows == read_all_files().num_rows == 7 * N_CELLS
    return {
        "weeks": n_weeks,
        "stored files": len(DeltaTable(f"{folder}/compacted/{TableName.FEATURES}").file_uris()),
        "one week, CPU ms": median_cpu_ms(lambda: read(compacted)),
        "files not put together, CPU ms": median_cpu_ms(lambda: read(DeltaLake(str(scattered)))),
        "all of them opened, CPU ms": median_cpu_ms(read_all_files),
    }


def write_weeks(n_weeks: int, folder: Path) -> DeltaLake:
    """A lake whose features came week by week."""
    lake = DeltaLake(str(folder))
    for number in range(n_weeks):
        window = Interval(start=START + number * WEEK, end=START + (number + 1) * WEEK)
        rows = features_of(window.start, 7, N_CELLS, number)
        lake.replace(TableName.FEATURES, rows, day_column="date", window=window, through=window.end)
    return lake


def write_training_lake(n_rows: int, folder: Path) -> Snapshot:
    """A lake with the features of 1,000 cells, a year a commit as a rebuild writes them, and a fire per 100 rows."""
    lake, rng, n_days = DeltaLake(str(folder)), np.random.default_rng(1), n_rows // N_TRAINING_CELLS
    told: list[pa.Table] = []
    for first in range(0, n_days, CHUNK_DAYS):
        window = Interval(start=START + first * DAY, end=START + min(first + CHUNK_DAYS, n_days) * DAY)
        rows = features_of(window.start, window.n_days, N_TRAINING_CELLS, first)
        lake.replace(TableName.FEATURES, rows, day_column="date", window=window, through=window.end)
        told.append(rows.select(["cell_id", "date"]).take(rng.integers(0, rows.num_rows, rows.num_rows // 100)))
    fires = pa.concat_tables(told)
    columns: dict[str, object] = {name: fires[name] for name in fires.column_names}
    columns["fire_id"] = [f"fire-{number}" for number in range(fires.num_rows)]
    columns["recorded_at"] = [dt.datetime(2019, 1, 1, tzinfo=dt.UTC)] * fires.num_rows
    filled = {field.name: columns.get(field.name, pa.nulls(fires.num_rows, field.type)) for field in FIRES_SCHEMA}
    lake.append(TableName.FIRES, pa.table(filled, schema=FIRES_SCHEMA))
    versions = {str(table): lake.version(table) or 0 for table in (TableName.FEATURES, TableName.FIRES)}
    return Snapshot(table_versions=versions, known_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC), knowledge=Knowledge.LIVE)


def train_once(way: str, n_rows: int, folder: Path, snapshot: Snapshot) -> float:
    """Peak memory of a process that reads and trains `n_rows` rows, in MB."""
    lake, engine = DeltaLake(str(folder)), DuckDbEngine()
    window = Interval(start=START, end=START + n_rows // N_TRAINING_CELLS * DAY)
    judged = read_labelled(lake, engine, snapshot, Interval(start=START, end=START + WEEK))
    recipe = find_recipe("gradient_boosting")
    if way == SAMPLED:
        recipe = recipe.model_copy(update={"parameters": {**recipe.parameters, "negatives_per_positive": 10}})
    if way == AS_TABLES:
        rows = read_labelled(lake, engine, snapshot, window)
        model = fit(recipe, feature_frame(rows), label_array(rows), seed=1, n_threads=1)
        predict(model, judged), predict(model, rows), fingerprint_table(rows)
    else:
        training = read_training(lake, engine, snapshot, window, sampler_of(recipe, 1))
        fit_and_score(training, judged, recipe, seed=1, n_threads=1)
    return peak_memory_mb()


def peak_memory_mb() -> float:
    """Peak memory of this process since it began; what `getrusage` says begins with that of the process before it."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM")) / KILOBYTES


def measure_memory(n_rows: int, folder: Path) -> dict[str, object]:
    """What a million rows more take: from two processes of their own, because imports hide what few rows take."""
    sizes = {number: write_training_lake(number, folder / str(number)) for number in (n_rows, 2 * n_rows)}
    found: dict[str, object] = {}
    for way in (AS_TABLES, WHOLE, SAMPLED):
        peaks = {
            number: float(
                _run_alone("--train", way, str(number), str(folder / str(number)), snapshot.model_dump_json())
            )
            for number, snapshot in sizes.items()
        }
        found[way] = {
            **{f"peak at {number} rows, MB": peak for number, peak in peaks.items()},
            "MB a million rows more": 1e6 * (peaks[2 * n_rows] - peaks[n_rows]) / n_rows,
        }
    return found


def _run_alone(*words: str) -> str:
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def count_requests(folder: Path) -> dict[str, object]:
    """Requests of one candidate to an MLflow server: run, model, parameters, metrics, rows."""
    seen: list[str] = []
    ask = requests.sessions.Session.request

    def count(session: requests.Session, method: str, url: str, **options: object) -> requests.Response:
        seen.append(f"{method} {url}")
        return ask(session, method, url, **options)  # type: ignore[arg-type] # as they came

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.random((2_000, 28)), columns=[f"feature_{number}" for number in range(28)])
    model = fit(find_recipe("gradient_boosting"), rows, (rng.random(2_000) < 0.05).astype(int), seed=1, n_threads=1)
    used = RowsUsed("training", "a window", "ab" * 32, 1, 1, table_versions={"fires": 1}, columns={"date": "date32"})
    folder.mkdir()
    with closing(MlflowServer(folder)) as server:
        server.start()
        tracker, models = MlflowTracker(server.uri, "requests"), MlflowModels(server.uri)
        tracker.prepare()
        with patch.object(requests.sessions.Session, "request", count):
            for _ in range(2):
                seen.clear()
                with tracker.candidate_run("a candidate", {}) as run:
                    stored = models.save(run, model, rows[:64])
                    run.log(parameters={"seed": 1}, metrics={"loss": 0.1, "fires": 2.0}, rows=[used], stored=stored)
    return {"requests": len(seen), "of these files": sum(request.startswith("PUT") for request in seen)}


def main() -> None:
    """Measure what was asked for and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, nargs="+", default=[128, 500])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--train", nargs=4, help="way, rows, lake and snapshot: print the peak memory of this process")
    asked = parser.parse_args()
    if asked.train:
        way, n_rows, where, snapshot = asked.train
        print(train_once(way, int(n_rows), Path(where), Snapshot.model_validate_json(snapshot)))  # noqa: T201 - the answer
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "reads": [time_reads(n_weeks, Path(folder) / str(n_weeks)) for n_weeks in asked.weeks],
            "memory": measure_memory(asked.rows, Path(folder) / "training"),
            "candidate on an MLflow server": count_requests(Path(folder) / "mlflow"),
        }
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
