"""Campaign `weights`: kill -9 a prediction of a mixture before and after every write, then predict once more.

Wherever it is cut, the weights stand once in the ledger, and day, parts and mixture once in the log, all of them as if
nothing had happened.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.contents import examine_home
from forest_fire_retrain_tests.reliability.crashing import KILLED, SIDES
from forest_fire_retrain_tests.reliability.invariants import Found
from forest_fire_retrain_tests.reliability.order_homes import RULED, SHIFT, Place, lay_out_home, make_order_homes_in
from forest_fire_retrain_tests.reliability.processes import Ended, ask, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.shifted_clock import shifted
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending
from forest_fire_retrain_tests.reliability.watching import AFTER, Watch, watch_this_process

WRITES = ("ledger.append", "export.write", "lake.append")
BETWEEN = ("ledger.append",)
"""After it the weights stand, and nothing was said yet."""


def cut_weights(slots: tuple[Path, ...], *, quick: bool) -> list[Tally]:
    """Kill around every write of the first prediction that a mixture answers; reduced, between weights and log alone.

    Raises
    ------
    RuntimeError
        If undisturbed something does not hold.
    """
    make_order_homes_in(slots)
    began = time.monotonic()
    names, sides = (BETWEEN, (AFTER,)) if quick else (WRITES, tuple(SIDES.split()))
    kills = [partial(_try, name=name, side=side) for name in names for side in sides]
    undisturbed, *tried = run_in_slots([_predict_undisturbed, *kills], slots)
    if isinstance(undisturbed, Ended) or undisturbed[0]:
        msg = f"undisturbed, a mixture does not hold: {undisturbed}"
        raise RuntimeError(msg)
    verdicts = [_judge(answer, undisturbed[1]) for answer in tried]
    return [count_up("weights", verdicts, time.monotonic() - began)]


def _predict_undisturbed(slot: Path) -> tuple[list[str], list[object]]:
    """What does not hold, and what it comes to."""
    place = lay_out_home(slot, RULED)
    ended, found = _predict(place, "victim", _look_on), _look(place)
    return [*find_bad_ending(ended), *found.violations], found.outcome


def _try(slot: Path, *, name: str, side: str) -> tuple[str, list[str], list[object]]:
    """Which write was cut, what does not hold after the next prediction, and what it comes to."""
    place, noted = lay_out_home(slot, RULED), slot / "noted"
    noted.unlink(missing_ok=True)

    def kill(seen: str, at: str) -> None:
        if (seen, at) == (name, side):
            noted.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)

    ended = _predict(place, "victim", kill)
    if ended.code != KILLED or not noted.exists():
        return name, [f"the kill {side} {name} missed: {ended}"], []
    again = _predict(place, "follow_up", _look_on)
    found = _look(place)
    return name, [*find_bad_ending(again), *found.violations], found.outcome


def _judge(answer: object, undisturbed: list[object]) -> Verdict:
    """Everything has to hold, and to be as if nothing had happened."""
    if not isinstance(answer, list):
        return Verdict("a kill", [f"the trial itself failed: {answer}"])
    name, violations, outcome = answer
    if not violations and json.dumps(outcome) != json.dumps(undisturbed):
        violations = [f"the outcome is {outcome}, undisturbed it is {undisturbed}"]
    return Verdict(f"killed around {name}", violations, name)


def _look_on(_name: str, _side: str) -> None:
    """Let every write pass."""


def _predict(place: Place, log: str, watch: Watch) -> Ended:
    environment = {**place.environment, "FOREST_FIRE_ROUTING": "mixture"}
    return start(shifted(_watched(watch), SHIFT), place.slot / log, environment).wait()


def _watched(watch: Watch) -> Callable[[], None]:
    predict = forest_fire("predict")

    def run() -> None:
        watch_this_process(watch)
        predict()

    return run


def _look(place: Place) -> Found:
    answer = ask(lambda: examine_home(load_settings()), place.slot / "look", place.environment)
    if not isinstance(answer, list):
        return Found([f"the installation could not be examined: {answer}"], [])
    return Found(*answer)
