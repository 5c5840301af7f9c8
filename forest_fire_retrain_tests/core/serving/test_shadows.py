"""Who is scored beside the champion: whom a person ordered, and the version that a rollback would take."""

import datetime as dt

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.serving.shadows import ShadowRules, list_shadows
from forest_fire_retrain_tests.example_evidence import (
    NOON,
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    draft,
    rollback_draft,
    shadow_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

DAY = dt.timedelta(days=1)
TODAY = NOON.date()
WARM = ShadowRules(warm_days=28)
COLD = ShadowRules(warm_days=0)
ONE_REIGN = (decision_draft(0), confirmation_draft("decision-0", 1), decision_draft(1, Outcome.KEPT, before=1))
TWO_REIGNS = (*ONE_REIGN, decision_draft(2, before=1), confirmation_draft("decision-2", 2))


def state_of(*drafts: EntryDraft) -> LedgerState:
    ledger = FakeLedger()
    for n, row in enumerate(drafts):
        ledger.append(row.model_copy(update={"recorded_at": NOON + n * dt.timedelta(minutes=1)}))
    return fold(ledger.rows)


def order(week: int, version: int | None = None, days: int = 10) -> EntryDraft:
    candidate = candidate_of_week(week)
    payload = {
        "candidate_id": candidate.candidate_id,
        "partition_key": candidate.windows.partition_key,
        "version": version,
        "until": (TODAY + days * DAY).isoformat(),
    }
    return draft(EntryKind.SHADOW, payload=payload)


def names(state: LedgerState, day: dt.date = TODAY, rules: ShadowRules = COLD) -> list[str]:
    return [shadow.name for shadow in list_shadows(state, day, rules)]


def test_an_order_holds_until_its_day_and_not_on_it() -> None:
    state = state_of(*ONE_REIGN, order(1))
    (shadow,) = list_shadows(state, TODAY, COLD)
    assert shadow.candidate == candidate_of_week(1)
    assert (shadow.version, shadow.until) == (None, TODAY + 10 * DAY)
    assert shadow.why == f"ordered by schedule until {TODAY + 10 * DAY}: For a test"
    assert names(state, TODAY + 9 * DAY) == ["the candidate of 2024-01-22"]
    assert names(state, TODAY + 10 * DAY) == []


def test_a_candidate_in_its_shadow_time_is_scored_until_that_is_over() -> None:
    state = state_of(*ONE_REIGN[:2], shadow_draft(1, before=1))
    until = candidate_of_week(1).windows.as_of + 14 * DAY
    (shadow,) = list_shadows(state, until - DAY, COLD)
    assert (shadow.candidate, shadow.version, shadow.until) == (candidate_of_week(1), None, until)
    assert shadow.why == f"in its shadow time until {until}, before it may replace version 1"
    assert names(state, until) == []


def test_a_former_champion_stays_warm_for_so_many_days() -> None:
    state = state_of(*TWO_REIGNS)
    (shadow,) = list_shadows(state, TODAY, WARM)
    assert (shadow.version, shadow.until, shadow.candidate) == (1, TODAY + 28 * DAY, candidate_of_week(0))
    assert shadow.why == f"was champion until {TODAY}, and stays warm until {TODAY + 28 * DAY}"
    assert names(state, TODAY + 27 * DAY, WARM) == ["version 1"]
    assert names(state, TODAY + 28 * DAY, WARM) == []
    assert names(state, TODAY, COLD) == []


def test_the_days_of_a_reign_are_those_of_the_park() -> None:
    state = state_of(*TWO_REIGNS)
    (shadow,) = list_shadows(state, TODAY, ShadowRules(28, "Pacific/Kiritimati"))  # 14 hours ahead
    assert shadow.until == TODAY + 29 * DAY


def test_who_was_rolled_back_from_is_warm_no_more_unless_a_person_orders_it() -> None:
    rollback = rollback_draft(1, 2, quarantined_candidate_id=candidate_of_week(2).candidate_id)
    state = (*TWO_REIGNS, rollback, confirmation_draft(str(rollback.decision_id), 1))
    assert names(state_of(*state), TODAY, WARM) == []
    assert names(state_of(*state, order(2, 2)), TODAY, WARM) == ["version 2"]


def test_each_candidate_is_a_shadow_once_and_the_champion_never() -> None:
    state = state_of(*TWO_REIGNS, order(0, 1), order(2, 2), order(1))
    assert names(state, TODAY, WARM) == ["version 1", "the candidate of 2024-01-22"]


def test_without_a_champion_nobody_stands_beside_it() -> None:
    assert list_shadows(state_of(), TODAY, WARM) == []
