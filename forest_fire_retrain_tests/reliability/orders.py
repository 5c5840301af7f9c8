"""Campaign `orders`: kill -9 whatever a person orders, at random instants; then the same order again, then what is due.

Whenever the kill comes, what follows has to bring the home to what one undisturbed order comes to: ledger, reigns,
registry, lake and prediction log. Due is `retrain` in some rounds, in the others what the sensor does every minute.
In every fourth round the home is moved, or copied, between the kill and the order that follows.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.contents import examine_home, find_open_paths
from forest_fire_retrain_tests.reliability.crashing import KILLED, SEED
from forest_fire_retrain_tests.reliability.draws import Draws
from forest_fire_retrain_tests.reliability.invariants import Found
from forest_fire_retrain_tests.reliability.order_homes import (
    FAULTY,
    Place,
    find_written,
    lay_out_home,
    make_order_homes_in,
)
from forest_fire_retrain_tests.reliability.ordering import ORDERS, RETRAIN, Order
from forest_fire_retrain_tests.reliability.processes import Ended, ask, run_in_slots
from forest_fire_retrain_tests.reliability.ranges import wait_for_workers
from forest_fire_retrain_tests.reliability.relocating import IN_PLACE, relocate
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, read_verdicts
from forest_fire_retrain_tests.reliability.ui_jobs import close_as_the_sensor_does

Trial = Callable[[Path], Verdict]
TRIALS_PER_SLOT = 2
"""In a batch, after which it is told how far the campaign is."""
SERVERS_END_WITHIN_SECONDS = 60.0


class Progress:
    """How far an order is.

    Parameters
    ----------
    order : Order
        What is ordered.
    draws : Draws
        Of the instants, within the time that it takes undisturbed.
    undisturbed : list
        What it comes to then, and with `retrain` behind it.
    """

    def __init__(self, order: Order, draws: Draws, undisturbed: list[list[object]]) -> None:
        self.order, self.draws, self._undisturbed = order, draws, undisturbed

    def draw(self) -> Trial:
        """The next trial."""
        number = self.draws.n_drawn
        return partial(_try, order=self.order, number=number, after=self.draws.draw(), undisturbed=self._undisturbed)


def cut_orders(slots: tuple[Path, ...], n_kills: int, only: str = "", seed: int = SEED) -> list[Tally]:
    """Kill at `n_kills` seeded random instants in all, shared out over the orders; then try those that begin so."""
    make_order_homes_in(slots)
    chosen = [order for order in ORDERS if order.name.startswith(only)]
    began, rehearsed = time.monotonic(), run_in_slots([partial(rehearse_order, order=order) for order in chosen], slots)
    failed = [answer for answer in rehearsed if isinstance(answer, Ended)]
    if failed:
        msg = f"undisturbed, an order does not hold: {failed[0]}"
        raise RuntimeError(msg)
    n_shares = sum(order.share for order in chosen)
    cutting = []
    for order, (span_seconds, undisturbed) in zip(chosen, rehearsed, strict=True):  # type: ignore[misc] # as rehearsed
        n_shared = max(1, round(n_kills * order.share / n_shares))
        cutting.append(Progress(order, Draws(f"{seed} {order.name}", n_shared, span_seconds), undisturbed))
    while batch := _draw_batch(cutting, TRIALS_PER_SLOT * len(slots)):
        verdicts = read_verdicts(run_in_slots([trial for _, trial in batch], slots))
        for progress in cutting:
            progress.draws.add([found for (whose, _), found in zip(batch, verdicts, strict=True) if whose is progress])
        _tell(cutting, verdicts)
    seconds = time.monotonic() - began
    return [count_up(f"orders, {one.order.name}", one.draws.verdicts, seconds) for one in cutting]


def _draw_batch(cutting: Sequence[Progress], n_trials: int) -> list[tuple[Progress, Trial]]:
    """The next trials, each order in turn."""
    batch: list[tuple[Progress, Trial]] = []
    while len(batch) < n_trials and (missing := [one for one in cutting if one.draws.n_missing]):
        batch += [(one, one.draw()) for one in missing]
    return batch


def _tell(cutting: Sequence[Progress], verdicts: Sequence[Verdict]) -> None:
    """How far it is, for those who wait hours."""
    counts = {one.order.name: sum(verdict.n_faults for verdict in one.draws.verdicts) for one in cutting}
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {sum(counts.values())} kills: {counts}\n")
    for verdict in verdicts:
        for violation in verdict.violations:
            sys.stderr.write(f"  {verdict.what}: {violation}\n")
    sys.stderr.flush()


def rehearse_order(slot: Path, *, order: Order) -> tuple[float, list[list[object]]]:
    """The order undisturbed: how long it takes, what it comes to, and what it comes to with `retrain` behind it.

    Raises
    ------
    RuntimeError
        If something does not hold.
    """
    place, began = lay_out_home(slot, order.home), time.monotonic()
    violations = order.finish(place, "victim", order.begin(place, "victim"))
    seconds = time.monotonic() - began
    alone, settled = (settle_and_look(place, order, with_retrain=is_due) for is_due in (False, order is not RETRAIN))
    if violations := [*violations, *alone.violations, *settled.violations]:
        msg = f"undisturbed, {order.name} does not hold: {violations}"
        raise RuntimeError(msg)
    return seconds, [alone.outcome, settled.outcome]


def _try(slot: Path, *, order: Order, number: int, after: float, undisturbed: list[list[object]]) -> Verdict:
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
    violations += judge(place, order, undisturbed, with_retrain=_is_retrained(order, number))
    violations += [*look_back(), *wait_for_workers(slot, SERVERS_END_WITHIN_SECONDS)]
    note = f"when {written} was written{'' if how == IN_PLACE else f', {how}'}:"
    return Verdict(f"{what}, {note}", violations, note)


def judge(place: Place, order: Order, undisturbed: list[list[object]], *, with_retrain: bool = True) -> list[str]:
    """The order once more, and what is due; then everything has to hold, and to be as if nothing had happened."""
    violations = order.finish(place, "follow_up", order.begin(place, "follow_up"))
    found, expected = settle_and_look(place, order, with_retrain=with_retrain), undisturbed[with_retrain]
    violations += found.violations
    if not violations and json.dumps(found.outcome) != json.dumps(expected):
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {expected}")
    return violations


def settle_and_look(place: Place, order: Order, *, with_retrain: bool) -> Found:
    """What is due, and what is there then; an order that is an ordinary run itself needs nothing behind it."""
    wrong: list[str] = []
    if with_retrain:
        wrong = RETRAIN.finish(place, "settling", RETRAIN.begin(place, "settling"))
    look = partial(_look, with_sensor=order is not RETRAIN and not with_retrain, is_meddled=order.home == FAULTY)
    answer = ask(look, place.slot / "look", place.environment)
    if not isinstance(answer, list):
        return Found([*wrong, f"the installation could not be examined: {answer}"], [])
    return Found(wrong + answer[0], answer[1])


def _is_retrained(order: Order, number: int) -> bool:
    return order.retrained_every > 0 and number % order.retrained_every == 0


def _look(*, with_sensor: bool, is_meddled: bool) -> Found:
    settings = load_settings()
    if with_sensor:
        close_as_the_sensor_does(settings)
    return examine_home(settings, is_meddled=is_meddled)
