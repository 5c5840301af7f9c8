"""What a course cost, and what its alarms led to.

Definitions
-----------
- Production loss is that of whoever served, from the first champion to the end, which is the same for every course of a
  history. Excess is the expected loss above that of the truth itself, relative to the latter.
- A promotion counts where it replaces a champion. It is truly worse if the promoted model's expected loss over the next
  364 days is above the replaced one's.
- Detection delay: days from the drift's start to the first promotion after it that is truly better.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

from forest_fire_retrain.backtest.courses import AlarmCourse, Course, Policy
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.served_losses import DayLosses, LossMeasures, join_losses, lose, measure_losses
from forest_fire_retrain.backtest.streams import TRUTH_DAYS
from forest_fire_retrain.backtest.watcher import Served
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval


class CourseMeasures(Record):
    """One course.

    Attributes
    ----------
    policy : Policy
        What an alarm leads to.
    losses : LossMeasures
        What was served.
    n_promotions : int
        Promotions that replaced a champion.
    n_worse_promotions, detection_delay_days : int, optional
        Where the truth is known; no delay without a drift, or where it was not detected.
    alarms : tuple of AlarmCourse
        Oldest first.
    """

    policy: Policy
    losses: LossMeasures
    n_promotions: int
    n_worse_promotions: int | None
    detection_delay_days: int | None
    alarms: tuple[AlarmCourse, ...]


def measure_course(course: Course, panel: Panel, end: dt.date, drift_start: dt.date | None) -> CourseMeasures | None:
    """Measures of a course up to `end`; `None` where it never had a champion.

    Parameters
    ----------
    course : Course
        The course, over.
    panel : Panel
        Its history.
    end : datetime.date
        Day on which the last champion stops serving.
    drift_start : datetime.date, optional
        Day from which fires follow otherwise from weather.
    """
    reigns = [reign for reign in course.reigns if reign.since < end]
    if not reigns:
        return None
    whole = Interval(start=reigns[0].since, end=end)
    gains = _measure_gains(reigns, panel)
    return CourseMeasures(
        policy=course.policy,
        losses=measure_losses(lose_in_production(reigns, panel, end), whole, panel.n_cells),
        n_promotions=len(reigns) - 1,
        n_worse_promotions=None if panel.truth is None else sum(gain < 0 for _, gain in gains),
        detection_delay_days=_detection_delay(gains, drift_start),
        alarms=course.alarms,
    )


def lose_in_production(reigns: Sequence[Served], panel: Panel, end: dt.date) -> DayLosses:
    """What was lost by whoever served, from the first reign's day to `end`."""
    ends = [*(reign.since for reign in reigns[1:]), end]
    spans = [Interval(start=reign.since, end=until) for reign, until in zip(reigns, ends, strict=True)]
    return join_losses(
        [lose(panel, span, reign.candidate.probabilities_on(span)) for reign, span in zip(reigns, spans, strict=True)]
    )


def _measure_gains(reigns: Sequence[Served], panel: Panel) -> list[tuple[dt.date, float]]:
    """Day of each replacement, and the share of the expected loss of the next 364 days that it saves."""
    if panel.truth is None:
        return []
    gains = []
    for old, new in pairwise(reigns):
        ahead = Interval(start=new.since, end=new.since + dt.timedelta(days=TRUTH_DAYS))
        lost = [lose(panel, ahead, reign.candidate.probabilities_on(ahead)).expected for reign in (old, new)]
        before, after = (float(part.sum()) for part in lost if part is not None)
        gains.append((new.since, 1 - after / before))
    return gains


def _detection_delay(gains: Sequence[tuple[dt.date, float]], drift_start: dt.date | None) -> int | None:
    if drift_start is None:
        return None
    found = (day for day, gain in gains if gain > 0 and day > drift_start)
    first = next(found, None)
    return None if first is None else (first - drift_start).days
