"""What is overdue: by the schedule's hour in the park, live only, and nothing where nothing is owed."""

import datetime as dt

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.oversight.overdue import Schedule, find_overdue_decision, find_overdue_prediction
from forest_fire_retrain.core.periods import Periods, period_starting
from forest_fire_retrain.core.windows import Cadence, WindowPolicy
from forest_fire_retrain_tests.example_evidence import draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=400, min_training_days=60)
DECIDED, NEXT = dt.date(2026, 8, 24), dt.date(2026, 8, 31)
HOUR = dt.timedelta(hours=1)


def schedule(*, end: dt.date | None = None, zone: str = "UTC", hours: int = 24) -> Schedule:
    periods = Periods(
        history_start=dt.date(2026, 3, 2), history_end=end, cadence=Cadence.WEEKLY, policy=POLICY, time_zone=zone
    )
    return Schedule(periods, prediction_hour=7, decision_hours=hours, prediction_hours=6)


def state_after(*starts: dt.date, kind: EntryKind = EntryKind.DECISION) -> LedgerState:
    ledger = FakeLedger()
    for start in starts:
        period = period_starting(start, Cadence.WEEKLY)
        fields = {"partition_key": start.isoformat(), "as_of": period.end, "decision_id": str(start)}
        ledger.append(draft(kind, outcome=Outcome.KEPT, **fields))
    return fold(ledger.rows)


@pytest.mark.parametrize(("zone", "due_at"), [("UTC", "2026-09-07T06:00Z"), ("Pacific/Auckland", "2026-09-06T18:00Z")])
def test_a_decision_is_overdue_some_hours_after_the_schedules_hour_in_the_park(zone: str, due_at: str) -> None:
    due, state = dt.datetime.fromisoformat(due_at), state_after(DECIDED)
    assert find_overdue_decision(state, schedule(zone=zone), due + 24 * HOUR - dt.timedelta(seconds=1)) is None
    late = find_overdue_decision(state, schedule(zone=zone), due + 24 * HOUR)
    assert late is not None
    assert (late.what, late.due_at, late.n_overdue) == (NEXT.isoformat(), due, 1)
    later = find_overdue_decision(state, schedule(zone=zone), due + 24 * HOUR + dt.timedelta(days=7))
    assert later is not None
    assert (later.what, later.n_overdue) == (NEXT.isoformat(), 2)


def test_a_live_decision_settles_it_and_a_replay_does_not() -> None:
    now = dt.datetime(2026, 9, 8, 6, tzinfo=dt.UTC)
    assert find_overdue_decision(state_after(DECIDED, NEXT), schedule(), now) is None
    replayed = FakeLedger()
    for kind, start in ((EntryKind.DECISION, DECIDED), (EntryKind.REPLAY, NEXT)):
        end = period_starting(start, Cadence.WEEKLY).end
        replayed.append(draft(kind, partition_key=str(start), as_of=end, decision_id=str(start)))
    assert find_overdue_decision(fold(replayed.rows), schedule(), now) is not None


def test_a_home_that_has_decided_nothing_or_whose_history_has_ended_owes_nothing() -> None:
    now = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    assert find_overdue_decision(state_after(), schedule(), now) is None
    assert find_overdue_decision(state_after(DECIDED), schedule(end=dt.date(2026, 9, 28)), now) is None
    assert find_overdue_decision(state_after(DECIDED), schedule(end=dt.date(2026, 10, 2)), now) is not None
    assert find_overdue_prediction(None, schedule(), now) is None
    assert find_overdue_prediction(DECIDED, schedule(end=dt.date(2026, 9, 28)), now) is None


def test_a_prediction_is_overdue_some_hours_after_its_hour_of_the_day() -> None:
    yesterday, today = dt.date(2026, 9, 6), dt.date(2026, 9, 7)
    noon = dt.datetime(2026, 9, 7, 13, tzinfo=dt.UTC)
    assert find_overdue_prediction(yesterday, schedule(), noon - dt.timedelta(seconds=1)) is None
    late = find_overdue_prediction(yesterday, schedule(), noon)
    assert late is not None
    assert (late.what, late.due_at.hour, late.n_overdue) == ("2026-09-07", 7, 1)
    assert find_overdue_prediction(today, schedule(), noon) is None
    early = find_overdue_prediction(dt.date(2026, 9, 1), schedule(), noon - HOUR)
    assert early is not None
    assert (early.what, early.n_overdue) == ("2026-09-06", 5)


def test_the_hour_is_the_parks_also_where_clocks_are_put_back() -> None:
    """On 2026-10-25 Lisbon goes back to UTC: 07:00 is 06:00 UTC the day before, and 07:00 UTC on it."""
    at = schedule(zone="Europe/Lisbon").instant
    assert [at(dt.date(2026, 10, day), 7).hour for day in (24, 25)] == [6, 7]
