"""Campaign `crash`: kill -9 before and after every write, then one ordinary run, then everything has to hold."""

import json
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.invariants import Found, examine
from forest_fire_retrain_tests.reliability.parks import FRESH, REIGNING, Template, lay_out, park
from forest_fire_retrain_tests.reliability.processes import Child, ask, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending, read_verdicts
from forest_fire_retrain_tests.reliability.watching import (
    AFTER,
    BEFORE,
    Killer,
    Recorder,
    Watch,
    read_recorded,
    watch_this_process,
)

KILLED = -9
SEED = 18
"""Of every draw: the order of replays has corrections before and after what they concern, also when reduced."""


class Operation(NamedTuple):
    """What is cut: a command on a home.

    Attributes
    ----------
    name : str
        For people.
    template : Template
        The home it starts on.
    words : tuple of str
        The command.
    newest_week : int
        The newest closed period there is, which is what an ordinary run retrains.
    next_words : tuple of str
        The command that comes after it: an ordinary run, or the same order once more.
    """

    name: str
    template: Template
    words: tuple[str, ...]
    newest_week: int
    next_words: tuple[str, ...] = ("retrain",)

    def environment(self, slot: Path) -> dict[str, str]:
        """Environment of the slot's installation."""
        return park(slot, self.newest_week, dict(self.template.changes))


INAUGURAL = Operation("inaugural promotion", FRESH, ("retrain",), FRESH.head)
SUPERIOR = Operation("promotion over a champion", REIGNING, ("retrain",), REIGNING.head)
ROLLBACK = Operation("rollback", REIGNING, ("rollback", "--reason", "a trial"), REIGNING.n_decided)
ORDERED_AGAIN = ROLLBACK._replace(name="rollback, ordered again", next_words=ROLLBACK.words)
"""Wherever it is cut, the same order given again comes to one rollback."""


class Rehearsal(NamedTuple):
    """The operation undisturbed, in all slots at once.

    Attributes
    ----------
    writes : list of str
        Its writes in order.
    seconds, decided_at : float
        How long it takes, and when it begins to write to the ledger.
    outcomes : list
        What a cut may end in: for a rollback also that it was never asked for.
    """

    writes: list[str]
    seconds: float
    decided_at: float
    outcomes: list[list[object]]


def crash(
    slots: tuple[Path, ...], operations: Sequence[Operation], *, only: tuple[str, ...], sides: str
) -> list[Tally]:
    """Kill immediately before and after every write whose name starts with one of `only` (all, if it is empty)."""
    tallies = []
    for operation in operations:
        began = time.monotonic()
        rehearsal = rehearse(slots, operation)
        chosen = [
            partial(_cut_at_write, operation=operation, rehearsal=rehearsal, number=number, side=side)
            for number, name in enumerate(rehearsal.writes, start=1)
            if not only or name.startswith(only)
            for side in sides.split()
        ]
        verdicts = read_verdicts(run_in_slots(chosen, slots))
        tallies.append(count_up(f"crash, {operation.name}", verdicts, time.monotonic() - began))
    return tallies


@cache
def rehearse(slots: tuple[Path, ...], operation: Operation) -> Rehearsal:
    """Do the operation undisturbed, once: list its writes, and look at what it and the run after it come to."""
    answers = run_in_slots([partial(_rehearse, operation=operation) for _ in slots], slots)
    rehearsals = [Rehearsal(*answer) for answer in answers if isinstance(answer, list)]
    if len(rehearsals) < len(slots) or any(r.outcomes != rehearsals[0].outcomes for r in rehearsals):
        msg = f"the rehearsal of {operation.name} failed, or came to different things: {answers}"
        raise RuntimeError(msg)
    return max(rehearsals, key=lambda rehearsal: rehearsal.seconds)


def _rehearse(slot: Path, *, operation: Operation) -> Rehearsal:
    lay_out(slot, operation.template)
    untouched = follow_up(slot, operation) if operation is ROLLBACK else None
    ended = start_victim(slot, operation, Recorder(fresh_list(slot))).wait()
    found = follow_up(slot, operation)
    wrong = [*find_bad_ending(ended), *found.violations, *(untouched.violations if untouched else ())]
    if wrong:
        msg = f"undisturbed, {operation.name} does not hold: {wrong}"
        raise RuntimeError(msg)
    recorded = read_recorded(slot / "writes")
    decided_at = next(seconds for name, seconds in recorded if name == "ledger.append")
    outcomes = [found.outcome] + ([untouched.outcome] if untouched else [])
    return Rehearsal([name for name, _ in recorded], ended.seconds, decided_at, outcomes)


def fresh_list(slot: Path) -> Path:
    """Where the writes of the next victim are listed; lays the slot's list of the last one aside."""
    (slot / "writes").unlink(missing_ok=True)
    return slot / "writes"


def _cut_at_write(slot: Path, *, operation: Operation, rehearsal: Rehearsal, number: int, side: str) -> Verdict:
    name, noted = rehearsal.writes[number - 1], slot / "noted"
    what = f"{operation.name}, killed {side} write {number} ({name})"
    lay_out(slot, operation.template)
    noted.unlink(missing_ok=True)
    ended = start_victim(slot, operation, Killer(number, side, noted)).wait()
    if ended.code != KILLED or noted.read_text() != name:
        return Verdict(what, [f"the kill missed: {ended}"])
    return judge(slot, what, operation, rehearsal, name.split(".", maxsplit=1)[0])


def judge(slot: Path, what: str, operation: Operation, rehearsal: Rehearsal, note: str) -> Verdict:
    """One ordinary run, then everything has to hold and to be as if nothing had happened."""
    found = follow_up(slot, operation)
    violations = list(found.violations)
    if not violations and json.dumps(found.outcome) not in [json.dumps(outcome) for outcome in rehearsal.outcomes]:
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {rehearsal.outcomes}")
    return Verdict(what, violations, note)


def start_victim(slot: Path, operation: Operation, watch: Watch) -> Child:
    """The operation in a process of its own, its writes watched."""
    return start(_watched(forest_fire(*operation.words), watch), slot / "victim", operation.environment(slot))


def _watched(task: Callable[[], None], watch: Watch) -> Callable[[], None]:
    def run() -> None:
        watch_this_process(watch)
        task()

    return run


def follow_up(slot: Path, operation: Operation) -> Found:
    """The command that comes after, in a process of its own, then what is there."""
    ended = start(forest_fire(*operation.next_words), slot / "follow_up", operation.environment(slot)).wait()
    found = examine_slot(slot, operation.newest_week, operation.environment(slot))
    return found._replace(violations=[*find_bad_ending(ended), *found.violations])


def examine_slot(slot: Path, newest_week: int, environment: dict[str, str] | None = None) -> Found:
    """What is in the slot's home; in a process of its own, because stores are opened."""
    answer = ask(lambda: examine(load_settings()), slot / "look", environment or park(slot, newest_week))
    if isinstance(answer, list):
        return Found(*answer)
    return Found([f"the installation could not be examined: {answer}"], [])


SIDES = f"{BEFORE} {AFTER}"
