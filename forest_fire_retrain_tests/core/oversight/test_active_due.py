"""What an alarm asks for, and every reason why it does not; a pure decision from plain facts."""

import datetime as dt
from collections.abc import Sequence

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.monitoring.last_look import LastLook, QualityState
from forest_fire_retrain.core.oversight.active_due import ActiveDue, alarm_of, find_active
from forest_fire_retrain.core.periods import Periods, day_in
from forest_fire_retrain.core.windows import Cadence, WindowPolicy
from forest_fire_retrain_tests.example_evidence import (
    confirmation_draft,
    draft,
    example_case,
    example_payload,
    rollback_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=730, min_training_days=365)
LOOKED = dt.datetime(2026, 11, 23, 8, 30, tzinfo=dt.UTC)
CHANGE = dt.date(2026, 10, 5)
KEY = "2026-11-23+active"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def periods(**changes: object) -> Periods:
    fields = {"history_start": dt.date(2024, 1, 1), "history_end": None, "cadence": Cadence.MONTHLY, "policy": POLICY}
    return Periods(**{**fields, **changes})  # type: ignore[arg-type] # validated


def look(state: QualityState = QualityState.ALARM, **changes: object) -> LastLook:
    fields = {"version": 1, "state": state, "sentence": "the champion loses more", "looked_at": LOOKED}
    fields |= {"change": CHANGE, "chart": 6.5, "chart_limit": 5.0}
    return LastLook(**{**fields, **changes})  # type: ignore[arg-type] # validated


def month(key: str, as_of: str) -> list[EntryDraft]:
    return [draft(EntryKind.DECISION, partition_key=key, as_of=dt.date.fromisoformat(as_of), outcome=Outcome.KEPT)]


def promoted(version: int = 1) -> list[EntryDraft]:
    """What makes a version the champion, in October."""
    as_of = dt.date(2026, 10, 1)
    first = draft(
        EntryKind.DECISION,
        partition_key="2026-09-01",
        as_of=as_of,
        decision_id=f"decision-{version}",
        outcome=Outcome.PROMOTED,
    )
    return [first, confirmation_draft(f"decision-{version}", version)]


def active(key: str = KEY, newest: LastLook | None = None) -> list[EntryDraft]:
    """A live decision on an active period, with the alarm in its row."""
    payload: DecisionPayload = example_payload(example_case([0.0])).model_copy(
        update={"alarm": alarm_of(newest or look())}
    )
    row = draft(EntryKind.DECISION, partition_key=key, as_of=day_in(key), outcome=Outcome.KEPT)
    return [row.model_copy(update={"payload_json": payload.to_json()})]


def state_of(*drafts: Sequence[EntryDraft]) -> LedgerState:
    ledger = FakeLedger()
    for part in (promoted(), month("2026-10-01", "2026-11-01"), *drafts):
        for row in part:
            ledger.append(row)
    return fold(ledger.rows)


def find(
    newest: LastLook | None = None, state: LedgerState | None = None, now: dt.datetime = LOOKED + HOUR, **how: object
) -> ActiveDue:
    return find_active(
        state or state_of(),
        newest or look(),
        how.get("periods", periods()),  # type: ignore[arg-type] # as above
        now,
        how.get("cooldown", 28),  # type: ignore[arg-type] # days
    )


def test_an_alarm_of_the_champion_asks_for_the_days_up_to_its_look() -> None:
    due = find()
    assert due.key == KEY
    assert due.alarm is not None
    assert (due.alarm.version, due.alarm.change, due.alarm.chart, due.alarm.limit) == (1, CHANGE, 6.5, 5.0)
    assert due.sentence == f"{KEY} is due: an alarm of 2026-11-23 on version 1 asks for it"
    assert str(due.alarm) == "An alarm of 2026-11-23 on version 1 asked for it: the champion loses more."


def test_the_key_stays_until_the_next_look() -> None:
    assert find(now=LOOKED + 6 * DAY).key == KEY
    assert find(look(looked_at=LOOKED + 7 * DAY), now=LOOKED + 7 * DAY).key == "2026-11-30+active"


def test_the_day_is_the_parks() -> None:
    late = look(looked_at=dt.datetime(2026, 11, 23, 23, tzinfo=dt.UTC))
    assert find(late, periods=periods(time_zone="Pacific/Auckland"), now=LOOKED + DAY).key == "2026-11-24+active"


@pytest.mark.parametrize("state", [QualityState.OK, QualityState.BLIND])
def test_no_other_word_than_an_alarm_asks(state: QualityState) -> None:
    due = find(look(state))
    assert due.key is None
    assert due.sentence == f"no candidate off schedule is due: the newest look at the predictions says {state}"


