"""The charts follow their recursions, alarms begin and end where they say, and doubted weeks play no part."""

import datetime as dt
import math

import pytest

from forest_fire_retrain.core.monitoring.charts import chart_weeks, list_alarms
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.week_quality import ALTERNATIVES, WeekQuality
from forest_fire_retrain.core.windows import Interval

RULE = MonitorRule()
MONDAY = dt.date(2024, 1, 1)


def week(number: int, z: float, *, ratio: float = 0.0, doubted: bool = False) -> WeekQuality:
    """A week with this z and the same log ratio for every alternative."""
    start = MONDAY + dt.timedelta(days=7 * number)
    return WeekQuality(
        week=Interval(start=start, end=start + dt.timedelta(days=7)),
        n_rows=140,
        n_fires=2,
        expected_fires=2.0,
        variance_of_fires=1.9,
        climatology_fires=2.0,
        loss=10.0 + z,
        climatology_loss=11.0,
        expected_loss=10.0,
        variance_of_loss=1.0,
        log_ratios=(ratio,) * len(ALTERNATIVES),
        doubted=doubted,
    )


def weeks(*scores: float) -> list[WeekQuality]:
    return [week(number, z) for number, z in enumerate(scores)]


def test_cusum_by_hand() -> None:
    charted = chart_weeks(weeks(1.0, -3.0, 2.5, 3.0, 1.0), RULE)
    assert [each.cusum for each in charted] == [0.5, 0.0, 2.0, 4.5, 5.0]
    assert not charted[-1].in_alarm  # it stands at its limit, and has not passed it


def test_an_alarm_lasts_from_the_limit_until_zero_and_names_where_the_change_began() -> None:
    charted = chart_weeks(weeks(0.0, 3.5, 3.5, -2.5, -2.5, 0.0), RULE)
    assert [each.in_alarm for each in charted] == [False, False, True, True, False, False]
    (alarm,) = list_alarms(charted)
    assert alarm.raised.start == MONDAY + dt.timedelta(days=14)
    assert alarm.change.start == MONDAY + dt.timedelta(days=7)
    assert (alarm.peak, alarm.is_over) == (6.0, True)


def test_two_alarms_with_zero_between_are_two() -> None:
    charted = chart_weeks(weeks(6.0, -9.0, 6.0), RULE)
    assert [alarm.is_over for alarm in list_alarms(charted)] == [True, False]


def test_doubted_weeks_contribute_nothing() -> None:
    without = chart_weeks([week(0, 1.0, ratio=0.3), week(2, 1.0, ratio=0.3)], RULE)
    with_doubted = chart_weeks(
        [week(0, 1.0, ratio=0.3), week(1, 9.0, ratio=9.0, doubted=True), week(2, 1.0, ratio=0.3)], RULE
    )
    assert with_doubted[-1].cusum == without[-1].cusum
    assert with_doubted[-1].log_detector == without[-1].log_detector


def test_detector_by_hand() -> None:
    charted = chart_weeks([week(0, 0.0, ratio=math.log(2)), week(1, 0.0, ratio=math.log(3))], RULE)
    assert math.exp(charted[0].log_detector) == pytest.approx(2.0)  # (1 + 0)·2
    assert math.exp(charted[1].log_detector) == pytest.approx(9.0)  # (1 + 2)·3


def test_the_detector_outgrows_no_double() -> None:
    charted = chart_weeks([week(number, 0.0, ratio=100.0) for number in range(20)], RULE)
    assert charted[-1].log_detector == pytest.approx(2000.0)


def test_a_chart_without_weeks_is_empty() -> None:
    assert chart_weeks([], RULE) == []
    assert list_alarms([]) == []
