"""How long it takes to say who was in production, over a ledger of many models.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.as_of --decisions 1000000 --models 1000

builds the copy of a ledger (sealed rows of the product's own drafts, one in ten promoted, one in fifty of those rolled
back) and asks it: once per fresh process, imports apart; many times in one process; and all questions in one join. The
baseline reads, checks and follows every row of a copy with a hundredth of the decisions. Answers are compared with what
was drawn when the ledger was built. `--keep FOLDER` keeps the copy, and asks it again if it is there.
"""

import argparse
import datetime as dt
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from forest_fire_retrain.adapters.copied_rows import copy_options, open_memory, write_rows
from forest_fire_retrain.adapters.ledger_export import export_ledger, open_reigns, read_export
from forest_fire_retrain.adapters.ledger_schema import COLUMNS, LEDGER_FILE
from forest_fire_retrain.adapters.reigns_file import (
    REIGN_COLUMNS,
    REIGNS_FILE,
    FollowedRows,
    ReignsFile,
    notes_beside,
    row_of,
)
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.drafts import draft_confirmation, draft_decision, draft_rollback
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, Stamp, seal
from forest_fire_retrain.core.ledger.payloads import RollbackPayload
from forest_fire_retrain.core.ledger.reigns import reign_at, reigns_of
from forest_fire_retrain_tests.example_evidence import STAMP, example_case, example_payload, steady_gains

FIRST = dt.datetime(2006, 1, 2, 6, tzinfo=dt.UTC)
WEEK, SECOND = dt.timedelta(days=7), dt.timedelta(seconds=1)
SHARE_PROMOTED, SHARE_ROLLED_BACK = 0.1, 0.02
ROWS_AT_ONCE = 20_000
Plan = dict[str, tuple[list[dt.datetime], list[int]]]
"""Model to the beginnings of its reigns, and to their versions."""

COLD = """
import datetime as dt, json, sys, time
from forest_fire_retrain.cli import asking
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.production import answer_champion
from forest_fire_retrain.settings import load_settings
began, used = time.perf_counter(), time.process_time()
answer = answer_champion(load_settings(), read_clock(), at=sys.argv[2], model_name=sys.argv[1])
took = [1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)]
print(json.dumps([took, (answer["champion"] or {}).get("version")]))
"""


class Question(NamedTuple):
    """A model, an instant, and the version that was in production."""

    model: str
    instant: dt.datetime
    version: int | None


class Cost(NamedTuple):
    """Milliseconds by the clock, and of the processor: where others keep the cores busy, only the second is steady."""

    wall_ms: float
    cpu_ms: float


class Timing(NamedTuple):
    """Medians of repeats, and the worst."""

    what: str
    wall_ms: float
    cpu_ms: float
    worst_wall_ms: float
    n: int

    @classmethod
    def of(cls, what: str, costs: Sequence[Cost]) -> "Timing":
        """The medians of what was measured."""
        walls, cpus = ([getattr(cost, name) for cost in costs] for name in Cost._fields)
        return cls(what, statistics.median(walls), statistics.median(cpus), max(walls), len(costs))


Answer = tuple[Cost, int | None]


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._used = time.perf_counter(), time.process_time()

    def read(self) -> Cost:
        """What passed and what was used until now."""
        return Cost(1_000 * (time.perf_counter() - self._began), 1_000 * (time.process_time() - self._used))


def draw_rows(n_models: int, n_weeks: int, plan: Plan) -> Iterator[LedgerEntry]:
    """Sealed rows week by week, each model deciding once a week; `plan` is filled with the reigns."""
    chance, template = _dice(7), _template()
    sequence, last_hash = 0, GENESIS_HASH

    def sealed(draft: EntryDraft) -> LedgerEntry:
        nonlocal sequence, last_hash
        entry = seal(draft, sequence + 1, last_hash)
        sequence, last_hash = entry.sequence, entry.entry_hash
        return entry

    for week in range(n_weeks):
        for number in range(n_models):
            stamp = Stamp(FIRST + week * WEEK + number * SECOND, "schedule", "schedule")
            beginnings, versions = plan.setdefault(f"model_{number:04d}", ([], []))
            champion = versions[-1] if versions else None
            intent, version = None, None
            is_better = chance.random() < SHARE_PROMOTED
            row = sealed(_decide(template, f"model_{number:04d}", week, champion, stamp=stamp, is_better=is_better))
            yield row
            if row.outcome is Outcome.PROMOTED:
                intent, version = row, max(versions, default=0) + 1
            elif champion is not None and chance.random() < SHARE_PROMOTED * SHARE_ROLLED_BACK and len(versions) > 1:
                intent, version = sealed(_roll_back(row, versions[-2], champion, stamp)), versions[-2]
                yield intent
            if intent is not None and version is not None:
                later = stamp._replace(recorded_at=stamp.recorded_at + 30 * SECOND)
                yield sealed(draft_confirmation(intent, version, later))
                beginnings.append(later.recorded_at)
                versions.append(version)


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - draws that can be repeated, not a secret


