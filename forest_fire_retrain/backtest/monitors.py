"""What monitoring would have said, week after week, of the champions of a replayed history.

Definitions
-----------
- Every Monday the whole reign is looked at again with the reports known by then, exactly as `prediction_quality` does.
- `kept` monitors the first champion for the whole history; `served` monitors whoever the product's rule has promoted.
- An alarm counts when it is raised; it is false before the change of a scenario, and everywhere without one.
- The delay of a change is the days from it to the first alarm raised after it. A history that is in alarm when the
  change comes has none.
- Blind days are those on which monitoring says that it cannot know; the delay of blindness is the days from the change
  to the first of them.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import TrainedCandidate, predict_climatology, train_on_panel
from forest_fire_retrain.backtest.panel import EPOCH, Panel, load_panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.scenarios import Scenario, change_date, plan_faults
from forest_fire_retrain.backtest.streams import StreamPlan, plan_periods
from forest_fire_retrain.core.decision.case_building import find_suspect_windows
from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday, next_monday, weeks_between
from forest_fire_retrain.core.monitoring.charts import chart_weeks
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.quality_state import Heartbeat, judge_quality
from forest_fire_retrain.core.monitoring.week_quality import WeekQuality, measure_week
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval, midnight

WEEK = dt.timedelta(days=7)
DAYS_PER_YEAR = 365.25

Progress = Callable[[int, int], None]
StreamProgress = Callable[[str, int, int], None]


class Monitor(StrEnum):
    """A chart whose alarms are measured."""

    CUSUM = "cusum"
    DETECTOR = "e-detector"


class Watched(StrEnum):
    """Whose predictions are monitored."""

    KEPT = "kept"
    SERVED = "served"


class Watch(NamedTuple):
    """What was said on one Monday; the charts are those of the newest mature week, 0 and minus infinity without one."""

    day: dt.date
    reign: int
    state: QualityState
    cusum: float
    log_detector: float


class MonitorMeasures(Record):
    """One monitor on one history.

    Attributes
    ----------
    monitor, watched : Monitor, Watched
        Which chart, of whose predictions.
    first_day : datetime.date, optional
        First Monday looked at.
    n_weeks, n_weeks_clean : int
        Mondays looked at; those of them before the change, all without one.
    alarms : tuple of datetime.date
        Mondays on which an alarm was raised.
    n_false_alarms : int
        Of them, those before the change.
    was_in_alarm : bool
        Whether an alarm went on when the change came.
    delay_days, blind_delay_days : int, optional
        From the change to the first alarm, and to the first blind Monday after it; `None` where there is none.
    n_blind_weeks, n_blind_weeks_clean : int
        Blind Mondays, and those before the change.
    """

    monitor: Monitor
    watched: Watched
    first_day: dt.date | None
    n_weeks: int
    n_weeks_clean: int
    alarms: tuple[dt.date, ...]
    n_false_alarms: int
    was_in_alarm: bool
    delay_days: int | None
    blind_delay_days: int | None
    n_blind_weeks: int
    n_blind_weeks_clean: int


class MonitorResult(Record):
    """One history under every monitor."""

    label: str
    scenario: Scenario
    seed: int
    n_cells: int
    monitors: tuple[MonitorMeasures, ...]


class Served(NamedTuple):
    """A champion and the day from which it serves."""

    since: dt.date
    candidate: TrainedCandidate


class Flagged(NamedTuple):
    """A window whose reports the label gate doubted, and the day on which it did."""

    since: dt.date
    evidence: WindowEvidence


def monitor_stream(plan: StreamPlan, rule: MonitorRule, progress: Progress | None = None) -> MonitorResult:
    """Replay `plan` under the product's rule, and watch its champions; the same plan gives the same result.

    Parameters
    ----------
    plan : StreamPlan
        The history.
    rule : MonitorRule
        Thresholds of monitoring.
    progress : callable, optional
        Told the number of periods done, and of all.

    Raises
    ------
    ConfigurationError, InputContractError, EvidenceError
        If the history cannot be laid out, read or trained on.
    """
    windows = plan_periods(plan)
    panel = load_panel(plan)
    faults = plan_faults(plan.seed, len(windows)) if plan.scenario is Scenario.BROKEN else [None] * len(windows)
    product = ProductRule(panel, plan.rule)
    served: list[Served] = []
    flagged: list[Flagged] = []
    for place, (window, fault) in enumerate(zip(windows, faults, strict=True)):
        candidate = train_on_panel(panel, plan, window, fault)
        evidence = product.decide(place, candidate)
        if evidence.labels_are_suspect:
            flagged.append(Flagged(window.as_of, evidence))
        if product.promotions and product.promotions[-1].place == place:
            served.append(Served(window.as_of, candidate))
        if progress is not None:
            progress(place + 1, len(windows))
    change = find_change(plan)
    measures = []
    for watched in Watched:
        reigns = served[:1] if watched is Watched.KEPT else served
        watches = watch_reigns(panel, reigns, flagged, plan, rule)
        measures += [measure_monitor(monitor, watched, watches, change, rule) for monitor in Monitor]
    return MonitorResult(
        label=plan.label, scenario=plan.scenario, seed=plan.seed, n_cells=panel.n_cells, monitors=tuple(measures)
    )


def run_monitors(
    plans: Sequence[StreamPlan], rule: MonitorRule, n_cores: int, progress: StreamProgress
) -> list[MonitorResult]:
    """Watch every plan's champions; with one process every period is reported, else every stream."""
    if n_cores == 1 or len(plans) == 1:
        return [monitor_stream(plan, rule, partial(progress, plan.label)) for plan in plans]
    tasks = [partial(monitor_stream, plan, rule) for plan in plans]
    results = []
    for result in run_tasks(tasks, len(plans), n_processes=n_cores):
        progress(result.label, 1, 1)
        results.append(result)
    return results


