"""Windows never overlap, never reach past the cut-off, and tile time."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.periods import align_to_cadence, period_starting
from forest_fire_retrain.core.windows import (
    Cadence,
    Interval,
    RetrainingWindows,
    WindowPolicy,
    earliest_partition_start,
    plan_windows,
)

CADENCES = st.sampled_from(Cadence)
DAYS = st.dates(dt.date(1984, 1, 1), dt.date(2040, 12, 31))
DAY = dt.timedelta(days=1)


@st.composite
def policies(draw: st.DrawFn) -> WindowPolicy:
    delay, minimum = draw(st.integers(0, 60)), draw(st.integers(1, 800))
    return WindowPolicy(
        label_delay_days=delay,
        gap_days=draw(st.integers(max(delay, 1), 90)),
        training_window_days=draw(st.integers(minimum, 5000)),
        min_training_days=minimum,
    )


def plan_series(history_start: dt.date, policy: WindowPolicy, cadence: Cadence, n: int) -> list[RetrainingWindows]:
    """The windows of the first `n` partitions that have enough history."""
    start, planned = align_to_cadence(earliest_partition_start(history_start, policy), cadence), []
    for _ in range(n):
        partition = period_starting(start, cadence)
        planned.append(plan_windows(partition, history_start, policy))
        start = partition.end
    return planned


@given(history_start=DAYS, policy=policies(), cadence=CADENCES)
def test_training_then_gap_then_holdout_lie_side_by_side_up_to_the_cut_off(
    history_start: dt.date, policy: WindowPolicy, cadence: Cadence
) -> None:
    for windows in plan_series(history_start, policy, cadence, 4):
        assert history_start <= windows.training.start < windows.training.end == windows.gap.start
        assert windows.gap.end == windows.holdout.start < windows.holdout.end
        assert windows.holdout.end + policy.label_delay_days * DAY == windows.as_of == windows.partition.end
        assert windows.training_cutoff == windows.training.end
        assert windows.partition_key == windows.partition.start.isoformat()


@given(history_start=DAYS, policy=policies(), cadence=CADENCES)
def test_the_gap_outlasts_the_label_delay_and_training_has_its_allowed_length(
    history_start: dt.date, policy: WindowPolicy, cadence: Cadence
) -> None:
    for windows in plan_series(history_start, policy, cadence, 4):
        assert windows.gap.n_days == policy.gap_days >= policy.label_delay_days
        assert policy.min_training_days <= windows.training.n_days <= policy.training_window_days


@given(history_start=DAYS, policy=policies(), cadence=CADENCES)
def test_consecutive_holdouts_tile_time(history_start: dt.date, policy: WindowPolicy, cadence: Cadence) -> None:
    planned = plan_series(history_start, policy, cadence, 15)
    for earlier, later in itertools.pairwise(planned):
        assert earlier.holdout.end == later.holdout.start
        assert earlier.holdout.n_days == earlier.partition.n_days


@given(history_start=DAYS, policy=policies(), cadence=CADENCES)
def test_a_partition_one_day_too_early_is_refused_with_the_first_possible_day(
    history_start: dt.date, policy: WindowPolicy, cadence: Cadence
) -> None:
    first = earliest_partition_start(history_start, policy)
    assert plan_windows(period_starting(first, cadence), history_start, policy).training.start == history_start
    with pytest.raises(ConfigurationError, match=rf"needs {policy.min_training_days}; .*may start on {first}"):
        plan_windows(period_starting(first - DAY, cadence), history_start, policy)


@given(day=DAYS, cadence=CADENCES)
def test_a_day_is_aligned_to_the_nearest_period_start_not_before_it(day: dt.date, cadence: Cadence) -> None:
    aligned = align_to_cadence(day, cadence)
    skipped = [day + offset * DAY for offset in range((aligned - day).days)]
    starts = [d for d in [*skipped, aligned] if (d.weekday() == 0 if cadence is Cadence.WEEKLY else d.day == 1)]
    assert starts == [aligned]


@given(day=DAYS, cadence=CADENCES)
def test_a_period_ends_where_the_next_one_starts(day: dt.date, cadence: Cadence) -> None:
    start = align_to_cadence(day, cadence)
    end = period_starting(start, cadence).end
    assert end == align_to_cadence(start + DAY, cadence)


def test_a_leap_february_is_one_month() -> None:
    assert period_starting(dt.date(2024, 2, 1), Cadence.MONTHLY).n_days == 29


@given(start=DAYS, n_days=st.integers(1, 400), offset=st.integers(-500, 500))
def test_an_interval_holds_its_start_and_not_its_end(start: dt.date, n_days: int, offset: int) -> None:
    interval = Interval(start=start, end=start + n_days * DAY)
    assert interval.n_days == n_days
    assert (start + offset * DAY in interval) == (0 <= offset < n_days)
    assert interval.shift(offset).shift(-offset) == interval
    assert interval.shift(offset).start - start == offset * DAY


def test_days_are_said_from_the_first_to_the_last() -> None:
    week, day = (Interval(start=dt.date(2024, 1, 1), end=dt.date(2024, 1, last)) for last in (8, 2))
    assert (str(week), week.half_open) == ("2024-01-01 to 2024-01-07", "[2024-01-01, 2024-01-08)")
    assert (week.when, day.when) == ("from 2024-01-01 to 2024-01-07", "on 2024-01-01")


@pytest.mark.parametrize("end", [dt.date(2024, 1, 1), dt.date(2023, 12, 31)])
def test_an_empty_interval_is_refused(end: dt.date) -> None:
    with pytest.raises(ValidationError, match="no day lies from 2024-01-01 on and before 202"):
        Interval(start=dt.date(2024, 1, 1), end=end)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gap_days": 13}, r"gap_days is 13, must be at least label_delay_days \(14\)"),
        ({"training_window_days": 99}, r"training_window_days is 99, must be at least min_training_days \(100\)"),
        ({"label_delay_days": -1}, "label_delay_days"),
        ({"label_delay_days": 0, "gap_days": 0}, "gap_days"),
        ({"min_training_days": 0}, "min_training_days"),
    ],
)
def test_a_policy_that_would_leak_or_leave_a_window_empty_is_refused(changed: dict[str, int], message: str) -> None:
    policy = {"label_delay_days": 14, "gap_days": 14, "training_window_days": 1000, "min_training_days": 100}
    WindowPolicy(**policy)
    with pytest.raises(ValidationError, match=message):
        WindowPolicy(**{**policy, **changed})
