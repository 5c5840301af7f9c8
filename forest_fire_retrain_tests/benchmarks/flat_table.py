"""All that has to stay flat, each figure beside its limit and its baseline, by one command.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.flat_table --against REVISION

runs the benchmarks one after the other, each in a process of its own, and prints one table. `--only` takes those whose
names begin so, `--quick` takes sizes of minutes, for which limits that speak of a size say nothing. Ratios are worth
more than milliseconds: machines are noisy.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import pandas as pd

from forest_fire_retrain_tests.benchmarks.flat_costs import AS_TABLES, SAMPLED, WHOLE

PACKAGE = "forest_fire_retrain_tests.benchmarks"
PACKAGES = ("dagster", "mlflow", "duckdb", "deltalake", "pyarrow", "scikit-learn", "pandas")
AT_MOST, AT_LEAST = "at most", "at least"


class Benchmark(NamedTuple):
    """A module of this folder and its words, at full size and quick; `{against}` stands for a revision.

    Attributes
    ----------
    module : str
        Its name.
    words, quick : str
        What it is asked, separated by spaces.
    environment : mapping
        Settings that it needs.
    """

    module: str
    words: str = ""
    quick: str = ""
    environment: Mapping[str, str] = {}


class Asked(NamedTuple):
    """A figure of a benchmark and what it is held against.

    Attributes
    ----------
    what : str
        In words, with the unit.
    benchmark : Benchmark
        What finds it.
    limit : float
        What is asked.
    side : str
        Whether the figure has to be at most or at least that.
    pick : callable
        Figure and baseline out of what the benchmark found; the baseline in words where it is none.
    """

    what: str
    benchmark: Benchmark
    limit: float
    side: str
    pick: Callable[[Any], tuple[float, object]]

    def row(self, found: object) -> dict[str, object]:
        """The row of the table."""
        figure, baseline = self.pick(found)
        holds = figure <= self.limit if self.side == AT_MOST else figure >= self.limit
        return {
            "what": self.what,
            "holds": holds,
            "found": figure,
            "asked": f"{self.side} {self.limit:g}",
            "baseline": baseline,
        }


def _figure(what: str, divisor: float = 1.0) -> Callable[[Any], tuple[float, object]]:
    """The figure of that name among those of `ledger_costs`, in thousandths where it is milliseconds."""

    def pick(found: Sequence[Mapping[str, Any]]) -> tuple[float, object]:
        row = next(row for row in found if row["what"] == what)
        return row["cpu_ms"] / divisor, f"{row['baseline_ms'] / divisor:.4g}: {row['baseline']}"

    return pick


def _memory(way: str) -> Callable[[Any], tuple[float, object]]:
    def pick(found: Mapping[str, Any]) -> tuple[float, object]:
        each = {name: taken["MB a million rows more"] / 1000 for name, taken in found["memory"].items()}
        return each[way], f"{each[AS_TABLES]:.2f}: {AS_TABLES}"

    return pick


def _weeks(number: int) -> Callable[[Any], tuple[float, object]]:
    def pick(found: Mapping[str, Any]) -> tuple[float, object]:
        weeks = list(found["a week after so many"].values())
        return weeks[number]["of the first"], f"{weeks[0]['median CPU ms']} CPU ms: the first weeks"

    return pick


def _scored(found: Mapping[str, Any]) -> tuple[float, object]:
    many = list(found.values())[-1]
    return many["throughput, product / raw"], f"{many['million rows a second']:.2f} million rows a second"


LEDGER = Benchmark("ledger_costs", "--decisions 10000 --json", "--decisions 500 --json")
WEEKS = Benchmark("look_back", "--cells 0 --weeks 0 100 500", "--cells 0 --weeks 0 10 20 --repeats 3")
LOOK_BACK = Benchmark("look_back", "--cells 10000 --weeks", "--cells 100 --weeks")
HOMES = Benchmark("flat_costs", "--weeks 128 500", "--weeks 8 16 --rows 50000")
CYCLE = Benchmark("cycle", "", "--cells 50 --weeks 1")
SCORING = Benchmark("scoring", "", "--rows 20000 40000 --runs 1")
RANGE = Benchmark("ranges", "--weeks 100 --against {against}", "--weeks 4 --against {against}")
LONG_RANGE = Benchmark(
    "ranges",
    "--weeks 500",
    "--weeks 6",
    {"FOREST_FIRE_START_DATE": "2014-01-06", "FOREST_FIRE_TRAINING_WINDOW_DAYS": "1000"},
)

ASKED = (
    Asked(
        "one use of a ledger of 10,000 decisions, CPU ms",
        LEDGER,
        20,
        AT_MOST,
        _figure("one use, after a row was appended"),
    ),
    Asked("forest-fire champion, CPU s", LEDGER, 0.5, AT_MOST, _figure("forest-fire champion", 1000)),
    Asked("forest-fire history, CPU s", LEDGER, 0.5, AT_MOST, _figure("forest-fire history", 1000)),
    Asked("verify of its decisions, CPU s", LEDGER, 3, AT_MOST, _figure("verify, all that rows alone say", 1000)),
    Asked("export of a run, CPU ms", LEDGER, 50, AT_MOST, _figure("export of a run")),
    Asked("features of a week after 100 commits / the first", WEEKS, 1.2, AT_MOST, _weeks(1)),
    Asked("features of a week after 500 commits / the first", WEEKS, 1.2, AT_MOST, _weeks(2)),
    Asked(
        "one week read from 128 commits, CPU ms",
        *(HOMES, 25, AT_MOST),
        lambda found: (
            found["reads"][0]["one week, CPU ms"],
            f"{found['reads'][0]['all of them opened, CPU ms']:.0f}: all files opened",
        ),
    ),
    Asked("memory of a million training rows more, GB", HOMES, 0.95, AT_MOST, _memory(WHOLE)),
    Asked("the same with ten negatives a fire, GB", HOMES, 0.2, AT_MOST, _memory(SAMPLED)),
    Asked(
        "requests of a candidate to an MLflow server",
        *(HOMES, 12, AT_MOST),
        lambda found: (found["candidate on an MLflow server"]["requests"], ""),
    ),
    Asked(
        "a cycle at a million rows / by hand",
        *(CYCLE, 1.15, AT_MOST),
        lambda found: (found["product / by hand"], f"{found['large']['by hand, CPU s']:.1f} CPU s by hand"),
    ),
    Asked(
        "its fixed part, CPU s",
        *(CYCLE, 6, AT_MOST),
        lambda found: (found["fixed part of the product, CPU s"], f"{found['fixed part by hand, CPU s']:.1f} by hand"),
    ),
    Asked(
        "features of 1,000 days / of one week, 10,000 cells",
        *(LOOK_BACK, 40, AT_LEAST),
        lambda found: (found["a week against 1,000 days"]["1000 days / week"], ""),
    ),
    Asked(
        "a range of 100 weeks / under the other revision",
        *(RANGE, 0.6, AT_MOST),
        lambda found: (found["this / other, seconds"], f"CPU {found['this / other, CPU seconds']:.2f}"),
    ),
    Asked("scoring of 10 million rows / raw predict_proba", SCORING, 0.85, AT_LEAST, _scored),
    Asked(
        "its peak memory / that of a million",
        *(SCORING, 1.3, AT_MOST),
        lambda found: (found["peak memory, many rows / few"], ""),
    ),
    Asked(
        "the last weeks of a range of 500 / the first, training windows of one length",
        *(LONG_RANGE, 1.1, AT_MOST),
        lambda found: (next(value for name, value in found.items() if name.startswith("last ")), ""),
    ),
    Asked(
        "Dagster's store after it, MB",
        *(LONG_RANGE, 25, AT_MOST),
        lambda found: (found["stores, MB"]["dagster"], f"{found['stores, MB']['mlflow']:.0f}: MLflow's"),
    ),
)


def run(benchmark: Benchmark, *, is_quick: bool, against: str) -> object:
    """What a benchmark found.

    Raises
    ------
    subprocess.CalledProcessError
        If it failed.
    """
    words = (benchmark.quick if is_quick else benchmark.words).format(against=against).split()
    command = [sys.executable, "-m", f"{PACKAGE}.{benchmark.module}", *words]
    environment = {**os.environ, **benchmark.environment}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def describe_machine() -> str:
    """What the figures were found on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {versions}"


def main() -> int:
    """Run what was asked for and print the table; 1 if a figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="HEAD", help="revision that ranges are compared with")
    parser.add_argument("--only", nargs="*", default=[""], help="benchmarks whose names begin so")
    parser.add_argument("--quick", action="store_true", help="sizes of minutes")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    chosen = [row for row in ASKED if row.benchmark.module.startswith(tuple(asked.only))]
    found: dict[str, object] = {}
    rows = []
    for row in chosen:
        key = f"{row.benchmark.module} {row.benchmark.words}"
        if key not in found:
            sys.stderr.write(f"{key}\n")
            found[key] = run(row.benchmark, is_quick=asked.quick, against=asked.against)
        rows.append(row.row(found[key]))
    if asked.json:
        print(json.dumps({"machine": describe_machine(), "rows": rows, "found": found}, indent=2))  # noqa: T201 - a report
    else:
        print(f"{describe_machine()}\n{pd.DataFrame(rows).to_string(index=False)}")  # noqa: T201 - as above
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
