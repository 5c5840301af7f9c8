"""OK, ALARM or BLIND follows from weeks, doubts and silence at the documented limits."""

import datetime as dt
import math

import pytest
from scipy.stats import nbinom

from forest_fire_retrain.core.monitoring.charts import ChartedWeek, chart_weeks
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.quality_state import (
    Heartbeat,
    QualityState,
    Verdict,
    chance_of_at_most,
    judge_quality,
    silent_days,
)
from forest_fire_retrain.core.monitoring.week_quality import WeekQuality
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.core.monitoring.test_charts import MONDAY, week

RULE = MonitorRule()
HEARD = Heartbeat(MONDAY, 0.0)


def judge(weeks: list[WeekQuality], heartbeat: Heartbeat = HEARD, doubted: tuple[Interval, ...] = ()) -> Verdict:
    charted: list[ChartedWeek] = chart_weeks(weeks, RULE)
    due_end = weeks[-1].week.end if weeks else MONDAY
    return judge_quality(charted, heartbeat, RULE, doubted=doubted, due_end=due_end)


def with_fires(number: int, n_fires: int, expected: float = 3.0) -> WeekQuality:
    return week(number, 0.0)._replace(n_fires=n_fires, expected_fires=expected, climatology_fires=expected + 1)


@pytest.mark.parametrize(("n_fires", "expected"), [(0, 4.6), (3, 12.0), (40, 38.5)])
def test_the_chance_is_the_negative_binomials(n_fires: int, expected: float) -> None:
    assert chance_of_at_most(n_fires, expected, 0.1) == pytest.approx(nbinom.cdf(n_fires, 10, 10 / (10 + expected)))


def test_nothing_expected_is_no_reason_to_worry() -> None:
    assert chance_of_at_most(0, 0.0, 0.1) == 1.0


def test_reports_as_expected_are_ok() -> None:
    verdict = judge([with_fires(number, 3) for number in range(6)])
    assert verdict.state is QualityState.OK
    assert "over 6 weeks" in verdict.sentence


def test_a_chart_above_its_limit_is_an_alarm_that_names_figures_and_weeks() -> None:
    verdict = judge([with_fires(0, 3), week(1, 6.0), with_fires(2, 3)])
    assert verdict.state is QualityState.ALARM
    assert f"passed it in the week from {MONDAY + dt.timedelta(days=7)}" in verdict.sentence
    assert "limit 5.00" in verdict.sentence


def test_too_few_reports_of_the_due_days_are_blind_even_while_the_chart_alarms() -> None:
    weeks = [week(0, 9.0), *(with_fires(number, 0) for number in range(1, 5))]
    verdict = judge(weeks)
    assert chance_of_at_most(0, 12.0, 0.1) < RULE.blind_chance
    assert verdict.state is QualityState.BLIND
    assert "0 fires of 12.0 expected" in verdict.sentence


def test_a_quiet_month_that_chance_explains_is_not_blind() -> None:
    # 6 of 12 expected lie below the share, but chance explains them in 11 % of cases.
    verdict = judge([with_fires(number, n_fires) for number, n_fires in enumerate([3, 3, 1, 2, 1, 2])])
    assert chance_of_at_most(6, 12.0, 0.1) > RULE.blind_chance
    assert verdict.state is QualityState.OK


def test_where_a_month_expects_too_few_more_weeks_are_asked() -> None:
    weeks = [with_fires(number, 0, expected=0.5) for number in range(14)]
    assert judge(weeks).state is QualityState.BLIND
    assert judge(weeks[:8]).state is QualityState.OK  # 4 fires in 8 weeks are not enough to miss


def test_doubted_windows_that_reach_into_the_due_days_are_blind() -> None:
    weeks = [with_fires(number, 3) for number in range(12)]
    old = Interval(start=MONDAY, end=MONDAY + dt.timedelta(days=28))
    new = Interval(start=weeks[-2].week.start, end=weeks[-1].week.end)
    assert judge(weeks, doubted=(old,)).state is QualityState.OK
    verdict = judge(weeks, doubted=(old, new))
    assert verdict.state is QualityState.BLIND
    assert f"reports of {new.start} to {new.end - dt.timedelta(days=1)} are doubted" in verdict.sentence


def test_a_feed_that_fell_silent_is_blind_before_its_days_are_due() -> None:
    weeks = [with_fires(number, 3) for number in range(6)]
    limit = 10 * (RULE.blind_chance ** (-1 / 10) - 1)  # (1 + E/10)^-10 = 0.01
    assert judge(weeks, Heartbeat(MONDAY, limit * 0.999)).state is QualityState.OK
    verdict = judge(weeks, Heartbeat(MONDAY, limit * 1.001))
    assert verdict.state is QualityState.BLIND
    assert f"since {MONDAY}" in verdict.sentence
    assert math.isclose(limit, 5.85, abs_tol=0.01)


def test_a_reign_without_a_mature_week_says_so() -> None:
    verdict = judge([])
    assert verdict == Verdict(QualityState.OK, "no week of this champion is old enough to be judged")


def test_silence_is_counted_in_whole_days_after_the_newest_report() -> None:
    today = MONDAY
    assert silent_days(today, today) is None
    assert silent_days(today - dt.timedelta(days=1), today) is None
    assert silent_days(today - dt.timedelta(days=3), today) == Interval(start=today - dt.timedelta(days=2), end=today)
