"""Campaign `orders`: kill -9 whatever a person orders, at random instants; then the same order again, then `retrain`.

Whenever the kill comes, the two that follow have to bring the home to what one undisturbed order and `retrain` come
to: ledger, reigns, registry, lake and prediction log. In every fourth round the home is moved, or copied, between the
kill and the order that follows.
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.contents import examine_home, find_open_paths
from forest_fire_retrain_tests.reliability.crashing import KILLED, SEED
from forest_fire_retrain_tests.reliability.invariants import Found
from forest_fire_retrain_tests.reliability.order_homes import (
    FAULTY,
    Place,
    find_written,
    lay_out_home,
    make_order_homes_in,
)
from forest_fire_retrain_tests.reliability.ordering import ORDERS, RETRAIN, Order
from forest_fire_retrain_tests.reliability.processes import ask, run_in_slots
from forest_fire_retrain_tests.reliability.ranges import wait_for_workers
from forest_fire_retrain_tests.reliability.relocating import IN_PLACE, relocate
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, read_verdicts

BATCH = 8
MOST_DRAWS_PER_KILL = 4
SERVERS_END_WITHIN_SECONDS = 60.0
SHORTER = 0.8
"""Of the span that instants are drawn from, after a batch where every second kill came too late."""


def cut_orders(slots: tuple[Path, ...], n_kills: int, only: str = "") -> list[Tally]:
    """Kill at `n_kills` seeded random instants in all, shared out over the orders; then try those that begin so."""
    make_order_homes_in(slots)
    chosen = [order for order in ORDERS if order.name.startswith(only)]
    n_shares = sum(order.share for order in ORDERS)
    return [_cut(slots, order, max(1, round(n_kills * order.share / n_shares))) for order in chosen]


def _cut(slots: tuple[Path, ...], order: Order, n_kills: int) -> Tally:
    began, draw = time.monotonic(), random.Random(f"{SEED} {order.name}")  # noqa: S311 - instants, not secrets
    (rehearsed,) = run_in_slots([partial(rehearse_order, order=order)], slots[:1])
    if not isinstance(rehearsed, list):
        msg = f"undisturbed, {order.name} does not hold: {rehearsed}"
        raise TypeError(msg)
    span, undisturbed = rehearsed
    verdicts: list[Verdict] = []
    while (missing := n_kills - sum(v.n_faults for v in verdicts)) > 0 and len(
        verdicts
    ) < MOST_DRAWS_PER_KILL * n_kills:
        numbers = range(len(verdicts), len(verdicts) + min(missing, BATCH))
        trials = [
            partial(_try, order=order, number=number, after=draw.uniform(0, span), undisturbed=undisturbed)
            for number in numbers
        ]
        batch = read_verdicts(run_in_slots(trials, slots))
        verdicts += batch
        span *= SHORTER if 2 * sum(v.n_faults for v in batch) < len(batch) else 1
        _tell(order, verdicts, n_kills)
    return count_up(f"orders, {order.name}", verdicts, time.monotonic() - began)


def _tell(order: Order, verdicts: Sequence[Verdict], n_kills: int) -> None:
    n_done, n_wrong = sum(v.n_faults for v in verdicts), sum(len(v.violations) for v in verdicts)
    now = time.strftime("%H:%M:%S")
    sys.stderr.write(f"{now} {order.name}: {n_done} of {n_kills} kills, {n_wrong} violations\n")
    for violation in [f"{v.what}: {violation}" for v in verdicts[-BATCH:] for violation in v.violations]:
        sys.stderr.write(f"  {violation}\n")


def rehearse_order(slot: Path, *, order: Order) -> tuple[float, list[object]]:
    """The order undisturbed, and an ordinary run: how long the order takes, and what both come to.

    Raises
    ------
    RuntimeError
        If something does not hold.
    """
    place, began = lay_out_home(slot, order.home), time.monotonic()
    violations = order.finish(place, "victim", order.begin(place, "victim"))
    seconds = time.monotonic() - began
    found = settle_and_look(place, order)
    if violations or found.violations:
        msg = f"undisturbed, {order.name} does not hold: {violations + found.violations}"
        raise RuntimeError(msg)
    return seconds, found.outcome


def _try(slot: Path, *, order: Order, number: int, after: float, undisturbed: list[object]) -> Verdict:
    place = lay_out_home(slot, order.home)
    victim = order.begin(place, "victim")
    time.sleep(after)
    what = f"{order.name}, round {number}, killed {after:.3f} s after its start"
    if victim.poll() is not None:
        return Verdict(what, [], n_faults=0)
    victim.kill()
    if victim.wait().code != KILLED:
        return Verdict(what, [], n_faults=0)
    violations = wait_for_workers(slot, SERVERS_END_WITHIN_SECONDS)
    violations += [f"left by the kill, others may open {path}" for path in find_open_paths(place.home)]
    written = find_written(slot, order.home)
    place, how, look_back = relocate(place, number)
    violations += judge(place, order, undisturbed)
    violations += [*look_back(), *wait_for_workers(slot, SERVERS_END_WITHIN_SECONDS)]
    note = f"when {written} was written{'' if how == IN_PLACE else f', {how}'}:"
    return Verdict(f"{what}, {note}", violations, note)


def judge(place: Place, order: Order, undisturbed: list[object]) -> list[str]:
    """The order once more, and an ordinary run; then everything has to hold, and to be as if nothing had happened."""
    violations = order.finish(place, "follow_up", order.begin(place, "follow_up"))
    found = settle_and_look(place, order)
    violations += found.violations
    if not violations and json.dumps(found.outcome) != json.dumps(undisturbed):
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {undisturbed}")
    return violations


def settle_and_look(place: Place, order: Order) -> Found:
    """An ordinary run, where the order was none, and what is there then."""
    wrong: list[str] = []
    if order.is_settled_by_retrain:
        wrong = RETRAIN.finish(place, "settling", RETRAIN.begin(place, "settling"))
    answer = ask(
        lambda: examine_home(load_settings(), is_meddled=order.home == FAULTY), place.slot / "look", place.environment
    )
    if not isinstance(answer, list):
        return Found([*wrong, f"the installation could not be examined: {answer}"], [])
    return Found(wrong + answer[0], answer[1])
