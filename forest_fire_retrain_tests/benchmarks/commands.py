"""What a command costs from start to end, in CPU seconds, beside the same command of another revision.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.commands --against REVISION

checks the other revision out into a temporary folder and runs both in turn, with the same packages: one weekly retrain
of the default park, a later week each time, and then, on a ledger of 250 decisions, what people ask. CPU seconds are
those of the process and of all it starts; the median counts, and the ratio more than the seconds.
"""

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import export_ledger
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry

ROOT = Path(__file__).resolve().parents[2]
FIRST_WEEK = dt.date(2026, 3, 2)
WEEK = dt.timedelta(days=7)
N_DECISIONS = 250


class Checkout(NamedTuple):
    """One revision's code, and a home that its commands work in."""

    name: str
    folder: Path
    home: Path

    def run(self, *words: str) -> float:
        """CPU seconds of `forest-fire` with these words; its children count.

        Raises
        ------
        RuntimeError
            If it fails.
        """
        script = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]["scripts"]["forest-fire"]
        module, function = script.split(":")
        program = (
            f"import sys; from {module} import {function}; sys.argv = ['forest-fire', *sys.argv[1:]]; {function}()"
        )
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "FOREST_FIRE_HOME": str(self.home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles the package at every command
        process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=environment,
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.name}: forest-fire {' '.join(words)}: {said.decode()}")
        return used.ru_utime + used.ru_stime


class Cost(NamedTuple):
    """Medians of one command under both revisions."""

    command: str
    cpu_seconds: float
    against_cpu_seconds: float

    @property
    def ratio(self) -> float:
        """This revision's seconds over the other's."""
        return self.cpu_seconds / self.against_cpu_seconds


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """The code of a revision, in a folder that is removed afterwards."""
    target = folder / "against"
    subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "-q", "--detach", str(target), revision], check=True)
    try:
        yield target
    finally:
        subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(target)], check=True)


def fill_ledger(home: Path, n_decisions: int) -> None:
    """A ledger of that many decisions, each with the payload of a real one, and its copy; moves no version."""
    ledger = DuckDbLedger(home / "ledger.duckdb", patience_seconds=60)
    real = next(entry for entry in ledger.entries() if entry.partition_key is not None)
    with ledger.exclusive():
        for number in range(1, n_decisions):
            ledger.append(_shifted(real, number))
    export_ledger(ledger.entries(), home / "export")


def _shifted(entry: LedgerEntry, n_weeks: int) -> EntryDraft:
    """The same decision, that many weeks earlier and kept."""
    assert entry.as_of is not None
    assert entry.partition_key is not None
    columns = {
        **entry.model_dump(include=set(EntryDraft.model_fields)),
        "partition_key": (dt.date.fromisoformat(entry.partition_key) - n_weeks * WEEK).isoformat(),
        "as_of": entry.as_of - n_weeks * WEEK,
        "decision_id": f"{n_weeks:016x}",
        "outcome": "KEPT",
        "reason_code": "NOT_SUPERIOR",
    }
    return EntryDraft.model_validate(columns)


def compare(checkouts: Sequence[Checkout], commands: Sequence[Sequence[str]], title: str) -> Cost:
    """Run each command under both, in turn; a warm-up comes first where there is more than one."""
    taken: dict[str, list[float]] = {checkout.name: [] for checkout in checkouts}
    for words in commands:
        for checkout in checkouts:
            taken[checkout.name].append(checkout.run(*words))
    mine, other = (statistics.median(seconds[1:] or seconds) for seconds in taken.values())
    return Cost(title, mine, other)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, help="revision to compare with")
    parser.add_argument("--runs", type=int, default=7, help="runs of each command that count")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    weeks = [(FIRST_WEEK + number * WEEK).isoformat() for number in range(arguments.runs + 2)]
    with tempfile.TemporaryDirectory() as folder, checked_out(arguments.against, Path(folder)) as against:
        named = {"this": ROOT, arguments.against: against}
        checkouts = [
            Checkout(name, code, Path(folder) / f"home-{place}") for place, (name, code) in enumerate(named.items())
        ]
        for checkout in checkouts:
            checkout.home.mkdir()
            checkout.run("retrain", "--partition", weeks[0])
        retrains = [("retrain", "--partition", week) for week in weeks[1:]]
        costs = [compare(checkouts, retrains, "weekly retrain of the default park")]
        for checkout in checkouts:
            fill_ledger(checkout.home, N_DECISIONS - len(weeks) + 1)
        asked = (("--help",), ("history", "--json"), ("champion", "--json"), ("skill", "--json"), ("status",))
        costs += [
            compare(checkouts, [words] * (arguments.runs + 1), f"forest-fire {' '.join(words)}") for words in asked
        ]
    table = pd.DataFrame([{**cost._asdict(), "ratio": cost.ratio} for cost in costs])
    print(json.dumps(table.to_dict("records"), indent=2) if arguments.json else table.round(3).to_string(index=False))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
