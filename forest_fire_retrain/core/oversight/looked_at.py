"""What the newest look at the champion's predictions says that a person should look at, and that none was taken.

Rules
-----
- A look at another version, or from before the present reign, says nothing of the champion.
- One alarm is one matter, named by the week from which on the chart was above zero. While reports are missing nobody
  can say that it is over.
- A champion that nobody has looked at yet owes no look, nor does one whose history has ended.
- None of these promotes anything, and a shift says so.
"""

import datetime as dt
from collections.abc import Iterator

from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.monitoring.last_look import LastLook, QualityState
from forest_fire_retrain.core.oversight.observed import Observed

LOOK = "forest-fire quality"


def find_in_last_look(observed: Observed) -> Iterator[Matter]:
    """Every matter that the newest look raises, or that there is no newer one."""
    look = observed.last_look
    if look is None or observed.state.champion is None:
        return
    if look.version == observed.state.champion and look.looked_at >= observed.state.reigns[-1].since:
        yield from _about_the_state(look)
        yield from _about_the_inputs(look)
    yield from _about_its_age(look, observed)


def _about_the_state(look: LastLook) -> Iterator[Matter]:
    if look.state is QualityState.BLIND:
        remedy = f"Look at the fire reports, then run: {LOOK}"
        yield Matter(MatterKind.QUALITY_BLIND, f"quality_blind/{look.version}", look.sentence, remedy)
    if look.change is None:
        return
    goes_on = f"the alarm that began in the week from {look.change} is not known to be over"
    sentence = look.sentence if look.state is QualityState.ALARM else goes_on
    remedy = f"It promotes nothing. See where the loss lies: {LOOK}"
    yield Matter(MatterKind.QUALITY_ALARM, f"quality_alarm/{look.version}/{look.change}", sentence, remedy)


def _about_the_inputs(look: LastLook) -> Iterator[Matter]:
    if not look.moved or look.limit is None:
        return
    named = ", ".join(f"{moved.name} {moved.index:.2f}" for moved in look.moved)
    sentence = f"what the champion sees has moved from its training: {named} (population stability index, limit "
    remedy = f"It is no reason to promote. Look at the weather feed, and at the predictions: {LOOK}"
    key = f"population_shift/{look.version}"
    yield Matter(MatterKind.POPULATION_SHIFT, key, f"{sentence}{look.limit:g})", remedy)


def _about_its_age(look: LastLook, observed: Observed) -> Iterator[Matter]:
    allowed = observed.limits.look_days
    if observed.schedule.has_ended(observed.now) or observed.now <= look.looked_at + dt.timedelta(days=allowed):
        return
    days = (observed.now - look.looked_at) // dt.timedelta(days=1)
    sentence = f"the predictions were last looked at on {look.looked_at.date()}, {days} days ago (allowed: {allowed})"
    remedy = "Look at the newest runs of quality_job, or run it: the asset prediction_quality in Dagster"
    yield Matter(MatterKind.QUALITY_OVERDUE, f"quality_overdue/{look.looked_at.date()}", sentence, remedy)
