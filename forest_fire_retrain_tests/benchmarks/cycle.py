"""A whole retraining against the same by hand: `python -m forest_fire_retrain_tests.benchmarks.cycle`.

Both run in turn in processes of their own, on the same rows: `forest-fire retrain` of one week (ingest, features,
holdout, training, adjudication, registry, ledger, export, Dagster's events) and `cycle_by_hand.py` (query, fit,
predict, log to MLflow). CPU seconds are those of a process from its start to its end. What a tiny park takes is the
fixed part, imports included; what the large one takes more grows with the rows. The parts come from a week of their
own, which is looked at every few milliseconds.
"""

import argparse
import datetime as dt
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

FIRST_WEEK, WEEK = dt.date(2024, 7, 1), dt.timedelta(days=7)
CELLS_OF_TINY = 4
HAND = Path(__file__).with_name("cycle_by_hand.py")
BETWEEN_LOOKS_SECONDS = 0.004

PARTS = {
    "imports": ("<module>", "import_for_runs"),
    "ingest": ("weather", "fire_reports"),
    "features": ("build_features",),
    "holdout": ("hold_out_period", "holdout_set"),
    "training rows": ("read_training",),
    "fit": ("fit_drawn",),
    "the model's own training loss": ("predict_drawn",),
    "model to MLflow": ("save", "log", "candidate_run"),
    "scoring the holdout": ("score_holdout",),
    "pictures": ("as_png",),
    "adjudication": ("adjudicate_partition",),
    "registry and ledger proved, export": ("provenance",),
    "definitions": ("build_definitions",),
    "installation": ("build_installation", "open_instance"),
    "the rest of Dagster": ("execute_in_process",),
}
"""Part to the functions that it is; of nested ones the innermost counts. What is in none is `others`."""


class Home(NamedTuple):
    """A park that is retrained week by week."""

    folder: Path
    n_cells: int

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are told."""
        told = {
            "FOREST_FIRE_HOME": str(self.folder),
            "FOREST_FIRE_SIMULATOR__N_CELLS": str(self.n_cells),
            "FOREST_FIRE_N_THREADS": "1",
        }
        return {**os.environ, **told}

    def retrain(self, number: int) -> float:
        """CPU seconds of the retraining of that week."""
        program = "from forest_fire_retrain.cli import run; run()"
        return cpu_seconds([sys.executable, "-c", program, "retrain", "--partition", week(number)], self.environment)[0]

    def retrain_by_hand(self, told: dict[str, Any]) -> tuple[float, dict[str, float]]:
        """CPU seconds of the same by hand, and what came of it."""
        file = self.folder.with_suffix(".json")
        tracking = f"sqlite:///{self.folder}.by_hand.sqlite"
        file.write_text(json.dumps({**told, "tracking": tracking}), encoding="utf-8")
        seconds, said = cpu_seconds([sys.executable, str(HAND), str(file)], {**os.environ, "OMP_NUM_THREADS": "1"})
        return seconds, json.loads(said.splitlines()[-1])


def week(number: int) -> str:
    """The partition's key."""
    return (FIRST_WEEK + number * WEEK).isoformat()


