"""Two charts over the weeks of a reign, both computed anew from all of its weeks: nothing is carried.

Rules
-----
- Doubted weeks contribute nothing to either.
- The chart that alarms is the one-sided CUSUM C = max(0, C + z - k) of the weeks' z (Page 1954). It is in alarm from
  the week in which it passes its limit until it is back at zero.
- Beside it stands the Shiryaev-Roberts e-detector on the very rows, R = (1 + R) L, L the likelihood ratio of a week,
  averaged over the alternatives. Where the model is right, R passes c on average no sooner than after c weeks (Shin,
  Ramdas & Rinaldo 2023, E-detectors). It is reported, and decides nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.week_quality import ALTERNATIVES, WeekQuality
from forest_fire_retrain.core.windows import Interval


class ChartedWeek(NamedTuple):
    """A week with what both charts stand at after it.

    Attributes
    ----------
    quality : WeekQuality
        Its figures.
    cusum : float
        The CUSUM, in standard deviations of a week.
    log_detector : float
        Logarithm of the e-detector; minus infinity before the first week that says anything.
    in_alarm : bool
        Whether the CUSUM has passed its limit and not been back at zero since.
    """

    quality: WeekQuality
    cusum: float
    log_detector: float
    in_alarm: bool


class Alarm(NamedTuple):
    """A run of the CUSUM above its limit.

    Attributes
    ----------
    raised : Interval
        The week in which it passed the limit.
    change : Interval
        The first week after the chart was last at zero: where the change is likely to have begun.
    peak : float
        The highest value since.
    is_over : bool
        Whether the chart has been back at zero.
    """

    raised: Interval
    change: Interval
    peak: float
    is_over: bool


def chart_weeks(weeks: Sequence[WeekQuality], rule: MonitorRule) -> list[ChartedWeek]:
    """Both charts over the weeks of a reign, oldest first."""
    charted: list[ChartedWeek] = []
    cusum, in_alarm = 0.0, False
    detectors = [-math.inf] * len(ALTERNATIVES)
    for quality in weeks:
        if not quality.doubted:
            cusum = max(0.0, cusum + quality.z - rule.cusum_allowance)
            in_alarm = cusum > rule.cusum_limit or (in_alarm and cusum > 0)
            detectors = [_advance(held, ratio) for held, ratio in zip(detectors, quality.log_ratios, strict=True)]
        charted.append(ChartedWeek(quality, cusum, _log_mean(detectors), in_alarm))
    return charted


def list_alarms(charted: Sequence[ChartedWeek]) -> list[Alarm]:
    """Every alarm of a reign, oldest first; only the last one may go on."""
    alarms: list[Alarm] = []
    change: Interval | None = None
    going_on = False
    for week in charted:
        change = None if week.cusum <= 0 else change or week.quality.week
        if week.in_alarm and change is not None:
            if going_on:
                alarms[-1] = alarms[-1]._replace(peak=max(alarms[-1].peak, week.cusum))
            else:
                alarms.append(Alarm(week.quality.week, change, week.cusum, is_over=False))
        elif going_on:
            alarms[-1] = alarms[-1]._replace(is_over=True)
        going_on = week.in_alarm
    return alarms


def _advance(log_held: float, log_ratio: float) -> float:
    """log((1 + R) L)."""
    return math.log1p(math.exp(log_held)) + log_ratio if log_held < _LARGE else log_held + log_ratio


def _log_mean(logs: Sequence[float]) -> float:
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in logs) / len(logs))


_LARGE = 30.0
"""Above it, log(1 + R) and log R are the same double."""
