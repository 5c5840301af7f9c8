"""What the ledger costs when many decisions stand in it.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.ledger_costs --decisions 10000

makes ledgers of so many decisions, and of a tenth of them, sealed rows of the product's own drafts that `verify` takes
again to the word. Each figure stands beside its baseline of the same run: the way round the mechanism, or the smaller
ledger. CPU milliseconds, medians; ratios come first.
"""

import argparse
import datetime as dt
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import export_ledger, read_export, refresh_export
from forest_fire_retrain.adapters.ledger_schema import collector_at_rest
from forest_fire_retrain.adapters.ledger_witnesses import witnesses_in
from forest_fire_retrain.adapters.reigns_file import read_reigns
from forest_fire_retrain.adapters.witness_key import WitnessKey
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.recomputation import recompute
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.pipeline.custody.verifying import (
    check_chain,
    check_copy,
    check_decisions,
    check_intents,
    check_words,
)
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_long_ledgers import decide_week, write_long_ledger

REPEATS = 9
N_GROWN = 1_000
COMMAND = "from forest_fire_retrain.cli import run; run()"


class Figure(NamedTuple):
    """CPU milliseconds of a thing and of its baseline, and what the baseline is."""

    what: str
    ratio: float
    cpu_ms: float
    baseline_ms: float
    baseline: str

    @classmethod
    def of(cls, what: str, cpu_ms: float, baseline_ms: float, baseline: str) -> "Figure":
        """How many times the baseline a thing costs."""
        return cls(what, cpu_ms / baseline_ms, cpu_ms, baseline_ms, baseline)


class Home:
    """A ledger of many decisions with its copy, and the process that has read it.

    Parameters
    ----------
    folder : Path
        Where to.
    n_decisions : int
        How many.
    """

    def __init__(self, folder: Path, n_decisions: int) -> None:
        folder.mkdir(parents=True)
        self.folder, self.copy, self.week = folder, folder / "export", n_decisions
        write_long_ledger(folder / "ledger.duckdb", n_decisions)
        self.ledger, self.signer = self.open(), WitnessKey(folder / "witness.key", is_made=True)
        refresh_export(self.ledger, self.copy, signer=self.signer)

    def open(self) -> DuckDbLedger:
        """The ledger as a process finds it that has read nothing yet."""
        return DuckDbLedger(self.folder / "ledger.duckdb", patience_seconds=9, witnesses=[witnesses_in(self.copy)])

    def append(self) -> LedgerEntry:
        """One more decision, of the next week, recorded when the last row was."""
        last = self.ledger.entries()[-1].recorded_at
        draft = decide_week(self.week).model_copy(update={"recorded_at": last + dt.timedelta(minutes=1)})
        self.week += 1
        return self.ledger.append(draft)

    def use(self) -> object:
        """One use: what the rows come to."""
        return self.ledger.state(MODEL)

    def use_afresh(self) -> object:
        """The same, every row read, validated and folded."""
        return fold(self.open().entries(MODEL))

    def export(self) -> None:
        """What a run adds to the copy."""
        refresh_export(self.ledger, self.copy, signer=self.signer)

    def export_whole(self) -> None:
        """All rows written again, and all that is derived from them."""
        export_ledger(self.ledger.entries(), self.folder / "whole", self.signer)

    def verify(self) -> object:
        """The checks of `verify` that read rows alone: chain, copy, reigns, intents, decisions, words.

        As in the command's process, nobody looks for garbage meanwhile.
        """
        with collector_at_rest():
            rows = self.ledger.read_afresh()
            state = fold(rows)
            copied = check_copy(rows, lambda known: read_export(self.copy, known), lambda: read_reigns(self.copy))
            found = [*check_chain(rows), *copied, *check_intents(state, rows), *check_words(rows)]
            assert [*found, *check_decisions(state, rows)] == []
        return state


def cpu_ms(run: Callable[[], object], repeats: int, prepare: Callable[[], object] = lambda: None) -> float:
    """Median CPU milliseconds of a call, each after `prepare`."""
    taken = []
    for _ in range(repeats):
        prepare()
        began = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken)


