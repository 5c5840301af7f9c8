"""Campaign `verdicts`: kill -9 the run that ends a shadow time, at random instants and around its writes.

One home's candidate is promoted by the verdict, another's is dropped. The next run finishes what was begun, or gives
the verdict itself; either way everything has to be as if nothing had happened.
"""

from functools import partial
from pathlib import Path

from forest_fire_retrain_tests.reliability.crashing import SIDES, Operation, crash
from forest_fire_retrain_tests.reliability.instants import cut_at_instants
from forest_fire_retrain_tests.reliability.parks import Template, make_template
from forest_fire_retrain_tests.reliability.processes import Ended, run_in_slots
from forest_fire_retrain_tests.reliability.tallies import Tally

PROTOCOL = ("registry.", "ledger.", "records.keep_page")
SHADOW = (("SHADOW_DAYS", 14),)
IN_SHADOW = Template("in_shadow", 6, SHADOW)
"""The candidate of the third week is in shadow; its verdict, which promotes, falls before the seventh is decided."""
WORSE_IN_SHADOW = Template("worse_in_shadow", 13, SHADOW)
"""Those of the tenth and eleventh are; before the fourteenth is decided a guardrail drops the first of them."""
PROMOTED = Operation("verdict that promotes", IN_SHADOW, ("retrain",), IN_SHADOW.head)
DROPPED = Operation("verdict that drops", WORSE_IN_SHADOW, ("retrain",), WORSE_IN_SHADOW.head)


def cut_verdicts(slots: tuple[Path, ...], n_kills: int, *, quick: bool) -> list[Tally]:
    """Kill at `n_kills` seeded random instants in all, and around every write of the protocol.

    Raises
    ------
    RuntimeError
        If a home could not be made.
    """
    operations = (PROMOTED,) if quick else (PROMOTED, DROPPED)
    templates = [operation.template for operation in operations]
    failed = [one for one in run_in_slots([partial(_make, templates=templates)] * len(slots), slots) if _is_bad(one)]
    if failed:
        msg = f"the homes could not be made: {failed[0]}"
        raise RuntimeError(msg)
    around = [] if quick else crash(slots, operations, only=PROTOCOL, sides=SIDES)
    tallies = [*cut_at_instants(slots, operations, n_kills), *around]
    return [tally._replace(name=f"verdicts, {tally.name}") for tally in tallies]


def _make(slot: Path, *, templates: list[Template]) -> None:
    for template in templates:
        make_template(slot, template)


def _is_bad(answer: object) -> bool:
    return isinstance(answer, Ended)
