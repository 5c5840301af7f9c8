"""Campaign `sabotage`: what the other campaigns look for is done on purpose, and they have to say so.

A home is damaged in each way that is looked for, and the product is spoilt so that it takes an order given again for
another one. A damage that nobody notices is a violation.
"""

import time
from functools import partial
from pathlib import Path

from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.contents import examine_home
from forest_fire_retrain_tests.reliability.damages import DAMAGES, Damage
from forest_fire_retrain_tests.reliability.order_homes import RULED, Place, lay_out_home, make_order_homes_in
from forest_fire_retrain_tests.reliability.ordering import ROLLBACK
from forest_fire_retrain_tests.reliability.orders import judge, rehearse_order
from forest_fire_retrain_tests.reliability.processes import Child, Ended, ask, forest_fire, run_in_slots
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, read_verdicts


def sabotage(slots: tuple[Path, ...]) -> Tally:
    """Do every damage, and count those that were not noticed."""
    began = time.monotonic()
    make_order_homes_in(slots)
    trials = [partial(_damage, damage=damage) for damage in DAMAGES]
    verdicts = read_verdicts(run_in_slots([*trials, _order_again], slots))
    return count_up("sabotage", verdicts, time.monotonic() - began)


def _damage(slot: Path, *, damage: Damage) -> Verdict:
    place = lay_out_home(slot, RULED)
    before = _look(place)
    if not isinstance(before, list) or before[0]:
        return Verdict(damage.what, [f"the home does not hold before any damage: {before}"])
    done = place.do(lambda: _do(damage), "damage")
    if done.code:
        return Verdict(damage.what, [f"it could not be done: {done}"])
    after = _look(place)
    if isinstance(after, Ended):
        is_noticed = not damage.word
    else:
        found, outcome = after
        is_noticed = any(damage.word in text for text in found) if damage.word else outcome != before[1]
    return Verdict(damage.what, [] if is_noticed else [f"it was not noticed: {after}"])


def _look(place: Place) -> list[object] | Ended:
    answer = ask(lambda: examine_home(load_settings()), place.slot / "look", place.environment)
    assert isinstance(answer, list | Ended)
    return answer


def _do(damage: Damage) -> None:
    damage.do(build_installation(load_settings()))


def _order_again(slot: Path) -> Verdict:
    """As the product once did: the same order given again is taken for another one."""
    _, undisturbed = rehearse_order(slot, order=ROLLBACK)
    place, spoilt = lay_out_home(slot, RULED), ROLLBACK._replace(begin=_begin_forgetful)
    violations = spoilt.finish(place, "victim", spoilt.begin(place, "victim"))
    found = judge(place, spoilt, undisturbed)
    is_noticed = bool(found) and not violations
    return Verdict("an order given again", [] if is_noticed else [f"it was not noticed: {violations}"])


def _begin_forgetful(place: Place, log: str) -> Child:
    def run() -> None:
        from forest_fire_retrain.pipeline.custody import rolling_back  # noqa: PLC0415 - spoilt in the child alone

        rolling_back._find_same_order = lambda *_: None  # type: ignore[assignment] # whatever it is asked
        forest_fire("rollback", "--reason", "a trial")()

    return place.start(run, log)