def cpu_seconds(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """CPU seconds of a process and its children from start to end, and what it printed.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as faults:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=faults)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (said, faults):
            file.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command}: {faults.read().decode()}")
        return used.ru_utime + used.ru_stime, said.read().decode()


def describe_candidate(home: Home, number: int) -> tuple[dict[str, Any], Any]:
    """What the product's candidate of that week was made of, for the one by hand; and its record."""
    from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger  # noqa: PLC0415 - not in the measured processes
    from forest_fire_retrain.core.ledger.decision_payload import read_payload  # noqa: PLC0415 - as above
    from forest_fire_retrain.core.models.training import _BUILDERS, resolve_parameters  # noqa: PLC0415 - as above
    from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES  # noqa: PLC0415 - as above

    ledger = DuckDbLedger(home.folder / "ledger.duckdb", patience_seconds=60)
    row = next(row for row in ledger.entries() if row.partition_key == week(number))
    candidate = read_payload(row).candidate
    built = _BUILDERS["gradient_boosting"](
        resolve_parameters(candidate.recipe), candidate.n_fires / candidate.n_rows, candidate.seed
    )
    parameters = {name: value for name, value in built[-1].get_params().items() if value is not None}
    windows = candidate.windows
    told = {
        "lake": str(home.folder / "lake"),
        "versions": {name: candidate.snapshot.table_versions[name] for name in ("features", "fires")},
        "known_at": candidate.snapshot.known_at.isoformat(),
        "names": FEATURE_NAMES,
        "training": [windows.training.start.isoformat(), windows.training.end.isoformat()],
        "holdout": [windows.holdout.start.isoformat(), windows.holdout.end.isoformat()],
        "parameters": parameters,
    }
    return told, candidate


def measure(home: Home, numbers: range) -> dict[str, Any]:
    """Medians of some weeks, by the product and by hand, in turn; the first of all weeks makes the home."""
    home.retrain(0)
    product, hand, n_rows = list[float](), list[float](), 0
    for number in numbers:
        product.append(home.retrain(number))
        told, candidate = describe_candidate(home, number)
        if number == numbers[0]:
            home.retrain_by_hand(told)  # makes its MLflow store
        seconds, found = home.retrain_by_hand(told)
        hand.append(seconds)
        n_rows = candidate.n_rows
        assert abs(found["probability_sum"] - candidate.metrics["holdout_expected_fires"]) < 1e-9, "another model"
    return {
        "cells": home.n_cells,
        "training rows": n_rows,
        "product, CPU s": statistics.median(product),
        "by hand, CPU s": statistics.median(hand),
    }


def find_parts(home: Home, number: int) -> dict[str, float]:
    """CPU seconds of the parts of one week, the greatest first."""
    command = [sys.executable, "-m", "forest_fire_retrain_tests.benchmarks.cycle", "--look-at", week(number)]
    _, said = cpu_seconds(command, home.environment)
    return dict(json.loads(said.splitlines()[-1]))


def look_at(partition: str) -> None:
    """Retrain in this process, look every few milliseconds what it is at, and print the seconds of each part."""
    from forest_fire_retrain import cli  # noqa: PLC0415 - what is measured
    from forest_fire_retrain.cli import process  # noqa: PLC0415 - as above

    spent: Counter[str] = Counter()
    looked_at = [time.process_time()]
    named = {function: part for part, functions in PARTS.items() for function in functions}

    def look(_signal: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_name not in named:
            frame = frame.f_back
        now = time.process_time()
        spent["others" if frame is None else named[frame.f_code.co_name]] += now - looked_at[0]
        looked_at[0] = now

    def leave(code: int) -> NoReturn:
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({part: round(seconds, 2) for part, seconds in spent.most_common()}), flush=True)  # noqa: T201 - the answer
        os._exit(code)

    process.leave = leave
    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, BETWEEN_LOOKS_SECONDS, BETWEEN_LOOKS_SECONDS)
    sys.argv = ["forest-fire", "retrain", "--partition", partition]
    cli.run()


def main() -> None:
    """Measure both parks and print the ratios first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1_100, help="cells of the large park; 1,100 make a million rows")
    parser.add_argument("--weeks", type=int, default=3, help="weeks of which the medians are")
    parser.add_argument("--look-at", help="retrain this partition here and print the parts")
    asked = parser.parse_args()
    if asked.look_at:
        look_at(asked.look_at)
        return
    with tempfile.TemporaryDirectory() as folder:
        tiny, large = Home(Path(folder) / "tiny", CELLS_OF_TINY), Home(Path(folder) / "large", asked.cells)
        weeks = range(1, 1 + asked.weeks)
        small, great = measure(tiny, weeks), measure(large, weeks)
        parts = {name: find_parts(home, weeks.stop) for name, home in (("tiny", tiny), ("large", large))}
    more = [great[f"{who}, CPU s"] - small[f"{who}, CPU s"] for who in ("product", "by hand")]
    found = {
        "product / by hand": great["product, CPU s"] / great["by hand, CPU s"],
        "of what grows with the rows": more[0] / more[1],
        "fixed part of the product, CPU s": small["product, CPU s"],
        "fixed part by hand, CPU s": small["by hand, CPU s"],
        "tiny": small,
        "large": great,
        "parts, CPU s": parts,
    }
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
