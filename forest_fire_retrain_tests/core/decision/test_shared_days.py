"""No day is evidence twice: of windows that share days the one decided last counts, and the others are named."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.evidence_pool import pool_windows
from forest_fire_retrain.core.decision.label_gate import count_labels
from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import FIRST_DAY, RULE, WEEK, example_window

SPANS = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 40)), max_size=12)


def active(week: int, n_days: int = 14, **changes: object) -> WindowEvidence:
    """The first days of the four weeks from `week` on, as an alarm had them judged."""
    key = (FIRST_DAY + week * WEEK + dt.timedelta(days=n_days + 14)).isoformat() + "+active"
    return example_window(week, n_days=n_days, partition_key=key, **changes)


def month(week: int, **changes: object) -> WindowEvidence:
    return example_window(week, n_days=28, **changes)


def test_the_window_decided_last_counts() -> None:
    first, asked, last = month(0), active(4), month(4)
    assert leave_out_shared([first, asked, last]) == [first, last]
    assert leave_out_shared([first, asked]) == [first, asked]
    assert leave_out_shared([last, asked]) == [asked]


def test_a_window_that_does_not_count_takes_no_other_one_away() -> None:
    """The first and the last share no day; the one between them shares some with both."""
    windows = [month(0), month(3), month(6)]
    assert leave_out_shared(windows) == [windows[0], windows[2]]


@given(SPANS)
def test_no_day_is_left_twice_and_windows_that_share_none_all_stay(spans: list[tuple[int, int]]) -> None:
    starts = [FIRST_DAY + dt.timedelta(days=start) for start, _ in spans]
    windows = [
        example_window(0, partition_key=str(place), window=Interval(start=start, end=start + dt.timedelta(days=n_days)))
        for place, (start, (_, n_days)) in enumerate(zip(starts, spans, strict=True))
    ]
    kept = leave_out_shared(windows)
    days = [day for w in kept for day in range(w.window.start.toordinal(), w.window.end.toordinal())]
    assert len(days) == len(set(days))
    assert leave_out_shared(kept) == kept
    assert not windows or kept[-1] == windows[-1]
    by_length = [example_window(week) for week in range(len(spans))]
    assert leave_out_shared(by_length) == by_length


def test_the_next_scheduled_window_stands_alone_and_names_the_active_one() -> None:
    before, asked, newest = month(0), active(4), month(4)
    found = pool_windows(newest, [before, asked], [], RULE)
    assert found.used == (before,)
    assert found.dropped == {asked.partition_key: f"its days are in the window of {newest.partition_key}"}


def test_behind_it_the_scheduled_window_is_used_in_place_of_the_active_one() -> None:
    before, asked, after, newest = month(0), active(4), month(4), month(8)
    found = pool_windows(newest, [before, asked, after], [], RULE)
    assert found.used == (before, after)
    assert found.dropped == {asked.partition_key: f"its days are in the window of {after.partition_key}"}


def test_an_active_window_of_another_reign_is_passed_over_without_a_word() -> None:
    found = pool_windows(month(4), [active(4, champion_version=2)], [], RULE)
    assert (found.used, found.dropped) == ((), {})


def test_a_flag_over_the_active_days_is_lifted_by_a_later_window_that_has_their_reports() -> None:
    """Its own window was judged without the reports, and is not evidence any more; nor does it take others with it."""
    before, asked, after = month(0), active(4, labels_are_suspect=True), month(4)
    assert pool_windows(month(8), [before, asked, after], [], RULE).used == (before, after)
    assert pool_windows(month(8), [before, asked], [], RULE).used == ()


def test_the_label_gate_counts_shared_days_once() -> None:
    silent_weeks = {"fires": (0,) * 7}
    asked = example_window(2, partition_key="asked", **silent_weeks)
    again = example_window(1, n_days=14)
    newest = example_window(3)
    alone = count_labels(newest, [asked], RULE)
    assert (alone.window.start, alone.n_fires) == (asked.window.start, 7)
    counted = count_labels(newest, [asked, again], RULE)
    assert (counted.window.start, counted.n_fires) == (again.window.start, 21)
    assert counted.n_expected == 21
