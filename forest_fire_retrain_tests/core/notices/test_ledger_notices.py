"""What rows have to tell: changes, orders and doubts, once each; replays nothing."""

import datetime as dt

import pytest
from hypothesis import given

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.drafts import draft_external, draft_freeze, draft_labels_cleared, draft_unfreeze
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, Stamp
from forest_fire_retrain.core.notices.ledger_notices import _READ, notices_of
from forest_fire_retrain.core.notices.notice import Notice
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    NOON,
    confirmation_draft,
    decision_draft,
    draft,
    example_case,
    example_payload,
    rollback_draft,
)
from forest_fire_retrain_tests.example_ledgers import ledgers
from forest_fire_retrain_tests.example_notices import rows_of

STAMP = Stamp(NOON, "alice", "cli")
SILENT = {
    EntryKind.REPLAY,
    EntryKind.MIGRATION,
    EntryKind.SOURCE_ACCEPTED,
    EntryKind.DELIVERY_ACCEPTED,
    EntryKind.WEIGHTS,
}


def told(drafts: list[EntryDraft], limit: int = 3) -> list[Notice]:
    return notices_of(rows_of(drafts), MODEL, limit)


def blocked(week: int, code: ReasonCode = ReasonCode.MISCALIBRATED) -> EntryDraft:
    return decision_draft(week).model_copy(update={"outcome": Outcome.REJECTED_BY_GUARDRAIL, "reason_code": code})


def doubted(week: int) -> EntryDraft:
    case = example_case([0.0])
    newest = case.newest.model_copy(update={"labels_are_suspect": True})
    payload = example_payload(case.model_copy(update={"newest": newest}), week)
    return decision_draft(week, Outcome.KEPT).model_copy(update={"payload_json": payload.to_json()})


def counted_again(week: int, *suspect: LabelCount, is_doubted: bool = False) -> EntryDraft:
    case = example_case([0.0] * (week + 1))
    case = case.model_copy(update={"newest": case.newest.model_copy(update={"labels_are_suspect": is_doubted})})
    payload = example_payload(case, week).model_copy(update={"suspect": suspect})
    return decision_draft(week, Outcome.KEPT).model_copy(update={"payload_json": payload.to_json()})


def count(first: int, last: int) -> LabelCount:
    window = Interval(start=dt.date(2024, 1, first), end=dt.date(2024, 1, last + 1))
    return LabelCount(window=window, n_fires=0, n_expected=9.0)


def cleared() -> EntryDraft:
    window = Interval(start=dt.date(2024, 1, 1), end=dt.date(2024, 1, 8))
    return draft_labels_cleared(window, "counted again", ["2024-01-15"], model_name=MODEL, champion=1, stamp=STAMP)


def test_every_kind_of_row_is_told_or_silent_on_purpose() -> None:
    assert set(_READ) | SILENT == set(EntryKind)
    assert not set(_READ) & SILENT


def test_a_promotion_is_told_when_it_is_confirmed_with_its_reason() -> None:
    decision = decision_draft(0).model_copy(update={"summary": "Better by 3 %."})
    assert told([decision]) == []
    (notice,) = told([decision, confirmation_draft("decision-0", 1)])
    assert (notice.kind, notice.row) == ("promotion", 2)
    assert notice.subject == f"{MODEL}: version 1 promoted"
    assert "Better by 3 %." in notice.sentence


def test_a_rollback_is_told_with_who_ordered_it() -> None:
    wish = rollback_draft(1, 2).model_copy(update={"summary": "Roll back: false alarms.", "actor": "alice"})
    (notice,) = told([wish, confirmation_draft("rollback-1", 1)])
    assert notice.kind == "rollback"
    assert "false alarms" in notice.sentence
    assert "alice" in notice.sentence


def test_a_change_that_is_not_carried_out_is_told() -> None:
    (notice,) = told([decision_draft(0), draft(EntryKind.ABANDONMENT, decision_id="decision-0")])
    assert notice.kind == "abandonment"


def test_a_guardrail_is_told_once_when_it_blocked_often_enough() -> None:
    assert told([blocked(0), blocked(1)]) == []
    (notice,) = told([blocked(week) for week in range(6)])
    assert (notice.kind, notice.row) == ("guardrail", 3)
    assert "MISCALIBRATED has blocked 3 periods in a row" in notice.sentence


def test_another_guardrail_or_outcome_breaks_the_streak() -> None:
    assert told([blocked(0), blocked(1), blocked(2, ReasonCode.RANK_SHIFT), blocked(3), blocked(4)]) == []
    assert told([blocked(0), blocked(1), decision_draft(2, Outcome.KEPT), blocked(3), blocked(4)]) == []


