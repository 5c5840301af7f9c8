"""Campaign `instants`: kill -9 at random instants of a live run, then one ordinary run, then everything has to hold.

Half of the instants are spread over the whole run, half over its end from the first ledger row on: that
is where the protocol runs, and it is the shorter part.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from forest_fire_retrain_tests.reliability.crashing import (
    KILLED,
    SEED,
    Operation,
    Rehearsal,
    fresh_list,
    judge,
    rehearse,
    start_victim,
)
from forest_fire_retrain_tests.reliability.draws import Draws
from forest_fire_retrain_tests.reliability.parks import lay_out
from forest_fire_retrain_tests.reliability.processes import Child, run_in_slots
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, read_verdicts
from forest_fire_retrain_tests.reliability.watching import Recorder, read_recorded

SLACK = 1.1
"""Instants are drawn from a little more than the rehearsal took."""


def cut_at_instants(slots: tuple[Path, ...], operations: Sequence[Operation], n_kills: int) -> list[Tally]:
    """Kill at `n_kills` seeded random instants in all, shared out over the operations."""
    parts = [(operation, is_late) for operation in operations for is_late in (False, True)]
    shares = [n_kills // len(parts) + (place < n_kills % len(parts)) for place in range(len(parts))]
    rehearsals = {operation: rehearse(slots, operation) for operation in operations}
    return [
        _cut(slots, operation, rehearsals[operation], is_late=is_late, n_kills=share, seed=SEED + place)
        for place, ((operation, is_late), share) in enumerate(zip(parts, shares, strict=True))
    ]


def _cut(
    slots: tuple[Path, ...], operation: Operation, rehearsal: Rehearsal, *, is_late: bool, n_kills: int, seed: int
) -> Tally:
    began = time.monotonic()
    draws = Draws(seed, n_kills, SLACK * (rehearsal.seconds - (rehearsal.decided_at if is_late else 0)))
    while n_missing := draws.n_missing:
        trials = [
            partial(_try, operation=operation, rehearsal=rehearsal, is_late=is_late, after=draws.draw())
            for _ in range(n_missing)
        ]
        draws.add(read_verdicts(run_in_slots(trials, slots)))
    name = f"instants, {operation.name}, {'from its first ledger row on' if is_late else 'all of it'}"
    return count_up(name, draws.verdicts, time.monotonic() - began)


def _try(slot: Path, *, operation: Operation, rehearsal: Rehearsal, is_late: bool, after: float) -> Verdict:
    lay_out(slot, operation.template)
    victim = start_victim(slot, operation, Recorder(fresh_list(slot)))
    is_alive = _wait_for_ledger(victim, slot / "writes") if is_late else True
    time.sleep(after)
    what = f"{operation.name}, killed {after:.3f} s after {'its first ledger row' if is_late else 'its start'}"
    if not is_alive or victim.poll() is not None:
        return Verdict(what, [], n_faults=0)
    victim.kill()
    if victim.wait().code != KILLED:
        return Verdict(what, [], n_faults=0)
    recorded = read_recorded(slot / "writes")
    last = recorded[-1][0].split(".", maxsplit=1)[0] if recorded else "none"
    return judge(slot, what, operation, rehearsal, f"last write {last}:")


def _wait_for_ledger(victim: Child, listed: Path) -> bool:
    """Wait until the victim is about to write its first ledger row; whether it still lives."""
    while not any(name == "ledger.append" for name, _ in read_recorded(listed)):
        if victim.poll() is not None:
            return False
        time.sleep(0.002)
    return True
