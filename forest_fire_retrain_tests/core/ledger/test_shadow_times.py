"""A decision to promote with a shadow time ahead moves nothing until one row ends it."""

import pytest

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.drafts import draft_abandonment
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry
from forest_fire_retrain.core.ledger.promotion import Abandon, RegistryView, next_step
from forest_fire_retrain.core.ledger.reigns import Movement
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.ledger.shadow_times import is_intent, list_ended, shadow_until_of
from forest_fire_retrain.core.ledger.state import fold, state_before
from forest_fire_retrain.core.notices.ledger_notices import notices_of
from forest_fire_retrain_tests.example_evidence import (
    DAY,
    DELAY_DAYS,
    MODEL,
    STAMP,
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    rollback_draft,
    shadow_draft,
    verdict_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

FIRST_REIGN = (decision_draft(0), confirmation_draft("decision-0", 1))
CONFIRMED = confirmation_draft("decision-1", 2)
AGREES = RegistryView(1, ())


def write(*drafts: EntryDraft) -> list[LedgerEntry]:
    ledger = FakeLedger()
    for row in drafts:
        ledger.append(row)
    return ledger.rows


def test_a_promotion_with_a_shadow_time_ahead_is_no_intent() -> None:
    state = fold(write(*FIRST_REIGN, shadow_draft(1, before=1)))
    assert (state.champion, state.open_intent) == (1, None)
    (shadow,) = state.in_shadow
    windows = candidate_of_week(1).windows
    assert (shadow.champion, shadow.until, shadow.candidate) == (1, windows.as_of + 14 * DAY, candidate_of_week(1))
    assert (shadow.days.start, shadow.days.end) == (windows.as_of, shadow.until)
    assert shadow.due == shadow.until + DELAY_DAYS * DAY
    assert next_step(state, AGREES) is None


def test_its_windows_are_the_candidates_with_the_shadow_days_as_holdout() -> None:
    (shadow,) = fold(write(*FIRST_REIGN, shadow_draft(1, before=1))).in_shadow
    held, own = shadow.windows, candidate_of_week(1).windows
    assert (held.training, held.gap, held.holdout) == (own.training, own.gap, shadow.days)
    assert held.partition == held.holdout.shift(DELAY_DAYS)  # as a period lies to its holdout
    assert held.partition_key == f"{own.partition_key}+shadow"


def test_a_verdict_that_promotes_is_the_intent_that_is_carried_out() -> None:
    rows = write(*FIRST_REIGN, shadow_draft(1, before=1), verdict_draft(1))
    state = fold(rows)
    assert state.in_shadow == []
    assert state.open_intent == rows[3]
    reign = fold(write(*FIRST_REIGN, shadow_draft(1, before=1), verdict_draft(1), CONFIRMED)).reigns[-1]
    assert (reign.version, reign.began_by, reign.decision_id) == (2, Movement.PROMOTION, "decision-1")
    assert (reign.origin_row, reign.intent_row, reign.confirmation_row) == (3, 4, 5)
    assert reign.as_of == verdict_draft(1).as_of
    assert fold(write(*FIRST_REIGN, shadow_draft(1, before=1), verdict_draft(1), CONFIRMED)).candidates[2]


@pytest.mark.parametrize("outcome", [Outcome.KEPT, Outcome.INCONCLUSIVE, Outcome.REJECTED_BY_GUARDRAIL])
def test_any_other_verdict_is_the_end(outcome: Outcome) -> None:
    state = fold(write(*FIRST_REIGN, shadow_draft(1, before=1), verdict_draft(1, outcome)))
    assert (state.champion, state.open_intent, state.in_shadow) == (1, None, [])


def test_an_abandonment_is_the_end_too() -> None:
    before = write(*FIRST_REIGN, shadow_draft(1, before=1))
    ended = draft_abandonment(before[-1], ReasonCode.CHAMPION_CHANGED, "for a test", 1, STAMP)
    rows = write(*FIRST_REIGN, shadow_draft(1, before=1), ended)
    state = fold(rows)
    assert (state.champion, state.open_intent, state.in_shadow) == (1, None, [])
    assert list_ended(rows) == {"decision-1": rows[-1]}


def test_a_verdict_on_no_shadow_time_moves_nothing() -> None:
    assert fold(write(*FIRST_REIGN, verdict_draft(1))).open_intent is None


def test_several_may_be_in_shadow_and_whose_verdict_is_due_first_stands_first() -> None:
    state = fold(write(*FIRST_REIGN, shadow_draft(1, before=1, n_days=30), shadow_draft(2, before=1, n_days=7)))
    assert [shadow.decision.decision_id for shadow in state.in_shadow] == ["decision-2", "decision-1"]


@pytest.mark.parametrize(
    "after",
    [
        (rollback_draft(7, 1), confirmation_draft("rollback-1", 7)),
        (decision_draft(2, before=1), confirmation_draft("decision-2", 7)),
        (shadow_draft(2, before=1), verdict_draft(2), confirmation_draft("decision-2", 7)),
    ],
    ids=["rollback", "promotion", "another verdict"],
)
def test_another_champion_ends_every_shadow_time_against_the_one_before(after: tuple[EntryDraft, ...]) -> None:
    rows = write(*FIRST_REIGN, shadow_draft(1, before=1), *after)
    step = next_step(fold(rows), RegistryView(7, ()))
    assert isinstance(step, Abandon)
    assert (step.intent, step.reason_code) == (rows[2], ReasonCode.CHAMPION_CHANGED)
    assert "version 7 is the champion now, and it was compared with version 1" in step.because


def test_rows_without_a_shadow_time_are_written_as_before() -> None:
    (row,) = write(decision_draft(0))
    payload = read_payload(row)
    assert "shadow" not in payload.to_json()
    assert (shadow_until_of(row), is_intent(row)) == (None, True)
    again = payload.model_copy(update={"shadow_until": candidate_of_week(0).windows.as_of})
    assert '"shadow_until":"' in again.to_json()


def test_words_in_a_payload_are_no_shadow_time() -> None:
    plain = decision_draft(1, before=1)
    said = canonical_json({**plain.payload, "dropped": {"2024": '"shadow_until":"2024-01-01"'}})
    (row,) = write(plain.model_copy(update={"payload_json": said}))
    assert shadow_until_of(row) is None


def test_a_partition_is_judged_again_as_before_its_shadow_time() -> None:
    rows = write(*FIRST_REIGN, shadow_draft(1, before=1), verdict_draft(1), CONFIRMED, decision_draft(2, before=2))
    assert state_before(rows, candidate_of_week(1).windows.as_of).champion == 1
    assert state_before(rows, candidate_of_week(2).windows.as_of).champion == 2


def test_every_retraining_says_what_became_of_its_shadow_time() -> None:
    begun = (*FIRST_REIGN, shadow_draft(1, before=1))
    abandoned = draft_abandonment(write(*begun)[-1], ReasonCode.CHAMPION_CHANGED, "for a test", 1, STAMP)
    said = {
        f"in shadow until {candidate_of_week(1).windows.as_of + 14 * DAY}": begun,
        "dropped after its shadow time": (*begun, verdict_draft(1, Outcome.KEPT)),
        "promotion not carried out": (*begun, abandoned),
        "promoted": (*begun, verdict_draft(1), CONFIRMED),
    }
    assert {name: str(list_retrainings(write(*rows))[-1].what_happened) for name, rows in said.items()} == {
        name: name for name in said
    }


def test_people_are_told_when_it_begins_and_how_it_ends() -> None:
    begun = (*FIRST_REIGN, shadow_draft(1, before=1))
    for ending, kind in (
        ((verdict_draft(1, Outcome.KEPT),), "shadow_dropped"),
        ((verdict_draft(1), CONFIRMED), "promotion"),
    ):
        told = notices_of(write(*begun, *ending), MODEL, 3)
        assert [notice.kind for notice in told] == ["promotion", "shadow_time", kind]
        assert told[1].row == 3
    assert f"is in shadow until {candidate_of_week(1).windows.as_of + 14 * DAY}" in told[1].subject