def _template() -> EntryDraft:
    payload = example_payload(example_case(steady_gains(5.0, 52)), 51)
    return draft_decision(payload, model_name="model", idempotency_key="key", champion=None, stamp=STAMP)


def _decide(
    template: EntryDraft, model: str, week: int, champion: int | None, *, stamp: Stamp, is_better: bool
) -> EntryDraft:
    """The decision of a week, with hashes of its own in its payload."""
    own = fingerprint_text(f"{model} {week}")
    start = FIRST.date() + week * WEEK
    is_promoted = is_better or champion is None
    changes = {
        **stamp._asdict(),
        "model_name": model,
        "partition_key": start.isoformat(),
        "as_of": start + WEEK,
        "decision_id": own[:16],
        "idempotency_key": own,
        "outcome": Outcome.PROMOTED if is_promoted else Outcome.KEPT,
        "reason_code": ReasonCode.SUPERIOR if is_promoted else ReasonCode.NOT_SUPERIOR,
        "champion_before": champion,
        "champion_after": champion,
        "payload_json": template.payload_json.replace("a" * 64, own).replace("e" * 64, own[::-1]),
    }
    return template.model_copy(update=changes)


def _roll_back(row: LedgerEntry, target: int, champion: int, stamp: Stamp) -> EntryDraft:
    payload = RollbackPayload(target_version=target, reason="false alarms")
    return draft_rollback(payload, model_name=row.model_name, champion=champion, as_of=row.as_of, stamp=stamp)


