"""The rows of shadow times that an earlier code wrote are whole today, and mean what they meant."""

import json
import zipfile
from functools import lru_cache

from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.notices.ledger_notices import notices_of
from forest_fire_retrain.pipeline.custody.proving_pages import make_page_again
from forest_fire_retrain.pipeline.custody.verifying import check_decisions, check_intents, check_words
from forest_fire_retrain_tests.golden.unpacking import HERE

ROWS = "shadow_rows.zip"
MODEL = "forest_fire_risk"
BEGUN = ("2024-08-12", "2024-09-30", "2024-10-07")


@lru_cache
def golden_rows() -> list[LedgerEntry]:
    with zipfile.ZipFile(HERE / ROWS) as packed:
        return [LedgerEntry.model_validate(row) for row in json.loads(packed.read("rows.json"))]


def test_the_chain_is_whole_and_every_row_follows_from_what_it_embeds() -> None:
    rows = golden_rows()
    state = fold(rows)
    assert find_first_fault(rows) is None
    assert [*check_intents(state, rows), *check_decisions(state, rows), *check_words(rows)] == []


def test_the_state_is_what_it_was() -> None:
    state = fold(golden_rows())
    assert (state.champion, state.open_intent, state.in_shadow) == (2, None, [])
    facts = [(reign.version, reign.origin_row, reign.intent_row, reign.confirmation_row) for reign in state.reigns]
    assert facts == [(1, 1, 1, 2), (2, 4, 8, 9), (3, 14, 19, 20), (2, 4, 27, 28)]


def test_every_shadow_time_is_told_with_its_end() -> None:
    rows = golden_rows()
    became = {row.partition: str(row.what_happened) for row in list_retrainings(rows) if row.partition in BEGUN}
    assert became == dict(zip(BEGUN, ("promoted", "dropped after its shadow time", "promoted"), strict=True))
    told = [notice.kind for notice in notices_of(rows, MODEL, 100)]
    assert [kind for kind in told if "shadow" in kind] == ["shadow_time"] * 3 + ["shadow_dropped"]
    assert told.count("promotion") == 3


def test_the_pages_of_the_verdicts_are_made_again_to_the_byte() -> None:
    verdicts = [row for row in golden_rows() if row.kind is EntryKind.SHADOW_VERDICT]
    assert [row.outcome for row in verdicts] == ["PROMOTED", "REJECTED_BY_GUARDRAIL", "PROMOTED"]
    assert all(make_page_again(row) is not None for row in verdicts)


def test_a_row_that_is_read_is_written_as_it_was() -> None:
    judged = [row for row in golden_rows() if row.kind in (EntryKind.DECISION, EntryKind.SHADOW_VERDICT)]
    assert all(read_payload(row).to_json() == row.payload_json for row in judged)
