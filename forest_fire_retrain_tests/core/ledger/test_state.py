"""What the rows say now: reigns, open intents, quarantine, freeze, meddling, and the state as it was."""

import datetime as dt

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.reigns import Reign
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of, fold, state_before
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import (
    DAY,
    FIRST_DAY,
    NOON,
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    draft,
    rollback_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

KEPT = Outcome.KEPT
HOUR = dt.timedelta(hours=1)


def write(*drafts: EntryDraft) -> list[LedgerEntry]:
    """The rows, an hour after one another."""
    ledger = FakeLedger()
    for n, row in enumerate(drafts):
        ledger.append(row.model_copy(update={"recorded_at": NOON + n * HOUR}))
    return ledger.rows


def state_of(*drafts: EntryDraft) -> LedgerState:
    return fold(write(*drafts))


TWO_REIGNS = (
    decision_draft(0),
    confirmation_draft("decision-0", 1),
    decision_draft(1, KEPT, before=1),
    decision_draft(2, before=1),
    confirmation_draft("decision-2", 2),
)


def reign_facts(reign: Reign) -> tuple[object, ...]:
    return reign.version, reign.decision_id, reign.as_of, reign.since, reign.until


def as_of(week: int) -> dt.date:
    return candidate_of_week(week).windows.as_of


def test_an_empty_ledger_has_no_champion() -> None:
    state = fold([])
    assert (state.champion, state.newest_as_of, state.open_intent, state.meddling) == (None, None, None, None)
    assert state.champion_on(NOON) is None
    assert state.champion_for(FIRST_DAY) is None


def test_a_promotion_is_an_open_intent_until_it_is_confirmed() -> None:
    open_state, confirmed = state_of(decision_draft(0)), state_of(*TWO_REIGNS[:2])
    assert open_state.champion is None
    assert open_state.open_intent is not None
    assert open_state.open_intent.decision_id == "decision-0"
    assert (confirmed.champion, confirmed.open_intent) == (1, None)
    assert confirmed.candidates == {1: candidate_of_week(0)}


@pytest.mark.parametrize("outcome", [KEPT, Outcome.INCONCLUSIVE, Outcome.REJECTED_BY_GUARDRAIL])
def test_a_decision_that_promotes_nothing_opens_nothing(outcome: Outcome) -> None:
    state = state_of(decision_draft(0, outcome))
    assert state.open_intent is None
    assert list(state.decisions) == ["2024-01-15"]


def test_reigns_follow_one_another_without_a_hole() -> None:
    state = state_of(*TWO_REIGNS)
    assert [reign_facts(reign) for reign in state.reigns] == [
        (1, "decision-0", as_of(0), NOON + HOUR, NOON + 4 * HOUR),
        (2, "decision-2", as_of(2), NOON + 4 * HOUR, None),
    ]
    assert (state.champion, state.newest_as_of) == (2, as_of(2))


def test_the_champion_on_an_instant_is_by_the_wall_clock() -> None:
    state = state_of(*TWO_REIGNS)
    minute = dt.timedelta(minutes=1)
    instants = [HOUR - minute, HOUR, 4 * HOUR - minute, 4 * HOUR, 1_000 * HOUR]
    held = [state.champion_on(NOON + after) for after in instants]
    assert [reign and reign.version for reign in held] == [None, 1, 1, 2, 2]


def test_the_champion_for_a_day_is_by_partition_time() -> None:
    state = state_of(*TWO_REIGNS)
    days = [as_of(0) - DAY, as_of(0), as_of(2) - DAY, as_of(2), as_of(2) + 900 * DAY]
    held = [state.champion_for(day) for day in days]
    assert [reign and reign.version for reign in held] == [None, 1, 1, 2, 2]


def test_a_confirmation_of_something_else_changes_nothing() -> None:
    state = state_of(decision_draft(0), confirmation_draft("decision-9", 7))
    assert state.champion is None
    assert state.open_intent is not None
    assert state_of(confirmation_draft("decision-0", 1)).champion is None


def test_an_abandonment_closes_the_intent_it_names() -> None:
    abandonment = draft(EntryKind.ABANDONMENT, decision_id="decision-2", reason_code=ReasonCode.CHAMPION_CHANGED)
    state = state_of(*TWO_REIGNS[:4], abandonment)
    assert (state.champion, state.open_intent) == (1, None)
    other = draft(EntryKind.ABANDONMENT, decision_id="decision-9", reason_code=ReasonCode.CHAMPION_CHANGED)
    assert state_of(*TWO_REIGNS[:4], other).open_intent is not None


# ---- rollback ----


def test_a_rollback_quarantines_freezes_and_starts_a_reign_of_the_old_version() -> None:
    bad = candidate_of_week(2).candidate_id
    rollback = rollback_draft(1, 2, quarantined_candidate_id=bad, until="2024-09-01", reason="false alarms")
    waiting = state_of(*TWO_REIGNS, rollback)
    assert waiting.open_intent is not None
    assert (waiting.champion, waiting.quarantined, waiting.frozen_until) == (2, set(), dt.date(2024, 9, 1))
    done = state_of(*TWO_REIGNS, rollback, confirmation_draft("rollback-1", 1))
    assert (done.champion, done.open_intent) == (1, None)
    assert reign_facts(done.reigns[-1]) == (1, "rollback-1", None, NOON + 6 * HOUR, None)
    assert done.candidates[1] == candidate_of_week(0)
    assert done.quarantined == {bad}


def test_an_abandoned_rollback_quarantines_nothing_and_keeps_the_freeze_that_was_asked_for() -> None:
    bad = candidate_of_week(2).candidate_id
    rollback = rollback_draft(1, 2, quarantined_candidate_id=bad, until="2024-09-01", reason="false alarms")
    abandonment = draft(EntryKind.ABANDONMENT, decision_id="rollback-1", reason_code=ReasonCode.CHAMPION_CHANGED)
    state = state_of(*TWO_REIGNS, rollback, abandonment)
    assert (state.champion, state.quarantined, state.frozen_until) == (2, set(), dt.date(2024, 9, 1))


def test_a_rollback_without_a_freeze_leaves_promotions_free() -> None:
    assert state_of(*TWO_REIGNS, rollback_draft(1, 2)).frozen_until is None


def test_a_freeze_holds_until_the_next_one_or_until_it_is_lifted() -> None:
    freezes = [draft(EntryKind.FREEZE, payload={"until": until}) for until in ("2024-09-01", "2024-07-01")]
    assert state_of(freezes[0]).frozen_until == dt.date(2024, 9, 1)
    assert state_of(*freezes).frozen_until == dt.date(2024, 7, 1)
    assert state_of(*freezes, draft(EntryKind.UNFREEZE)).frozen_until is None


# ---- meddling ----


def external(observed: int | None, expected: int | None) -> EntryDraft:
    return draft(EntryKind.EXTERNAL, payload={"observed": observed, "expected": expected})


def test_a_meddled_registry_stays_noted_until_it_agrees_or_is_repaired() -> None:
    noted = (*TWO_REIGNS, external(1, 2))
    state = state_of(*noted)
    assert state.meddling is not None
    assert state.meddling.payload == {"observed": 1, "expected": 2}
    assert state.champion == 2
    assert state_of(*noted, decision_draft(3, KEPT, before=2)).meddling is not None
    assert state_of(*noted, external(2, 2)).meddling is None
    assert state_of(*noted, draft(EntryKind.REPAIR)).meddling is None
    assert state_of(*noted, rollback_draft(1, 2), confirmation_draft("rollback-1", 1)).meddling is None


def test_another_observation_replaces_the_one_before() -> None:
    state = state_of(*TWO_REIGNS, external(1, 2), external(None, 2))
    assert state.meddling is not None
    assert state.meddling.payload["observed"] is None


def test_windows_that_a_person_vouched_for_are_kept() -> None:
    window = Interval(start=FIRST_DAY, end=FIRST_DAY + 7 * DAY)
    cleared = draft(EntryKind.LABELS_CLEARED, payload={"window": window.model_dump(mode="json")})
    assert state_of(cleared).cleared == [window]


# ---- shadows ----


def shadow_of(week: int, until: str = "2024-12-24") -> EntryDraft:
    return draft(EntryKind.SHADOW, payload={"candidate_id": candidate_of_week(week).candidate_id, "until": until})


def test_the_later_order_of_a_shadow_counts_and_a_person_ends_it() -> None:
    candidate_id = candidate_of_week(1).candidate_id
    ended = draft(EntryKind.SHADOW_ENDED, payload={"candidate_id": candidate_id})
    held = state_of(*TWO_REIGNS, shadow_of(1), shadow_of(1, "2025-02-03")).shadows
    assert [row.payload["until"] for row in held.values()] == ["2025-02-03"]
    assert state_of(*TWO_REIGNS, shadow_of(1), ended).shadows == {}


def test_a_shadow_that_becomes_champion_is_none_any_more() -> None:
    ordered = (*TWO_REIGNS[:4], shadow_of(2))
    assert list(state_of(*ordered).shadows) == [candidate_of_week(2).candidate_id]
    assert state_of(*ordered, TWO_REIGNS[4]).shadows == {}
    assert state_of(*ordered, TWO_REIGNS[4], *rolled_back()).shadows == {}


def rolled_back() -> tuple[EntryDraft, ...]:
    rollback = rollback_draft(1, 2)
    return rollback, confirmation_draft(str(rollback.decision_id), 1)


# ---- what changes nothing, and what was ----


@pytest.mark.parametrize("kind", [EntryKind.REPLAY, EntryKind.MIGRATION])
def test_replays_and_migrations_change_nothing(kind: EntryKind) -> None:
    row = decision_draft(0, before=2).model_copy(update={"kind": kind})
    assert state_of(*TWO_REIGNS, row) == state_of(*TWO_REIGNS)


PAYLOADS: dict[EntryKind, dict[str, object]] = {
    EntryKind.SHADOW: {"candidate_id": "other"},
    EntryKind.SHADOW_ENDED: {"candidate_id": "shadowed"},
    EntryKind.ROLLBACK: {"target_version": 1, "until": "2024-09-01"},
    EntryKind.FREEZE: {"until": "2024-09-01"},
    EntryKind.LABELS_CLEARED: {"window": {"start": "2024-01-01", "end": "2024-01-08"}},
    EntryKind.EXTERNAL: {"observed": None, "expected": None},
    EntryKind.DELIVERY_ACCEPTED: {"accepted": ["9 rows"], "fingerprints": ["ab"], "reason": "false alarms"},
    EntryKind.SOURCE_ACCEPTED: {"accepted": "new", "before": "old", "reason": "moved"},
}


def test_every_kind_of_row_is_folded_or_known_to_change_nothing() -> None:
    silent = {EntryKind.REPLAY, EntryKind.MIGRATION, EntryKind.SHADOW_VERDICT}  # the last without a shadow time
    for kind in set(EntryKind) - silent:
        payload = PAYLOADS.get(kind, {})
        row = draft(kind, partition_key="p", decision_id="decision-2", champion_after=2, payload=payload)
        before = (*TWO_REIGNS[:4], draft(EntryKind.FREEZE, payload={"until": "2024-08-01"}), external(1, 2))
        before = (*before, draft(EntryKind.SHADOW, payload={"candidate_id": "shadowed"}))
        assert state_of(*before, row) != state_of(*before), kind


def test_the_state_before_a_partition_is_the_one_its_decision_was_made_in() -> None:
    entries = write(*TWO_REIGNS)
    assert state_before(entries, as_of(0)) == fold([])
    assert state_before(entries, as_of(1)).champion == 1
    assert list(state_before(entries, as_of(1)).decisions) == ["2024-01-15"]
    assert state_before(entries, as_of(2)).champion == 1
    assert state_before(entries, as_of(3)) == fold(entries)


def test_the_state_before_a_partition_that_was_never_decided_lies_between_its_neighbours() -> None:
    entries = write(*(row for row in TWO_REIGNS if row.decision_id != "decision-1"))
    assert state_before(entries, as_of(1)) == fold(entries[:2])


def test_a_replay_does_not_move_the_state_before() -> None:
    replay = decision_draft(0).model_copy(update={"kind": EntryKind.REPLAY})
    entries = write(*TWO_REIGNS, replay)
    assert state_before(entries, as_of(2)).champion == 1
    assert state_before(entries, as_of(0)).champion is None


def test_a_decision_embeds_its_candidate_and_a_rollback_none() -> None:
    decision, rollback = write(decision_draft(4), rollback_draft(1, 2))
    assert candidate_of(decision) == candidate_of_week(4)
    assert candidate_of(rollback) is None