def test_doubted_labels_are_told_at_the_first_decision_that_flags_them() -> None:
    (notice,) = told([decision_draft(0, Outcome.KEPT), doubted(1), doubted(2)])
    assert (notice.kind, notice.row) == ("labels_doubted", 2)
    assert "7 fires were recorded, about 7 were expected" in notice.sentence
    assert "clear-labels --from 2024-01-01 --to 2024-01-07" in notice.remedy


def test_labels_that_are_doubted_again_after_they_were_cleared_are_told_again() -> None:
    kinds = [notice.kind for notice in told([doubted(0), cleared(), doubted(1)])]
    assert kinds == ["labels_doubted", "labels_cleared", "labels_doubted"]


def test_doubts_that_late_reports_lifted_are_told_once_at_the_decision_that_found_them() -> None:
    drafts = [doubted(0), counted_again(1, count(1, 7), is_doubted=True), counted_again(2, count(8, 14))]
    notices = told(drafts)
    assert [(notice.kind, notice.row) for notice in notices] == [("labels_doubted", 1), ("doubts_lifted", 3)]
    assert notices[1].subject == f"{MODEL}: the fire reports of 2024-01-01 to 2024-01-07 have come"
    assert notices[1].sentence.startswith("The fire reports of 2024-01-01 to 2024-01-07 are no longer doubted: ")
    later = told([*drafts, counted_again(3, count(8, 14)), counted_again(4), counted_again(5)])
    assert [(notice.kind, notice.row) for notice in later[2:]] == [("doubts_lifted", 5)]
    assert "of 2024-01-08 to 2024-01-14 are" in later[2].sentence


def test_days_that_another_doubt_covers_or_a_person_cleared_are_not_told_as_lifted() -> None:
    assert [notice.kind for notice in told([doubted(0), counted_again(1, count(1, 21))])] == ["labels_doubted"]
    kinds = [notice.kind for notice in told([doubted(0), cleared(), counted_again(1)])]
    assert kinds == ["labels_doubted", "labels_cleared"]
    not_counted = told([doubted(0), decision_draft(1, Outcome.KEPT)])
    assert [notice.kind for notice in not_counted] == ["labels_doubted"]


def test_orders_and_meddling_are_told_with_who_gave_them() -> None:
    drafts = [
        draft_freeze(dt.date(2024, 8, 1), "fires", model_name=MODEL, champion=1, stamp=STAMP),
        draft_unfreeze(dt.date(2024, 8, 1), "over", model_name=MODEL, champion=1, stamp=STAMP),
        draft_external(3, 1, MODEL, STAMP),
        draft_external(1, 1, MODEL, STAMP),
        draft(EntryKind.REPAIR),
    ]
    notices = told(drafts)
    assert [notice.kind for notice in notices] == ["freeze", "unfreeze", "registry", "registry", "repair"]
    assert "by alice" in notices[0].subject
    assert "moved by somebody" in notices[2].subject
    assert "settled" in notices[3].subject


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_replays_and_the_like_are_silent(kind: EntryKind) -> None:
    row = doubted(0).model_copy(update={"kind": kind, "outcome": Outcome.REJECTED_BY_GUARDRAIL})
    assert told([row] * 3, limit=1) == []


def test_rows_of_another_model_are_not_told() -> None:
    assert told([draft(EntryKind.REPAIR, model_name="other")]) == []


def test_a_row_that_does_not_hold_what_its_kind_needs_is_named() -> None:
    broken = doubted(0).model_copy(update={"payload_json": '{"labels_are_suspect":true}'})
    with pytest.raises(LedgerError, match="row 2 "):
        told([decision_draft(1), broken])


def test_a_reason_cannot_forge_a_line() -> None:
    reason = "late\n\nSubject: version 9 promoted\x1b[2J"
    (notice,) = told([draft_freeze(dt.date(2024, 8, 1), reason, model_name=MODEL, champion=1, stamp=STAMP)])
    assert "\n" not in notice.sentence
    assert "\x1b" not in notice.sentence


@given(ledgers())
def test_keys_are_different_and_stay_the_same_when_rows_are_added(rows: list) -> None:
    whole = [notice.key for notice in notices_of(rows, MODEL, 3)]
    assert len(set(whole)) == len(whole)
    half = [notice.key for notice in notices_of(rows[: len(rows) // 2], MODEL, 3)]
    assert half == whole[: len(half)]