def command_cpu_ms(home: Home, *words: str) -> float:
    """CPU milliseconds of a whole command in a process of its own, imports included."""
    environment = {**os.environ, "FOREST_FIRE_HOME": str(home.folder)}
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", COMMAND, *words], env=environment, check=True, capture_output=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)


def compare_uses(home: Home, few: Home) -> list[Figure]:
    """A use of the ledger, and what is written to it, in one process."""
    assert home.use() == home.use_afresh()
    smaller = "the same with a tenth of the decisions"
    afresh = cpu_ms(home.use_afresh, 3)
    return [
        Figure.of(
            "one use, after a row was appended",
            cpu_ms(home.use, REPEATS, home.append),
            afresh,
            "every row read, validated and folded",
        ),
        Figure.of(
            "one use, after another process appended",
            cpu_ms(home.use, 3, lambda: _append_elsewhere(home)),
            afresh,
            "every row read, validated and folded",
        ),
        Figure.of("one append", cpu_ms(home.append, REPEATS), cpu_ms(few.append, REPEATS), smaller),
        Figure.of(
            "export of a run",
            cpu_ms(home.export, REPEATS, home.append),
            cpu_ms(home.export_whole, 3),
            "the whole copy written again",
        ),
        Figure.of(
            "export of a run",
            cpu_ms(home.export, REPEATS, home.append),
            cpu_ms(few.export, REPEATS, few.append),
            smaller,
        ),
    ]


def compare_appends(folder: Path) -> list[Figure]:
    """A row among many and a row by itself, behind `N_GROWN` decisions that came one by one, as in a range."""
    ledger = DuckDbLedger(folder / "ledger.duckdb", patience_seconds=9)
    weeks = count()

    def append() -> None:
        ledger.append(decide_week(next(weeks)))

    with ledger.many_appends():
        for _ in range(N_GROWN):
            append()
        among_many = cpu_ms(append, REPEATS)
    by_itself = cpu_ms(append, REPEATS)
    return [Figure.of(f"one append among many, after {N_GROWN}", among_many, by_itself, "a row by itself")]


def _append_elsewhere(home: Home) -> None:
    mine, home.ledger = home.ledger, home.open()
    home.append()
    home.ledger = mine


def compare_commands(home: Home, few: Home) -> list[Figure]:
    """Commands that read the copy, whole processes."""
    named = {
        "champion": ("champion",),
        "history": ("history",),
        "history, as JSON": ("history", "--json"),
        "history of retrainings": ("history", "--retrainings"),
    }
    return [
        Figure.of(
            f"forest-fire {what}",
            statistics.median(command_cpu_ms(home, *words) for _ in range(3)),
            statistics.median(command_cpu_ms(few, *words) for _ in range(3)),
            "the same with a tenth of the decisions",
        )
        for what, words in named.items()
    ]


def compare_verification(home: Home) -> list[Figure]:
    """Decisions taken again, each row read once, against each read wherever it is pooled."""
    rows = home.ledger.entries(MODEL)
    state = fold(rows)
    parsed = [row for row in rows if row.kind is EntryKind.DECISION]

    def recompute_one_by_one() -> None:
        for row in parsed:
            recompute(read_payload(row), state.decisions)

    return [
        Figure.of(
            "decisions taken again, with their words and columns",
            cpu_ms(lambda: check_decisions(state, rows), 1),
            cpu_ms(recompute_one_by_one, 1),
            "the windows read wherever they are pooled",
        ),
        Figure.of("verify, all that rows alone say", cpu_ms(home.verify, 3), cpu_ms(home.use_afresh, 3), "one use"),
    ]


def main() -> None:
    """Build, measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "many", arguments.decisions)
        few = Home(Path(folder) / "few", arguments.decisions // 10)
        figures = [*compare_commands(home, few), *compare_verification(home), *compare_uses(home, few)]
        figures += compare_appends(Path(folder))
    table = pd.DataFrame([figure._asdict() for figure in figures])
    if arguments.json:
        print(json.dumps(table.to_dict("records"), indent=2))  # noqa: T201 - a report
    else:
        print(table.round(3).to_string(index=False))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
