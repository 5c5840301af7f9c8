"""What a range of weeks costs, whether its last weeks cost what its first did, and what it leaves behind.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.ranges --weeks 100 --against REVISION

retrains the newest closed weeks of the default park in one range, in an empty home each time, and where a revision is
named the same range under its code in turn, with the same packages. CPU seconds are those of the command and of all it
starts. The weeks' own times are those between their rows in the ledger: the first fifty are held against the last. For
more than about 180 weeks the park has to begin earlier: FOREST_FIRE_START_DATE=2014-01-06. By default a training window
grows to ten years, and a fit with it; FOREST_FIRE_TRAINING_WINDOW_DAYS=1000 keeps it as long as it is.
"""

import argparse
import datetime as dt
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.benchmarks.commands import ROOT, Checkout, checked_out

N_COMPARED = 50
MEGABYTE = 1e6


def run_ranges(revisions: Sequence[tuple[str, Path]], n_weeks: int, runs: int, folder: Path) -> dict[str, object]:
    """The same range under each revision in turn, `runs` times; medians, and what the first one's last run left."""
    keys = load_settings().periods.closed_keys(read_clock())[-n_weeks:]
    if len(keys) < n_weeks:
        msg = f"only {len(keys)} weeks of the park are closed; let it begin earlier: FOREST_FIRE_START_DATE=2014-01-06"
        raise SystemExit(msg)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name, _ in revisions}
    for number in range(runs):
        for name, code in revisions:
            home = folder / f"{len(taken)}-{name}-{number}"
            home.mkdir()
            began = time.monotonic()
            cpu = Checkout(name, code, home).run("backfill", "--from", keys[0], "--to", keys[-1])
            taken[name].append((time.monotonic() - began, cpu))
            if name == revisions[0][0]:
                left = look_at(home)
    walls, cpus = (
        {name: statistics.median(each[place] for each in times) for name, times in taken.items()} for place in (0, 1)
    )
    mine, other = revisions[0][0], revisions[-1][0]
    return {
        "weeks": n_weeks,
        "this / other, seconds": walls[mine] / walls[other],
        "this / other, CPU seconds": cpus[mine] / cpus[other],
        "seconds": walls,
        "CPU seconds": cpus,
        **left,
    }


def look_at(home: Path) -> dict[str, object]:
    """Seconds between the rows of the first and of the last weeks, their training rows, and how large stores are."""
    rows = [row for row in read_export(home / "export") if row.kind is EntryKind.DECISION]
    gaps = [(later.recorded_at - row.recorded_at) / dt.timedelta(seconds=1) for row, later in itertools.pairwise(rows)]
    trained = [read_payload(row).candidate.n_rows for row in rows]
    n_compared = min(N_COMPARED, len(gaps) // 2)
    index = home / "dagster" / "history" / "runs" / "index.db"
    return {
        "of Dagster's store its index, MB": index.stat().st_size / MEGABYTE,
        f"last {n_compared} weeks / first": _growth(gaps, n_compared),
        f"last {n_compared} weeks / first, training rows": _growth(trained, n_compared),
        "stores, MB": {
            name: size_of(home / name) for name in ("dagster", "mlflow", "lake", "records", "export", "pictures")
        },
    }


def _growth(figures: Sequence[float], n_compared: int) -> float:
    return statistics.median(figures[-n_compared:]) / statistics.median(figures[:n_compared])


def size_of(folder: Path) -> float:
    """All files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEGABYTE


def main() -> None:
    """Measure what was asked for and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--runs", type=int, default=1, help="ranges of each revision")
    parser.add_argument("--against", help="revision to compare with")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        revisions = [("this", ROOT)]
        if asked.against:
            revisions.append((asked.against, stack.enter_context(checked_out(asked.against, folder))))
        found = run_ranges(revisions, asked.weeks, asked.runs, folder)
    print(json.dumps(found, indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
