"""Campaign `ranges`: kill -9 a long range, whose candidates are trained in worker processes, then the same range again.

No worker may outlive the run that started it, and the second run has to come to what an undisturbed one comes to.
"""

import json
import time
from functools import partial
from pathlib import Path

from forest_fire_retrain_tests.reliability.crashing import KILLED, SEED, examine_slot
from forest_fire_retrain_tests.reliability.draws import Draws
from forest_fire_retrain_tests.reliability.invariants import Found
from forest_fire_retrain_tests.reliability.parks import FRESH, lay_out, park, week
from forest_fire_retrain_tests.reliability.processes import Child, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending, read_verdicts

WORKERS_END_WITHIN_SECONDS = 20.0


def cut_ranges(slots: tuple[Path, ...], n_weeks: int, n_kills: int) -> list[Tally]:
    """Kill a range of `n_weeks` at `n_kills` seeded random instants."""
    began = time.monotonic()
    (rehearsed,) = run_in_slots([partial(_rehearse, n_weeks=n_weeks)], slots[:1])
    if not isinstance(rehearsed, list):
        msg = f"the rehearsal of a range failed: {rehearsed}"
        raise TypeError(msg)
    seconds, outcome = rehearsed
    draws = Draws(SEED, n_kills, seconds)
    while n_missing := draws.n_missing:
        trials = [partial(_try, n_weeks=n_weeks, after=draws.draw(), undisturbed=outcome) for _ in range(n_missing)]
        draws.add(read_verdicts(run_in_slots(trials, slots)))
    return [count_up(f"ranges of {n_weeks} weeks", draws.verdicts, time.monotonic() - began)]


def _rehearse(slot: Path, *, n_weeks: int) -> list[object]:
    lay_out(slot, FRESH)
    began = time.monotonic()
    found = _run_again(slot, n_weeks)
    if found.violations:
        msg = f"undisturbed, a range does not hold: {found.violations}"
        raise RuntimeError(msg)
    return [time.monotonic() - began, found.outcome]


def _try(slot: Path, *, n_weeks: int, after: float, undisturbed: list[object]) -> Verdict:
    what = f"a range of {n_weeks} weeks, killed {after:.1f} s after its start"
    lay_out(slot, FRESH)
    victim = _start(slot, n_weeks, "victim")
    time.sleep(after)
    n_workers = len(find_workers(slot))
    if victim.poll() is not None:
        return Verdict(what, [], n_faults=0)
    victim.kill()
    if victim.wait().code != KILLED:
        return Verdict(what, [], n_faults=0)
    violations = wait_for_workers(slot)
    found = _run_again(slot, n_weeks)
    violations += found.violations
    if not violations and json.dumps(found.outcome) != json.dumps(undisturbed):
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {undisturbed}")
    return Verdict(what, violations, f"{n_workers} processes at work for it:")


def _start(slot: Path, n_weeks: int, log: str) -> Child:
    words = ("backfill", "--from", week(1), "--to", week(n_weeks))
    return start(forest_fire(*words), slot / log, park(slot, n_weeks))


def _run_again(slot: Path, n_weeks: int) -> Found:
    ended = _start(slot, n_weeks, "follow_up").wait()
    found = examine_slot(slot, n_weeks)
    return found._replace(violations=[*find_bad_ending(ended), *found.violations])


def find_workers(slot: Path) -> list[int]:
    """Processes that were started, not forked, with an installation of the slot in their environment."""
    mark = f"FOREST_FIRE_HOME={slot}/".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes():
                found.append(int(environment.parent.name))
        except OSError:  # gone, or another user's
            continue
    return found


def wait_for_workers(slot: Path, longest_seconds: float = WORKERS_END_WITHIN_SECONDS) -> list[str]:
    """What is wrong if the processes that a killed one had started do not end soon."""
    deadline = time.monotonic() + longest_seconds
    while left := find_workers(slot):
        if time.monotonic() > deadline:
            return [f"processes {left} outlived the killed one by {longest_seconds:g} s"]
        time.sleep(0.05)
    return []
