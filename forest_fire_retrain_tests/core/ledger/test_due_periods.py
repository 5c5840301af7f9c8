"""Which periods wait, and which were passed over: one definition for schedule, sensor, command and status."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.due_periods import list_passed_over, list_waiting
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.promotion import Standing, classify
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.periods import Periods, key_of
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy
from forest_fire_retrain_tests.example_evidence import draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=400, min_training_days=60)
NOW = dt.datetime(2026, 9, 7, tzinfo=dt.UTC)


def closed(cadence: Cadence) -> list[Interval]:
    periods = Periods(history_start=dt.date(2026, 3, 2), history_end=None, cadence=cadence, policy=POLICY)
    return periods.closed(NOW)


WEEKS, MONTHS = closed(Cadence.WEEKLY), closed(Cadence.MONTHLY)


def decided(*periods: Interval) -> LedgerState:
    """The state after these periods were decided live, in their order."""
    ledger = FakeLedger()
    for period in periods:
        key = key_of(period)
        ledger.append(
            draft(EntryKind.DECISION, partition_key=key, as_of=period.end, decision_id=key, outcome=Outcome.KEPT)
        )
    return fold(ledger.rows)


def test_where_nothing_was_decided_nothing_waits_and_nothing_was_passed_over() -> None:
    assert list_waiting(decided(), WEEKS) == []
    assert list_passed_over(decided(), WEEKS) == []


def test_every_period_behind_the_last_decided_one_waits() -> None:
    assert list_waiting(decided(WEEKS[2]), WEEKS) == WEEKS[3:]
    assert list_waiting(decided(*WEEKS), WEEKS) == []


def test_a_period_that_was_left_out_is_passed_over_and_one_before_the_history_is_not() -> None:
    state = decided(WEEKS[2], WEEKS[5])
    assert list_passed_over(state, WEEKS) == WEEKS[3:5]
    assert list_waiting(state, WEEKS) == WEEKS[6:]


@pytest.mark.parametrize(("before", "after"), [(MONTHS, WEEKS), (WEEKS, MONTHS)], ids=["to weeks", "to months"])
def test_after_another_cadence_the_first_period_that_ends_later_waits(
    before: list[Interval], after: list[Interval]
) -> None:
    state = decided(before[0], before[1])
    newest = before[1].end
    assert list_waiting(state, after)[0] == next(period for period in after if period.end > newest)
    assert list_passed_over(state, after) == []


def test_weeks_that_were_left_out_are_seen_in_months_too() -> None:
    june = [week for week in WEEKS if week.start >= dt.date(2026, 6, 1)]
    state = decided(june[0], june[5])  # and four weeks of June left out
    assert [key_of(month) for month in list_passed_over(state, MONTHS)] == ["2026-06-01"]


@pytest.mark.parametrize(
    ("time_zone", "over"),
    [("Pacific/Auckland", "2026-09-06T12:00"), ("Pacific/Pago_Pago", "2026-09-07T11:00"), ("UTC", "2026-09-07T00:00")],
)
def test_a_period_waits_from_the_zones_midnight_on(time_zone: str, over: str) -> None:
    instant = dt.datetime.fromisoformat(f"{over}+00:00")
    start = dt.date(2026, 3, 2)
    periods = Periods(history_start=start, history_end=None, cadence=Cadence.WEEKLY, policy=POLICY, time_zone=time_zone)
    last = periods.closed(instant)[-1]
    state = decided(periods.closed(instant)[-2])
    assert key_of(last) == "2026-08-31"
    assert list_waiting(state, periods.closed(instant)) == [last]
    assert list_waiting(state, periods.closed(instant - dt.timedelta(seconds=1))) == []


@given(st.lists(st.sampled_from(range(len(WEEKS))), min_size=1, unique=True).map(sorted))
def test_what_waits_is_exactly_what_would_be_decided_live(places: list[int]) -> None:
    state = decided(*(WEEKS[place] for place in places))
    waiting, passed_over = list_waiting(state, WEEKS), list_passed_over(state, WEEKS)
    for place, week in enumerate(WEEKS):
        standing, _ = classify(state, partition_key=key_of(week), as_of=week.end, idempotency_key="new")
        assert (week in waiting) == (standing is Standing.LIVE)
        assert (week in passed_over) == (places[0] < place < places[-1] and place not in places)


def test_an_active_period_neither_waits_nor_keeps_the_next_scheduled_one_from_it() -> None:
    """It ends within the open month, which is decided, or passed over, as if it had not been."""
    asked = draft(
        EntryKind.DECISION,
        partition_key="2026-07-20+active",
        as_of=dt.date(2026, 7, 20),
        decision_id="asked",
        outcome=Outcome.KEPT,
    )
    ledger = FakeLedger()
    ledger.rows.extend(decided(MONTHS[0]).decisions.values())
    assert [key_of(month) for month in MONTHS] == ["2026-06-01", "2026-07-01", "2026-08-01"]
    ledger.append(asked)
    state = fold(ledger.rows)
    assert state.newest_partition == "2026-07-20+active"
    assert list_waiting(state, MONTHS) == MONTHS[1:]
    assert list_passed_over(state, MONTHS) == []
    last = draft(
        EntryKind.DECISION,
        partition_key=key_of(MONTHS[2]),
        as_of=MONTHS[2].end,
        decision_id="last",
        outcome=Outcome.KEPT,
    )
    ledger.append(last)
    after = fold(ledger.rows)
    assert after.newest_partition == key_of(MONTHS[2])
    assert list_passed_over(after, MONTHS) == [MONTHS[1]]
