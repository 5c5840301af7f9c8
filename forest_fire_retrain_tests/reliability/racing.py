"""Campaigns `concurrency` and `mixed`: several processes at once on one home."""

import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.crashing import (
    INAUGURAL,
    SEED,
    SUPERIOR,
    Operation,
    Rehearsal,
    examine_slot,
    rehearse,
)
from forest_fire_retrain_tests.reliability.parks import REIGNING, lay_out, park
from forest_fire_retrain_tests.reliability.processes import Ended, ask, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending, read_verdicts

MAY_REFUSE = (0, 2)
LONGEST_DELAYS = {"tick": 0.2, "ad hoc": 0.2, "rollback": 2.0}
"""In units of an undisturbed retraining here: a rollback is quick, and begun later meets the others at every stage."""
DOORS = {"tick": {"dagster/schedule_name": "retraining_schedule"}, "ad hoc": {"forest_fire/actor": "somebody"}}


def race_for_head(slots: tuple[Path, ...], n_rounds: int, n_processes: int) -> Tally:
    """Retrain the head partition in several processes at once, on a fresh home and on one with a champion in turn."""
    began = time.monotonic()
    rehearsed = [(operation, rehearse(slots, operation)) for operation in (INAUGURAL, SUPERIOR)]
    rounds = [
        partial(_race, number=number, n_processes=n_processes, operation=operation, rehearsal=rehearsal)
        for number in range(1, n_rounds + 1)
        for operation, rehearsal in [rehearsed[number % 2]]
    ]
    verdicts = read_verdicts(run_in_slots(rounds, slots[:1]))
    return count_up(f"concurrency, {n_processes} processes", verdicts, time.monotonic() - began)


def mix_doors(slots: tuple[Path, ...], n_rounds: int) -> Tally:
    """Let a schedule's run, an ad-hoc materialization of the same partition and a rollback meet."""
    began = time.monotonic()
    unit = rehearse(slots, SUPERIOR).seconds
    rounds = [partial(_mix, number=number, delay_unit_seconds=unit) for number in range(1, n_rounds + 1)]
    verdicts = read_verdicts(run_in_slots(rounds, slots[:1]))
    return count_up("mixed, tick and ad hoc and rollback", verdicts, time.monotonic() - began)


def _race(slot: Path, *, number: int, n_processes: int, operation: Operation, rehearsal: Rehearsal) -> Verdict:
    lay_out(slot, operation.template)
    environment = operation.environment(slot)
    racers = [start(forest_fire("retrain"), slot / f"racer_{place}", environment) for place in range(n_processes)]
    endings = [racer.wait() for racer in racers]
    found = examine_slot(slot, operation.newest_week)
    violations = [wrong for ended in endings for wrong in find_bad_ending(ended, allowed=MAY_REFUSE)]
    violations += found.violations
    if not violations and found.outcome not in rehearsal.outcomes:
        violations.append(f"the outcome is {found.outcome}, of one process alone it is {rehearsal.outcomes}")
    return Verdict(f"round {number}, {operation.name}", violations, _describe_endings(endings))


def _describe_endings(endings: Sequence[Ended]) -> str:
    """How many returned the decision, and the beginnings of the reasons that the others gave."""
    reasons = sorted({" ".join(ended.err.split())[:160] for ended in endings if ended.code})
    n_returned = sum(ended.code == 0 for ended in endings)
    return f"rounds where {n_returned} returned the decision{''.join(f' [{reason}]' for reason in reasons)}:"


def _mix(slot: Path, *, number: int, delay_unit_seconds: float) -> Verdict:
    draw = random.Random(SEED + number)  # noqa: S311 - delays, not secrets
    lay_out(slot, REIGNING)
    environment = park(slot, REIGNING.head)
    tasks = {name: _materialize(tags) for name, tags in DOORS.items()}
    tasks["rollback"] = forest_fire("rollback", "--reason", "a trial")
    started = {
        name: start(
            _later(task, delay_unit_seconds * draw.uniform(0, LONGEST_DELAYS[name])),
            slot / name.replace(" ", "_"),
            environment,
        )
        for name, task in tasks.items()
    }
    endings = {name: child.wait() for name, child in started.items()}
    violations = [
        f"{name}: {wrong}" for name, ended in endings.items() for wrong in find_bad_ending(ended, allowed=MAY_REFUSE)
    ]
    violations += examine_slot(slot, REIGNING.head).violations
    events = ask(_list_events, slot / "events", environment)
    note = str(events) if isinstance(events, Ended) else _describe_order(events)
    return Verdict(f"round {number}", [*violations, *_check_rollback(endings["rollback"], events)], note)


def _check_rollback(ended: Ended, events: object) -> list[str]:
    """A rollback is either in the ledger and carried out, or refused and not there."""
    if not isinstance(events, list):
        return [f"the ledger could not be read: {events}"]
    asked = [decision_id for kind, decision_id in events if kind == EntryKind.ROLLBACK]
    confirmed = [decision_id for kind, decision_id in events if kind == EntryKind.CONFIRMATION]
    carried_out = [decision_id for decision_id in asked if decision_id in confirmed]
    if ended.code == 0 and len(carried_out) != 1:
        return [f"the rollback said it was done, the ledger has {events}"]
    if ended.code != 0 and carried_out:
        return [f"the rollback said it was refused, the ledger has {events}"]
    return []


def _describe_order(events: object) -> str:
    """Which of the two came first in the ledger."""
    kinds = [kind for kind, _ in events if kind in (EntryKind.DECISION, EntryKind.ROLLBACK)]  # type: ignore[attr-defined] # a list
    if EntryKind.ROLLBACK not in kinds:
        return "rounds where the rollback was refused"
    return f"rounds where the {'decision' if kinds[-1] == EntryKind.ROLLBACK else 'rollback'} came first"


def _list_events() -> list[list[str | None]]:
    from forest_fire_retrain.installation import build_installation  # noqa: PLC0415 - opened in the child only

    settings = load_settings()
    entries = build_installation(settings).ledger.entries(settings.model_name)
    return [[str(entry.kind), entry.decision_id] for entry in entries]


def _later(task: Callable[[], None], delay_seconds: float) -> Callable[[], None]:
    def run() -> None:
        time.sleep(delay_seconds)
        task()

    return run


def _materialize(tags: dict[str, str]) -> Callable[[], None]:
    """The head partition through Dagster itself, as its daemon and its UI start it; faults as a command says them."""

    def run() -> None:
        from forest_fire_retrain.cli.home import open_instance  # noqa: PLC0415 - opened in the child only
        from forest_fire_retrain.cli.running import QUIET, foreseeable_faults_bare  # noqa: PLC0415 - as above
        from forest_fire_retrain.definitions import build_definitions  # noqa: PLC0415 - as above
        from forest_fire_retrain.defs.jobs import JOB_NAME  # noqa: PLC0415 - as above
        from forest_fire_retrain_tests.reliability.parks import week  # noqa: PLC0415 - as above

        settings = load_settings()
        job = build_definitions(settings).resolve_job_def(JOB_NAME)
        try:
            with open_instance(settings) as instance, foreseeable_faults_bare():
                job.execute_in_process(QUIET, instance=instance, partition_key=week(REIGNING.head), tags=tags)
        except ForestFireRetrainError as error:
            sys.stderr.write(f"forest-fire: {error}\n")
            raise SystemExit(2) from None

    return run
