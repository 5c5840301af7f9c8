"""Scoring from files to a file against raw `predict_proba`: `python -m forest_fire_retrain_tests.benchmarks.scoring`.

The baseline predicts a matrix in memory with the bare scikit-learn pipeline, as many rows, in a process of its own. The
product reads a Delta table, scores it with the model as people get it, and writes the stamped rows. Seconds are the
clock's, of the scoring alone; both run on one thread of OpenMP. Peak memory is that of the whole process.
"""

import argparse
import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from deltalake import write_deltalake
from threadpoolctl import threadpool_limits

from forest_fire_retrain.adapters.row_files import open_rows
from forest_fire_retrain.adapters.verified_models import load_verified, sha256_of_file
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.scoring import score_rows
from forest_fire_retrain_tests.benchmarks.flat_costs import features_of, peak_memory_mb
from forest_fire_retrain_tests.example_models import example_candidate

START = dt.date(2020, 1, 6)
N_CELLS, DAYS_AT_ONCE = 10_000, 20
N_TRAINING_ROWS = 200_000
RAW, PRODUCT = "raw", "product"
SCORING = "CPU seconds of the thread that scores"
"""On a machine whose cores are busy the clock says little; this thread waits for no file."""


def write_rows(n_rows: int, folder: Path) -> None:
    """A Delta table of that many rows, 200,000 a file."""
    n_days = n_rows // N_CELLS
    for first in range(0, n_days, DAYS_AT_ONCE):
        rows = features_of(START + dt.timedelta(days=first), min(DAYS_AT_ONCE, n_days - first), N_CELLS, first)
        write_deltalake(str(folder), rows, mode="append")


def write_model(file: Path) -> str:
    """A model of the default recipe; the SHA-256 of its file."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.random((N_TRAINING_ROWS, len(FEATURE_NAMES))), columns=list(FEATURE_NAMES))
    labels = (rng.random(N_TRAINING_ROWS) < 0.02 * rows.iloc[:, 4] + 0.01).to_numpy().astype(int)
    skops.io.dump(fit(find_recipe("gradient_boosting"), rows, labels, seed=1, n_threads=1), file)
    return sha256_of_file(file)


def make_matrix(n_rows: int) -> np.ndarray:
    """Features in memory."""
    rng = np.random.default_rng(1)
    values = np.empty((n_rows, len(FEATURE_NAMES)))
    for first in range(0, n_rows, N_CELLS):
        values[first : first + N_CELLS] = rng.random((min(N_CELLS, n_rows - first), len(FEATURE_NAMES)))
    return values


def run_raw(model: RiskModel, values: np.ndarray) -> float:
    """Seconds of the bare pipeline on a matrix in memory."""
    with threadpool_limits(1):
        began = time.perf_counter()
        model.pipeline.predict_proba(values)
        return time.perf_counter() - began


def run_product(model: RiskModel, sha256: str, folder: Path, target: Path) -> float:
    """Seconds from opening the table to the whole file."""
    candidate = example_candidate(StoredModel(mlflow_run_id="run", model_uri="models:/m", artifact_sha256=sha256))
    served = ServedModel(model, "fires", 1, candidate, "/nowhere")
    began = time.perf_counter()
    score_rows(served, open_rows(str(folder)), target, dt.datetime(2026, 7, 1, tzinfo=dt.UTC), lambda _done: None)
    return time.perf_counter() - began


def run_here(way: str, n_rows: int, folder: Path) -> None:
    """Score in this process, and print seconds, CPU seconds and peak memory."""
    file = folder / "model.skops"
    sha256 = sha256_of_file(file)
    model = load_verified(file, expected_sha256=sha256)
    values = make_matrix(n_rows if way == RAW else 0)
    used, scored = time.process_time(), time.thread_time()
    if way == RAW:
        seconds = run_raw(model, values)
    else:
        seconds = run_product(model, sha256, folder / str(n_rows), folder / f"{n_rows}.said.parquet")
    used, scored = time.process_time() - used, time.thread_time() - scored
    found = {"seconds": seconds, "CPU seconds": used, SCORING: scored, "peak, MB": peak_memory_mb()}
    print(json.dumps(found))  # noqa: T201 - the answer


def run_alone(way: str, n_rows: int, folder: Path) -> dict[str, float]:
    """The same in a process of its own."""
    module = "forest_fire_retrain_tests.benchmarks.scoring"
    command = [sys.executable, "-m", module, "--run", way, str(n_rows), str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (folder / f"{n_rows}.said.parquet").unlink(missing_ok=True)
    return dict(json.loads(said))


def measure(n_rows: int, folder: Path, n_runs: int) -> dict[str, object]:
    """Medians of some runs in turn."""
    write_rows(n_rows, folder / str(n_rows))
    runs = [{way: run_alone(way, n_rows, folder) for way in (RAW, PRODUCT)} for _ in range(n_runs)]
    medians = {
        way: {name: statistics.median(run[way][name] for run in runs) for name in runs[0][way]} for way in runs[0]
    }
    by_clock, by_thread = (
        statistics.median(run[RAW][name] / run[PRODUCT][name] for run in runs) for name in ("seconds", SCORING)
    )
    return {
        "throughput, product / raw": by_clock,
        "the same where reading and writing have a core of their own": by_thread,
        "million rows a second": n_rows / 1e6 / medians[PRODUCT]["seconds"],
        **medians,
    }


def main() -> None:
    """Score a smaller and a larger table, and print the ratios first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--run", nargs=3, help="way, rows, folder: score in this process")
    asked = parser.parse_args()
    if asked.run:
        way, n_rows, where = asked.run
        run_here(way, int(n_rows), Path(where))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "model.skops")
        found = {n_rows: measure(n_rows, Path(folder), asked.runs) for n_rows in asked.rows}
    few, many = (found[n_rows][PRODUCT]["peak, MB"] for n_rows in asked.rows)  # type: ignore[index] # a mapping
    print(json.dumps({"peak memory, many rows / few": many / few, **found}, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
