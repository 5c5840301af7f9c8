"""A shadow against the champion in figures: sums over days, an interval over whole weeks."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from forest_fire_retrain.core.monitoring.shadow_comparison import PairedDay, ShadowComparison, describe_pairs

FIRST = dt.date(2026, 6, 1)
DAY = dt.timedelta(days=1)


def paired(n_days: int, gains: list[float]) -> list[PairedDay]:
    """Days on which the champion lost 2, and the shadow so much less."""
    return [PairedDay(FIRST + n * DAY, 10, n % 2, 1.5, 0.5, 2.0, 2.0 - gains[n % len(gains)]) for n in range(n_days)]


def compared(days: list[PairedDay], **known: object) -> ShadowComparison:
    return ShadowComparison.model_validate(
        {"candidate_id": "c", "partition_key": "2026-05-04", "version": 2, "champion": 3, **known}
        | dict(describe_pairs(days))
    )


def test_the_figures_are_sums_over_the_days_and_means_per_cell_day() -> None:
    found = compared(paired(10, [0.5]))
    assert (found.first_day, found.last_day, found.n_days) == (FIRST, FIRST + 9 * DAY, 10)
    assert (found.n_rows, found.n_fires, found.expected_champion, found.expected_shadow) == (100, 5, 15.0, 5.0)
    assert (found.log_loss_champion, found.log_loss_shadow) == (0.2, pytest.approx(0.15))
    assert found.relative_difference == pytest.approx(-0.25)
    assert (found.n_weeks, found.low, found.high) == (1, None, None)
    assert found.describe_difference() == "-25.0% (no interval from 1 week)"


def test_the_interval_is_students_t_over_whole_weeks_counted_back_from_the_newest_day() -> None:
    days = paired(23, [0.1, 0.4, -0.2, 0.3, 0.0])
    found = compared(days)
    weeks = np.array([sum(d.loss_shadow - d.loss_champion for d in days[2 + 7 * n : 9 + 7 * n]) for n in range(3)])
    half = student_t.ppf(0.975, 2) * weeks.std(ddof=1) / np.sqrt(3)
    assert found.n_weeks == 3
    assert found.low == pytest.approx((weeks.mean() - half) / 14)
    assert found.high == pytest.approx((weeks.mean() + half) / 14)


def test_a_week_with_a_day_missing_is_in_the_sums_and_not_in_the_interval() -> None:
    days = paired(21, [0.5, 0.1])
    del days[10]
    found = compared(days)
    assert (found.n_days, found.n_weeks) == (20, 2)


def test_without_a_day_there_are_no_figures_and_it_says_so() -> None:
    assert str(compared([], n_days_open=2)) == (
        "version 2 beside version 3: no matured day yet, 2 days without reports that count"
    )
    assert str(compared([], version=None)) == "the candidate of 2026-05-04 beside version 3: no matured day yet"
    assert compared([]).describe_difference() == "no matured day yet"


def test_the_sentence_names_the_shadow_first() -> None:
    assert str(compared(paired(14, [0.5, 0.1]))) == (
        "version 2 beside version 3: 14 days from 2026-06-01 to 2026-06-14, 7 fires, 7.0 and 21.0 expected, "
        "log loss 0.17000 and 0.20000, -15.0% (95%: -33.2% to +3.2%, 2 weeks)"
    )


@given(st.lists(st.floats(0.0, 3.0), min_size=2, max_size=40), st.randoms())
def test_the_order_of_the_days_changes_nothing(gains: list[float], shuffled: object) -> None:
    days = paired(len(gains), gains)
    again = list(days)
    shuffled.shuffle(again)  # type: ignore[attr-defined] # hypothesis' own random
    assert compared(again) == compared(days)