def find_change(plan: StreamPlan) -> dt.date | None:
    """The day from which the park differs from what it was; `None` where it stays as it is."""
    if plan.park is not None and plan.park.outage is not None:
        return plan.park.outage.start
    return None if plan.scenario in (Scenario.NONE, Scenario.BROKEN) else change_date(plan.span)


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
        doubted = self._find_doubted(day)
        weeks = [
            self._measure(week, day, place, reign)._replace(doubted=overlaps_any(week, doubted))
            for week in weeks_between(reign.since, due_end)
        ]
        charted = chart_weeks(weeks, self._rule)
        verdict = judge_quality(
            charted, self._listen(day, reign), self._rule, doubted=doubted, due_end=last_monday(due_end)
        )
        last = charted[-1] if charted else None
        return Watch(
            day, place, verdict.state, last.cusum if last else 0.0, last.log_detector if last else float("-inf")
        )

    def _measure(self, week: Interval, day: dt.date, place: int, reign: Served) -> WeekQuality:
        labels = self._panel.labels_known_at(day, week)
        key = (place, week.start, labels.tobytes())
        if key not in self._measured:
            chances = reign.candidate.probabilities_on(week).ravel()
            rates = predict_climatology(reign.candidate.climatology, week).ravel()
            self._measured[key] = measure_week(week, labels.ravel(), chances, rates)
        return self._measured[key]

    def _find_doubted(self, day: dt.date) -> list[Interval]:
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
        since = max(last, reign.candidate.days.start)
        if since >= day:
            return Heartbeat(last, 0.0)
        span = Interval(start=since, end=day)
        models = float(reign.candidate.probabilities_on(span).sum())
        return Heartbeat(last, min(models, float(predict_climatology(reign.candidate.climatology, span).sum())))


US = dt.timedelta(microseconds=1)


def measure_monitor(
    monitor: Monitor, watched: Watched, watches: Sequence[Watch], change: dt.date | None, rule: MonitorRule
) -> MonitorMeasures:
    """Alarms of one chart: raised where it passes its limit while reports can be trusted, over when it is at zero."""
    alarms: list[dt.date] = []
    in_alarm, was_in_alarm, reign = False, False, 0
    for watch in watches:
        value, limit = _read_chart(monitor, watch, rule)
        in_alarm = in_alarm and watch.reign == reign
        reign = watch.reign
        raised = value > limit and watch.state is not QualityState.BLIND
        if raised and not in_alarm:
            alarms.append(watch.day)
        in_alarm = raised or (in_alarm and value > 0)
        if change is not None and watch.day < change:
            was_in_alarm = in_alarm
    clean = [watch for watch in watches if change is None or watch.day < change]
    blind = [watch.day for watch in watches if watch.state is QualityState.BLIND]
    return MonitorMeasures(
        monitor=monitor,
        watched=watched,
        first_day=watches[0].day if watches else None,
        n_weeks=len(watches),
        n_weeks_clean=len(clean),
        alarms=tuple(alarms),
        n_false_alarms=sum(change is None or day < change for day in alarms),
        was_in_alarm=was_in_alarm,
        delay_days=_delay(alarms, change),
        blind_delay_days=_delay(blind, change),
        n_blind_weeks=len(blind),
        n_blind_weeks_clean=sum(watch.state is QualityState.BLIND for watch in clean),
    )


def _read_chart(monitor: Monitor, watch: Watch, rule: MonitorRule) -> tuple[float, float]:
    if monitor is Monitor.CUSUM:
        return watch.cusum, rule.cusum_limit
    return watch.log_detector, rule.detector_limit


def _delay(days: Sequence[dt.date], change: dt.date | None) -> int | None:
    later = [day for day in days if change is not None and day >= change]
    return (later[0] - change).days if later and change is not None else None
