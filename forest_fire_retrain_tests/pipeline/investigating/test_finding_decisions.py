"""A decision is found by its period or by the version that came of it; what is not found is answered with what is."""

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.pipeline.investigating.finding_decisions import find_decision
from forest_fire_retrain_tests.example_evidence import MODEL, confirmation_draft, decision_draft, rollback_draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

DRAFTS = (
    decision_draft(0),
    confirmation_draft("decision-0", 4),
    decision_draft(1, Outcome.INCONCLUSIVE, before=4),
    decision_draft(2, before=4),
    confirmation_draft("decision-2", 5),
    rollback_draft(4, 5),
    confirmation_draft("rollback-1", 4),
)
KEYS = ("2024-01-15", "2024-01-22", "2024-01-29")


def rows_of(*drafts: object) -> list[LedgerEntry]:
    ledger = FakeLedger()
    for draft in drafts:
        ledger.append(draft)  # type: ignore[arg-type] # drafts
    return ledger.entries(MODEL)


@pytest.mark.parametrize(("name", "decision", "version"), [("4", 0, 4), ("5", 2, 5), (KEYS[0], 0, 4), (KEYS[2], 2, 5)])
def test_a_version_and_its_period_name_the_decision_that_made_it_also_after_a_rollback(
    name: str, decision: int, version: int
) -> None:
    found = find_decision(rows_of(*DRAFTS), name)
    assert (found.entry.decision_id, found.version) == (f"decision-{decision}", version)


def test_a_candidate_that_was_not_promoted_has_no_version() -> None:
    assert find_decision(rows_of(*DRAFTS), KEYS[1]).version is None


@pytest.mark.parametrize("name", ["1", "6", "0", "20240115"])
def test_an_unknown_version_is_answered_with_those_that_were_champion(name: str) -> None:
    with pytest.raises(RefusedRequestError, match=r"never champion.*: 4, 5$"):
        find_decision(rows_of(*DRAFTS), name)


@pytest.mark.parametrize("name", ["2024-01-23", "2031-01-01", "yesterday", "", "-4"])
def test_an_unknown_period_is_answered_with_those_nearest(name: str) -> None:
    with pytest.raises(RefusedRequestError, match=f"nearest: {', '.join(KEYS)}"):
        find_decision(rows_of(*DRAFTS), name)


def test_an_active_period_is_found_by_its_key_and_is_near_to_its_day() -> None:
    plain = decision_draft(3, Outcome.KEPT, before=4)
    asked = plain.model_copy(update={"partition_key": "2024-02-20+active", "decision_id": "asked"})
    rows = rows_of(*DRAFTS, asked)
    assert find_decision(rows, "2024-02-20+active").entry.decision_id == "asked"
    with pytest.raises(RefusedRequestError, match=r"nearest: 2024-01-15, 2024-01-22, 2024-01-29, 2024-02-20\+active"):
        find_decision(rows, "2024-02-19+active")


def test_where_nothing_was_decided_the_answer_says_how_to_start() -> None:
    with pytest.raises(RefusedRequestError, match="forest-fire up"):
        find_decision([], "4")
