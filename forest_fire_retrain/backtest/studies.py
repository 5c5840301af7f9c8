"""Replay histories under the product's rule, each candidate trained once, and answer what is asked of them.

Asked may be what monitoring says (`monitors`), what an alarm leads to (`courses`), and a mixture (`routing`).
"""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import TrainedCandidate, train_on_panel
from forest_fire_retrain.backtest.course_measures import CourseMeasures, measure_course
from forest_fire_retrain.backtest.courses import Course, Policy
from forest_fire_retrain.backtest.monitors import Monitor, MonitorMeasures, Watched, find_change, measure_monitor
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.routing import Routing, RoutingMeasures
from forest_fire_retrain.backtest.scenarios import Breakage, Scenario, change_date, plan_faults
from forest_fire_retrain.backtest.streams import StreamPlan, plan_periods
from forest_fire_retrain.backtest.watcher import watch_reigns
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.routing.mixture import MixtureRule
from forest_fire_retrain.core.windows import Cadence, Interval, RetrainingWindows

MONDAY = 0

Progress = Callable[[int, int], None]
StreamProgress = Callable[[str, int, int], None]


class Questions(NamedTuple):
    """What is asked of a history.

    Attributes
    ----------
    monitors : bool
        Whether what monitoring says is measured.
    policies : tuple of Policy
        What an alarm leads to, each held against `passive`.
    mixture : MixtureRule, optional
        Constants of a mixture that is held against the champion alone.
    """

    monitors: bool = True
    policies: tuple[Policy, ...] = ()
    mixture: MixtureRule | None = None


class StudyResult(Record):
    """One history, as far as it was asked.

    Attributes
    ----------
    label : str
        Names the stream for people.
    scenario, cadence, seed, n_cells : Scenario, Cadence, int, int
        Which history.
    monitors : tuple of MonitorMeasures
        What monitoring says, of the passive course.
    courses : tuple of CourseMeasures
        `passive` first; empty where there never was a champion.
    routing : RoutingMeasures, optional
        The mixture of the passive course's models.
    """

    label: str
    scenario: Scenario
    cadence: Cadence
    seed: int
    n_cells: int
    monitors: tuple[MonitorMeasures, ...] = ()
    courses: tuple[CourseMeasures, ...] = ()
    routing: RoutingMeasures | None = None


class Followed(NamedTuple):
    """A history that was followed to its end."""

    panel: Panel
    courses: tuple[Course, ...]
    routing: Routing | None


def study_stream(
    plan: StreamPlan, monitoring: MonitorRule, questions: Questions, progress: Progress | None = None
) -> StudyResult:
    """Replay `plan` and answer the questions; the same arguments give the same result.

    Parameters
    ----------
    plan : StreamPlan
        The history.
    monitoring : MonitorRule
        Thresholds of monitoring.
    questions : Questions
        What is asked.
    progress : callable, optional
        Told the number of periods done, and of all.

    Raises
    ------
    ConfigurationError, InputContractError, EvidenceError
        If the history cannot be laid out, read or trained on.
    """
    followed = _follow(plan, monitoring, questions, progress)
    panel, passive = followed.panel, followed.courses[0]
    drift_start = change_date(plan.span) if plan.scenario.drifts else None
    measured = [measure_course(course, panel, plan.span.end, drift_start) for course in followed.courses]
    return StudyResult(
        label=plan.label,
        scenario=plan.scenario,
        cadence=plan.cadence,
        seed=plan.seed,
        n_cells=panel.n_cells,
        monitors=_measure_monitors(passive, panel, plan, monitoring) if questions.monitors else (),
        courses=tuple(one for one in measured if one is not None) if questions.policies else (),
        routing=None if followed.routing is None else followed.routing.measure(),
    )


def run_studies(
    plans: Sequence[StreamPlan], monitoring: MonitorRule, questions: Questions, n_cores: int, progress: StreamProgress
) -> list[StudyResult]:
    """Answer the questions of every plan; with one process every period is reported, else every stream."""
    if n_cores == 1 or len(plans) == 1:
        return [study_stream(plan, monitoring, questions, partial(progress, plan.label)) for plan in plans]
    tasks = [partial(study_stream, plan, monitoring, questions) for plan in plans]
    results = []
    for result in run_tasks(tasks, len(plans), n_processes=n_cores):
        progress(result.label, 1, 1)
        results.append(result)
    return results


def _follow(plan: StreamPlan, monitoring: MonitorRule, questions: Questions, progress: Progress | None) -> Followed:
    """Go through the history day by day: decisions of the day first, then its looks, then its answers."""
    windows, panel = plan_periods(plan), load_panel(plan)
    train = _once(partial(train_on_panel, panel, plan, fault=None))
    courses = tuple(
        Course(policy, panel, plan, monitoring, train)
        for policy in dict.fromkeys((Policy.PASSIVE, *questions.policies))
    )
    routing = None if questions.mixture is None else Routing(courses[0], panel, plan, questions.mixture)
    scheduled = {window.as_of: (window, fault) for window, fault in zip(windows, _plan_faults(plan), strict=True)}
    days = _list_days(windows, plan.span.end)
    n_done = 0
    for place, day in enumerate(days):
        if day in scheduled:
            window, fault = scheduled[day]
            candidate = train_on_panel(panel, plan, window, fault)
            for course in courses:
                course.decide(candidate)
            if routing is not None:
                routing.add(candidate)
            n_done += 1
            if progress is not None:
                progress(n_done, len(windows))
        if day.weekday() == MONDAY:
            for course in courses:
                course.look(day)
        until = days[place + 1] if place + 1 < len(days) else plan.span.end
        if routing is not None and day < until:
            routing.answer(Interval(start=day, end=until))
    return Followed(panel, courses, routing)


def _once(train: Callable[[RetrainingWindows], TrainedCandidate]) -> Callable[[RetrainingWindows], TrainedCandidate]:
    """Trains what it was not asked for before: courses that ask for the same days get the same candidate."""
    trained: dict[str, TrainedCandidate] = {}

    def train_once(windows: RetrainingWindows) -> TrainedCandidate:
        if windows.partition_key not in trained:
            trained[windows.partition_key] = train(windows)
        return trained[windows.partition_key]

    return train_once


def _plan_faults(plan: StreamPlan) -> list[Breakage | None]:
    n_periods = len(plan_periods(plan))
    return plan_faults(plan.seed, n_periods) if plan.scenario is Scenario.BROKEN else [None] * n_periods


def _list_days(windows: Sequence[RetrainingWindows], end: dt.date) -> list[dt.date]:
    """Days on which something is decided or looked at, up to and with `end`."""
    first = windows[0].as_of
    every = (first + dt.timedelta(days=n_days) for n_days in range((end - first).days + 1))
    decided = {window.as_of for window in windows}
    return [day for day in every if day.weekday() == MONDAY or day in decided]


def _measure_monitors(
    course: Course, panel: Panel, plan: StreamPlan, monitoring: MonitorRule
) -> tuple[MonitorMeasures, ...]:
    change = find_change(plan)
    kept = watch_reigns(panel, course.reigns[:1], course.flagged, plan, monitoring)
    watches = {Watched.KEPT: kept, Watched.SERVED: course.watches}
    return tuple(
        measure_monitor(monitor, watched, watches[watched], change, monitoring)
        for watched in Watched
        for monitor in Monitor
    )
