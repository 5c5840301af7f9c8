"""An alarm asks for a candidate as often and no more often than documented, and it is judged like every other."""

import datetime as dt
from functools import partial
from itertools import pairwise

import pytest

from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.course_measures import lose_in_production, measure_course
from forest_fire_retrain.backtest.courses import (
    AlarmEnd,
    Course,
    Policy,
    plan_off_schedule,
)
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.replaying import replay_stream
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName, plan_periods
from forest_fire_retrain.backtest.studies import Questions, StudyResult, study_stream
from forest_fire_retrain.backtest.watcher import Watch
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.periods import COOLDOWN_DAYS
from forest_fire_retrain.core.windows import Cadence, RetrainingWindows
from forest_fire_retrain_tests.backtest.test_replaying import PLAN

DAY = dt.timedelta(days=1)
CALM = PLAN._replace(scenario=Scenario.NONE, seed=1)
JUMPY = MonitorRule(cusum_allowance=0.0, cusum_limit=0.01)
DEAF = MonitorRule(cusum_limit=1e6)
ACTIVE = Questions(monitors=False, policies=(Policy.RETRAIN, Policy.RESTART))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_panel(CALM)


@pytest.fixture(scope="module")
def jumpy() -> StudyResult:
    return study_stream(CALM, JUMPY, ACTIVE)


@pytest.fixture
def course(panel: Panel) -> Course:
    """A course that retrains, with a champion of the first period."""
    trained: list[RetrainingWindows] = []
    course = Course(Policy.RETRAIN, panel, CALM, DEAF, partial(_train, panel, trained))
    for windows in plan_periods(CALM)[:2]:
        course.decide(train_on_panel(panel, CALM, windows, None))
    assert course.reigns
    return course


def _train(panel: Panel, trained: list[RetrainingWindows], windows: RetrainingWindows):  # noqa: ANN202 - a candidate
    trained.append(windows)
    return train_on_panel(panel, CALM, windows, None)


def alarm_on(course: Course, monkeypatch: pytest.MonkeyPatch, **changes: dt.date | None) -> None:
    """The next look says ALARM of a change, or OK without one."""
    change = changes["change"]
    state = QualityState.OK if change is None else QualityState.ALARM

    def look(day: dt.date, place: int, _: object) -> Watch:
        return Watch(day, place, state, 6.0, 0.0, change)

    monkeypatch.setattr(course._watcher, "look", look)


def mondays_after(course: Course) -> list[dt.date]:
    day = course.reigns[-1].since + dt.timedelta(days=20)
    first = day + dt.timedelta(days=-day.weekday() % 7)
    return [first + dt.timedelta(days=7 * place) for place in range(12)]