def build(folder: Path, n_models: int, n_weeks: int) -> Plan:
    """Write rows and reigns of the copy, a part of the rows in memory at a time; the reigns as they were drawn."""
    plan: Plan = {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        last, waiting, n_rows = GENESIS_HASH, list[LedgerEntry](), 0

        def put_down() -> None:
            with closing(open_memory()) as connection:
                write_rows(connection, Path(parts) / f"{n_rows:09d}.parquet", COLUMNS, waiting)
            waiting.clear()

        def pass_on() -> Iterator[LedgerEntry]:
            nonlocal last, n_rows
            for row in draw_rows(n_models, n_weeks, plan):
                waiting.append(row)
                last, n_rows = row.entry_hash, row.sequence
                if len(waiting) == ROWS_AT_ONCE:
                    put_down()
                yield row

        reigns = reigns_of(pass_on())
        if waiting:
            put_down()
        noted = copy_options({"head": fingerprint_text(last)})
        joined = f"SELECT * FROM read_parquet('{parts}/*.parquet') ORDER BY sequence"  # noqa: S608 - a folder of our own
        rows = [row_of(reign) for reign in reigns]
        with closing(open_memory()) as connection:
            connection.execute(f"COPY ({joined}) TO '{folder / LEDGER_FILE}' ({noted})")
            write_rows(connection, folder / REIGNS_FILE, REIGN_COLUMNS, rows, notes=notes_beside(folder / LEDGER_FILE))
    return plan


def read_plan(folder: Path) -> Plan:
    """The reigns of a copy that was kept, by following them in the order of their rows."""
    plan: Plan = {}
    with ReignsFile(folder) as reigns:
        for reign in sorted(reigns.read_all(), key=lambda reign: reign.confirmation_row):
            beginnings, versions = plan.setdefault(reign.model_name, ([], []))
            beginnings.append(reign.confirmed_at)
            versions.append(reign.version)
    return plan


def draw_questions(plan: Plan, n_weeks: int, n: int, seed: int) -> list[Question]:
    """Random instants of random models, with their answers by bisection."""
    chance, models = _dice(seed), sorted(plan)
    found = []
    for _ in range(n):
        model, instant = chance.choice(models), FIRST + chance.random() * n_weeks * WEEK
        beginnings, versions = plan[model]
        place = bisect_right(beginnings, instant)
        found.append(Question(model, instant, versions[place - 1] if place else None))
    return found


def time_each(what: str, questions: list[Question], ask: Callable[[Question], Answer]) -> Timing:
    """Ask one after the other; every answer has to be right."""
    taken = []
    for question in questions:
        cost, version = ask(question)
        assert version == question.version, question
        taken.append(cost)
    return Timing.of(what, taken)


def ask_cold(home: Path) -> Callable[[Question], Answer]:
    """A process per question; its imports do not count, its settings do."""

    def ask(question: Question) -> Answer:
        words = [sys.executable, "-c", COLD, question.model, question.instant.isoformat()]
        environment = {**os.environ, "FOREST_FIRE_HOME": str(home)}
        told = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
        cost, version = json.loads(told)
        return Cost(*cost), version

    return ask


def ask_warm(reigns: ReignsFile | FollowedRows, *, with_row: bool) -> Callable[[Question], Answer]:
    """One question after the other of the same file; with the row of the decision, or without."""

    def ask(question: Question) -> Answer:
        watch = Stopwatch()
        near = reigns.around(question.model, question.instant, None)
        held = reign_at(near, question.instant)
        if held is not None and with_row:
            assert reigns.read_excerpt(held.intent_row) is not None
        return watch.read(), None if held is None else held.version

    return ask


def time_join(folder: Path, questions: list[Question], repeats: int) -> Timing:
    """All questions in one join, the file opened anew each time."""
    asked = pa.table(
        {
            "n": range(len(questions)),
            "model_name": [q.model for q in questions],
            "instant": [q.instant for q in questions],
        }
    )
    taken = []
    for _ in range(repeats):
        watch = Stopwatch()
        with ReignsFile(folder) as reigns:
            answers = reigns.answer_all(asked)
        taken.append(watch.read())
        answered = answers.sort_by("n")["version"].to_pylist()
        assert answered == [question.version for question in questions]
    return Timing.of(f"{len(questions):,} questions in one join", taken)


def time_every_row(folder: Path, questions: list[Question]) -> Timing:
    """What a question costs that reads, checks and follows every row of a copy."""

    def ask(question: Question) -> Answer:
        watch = Stopwatch()
        with FollowedRows(read_export(folder)) as rows:
            held = reign_at(rows.read_all(question.model), question.instant)
        return watch.read(), None if held is None else held.version

    return time_each("baseline: follow all rows of a hundredth of the decisions", questions, ask)


def main() -> None:
    """Build, ask, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=25, help="fresh processes, and repeats of the join")
    parser.add_argument("--questions", type=int, default=100_000, help="questions of the join")
    parser.add_argument("--keep", type=Path, help="home to keep")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    n_weeks = arguments.decisions // arguments.models
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.keep or Path(temporary)
        folder, few = home / "export", Path(temporary) / "few"
        began = time.perf_counter()
        is_kept = (folder / REIGNS_FILE).exists()
        plan = read_plan(folder) if is_kept else build(folder, arguments.models, n_weeks)
        built = time.perf_counter() - began
        with open_reigns(folder) as reigns:
            assert isinstance(reigns, ReignsFile)
            n_reigns = len(reigns.read_all())
            asked = draw_questions(plan, n_weeks, 400, seed=1)
            timings = [
                time_each("cold: the whole answer of the command", asked[: arguments.repeats], ask_cold(home)),
                time_each("warm: who was champion", asked, ask_warm(reigns, with_row=False)),
                time_each("warm: with the row of the decision", asked, ask_warm(reigns, with_row=True)),
            ]
        questions = draw_questions(plan, n_weeks, arguments.questions, seed=2)
        timings.append(time_join(folder, questions, max(3, arguments.repeats // 5)))
        n_few = max(1, arguments.models // 10)
        few_plan: Plan = {}
        export_ledger(list(draw_rows(n_few, max(2, n_weeks // 10), few_plan)), few)
        timings.append(time_every_row(few, draw_questions(few_plan, max(2, n_weeks // 10), 3, seed=3)))
        n_bytes = {name: (folder / name).stat().st_size for name in (LEDGER_FILE, REIGNS_FILE)}
    said = {
        "decisions": arguments.models * n_weeks,
        "models": arguments.models,
        "reigns": n_reigns,
        "seconds to build": round(built, 1),
        "megabytes of rows": round(n_bytes[LEDGER_FILE] / 1e6, 1),
        "megabytes of reigns": round(n_bytes[REIGNS_FILE] / 1e6, 1),
    }
    table = pd.DataFrame([timing._asdict() for timing in timings])
    if arguments.json:
        print(json.dumps({**said, "timings": table.to_dict("records")}, indent=2))  # noqa: T201 - a report
    else:
        print(said, table.round(2).to_string(index=False), sep="\n")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
