"""The protocol as a state machine: each state of ledger and registry has one next step."""

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.ledger.promotion import (
    ORIGIN_TAGS,
    Abandon,
    Confirm,
    PointAlias,
    RecordExternal,
    Register,
    RegistryView,
    SetStatus,
    Standing,
    Status,
    Step,
    classify,
    next_step,
)
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain_tests.example_evidence import (
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    draft,
    rollback_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

PRODUCTION, ARCHIVED, ABANDONED = Status.PRODUCTION, Status.ARCHIVED, Status.ABANDONED
FIRST = (decision_draft(0), confirmation_draft("decision-0", 1))
SECOND = (*FIRST, decision_draft(1, before=1))
BOTH = (*SECOND, confirmation_draft("decision-1", 2))
ROLLBACK = (*BOTH, rollback_draft(1, 2))


def state_of(*drafts: EntryDraft) -> LedgerState:
    ledger = FakeLedger()
    for row in drafts:
        ledger.append(row)
    return fold(ledger.rows)


def version(
    number: int, status: Status | None = None, *, decision: int | None = None, **tags: str
) -> RegisteredVersion:
    """A version of the decision before its number, with every tag of its origin."""
    week = number - 1 if decision is None else decision
    described = dict.fromkeys(ORIGIN_TAGS, "said")
    shown = {} if status is None else {"status": str(status)}
    return RegisteredVersion(number, f"run-{number}", {"decision_id": f"decision-{week}", **described, **shown, **tags})


def step_for(drafts: tuple[EntryDraft, ...], alias: int | None, *versions: RegisteredVersion) -> Step | None:
    return next_step(state_of(*drafts), RegistryView(alias, versions))


def undescribed(number: int) -> RegisteredVersion:
    """A version whose registration was cut before all of its tags were set."""
    full = version(number)
    return full._replace(tags={name: value for name, value in full.tags.items() if name != ORIGIN_TAGS[-1]})


def test_a_promotion_walks_from_the_version_over_the_tags_and_the_alias_to_the_confirmation() -> None:
    intent = state_of(*SECOND).open_intent
    assert intent is not None
    one = version(1, PRODUCTION)
    assert step_for(SECOND, 1, one) == Register(intent)
    assert step_for(SECOND, 1, one, undescribed(2)) == Register(intent)
    assert step_for(SECOND, 1, one, version(2)) == SetStatus(2, PRODUCTION)
    assert step_for(SECOND, 1, one, version(2, PRODUCTION)) == SetStatus(1, ARCHIVED)
    assert step_for(SECOND, 1, version(1, ARCHIVED), version(2, PRODUCTION)) == PointAlias(2)
    assert step_for(SECOND, 2, version(1, ARCHIVED), version(2, PRODUCTION)) == Confirm(intent, 2)
    assert step_for(BOTH, 2, version(1, ARCHIVED), version(2, PRODUCTION)) is None


def test_the_first_promotion_has_nothing_to_archive() -> None:
    intent = state_of(FIRST[0]).open_intent
    assert intent is not None
    assert step_for(FIRST[:1], None) == Register(intent)
    assert step_for(FIRST[:1], None, version(1)) == SetStatus(1, PRODUCTION)
    assert step_for(FIRST[:1], None, version(1, PRODUCTION)) == PointAlias(1)
    assert step_for(FIRST[:1], 1, version(1, PRODUCTION)) == Confirm(intent, 1)


def test_a_rollback_walks_the_same_way_without_registering() -> None:
    intent = state_of(*ROLLBACK).open_intent
    assert intent is not None
    assert step_for(ROLLBACK, 2, version(1, ARCHIVED), version(2, PRODUCTION)) == SetStatus(1, PRODUCTION)
    assert step_for(ROLLBACK, 2, version(1, PRODUCTION), version(2, PRODUCTION)) == SetStatus(2, ARCHIVED)
    assert step_for(ROLLBACK, 2, version(1, PRODUCTION), version(2, ARCHIVED)) == PointAlias(1)
    assert step_for(ROLLBACK, 1, version(1, PRODUCTION), version(2, ARCHIVED)) == Confirm(intent, 1)


@pytest.mark.parametrize("alias", [None, 7])
def test_an_alias_that_was_moved_abandons_the_intent_before_anything_is_registered(alias: int | None) -> None:
    for drafts in (SECOND, ROLLBACK):
        step = step_for(drafts, alias, version(1, PRODUCTION))
        assert isinstance(step, Abandon)
        assert step.reason_code is ReasonCode.CHAMPION_CHANGED
        assert f"the alias points at {alias}" in step.because


def test_an_alias_set_before_the_first_promotion_abandons_it() -> None:
    assert isinstance(step_for(FIRST[:1], 7), Abandon)


def test_an_intent_judged_against_another_champion_than_the_ledgers_is_abandoned() -> None:
    step = step_for((*BOTH, decision_draft(2, before=1)), 2, version(1, ARCHIVED), version(2, PRODUCTION))
    assert isinstance(step, Abandon)
    assert step.because == "the alias points at 2, the ledger's champion is 2, it was judged against 1"
    # An alias that happens to stand where the intent wants it makes no difference: the ledger says who is champion.
    assert isinstance(step_for((*BOTH, decision_draft(2, before=1)), 1, version(1, ARCHIVED), version(2)), Abandon)


@pytest.mark.parametrize("found", [9, None])
def test_a_rollback_goes_on_from_where_its_author_saw_the_alias_and_from_nowhere_else(found: int | None) -> None:
    versions = (version(1, PRODUCTION), version(2, ARCHIVED))
    rollback = (*BOTH, rollback_draft(1, 2, alias_before=found))
    assert step_for(rollback, found, *versions) == PointAlias(1)
    assert isinstance(step_for(rollback, 7, *versions), Abandon)


def test_a_rollback_to_a_version_that_is_gone_is_abandoned() -> None:
    step = step_for(ROLLBACK, 2, version(2, PRODUCTION))
    assert isinstance(step, Abandon)
    assert step.because == "version 1 is not in the registry"


def test_a_replaced_version_that_is_gone_needs_no_tag() -> None:
    assert step_for((*BOTH, decision_draft(2, before=2)), 3, version(3, PRODUCTION, decision=2)) == Confirm(
        state_of(*BOTH, decision_draft(2, before=2)).open_intent, 3
    )


# ---- without an intent ----


def external(observed: int | None, expected: int | None) -> EntryDraft:
    return draft(EntryKind.EXTERNAL, payload={"observed": observed, "expected": expected})


TWO = (version(1, ARCHIVED), version(2, PRODUCTION))


@pytest.mark.parametrize("alias", [1, None, 9])
def test_an_alias_that_disagrees_is_recorded_once_and_not_moved_back(alias: int | None) -> None:
    assert step_for(BOTH, alias, *TWO) == RecordExternal(alias, 2)
    assert step_for((*BOTH, external(alias, 2)), alias, *TWO) is None


def test_another_disagreement_is_recorded_too_and_agreement_once() -> None:
    noted = (*BOTH, external(1, 2))
    assert step_for(noted, None, *TWO) == RecordExternal(None, 2)
    assert step_for(noted, 2, *TWO) == RecordExternal(2, 2)
    assert step_for((*noted, external(2, 2)), 2, *TWO) is None


def test_an_alias_without_any_decision_is_recorded() -> None:
    assert step_for((), 4, version(4)) == RecordExternal(4, None)
    assert step_for((), None) is None


def test_status_tags_are_mended_to_what_the_ledger_says() -> None:
    abandoned = (*BOTH, decision_draft(2, before=2), draft(EntryKind.ABANDONMENT, decision_id="decision-2"))
    assert step_for(abandoned, 2, *TWO, version(3, PRODUCTION)) == SetStatus(3, ABANDONED)
    assert step_for(BOTH, 2, version(1, PRODUCTION), TWO[1]) == SetStatus(1, ARCHIVED)
    assert step_for(BOTH, 2, TWO[0], version(2, ABANDONED)) == SetStatus(2, PRODUCTION)


def test_versions_that_the_ledger_does_not_know_are_left_alone() -> None:
    stranger = RegisteredVersion(3, "run-x", {"status": "mine"})
    other = RegisteredVersion(4, "run-y", {"decision_id": "decision-of-somebody"})
    assert step_for(BOTH, 2, *TWO, stranger, other) is None


def test_a_registry_view_answers_for_what_it_holds() -> None:
    view = RegistryView(2, (*TWO, undescribed(3)))
    assert (view.of_decision("decision-1"), view.of_decision("decision-9"), view.of_decision(None)) == (2, None, None)
    assert (view.status_of(1), view.status_of(3), view.status_of(9)) == ("archived", None, None)
    assert (view.has(1), view.has(9), view.has(None)) == (True, False, False)
    assert (view.is_described(2), view.is_described(3), view.is_described(9)) == (True, False, False)


# ---- classify ----


def standing(week: int, key: str | None = None, *drafts: EntryDraft) -> Standing:
    windows = candidate_of_week(week).windows
    found, original = classify(
        state_of(*drafts),
        partition_key=windows.partition_key,
        as_of=windows.as_of,
        idempotency_key=key or f"key-{week}",
    )
    decided = {row.partition_key for row in drafts if row.kind is EntryKind.DECISION}
    assert (original is not None) == (windows.partition_key in decided)
    return found


def test_the_first_partition_and_every_later_one_is_live() -> None:
    assert standing(3) is Standing.LIVE
    assert standing(4, None, decision_draft(3)) is Standing.LIVE


def test_the_newest_partition_with_the_same_inputs_is_the_existing_decision() -> None:
    assert standing(3, None, decision_draft(2), decision_draft(3, Outcome.KEPT)) is Standing.EXISTING


def test_everything_else_is_a_replay() -> None:
    decided = (decision_draft(1), decision_draft(3, Outcome.KEPT))
    assert standing(3, "other key", *decided) is Standing.REPLAY
    assert standing(2, None, *decided) is Standing.REPLAY
    assert standing(1, None, *decided) is Standing.REPLAY
    assert standing(0, None, *decided) is Standing.REPLAY
