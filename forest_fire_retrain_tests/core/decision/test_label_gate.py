"""Missing fire reports are noticed at the documented limits, and not short of them."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.label_gate import (
    count_labels,
    count_of,
    is_suspect,
    is_tainted,
    missing_share,
    overlaps_any,
    with_neighbours,
)
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import RULE, example_window, without_champion


def week_of(day: int, n_days: int = 7) -> Interval:
    start = dt.date(2024, 1, 1) + dt.timedelta(days=day)
    return Interval(start=start, end=start + dt.timedelta(days=n_days))


def test_a_window_with_no_fires_is_suspect_only_where_more_than_ten_were_expected() -> None:
    # No fire of E: z = E/sqrt(E + 0.1 E²), 2.24 at E = 10.
    assert not is_suspect(0, 10.0, RULE)
    assert is_suspect(0, 10.001, RULE)


@given(expected=st.floats(10.001, 1e9), share=st.floats(0, 1))
def test_a_window_is_suspect_only_below_45_percent_of_the_expectation(expected: float, share: float) -> None:
    # (1 - s) E > 1.75 sqrt(E + 0.1 E²) asks for s < 1 - 1.75 sqrt(0.1 + 1/E) < 0.447: a limit of 0.45 never decides.
    n_fires = int(share * expected)
    assert not is_suspect(n_fires, expected, RULE) or n_fires < 0.447 * expected


def test_a_window_is_suspect_only_more_than_one_and_three_quarter_deviations_below() -> None:
    # At E = 20 the deviation is sqrt(20 + 0.1·400) = 7.746: 6 fires lie 1.807 below, 7 fires 1.678.
    assert (20 - 6) / math.sqrt(60) == pytest.approx(1.807, abs=1e-3)
    assert is_suspect(6, 20.0, RULE)
    assert not is_suspect(7, 20.0, RULE)


@pytest.mark.parametrize(
    "changed",
    [{"suspect_z": 1.9}, {"suspect_overdispersion": 0.2}, {"suspect_min_expected": 20.0}],
)
def test_each_threshold_is_a_setting(changed: dict[str, float]) -> None:
    assert is_suspect(6, 20.0, RULE)
    assert not is_suspect(6, 20.0, DecisionRule.model_validate(changed))


@given(n_fires=st.integers(0, 300), expected=st.floats(0, 500))
def test_more_recorded_fires_never_raise_suspicion(n_fires: int, expected: float) -> None:
    if not is_suspect(n_fires, expected, RULE):
        assert not is_suspect(n_fires + 1, expected, RULE)


@pytest.mark.parametrize("expected", [math.nan, -math.inf])
def test_an_expectation_that_is_no_number_raises_none(expected: float) -> None:
    assert not is_suspect(0, expected, RULE)


@pytest.mark.parametrize(
    ("challenger", "champion", "climatology", "expected"),
    [(3.0, 1.0, 2.0, 14.0), (1.5, 1.0, 2.0, 10.5), (0.5, 1.5, 2.0, 10.5), (0.5, 3.0, 2.0, 14.0)],
)
def test_the_larger_of_the_models_counts_at_most_climatology(
    challenger: float, champion: float, climatology: float, expected: float
) -> None:
    series = {"challenger": challenger, "champion": champion, "climatology": climatology}
    window = example_window(**{f"expected_{model}": (value,) * 7 for model, value in series.items()})
    assert window.n_expected == expected


def test_without_a_champion_the_challenger_counts() -> None:
    window = example_window(expected_challenger=(0.5,) * 7, expected_climatology=(2.0,) * 7)
    assert without_champion(window).n_expected == 3.5


def test_a_week_is_counted_with_the_three_before_it() -> None:
    weeks = [example_window(week, fires=(week,) + (0,) * 6) for week in range(10)]
    held = count_labels(weeks[8], reversed(weeks), RULE)
    assert held == LabelCount(window=week_of(5 * 7, 28), n_fires=5 + 6 + 7 + 8, n_expected=28.0)
    assert count_labels(weeks[8], [], RULE) == LabelCount(window=week_of(8 * 7), n_fires=8, n_expected=7.0)


def test_days_are_counted_back_to_the_first_gap_only() -> None:
    weeks = {week: example_window(week) for week in (5, 6, 8)}
    assert count_labels(weeks[8], weeks.values(), RULE).window == weeks[8].window
    assert count_labels(example_window(7), weeks.values(), RULE).window == week_of(5 * 7, 21)


def test_a_period_of_four_weeks_or_more_is_counted_alone() -> None:
    for n_days in (28, 31):
        start = dt.date(2024, 3, 1)
        before = [
            example_window(0, n_days=n_days).model_copy(
                update={"window": Interval(start=start - dt.timedelta(days=n_days), end=start)}
            )
        ]
        newest = before[0].model_copy(update={"window": Interval(start=start, end=start + dt.timedelta(days=n_days))})
        assert count_labels(newest, before, RULE).window == newest.window


def test_one_quiet_week_is_not_suspect_and_four_are() -> None:
    busy = {f"expected_{model}": (2.0,) * 7 for model in ("challenger", "champion", "climatology")}
    quiet = example_window(8, **{**busy, "fires": (0,) * 7})
    lively = [example_window(week, **{**busy, "fires": (2,) * 7}) for week in (5, 6, 7)]
    silent = [window.model_copy(update={"fires": (0,) * 7}) for window in lively]

    def is_doubted(before: list[WindowEvidence]) -> bool:
        count = count_labels(quiet, before, RULE)
        return is_suspect(count.n_fires, count.n_expected, RULE)

    assert is_doubted([])  # as rule version 3 would have it
    assert not is_doubted(lively)
    assert is_doubted(silent)


def test_a_window_recorded_without_a_count_was_counted_alone() -> None:
    window = example_window(3)
    assert count_of(window) == LabelCount(window=window.window, n_fires=7, n_expected=7.0)
    counted = LabelCount(window=week_of(0, 28), n_fires=1, n_expected=30.0)
    assert count_of(window.model_copy(update={"label_count": counted})) is counted


def test_intervals_overlap_when_they_share_a_day() -> None:
    held = week_of(7)
    assert [overlaps_any(week_of(day), [held]) for day in (0, 1, 7, 13, 14)] == [False, True, True, True, False]
    assert overlaps_any(week_of(14), [held, week_of(20)])
    assert not overlaps_any(held, [])


def test_neighbours_reach_one_window_to_either_side() -> None:
    assert with_neighbours([week_of(7), week_of(40, n_days=30)]) == (week_of(0, n_days=21), week_of(10, n_days=90))
    assert with_neighbours([]) == ()


def suspect_count(day: int, n_fires: int, n_expected: float, n_days: int = 28) -> LabelCount:
    return LabelCount(window=week_of(day, n_days), n_fires=n_fires, n_expected=n_expected)


def test_a_model_is_tainted_by_more_than_a_fortieth_of_its_fires_missing() -> None:
    training = week_of(-700, 1_400)
    for n_expected, tainted in ((14.99, False), (15.02, True)):  # 10 of 390 + 10 missing are a fortieth
        count = suspect_count(0, 5, n_expected)
        assert missing_share(training, 390, [count]) == pytest.approx(1 / 40, abs=5e-5)
        assert is_tainted(training, 390, [count], RULE) is tainted
    assert not is_tainted(training, 390, [], RULE)
    assert not is_tainted(training, 0, [], RULE)
    assert is_tainted(training, 0, [suspect_count(0, 0, 11.0)], RULE)


def test_only_days_of_the_training_window_are_missing_and_each_once() -> None:
    quarter_later, same = suspect_count(7, 0, 28.0), suspect_count(0, 0, 28.0)
    training = week_of(0, 14)
    assert missing_share(training, 86, [same]) == pytest.approx(0.14)
    assert missing_share(training, 86, [same, same]) == pytest.approx(0.14)
    assert missing_share(training, 93, [quarter_later]) == pytest.approx(0.07)
    assert missing_share(training, 86, [same, quarter_later]) == pytest.approx(0.14)
    assert missing_share(week_of(-30, 30), 10, [same, quarter_later]) == 0
    assert missing_share(training, 10, [suspect_count(0, 30, 28.0)]) == 0


def test_under_older_rules_any_fire_missing_taints() -> None:
    before = DecisionRule.model_validate({**RULE.model_dump(mode="json", exclude={"taint_share"}), "version": "4"})
    assert is_tainted(week_of(-700, 1_400), 100_000, [suspect_count(0, 9, 21.0)], before)
    assert not is_tainted(week_of(-700, 1_400), 100_000, [suspect_count(0, 9, 21.0)], RULE)