def test_an_alarm_asks_once_and_its_answer_is_kept(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    n_decisions = len(course.product.decisions)
    alarm_on(course, monkeypatch, change=dt.date(2022, 9, 5))
    asked = []
    for day in mondays_after(course)[:8]:
        course.look(day)
        asked.append(course.alarms[-1].asked)
    assert len(set(asked) - {None}) == 1
    assert len(course.product.decisions) == n_decisions + 1
    assert course.alarms[0].answer == course.product.reasons[-1]


def test_another_alarm_asks_only_after_the_cooldown(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    days = mondays_after(course)
    for place, day in enumerate(days):
        alarm_on(course, monkeypatch, change=dt.date(2022, 9, 5) + dt.timedelta(days=7 * place))
        course.look(day)
    asked = [alarm.asked for alarm in course.alarms if alarm.asked is not None]
    assert len(asked) > 1
    assert all((after - before).days >= COOLDOWN_DAYS for before, after in pairwise(asked))


def test_an_alarm_ends_with_the_chart_and_not_while_blind(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.policy = Policy.PASSIVE
    first, second, third = mondays_after(course)[:3]
    alarm_on(course, monkeypatch, change=dt.date(2022, 9, 5))
    course.look(first)
    monkeypatch.setattr(course._watcher, "look", lambda *_: Watch(second, 0, QualityState.BLIND, 0.0, 0.0))
    course.look(second)
    assert course.alarms[0].ended is None
    alarm_on(course, monkeypatch, change=None)
    course.look(third)
    assert (course.alarms[0].ended, course.alarms[0].ended_by) == (third, AlarmEnd.CHART)


def test_another_champion_ends_an_alarm(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.policy = Policy.PASSIVE
    first, second = mondays_after(course)[:2]
    alarm_on(course, monkeypatch, change=dt.date(2022, 9, 5))
    course.look(first)
    course.reigns.append(course.reigns[-1]._replace(since=second))
    course.look(second)
    assert course.alarms[0].ended_by is AlarmEnd.CHAMPION


def test_in_alarm_a_restart_drops_the_windows_before_the_change(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = [train_on_panel(panel, CALM, windows, None) for windows in plan_periods(CALM)[:4]]
    n_windows = {}
    for change in (None, candidates[3].windows.holdout.start):
        course = Course(Policy.RESTART, panel, CALM, DEAF, lambda _: candidates[0])
        for candidate in candidates[:3]:
            course.decide(candidate)
        alarm_on(course, monkeypatch, change=change)
        course.decide(candidates[3])
        n_windows[change is None] = course.product.decisions[-1].comparison.n_windows
    assert n_windows[True] > n_windows[False] == 1


def test_what_is_asked_off_schedule_has_a_week_at_least() -> None:
    first = plan_periods(CALM)[2].partition.start
    asked = [plan_off_schedule(first + n_days * DAY, CALM) for n_days in (0, 6, 7)]
    assert [windows is None for windows in asked] == [True, True, False]
    assert plan_off_schedule(first + 7 * DAY, CALM._replace(cadence=Cadence.WEEKLY)) is None


def test_off_schedule_the_holdout_begins_where_the_periods_own_does() -> None:
    scheduled = plan_periods(CALM)[2]
    monday = scheduled.partition.start + dt.timedelta(days=14)
    windows = plan_off_schedule(monday, CALM)
    assert windows is not None
    assert windows.partition_key == f"{monday}+active"
    assert (windows.training, windows.holdout.start) == (scheduled.training, scheduled.holdout.start)
    assert windows.holdout.end == monday - dt.timedelta(days=14)


def test_where_nothing_alarms_every_course_is_the_passive_one() -> None:
    passive, *others = study_stream(CALM, DEAF, ACTIVE).courses
    assert [other.policy for other in others] == [Policy.RETRAIN, Policy.RESTART]
    assert all(other.losses == passive.losses for other in others)
    assert all(other.n_promotions == passive.n_promotions for other in others)


def test_only_the_course_that_retrains_asks(jumpy: StudyResult) -> None:
    asked = {one.policy: sum(alarm.asked is not None for alarm in one.alarms) for one in jumpy.courses}
    assert asked[Policy.RETRAIN] > 0
    assert asked[Policy.PASSIVE] == asked[Policy.RESTART] == 0
    assert all(alarm.answer is not None for one in jumpy.courses for alarm in one.alarms if alarm.asked is not None)


def test_the_same_plan_gives_the_same_courses(jumpy: StudyResult) -> None:
    assert study_stream(CALM, JUMPY, ACTIVE) == jumpy


def test_the_passive_course_is_the_products_own_rule(jumpy: StudyResult) -> None:
    ours = replay_stream(CALM._replace(rules=(RuleName.OURS,))).rules[0]
    passive = jumpy.courses[0]
    assert passive.n_promotions == ours.n_promotions
    assert passive.losses.log_loss == pytest.approx(ours.log_loss)
    assert ours.truth is not None
    assert passive.losses.expected_log_loss == pytest.approx(ours.truth.expected_log_loss)
    assert passive.losses.excess is not None
    assert passive.losses.excess > 0


def test_what_is_served_is_the_champion_of_each_day(panel: Panel, course: Course) -> None:
    end = CALM.span.end
    lost = lose_in_production(course.reigns, panel, end)
    assert len(lost.realised) == (end - course.reigns[0].since).days
    measured = measure_course(course, panel, end, None)
    assert measured is not None
    assert measured.losses.log_loss == pytest.approx(lost.realised.mean() / panel.n_cells)
    assert measured.detection_delay_days is None
