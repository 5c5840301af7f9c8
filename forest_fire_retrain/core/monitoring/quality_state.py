"""The one word on a champion's predictions: OK, ALARM, or BLIND, each with its sentence.

Rules
-----
- BLIND comes first: who lacks the reports can neither raise an alarm nor give the all-clear. A chart without reports
  looks healthy, because a model that expects fires is never surprised by their absence in a one-sided chart.
- Reports are missing if the label gate doubts a due day, if so few fires of the due days arrived that chance does not
  explain it, or if nothing at all was recorded for a time in which it should have been.
- A count of fires has the negative binomial distribution with the expected mean E and the variance E + d E² (Hilbe
  2011, NB2). E is the smaller of the model's and climatology's.
- Everything follows from what is known now. Reports that come late, then all at once, lead to the very state that
  reports in time would have led to.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import betainc

from forest_fire_retrain.core.decision.wording import counted, figure, percent
from forest_fire_retrain.core.monitoring.charts import ChartedWeek, list_alarms
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.windows import Interval


class Heartbeat(NamedTuple):
    """When the fire reports last gave a sign of life.

    Attributes
    ----------
    last_recorded : datetime.date, optional
        The newest day on which any report was recorded; `None` if none ever was.
    expected_since : float
        Fires expected on the whole days since then, as `silent_days` has them.
    """

    last_recorded: dt.date | None
    expected_since: float


class Verdict(NamedTuple):
    """The state, and why in one sentence without a full stop."""

    state: QualityState
    sentence: str


def silent_days(last_recorded: dt.date, today: dt.date) -> Interval | None:
    """The whole days without any report: those after the newest one's and before `today`; `None` without one.

    The newest report's own day is none of them, however many fires a park expects on a day.
    """
    first = last_recorded + dt.timedelta(days=1)
    return Interval(start=first, end=today) if first < today else None


def chance_of_at_most(n_fires: int, expected: float, overdispersion: float) -> float:
    """Chance of `n_fires` or fewer where `expected` are expected; 1 where none are.

    Parameters
    ----------
    n_fires : int
        Recorded.
    expected, overdispersion : float
        Mean E, and d of the variance E + d E².
    """
    if not expected > 0:
        return 1.0
    size = 1 / overdispersion
    return float(betainc(size, n_fires + 1, size / (size + expected)))


def judge_quality(
    weeks: Sequence[ChartedWeek],
    heartbeat: Heartbeat,
    rule: MonitorRule,
    *,
    doubted: Sequence[Interval] = (),
    due_end: dt.date,
) -> Verdict:
    """What can be said of the champion, from all mature weeks of its reign.

    Parameters
    ----------
    weeks : sequence of ChartedWeek
        Weeks whose reports are due, oldest first.
    heartbeat : Heartbeat
        The last sign of life of the fire reports.
    rule : MonitorRule
        Thresholds.
    doubted : sequence of Interval
        Windows that the label gate doubts now.
    due_end : datetime.date
        The day before which reports are due.
    """
    blind = _find_doubt(doubted, due_end, rule) or _find_gap(weeks, due_end, rule) or _find_silence(heartbeat, rule)
    if blind is not None:
        return Verdict(QualityState.BLIND, f"the predictions cannot be judged: {blind}")
    if not weeks:
        return Verdict(QualityState.OK, "no week of this champion is old enough to be judged")
    alarms, last = list_alarms(weeks), weeks[-1]
    if last.in_alarm:
        raised = alarms[-1]
        return Verdict(
            QualityState.ALARM,
            f"the champion loses more than it expects to: the chart stands at {figure(last.cusum, rule.cusum_limit)} "
            f"(limit {figure(rule.cusum_limit)}), passed it in the week from {raised.raised.start}, and has been above "
            f"zero since the week from {raised.change.start}",
        )
    n_counted = sum(not week.quality.doubted for week in weeks)
    return Verdict(
        QualityState.OK,
        f"over {counted(n_counted, 'week')} the champion loses what it expects to: the chart stands at "
        f"{figure(last.cusum, rule.cusum_limit)} (limit {figure(rule.cusum_limit)})",
    )


def _find_doubt(doubted: Sequence[Interval], due_end: dt.date, rule: MonitorRule) -> str | None:
    """A window that the label gate doubts, if it reaches into the due days that are asked."""
    first = due_end - dt.timedelta(days=rule.blind_days)
    reaching = [window for window in doubted if window.start < due_end and window.end > first]
    if not reaching:
        return None
    first, last = reaching[-1].start, reaching[-1].end - dt.timedelta(days=1)
    return f"the fire reports of {first} to {last} are doubted (if they are complete: forest-fire clear-labels)"


def _find_gap(weeks: Sequence[ChartedWeek], due_end: dt.date, rule: MonitorRule) -> str | None:
    """Too few fires on the last due days; where these expect too few to be asked, on as many as it takes."""
    first = due_end - dt.timedelta(days=rule.blind_days)
    n_fires, expected, start = 0, 0.0, due_end
    for week in reversed(weeks):
        enough = chance_of_at_most(0, expected, rule.overdispersion) < rule.blind_chance
        if week.quality.week.end <= first and enough:
            break
        n_fires += week.quality.n_fires
        expected += min(week.quality.expected_fires, week.quality.climatology_fires)
        start = week.quality.week.start
    chance = chance_of_at_most(n_fires, expected, rule.overdispersion)
    if n_fires >= rule.blind_share * expected or chance >= rule.blind_chance:
        return None
    return (
        f"{counted(n_fires, 'fire')} of {expected:.1f} expected were reported from {start} to {due_end}, which chance "
        f"explains in {percent(chance, rule.blind_chance, sign='')} of cases (limit "
        f"{percent(rule.blind_chance, sign='')}; look at the fire reports)"
    )


def _find_silence(heartbeat: Heartbeat, rule: MonitorRule) -> str | None:
    """No report of any day for so long that there should have been one."""
    chance = chance_of_at_most(0, heartbeat.expected_since, rule.overdispersion)
    if chance >= rule.blind_chance:
        return None
    since = "ever" if heartbeat.last_recorded is None else f"since {heartbeat.last_recorded}"
    return (
        f"no fire report was recorded {since}, although {heartbeat.expected_since:.1f} fires were expected "
        "(look at the feed of fire reports)"
    )
