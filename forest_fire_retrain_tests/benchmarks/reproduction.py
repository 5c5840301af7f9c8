"""Train every promoted version of a history again. Run it as a module:

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.reproduction [--weeks 100] [--cells 12] [--recipe NAME]

Without `--home` a small simulated park is retrained for so many weeks, under thresholds that promote nearly every
week, in a folder that is removed afterwards. With it, the home that `FOREST_FIRE_*` describe is asked, and nothing is
written. One line per version; the exit code is 1 unless all are EXACT.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.investigating.finding_decisions import find_decision
from forest_fire_retrain.pipeline.investigating.reproducing import Match, Reproduction, reproduce
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.example_reigns import EASY

FIRST = dt.date(2024, 7, 29)
WEEK = dt.timedelta(days=7)
PROGRAM = "import sys; from forest_fire_retrain.cli import run; sys.argv = ['forest-fire', *sys.argv[1:]]; run()"


def describe_park(home: Path, n_cells: int, recipe: str) -> dict[str, str]:
    """Variables of a small park that promotes nearly every week."""
    rule = {f"ADJUDICATION__{name.upper()}": value for name, value in EASY.model_dump(exclude_unset=True).items()}
    given = {
        "HOME": home,
        "START_DATE": "2024-01-01",
        "MIN_TRAINING_DAYS": 180,
        "RECIPE_NAMES": f'["{recipe}"]',
        "SIMULATOR__N_CELLS": n_cells,
        "SIMULATOR__FIRE_RATE": 0.05,
        "SIMULATOR__SEED": 8,
        **rule,
    }
    return {f"FOREST_FIRE_{name}": str(value) for name, value in given.items()}


def live_through(variables: Mapping[str, str], n_weeks: int) -> None:
    """Retrain the weeks one after the other, by the product's own command."""
    last = FIRST + (n_weeks - 1) * WEEK
    words = ("backfill", "--from", FIRST.isoformat(), "--to", last.isoformat())
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", PROGRAM, *words], env=environment, check=True, stdout=subprocess.DEVNULL)


def reproduce_all() -> Iterator[Reproduction]:
    """Every version that was champion, in the order of the versions."""
    settings = load_settings()
    entries = [row for row in read_export(settings.export_folder) if row.model_name == settings.model_name]
    installation = build_installation(settings)
    for version in sorted(fold(entries).candidates):
        named = find_decision(entries, str(version))
        yield reproduce(
            installation.lake,
            installation.engine,
            installation.models,
            named=named,
            environment=installation.environment,
        )


def report() -> int:
    """Print a line per version and their sum; 1 unless all are EXACT."""
    counts: Counter[Match] = Counter()
    started = time.perf_counter()
    for found in reproduce_all():
        counts[found.match] += 1
        reasons = " ".join(f"[{finding.cause}] {finding.sentence}" for finding in found.findings)
        difference = "-" if found.largest_difference is None else f"{found.largest_difference:.3g}"
        print(  # noqa: T201 - a report
            f"version {found.version}, {found.partition_key}: {found.match}, {found.n_rows} rows, "
            f"largest difference {difference} {reasons}".rstrip(),
            flush=True,
        )
    total, seconds = sum(counts.values()), time.perf_counter() - started
    said = ", ".join(f"{count} {match}" for match, count in counts.items())
    print(f"{total} versions: {said}; {seconds / max(total, 1):.2f} s a version")  # noqa: T201 - a report
    return 0 if total and counts[Match.EXACT] == total else 1


def main() -> int:
    """Make a history, or take one, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--cells", type=int, default=12)
    parser.add_argument("--recipe", default="gradient_boosting", choices=("gradient_boosting", "logistic"))
    parser.add_argument("--home", action="store_true", help="ask the home that FOREST_FIRE_* describe")
    options = parser.parse_args()
    if options.home:
        return report()
    with tempfile.TemporaryDirectory(prefix="reproduction_") as folder:
        variables = describe_park(Path(folder) / "home", options.cells, options.recipe)
        live_through(variables, options.weeks)
        with patch.dict(os.environ, variables):
            return report()


if __name__ == "__main__":
    sys.exit(main())
