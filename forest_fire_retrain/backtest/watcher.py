"""A champion looked at on a Monday of a replayed history, exactly as `prediction_quality` would have looked at it."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.candidates import TrainedCandidate, predict_climatology
from forest_fire_retrain.backtest.panel import EPOCH, Panel
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.core.decision.case_building import find_suspect_windows
from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday, next_monday, weeks_between
from forest_fire_retrain.core.monitoring.charts import chart_weeks, list_alarms
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.quality_state import Heartbeat, judge_quality, silent_days
from forest_fire_retrain.core.monitoring.week_quality import WeekQuality, measure_week
from forest_fire_retrain.core.windows import Interval, midnight

WEEK = dt.timedelta(days=7)
US = dt.timedelta(microseconds=1)


class Watch(NamedTuple):
    """What was said on one Monday.

    Attributes
    ----------
    day : datetime.date
        The Monday.
    reign : int
        Place of the champion's reign.
    state : QualityState
        The word.
    cusum, log_detector : float
        Both charts after the newest mature week, 0 and minus infinity without one.
    change : datetime.date, optional
        In alarm, the first day of the week from which on the chart was above zero.
    """

    day: dt.date
    reign: int
    state: QualityState
    cusum: float
    log_detector: float
    change: dt.date | None = None


class Served(NamedTuple):
    """A champion and the day from which it serves."""

    since: dt.date
    candidate: TrainedCandidate


class Flagged(NamedTuple):
    """A window whose reports the label gate doubted, and the day on which it did."""

    since: dt.date
    evidence: WindowEvidence


def watch_reigns(
    panel: Panel, reigns: Sequence[Served], flagged: Sequence[Flagged], plan: StreamPlan, rule: MonitorRule
) -> list[Watch]:
    """What monitoring says on every Monday on which there is a champion, until the end of the span."""
    if not reigns:
        return []
    watcher = Watcher(panel, flagged, plan, rule)
    day = next_monday(reigns[0].since)
    watches = []
    while day <= plan.span.end:
        place = max(place for place, reign in enumerate(reigns) if reign.since <= day)
        watches.append(watcher.look(day, place, reigns[place]))
        day += WEEK
    return watches


class Watcher:
    """Looks at a reign on a day; a week whose reports have not changed is not measured again.

    Parameters
    ----------
    panel : Panel
        The history.
    flagged : sequence of Flagged
        Windows that the label gate doubted.
    plan : StreamPlan
        Whose label delay says when reports are due.
    rule : MonitorRule
        Thresholds.
    """

    def __init__(self, panel: Panel, flagged: Sequence[Flagged], plan: StreamPlan, rule: MonitorRule) -> None:
        self._panel, self._flagged, self._plan, self._rule = panel, flagged, plan, rule
        self._measured: dict[tuple[int, dt.date, bytes], WeekQuality] = {}
        self._recorded_us = np.sort(panel.reports.known_from_us)

    def look(self, day: dt.date, place: int, reign: Served) -> Watch:
        """The state on a Monday, before its first hour."""
        due_end = day - dt.timedelta(days=self._plan.policy.label_delay_days)
        labels = self._panel.labels_known_at(day, self._panel.days)
        doubted = self.find_doubted(day)
        weeks = [
            self._measure(week, labels[self._panel.places(week)], place, reign)._replace(
                doubted=overlaps_any(week, doubted)
            )
            for week in weeks_between(reign.since, due_end)
        ]
        charted = chart_weeks(weeks, self._rule)
        verdict = judge_quality(
            charted, self._listen(day, reign), self._rule, doubted=doubted, due_end=last_monday(due_end)
        )
        last = charted[-1] if charted else None
        return Watch(
            day=day,
            reign=place,
            state=verdict.state,
            cusum=last.cusum if last else 0.0,
            log_detector=last.log_detector if last else float("-inf"),
            change=list_alarms(charted)[-1].change.start if verdict.state is QualityState.ALARM else None,
        )

    def _measure(self, week: Interval, labels: np.ndarray, place: int, reign: Served) -> WeekQuality:
        key = (place, week.start, labels.tobytes())
        if key not in self._measured:
            chances = reign.candidate.probabilities_on(week).ravel()
            rates = predict_climatology(reign.candidate.climatology, week).ravel()
            self._measured[key] = measure_week(week, labels.ravel(), chances, rates)
        return self._measured[key]

    def find_doubted(self, day: dt.date) -> list[Interval]:
        """Windows whose reports are doubted by what is known before `day`."""
        known = [flag.evidence for flag in self._flagged if flag.since <= day]
        counts = find_suspect_windows(
            known, lambda window: int(self._panel.labels_known_at(day, window).sum()), self._plan.rule
        )
        return [count.window for count in counts]

    def _listen(self, day: dt.date, reign: Served) -> Heartbeat:
        n_known = int(np.searchsorted(self._recorded_us, (midnight(day, self._plan.time_zone) - EPOCH) / US))
        if n_known == 0:
            return Heartbeat(None, 0.0)
        last = (EPOCH + int(self._recorded_us[n_known - 1]) * US).date()
        silent = silent_days(max(last, reign.candidate.days.start - dt.timedelta(days=1)), day)
        if silent is None:
            return Heartbeat(last, 0.0)
        models = float(reign.candidate.probabilities_on(silent).sum())
        return Heartbeat(last, min(models, float(predict_climatology(reign.candidate.climatology, silent).sum())))