def test_nothing_asks_before_the_first_look() -> None:
    due = find_active(state_of(), None, periods(), LOOKED, 28)
    assert due.key is None
    assert "were not looked at yet" in due.sentence


def test_an_alarm_of_another_version_asks_for_nothing() -> None:
    due = find(look(version=7))
    assert due.key is None
    assert "the newest look was at version 7, the champion is 1" in due.sentence


def test_an_alarm_from_before_the_present_reign_asks_for_nothing() -> None:
    """The version was left and taken back since."""
    again = LOOKED + HOUR
    back = [rollback_draft(1, 2), confirmation_draft("rollback-1", 1, again)]
    due = find(state=state_of([row.model_copy(update={"recorded_at": again}) for row in back]), now=again + HOUR)
    assert due.key is None
    assert "the alarm is older than the present reign of version 1, which began on 2026-11-23" in due.sentence


def test_weeks_are_too_short_for_it() -> None:
    due = find(periods=periods(cadence=Cadence.WEEKLY))
    assert due.key is None
    assert "periods are weeks" in due.sentence


def test_a_scheduled_period_that_is_over_goes_first() -> None:
    ledger = FakeLedger()
    for row in promoted():
        ledger.append(row)
    due = find(state=fold(ledger.rows))
    assert due.key is None
    assert "the scheduled period 2026-10-01 waits and goes first" in due.sentence


def test_a_scheduled_period_that_is_over_since_the_look_does_not_hold_it_up() -> None:
    """Its knowledge ends later: it is still decided live after the active one."""
    assert find(now=LOOKED + 9 * DAY).key == KEY


def test_nothing_is_left_to_ask_for_once_a_later_period_is_decided() -> None:
    state = state_of(month("2026-11-01", "2026-12-01"))
    due = find(state=state, now=LOOKED + 9 * DAY)
    assert due.key is None
    assert "2026-11-01 is decided, which knows what was recorded before 2026-12-01" in due.sentence


@pytest.mark.parametrize(("day", "is_due"), [(7, False), (8, True)])
def test_the_open_period_needs_seven_days_behind_it(day: int, *, is_due: bool) -> None:
    looked_at = dt.datetime(2026, 11, day, 9, tzinfo=dt.UTC)
    due = find(look(looked_at=looked_at), now=looked_at)
    assert (due.key is not None) is is_due
    if not is_due:
        assert "the open period has 6 days behind it, and an active one needs 7" in due.sentence


def test_one_alarm_has_one_decision_whatever_came_of_it() -> None:
    state = state_of(active())
    due = find(state=state, cooldown=0)
    assert due.key is None
    assert f"{KEY} was decided for this alarm" in due.sentence
    later = LOOKED + 14 * DAY
    again = find(look(looked_at=later, sentence="the chart is at 9"), state_of(active()), later, cooldown=0)
    assert again.key is None
    assert f"{KEY} was decided for this alarm, which began in the week from {CHANGE}" in again.sentence


@pytest.mark.parametrize(("days", "is_due"), [(20, False), (21, True)])
def test_another_alarm_waits_for_the_cooldown(days: int, *, is_due: bool) -> None:
    later = LOOKED + days * DAY
    other = look(looked_at=later, change=dt.date(2026, 11, 16))
    state = state_of(active(), month("2026-11-01", "2026-12-01"))
    due = find(other, state, later, cooldown=21)
    assert (due.key is not None) is is_due
    if not is_due:
        assert "the last one was decided as of 2026-11-23, and no alarm asks again before 2026-12-14" in due.sentence


def test_a_history_that_is_over_has_no_open_period() -> None:
    due = find(periods=periods(history_end=dt.date(2026, 11, 1)))
    assert due.key is None
    assert "the history ends on 2026-11-01" in due.sentence


def test_a_look_that_is_ahead_of_the_clock_asks_for_nothing_yet() -> None:
    due = find(now=LOOKED - 2 * DAY)
    assert due.key is None
    assert "2026-11-23 is not here yet" in due.sentence


def test_a_start_that_leaves_too_little_history_is_said() -> None:
    due = find(periods=periods(history_start=dt.date(2026, 6, 1)))
    assert due.key is None
    assert "days of history to train on" in due.sentence


def test_an_alarm_of_a_record_without_its_chart_asks_for_nothing() -> None:
    assert alarm_of(look(chart=None)) is None
    assert find(look(chart=None)).key is None
