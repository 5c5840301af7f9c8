"""How the registry shows that a version was rolled back from."""

import datetime as dt

import pytest

from forest_fire_retrain.core.ledger.quarantine import (
    LONGEST_DESCRIPTION,
    Quarantine,
    has_mark,
    mark_description,
    marks_of,
    quarantine_by,
)
from forest_fire_retrain_tests.example_evidence import rollback_draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

FOUND = Quarantine(
    version=2,
    candidate_id="bad",
    since=dt.date(2026, 3, 20),
    actor="ada",
    reason="it missed two fires",
    successor=1,
    row=7,
    is_told=True,
)
CARD = "# A card\n\n---\n\nwith a rule"


def test_a_mark_stands_above_the_description_and_comes_off_without_a_trace() -> None:
    marked = mark_description(CARD, FOUND)
    assert marked.startswith(
        "**Quarantined since 2026-03-20.** ada rolled back from this version to version 1: it missed two fires "
        "(row 7 of the ledger)."
    )
    assert mark_description(marked, FOUND) == marked
    assert mark_description(marked, FOUND._replace(reason="another")).count("Quarantined since") == 1
    assert mark_description(marked, None) == CARD == mark_description(CARD, None)
    assert (has_mark(marked), has_mark(CARD)) == (True, False)


def test_a_long_description_is_cut_to_what_the_registry_keeps() -> None:
    marked = mark_description("x" * LONGEST_DESCRIPTION, FOUND)
    assert len(marked) == LONGEST_DESCRIPTION
    assert has_mark(marked)


def test_a_reason_that_looks_like_markup_is_shown_as_it_is_written() -> None:
    shown = mark_description("", FOUND._replace(reason="<img src=x> [a](http://b) **c**"))
    assert "&lt;img src=x> [a]\\(http://b) \\*\\*c\\*\\*" in shown


def test_the_tags_say_day_and_reason_or_nothing() -> None:
    assert marks_of(FOUND) == {"quarantined": "2026-03-20", "reason": "it missed two fires"}
    assert marks_of(None) == {"quarantined": "", "reason": ""}


@pytest.mark.parametrize("version", [2, None])
def test_a_rollback_quarantines_what_it_left_on_one_line(version: int | None) -> None:
    row = FakeLedger().append(
        rollback_draft(1, 2, quarantined_candidate_id="bad", quarantined_version=version, reason="two\nfires " * 100)
    )
    found = quarantine_by(row)
    assert found is not None
    assert (found.version, found.candidate_id, found.successor, found.row) == (2, "bad", 1, 1)
    assert found.is_told == (version is not None)
    assert found.reason.startswith("two fires two fires")
    assert len(found.reason) == 500


def test_a_rollback_from_what_the_ledger_does_not_know_quarantines_nothing() -> None:
    assert quarantine_by(FakeLedger().append(rollback_draft(1, 2))) is None


def test_a_secret_in_the_reason_of_an_old_rollback_is_not_shown_in_the_registry() -> None:
    row = FakeLedger().append(rollback_draft(1, 2, quarantined_candidate_id="c", reason="see http://ada:hunter2@park"))
    found = quarantine_by(row)
    assert found is not None
    assert marks_of(found)["reason"] == "see http://***@park"
