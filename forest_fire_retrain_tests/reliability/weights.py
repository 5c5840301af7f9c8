"""Campaign `weights`: kill -9 a prediction of a mixture before and after every write, then predict once more.

Wherever it is cut, the weights stand once in the ledger, and day, parts and mixture once in the log, all of them as if
nothing had happened.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.contents import examine_home
from forest_fire_retrain_tests.reliability.crashing import KILLED, SIDES, fresh_list
from forest_fire_retrain_tests.reliability.invariants import Found
from forest_fire_retrain_tests.reliability.order_homes import RULED, SHIFT, Place, lay_out_home, make_order_homes_in
from forest_fire_retrain_tests.reliability.processes import Ended, ask, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.shifted_clock import shifted
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending, read_verdicts
from forest_fire_retrain_tests.reliability.watching import (
    AFTER,
    Killer,
    Recorder,
    Watch,
    read_recorded,
    watch_this_process,
)

WRITES = ("ledger.append", "lake.append", "export.write")


def cut_weights(slots: tuple[Path, ...], *, quick: bool) -> list[Tally]:
    """Kill around every write of the first prediction that a mixture answers; reduced, after weights and log alone.

    Raises
    ------
    RuntimeError
        If undisturbed something does not hold.
    """
    make_order_homes_in(slots)
    began = time.monotonic()
    (rehearsed,) = run_in_slots([_rehearse], slots[:1])
    if isinstance(rehearsed, Ended):
        msg = f"undisturbed, a mixture does not hold: {rehearsed}"
        raise RuntimeError(msg)  # noqa: TRY004 - a process that failed, not a wrong type
    names, outcome = rehearsed
    chosen = [
        partial(_try, number=number, side=side, name=name, undisturbed=outcome)
        for number, name in enumerate(names, start=1)
        if name in (WRITES[:2] if quick else WRITES)
        for side in ((AFTER,) if quick else SIDES.split())
    ]
    verdicts = read_verdicts(run_in_slots(chosen, slots))
    return [count_up("weights", verdicts, time.monotonic() - began)]


def _rehearse(slot: Path) -> tuple[list[str], list[object]]:
    """The writes, and what they come to."""
    place = lay_out_home(slot, RULED)
    ended, found = _predict(place, "victim", Recorder(fresh_list(slot))), _look(place)
    if wrong := [*find_bad_ending(ended), *found.violations]:
        msg = f"undisturbed, a mixture does not hold: {wrong}"
        raise RuntimeError(msg)
    return [name for name, _ in read_recorded(slot / "writes")], found.outcome


def _try(slot: Path, *, number: int, side: str, name: str, undisturbed: list[object]) -> Verdict:
    place, noted, what = lay_out_home(slot, RULED), slot / "noted", f"killed {side} write {number} ({name})"
    noted.unlink(missing_ok=True)
    ended = _predict(place, "victim", Killer(number, side, noted))
    if ended.code != KILLED or noted.read_text() != name:
        return Verdict(what, [f"the kill missed: {ended}"])
    again = _predict(place, "follow_up", lambda _name, _side: None)
    found = _look(place)
    violations = [*find_bad_ending(again), *found.violations]
    if not violations and json.dumps(found.outcome) != json.dumps(undisturbed):
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {undisturbed}")
    return Verdict(what, violations, name)


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
