"""Keep the page that says what a person was shown, before the row that holds its hash."""

from collections.abc import Callable

from forest_fire_retrain.core.ledger.decision_page import render_decision_page
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.entries import EntryDraft
from forest_fire_retrain.core.ports import RecordStore


def keep_page(
    records: RecordStore, payload: DecisionPayload, draft: Callable[[DecisionPayload], EntryDraft]
) -> DecisionPayload:
    """Make and keep the page of what is about to be recorded; the payload that holds its hash."""
    page = render_decision_page(draft(payload), payload)
    return payload.model_copy(update={"page_sha256": records.keep_page(page)})
