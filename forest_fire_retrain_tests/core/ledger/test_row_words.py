"""Rows say which periods a freeze keeps, and rows in the words of earlier releases still follow from their payloads."""

import datetime as dt

import pytest

from forest_fire_retrain.core.ledger import drafts
from forest_fire_retrain.core.ledger.entries import EntryDraft, Stamp
from forest_fire_retrain.core.ledger.payloads import RepairedFault, RestorationPayload, RollbackPayload
from forest_fire_retrain.core.ledger.redrafting import find_other_columns
from forest_fire_retrain.core.ledger.replays import say_summaries
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

DAY, AT = dt.date(2027, 1, 4), dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
STAMP = Stamp(AT, "ana", "command line", None)
WEEK = Interval(start=dt.date(2026, 6, 1), end=dt.date(2026, 6, 8))
FAULT = RepairedFault(where="registry", what="the alias is gone")
ABOUT = {"model_name": "fires", "champion": 2, "stamp": STAMP}


def roll_back(until: dt.date | None) -> EntryDraft:
    return drafts.draft_rollback(RollbackPayload(target_version=1, reason="audit", until=until), as_of=None, **ABOUT)


def restore(rows: int) -> EntryDraft:
    payload = RestorationPayload(backup="ledger-1.duckdb", rows=rows, rows_before=0, kept_as=None)
    return drafts.draft_restoration(payload, **ABOUT)


FREEZE, UNFREEZE = drafts.draft_freeze(DAY, "audit", **ABOUT), drafts.draft_unfreeze(DAY, "done", **ABOUT)
FROZEN = "frozen until 2027-01-04, in every period that is due before that day"
NOW_AND_BEFORE = {
    "freeze": (
        FREEZE,
        f"Promotions of fires are {FROZEN}: audit.",
        "Promotions of fires are frozen until 2027-01-04: audit.",
    ),
    "rollback": (
        roll_back(DAY),
        f"Roll back from version 2 to version 1: audit. Ordered with it: promotions are {FROZEN}.",
        "Roll back from version 2 to version 1: audit. Promotions are frozen until 2027-01-04.",
    ),
    "labels cleared": (
        drafts.draft_labels_cleared(WEEK, "audit", ["2026-06-15"], **ABOUT),
        "The labels of 2026-06-01 to 2026-06-07 are vouched for, which clears 2026-06-15: audit.",
        "The labels of [2026-06-01, 2026-06-08) are vouched for, which clears 2026-06-15: audit.",
    ),
    "repair": (
        drafts.draft_repair([FAULT], **ABOUT),
        "Brought 1 fault to what the ledger says: the alias is gone.",
        "Brought 1 fault(s) to what the ledger says: the alias is gone.",
    ),
    "restoration": (
        restore(1),
        "The ledger was restored from the backup ledger-1.duckdb with its 1 row; 0 could be read before.",
        "The ledger was restored from the backup ledger-1.duckdb with its 1 row(s); 0 could be read before.",
    ),
}


@pytest.mark.parametrize("kind", NOW_AND_BEFORE)
def test_a_row_is_worded_plainly_and_an_old_one_still_follows_from_its_payload(kind: str) -> None:
    draft, now, before = NOW_AND_BEFORE[kind]
    assert draft.summary == now
    for words, other in ((now, {}), (before, {}), (f"{before} Or not.", {1: ["summary"]}), ("", {1: ["summary"]})):
        row = FakeLedger().append(draft.model_copy(update={"summary": words}))
        assert find_other_columns([row]) == other


def test_a_freeze_that_holds_no_more_is_shown_with_the_row_that_ended_it() -> None:
    ledger = FakeLedger()
    for draft in (roll_back(DAY), UNFREEZE, roll_back(None), FREEZE, FREEZE):
        ledger.append(draft)
    rolled_back, lifted, plain, first, second = say_summaries(ledger.rows)
    assert rolled_back == f"{roll_back(DAY).summary} (Row 2 lifts the freeze.)"
    assert (lifted, plain) == (UNFREEZE.summary, roll_back(None).summary)
    assert first == f"{FREEZE.summary} (Row 5 sets another freeze.)"
    assert second == FREEZE.summary


@pytest.mark.parametrize(("n_days", "said"), [(1, "2026-06-01"), (2, "2026-06-01 to 2026-06-02")])
def test_days_are_said_with_the_last_one_included(n_days: int, said: str) -> None:
    assert Interval(start=WEEK.start, end=WEEK.start + dt.timedelta(days=n_days)).first_to_last == said
