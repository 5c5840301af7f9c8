"""Hold the pages of decisions against the hashes in their rows, and make lost ones again where that gives the same."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.ledger.decision_page import render_decision_page
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ports import RecordStore
from forest_fire_retrain.pipeline.custody.comparing_registry import REPAIR, Fault

RESTORE_PAGE = "restore records/decision_page from a backup"
DECIDING = (EntryKind.DECISION, EntryKind.SHADOW_VERDICT, EntryKind.REPLAY)


def check_pages(records: RecordStore, entries: Sequence[LedgerEntry], pages: Mapping[int, str]) -> list[Fault]:
    """Pages that are lost or were changed since their decision fell; rows that are older than the pages have none.

    Parameters
    ----------
    records : RecordStore
        Where pages are kept.
    entries : sequence of LedgerEntry
        The model's rows.
    pages : mapping
        Row to the SHA-256 of its page.
    """
    faults = []
    for entry, digest in ((entry, pages[entry.sequence]) for entry in entries if entry.sequence in pages):
        page = records.page(digest)
        if page is not None and fingerprint_text(page) == digest:
            continue
        named = f"the page of the {str(entry.kind).replace('_', ' ')} of {entry.partition_key} in row {entry.sequence}"
        if page is not None:
            moved = f"{RESTORE_PAGE}, or move {digest}.html away to keep it and run: {REPAIR}"
            what = f"{named} was changed: it has not the SHA-256 that the row holds"
            faults.append(Fault("page", what, moved, repairable=False))
        else:
            is_made = make_page_again(entry) is not None
            faults.append(Fault("page", f"{named} is lost", REPAIR if is_made else RESTORE_PAGE, repairable=is_made))
    return faults


def mend_pages(records: RecordStore, entries: Sequence[LedgerEntry]) -> None:
    """Keep every lost page again that this release still makes as it was."""
    for entry, digest in _find_digests(entries):
        page = make_page_again(entry) if records.page(digest) is None else None
        if page is not None:
            records.keep_page(page)


def make_page_again(entry: LedgerEntry) -> str | None:
    """The page of a row, made from it alone; `None` if that gives another page than the decision's."""
    try:
        payload = read_payload(entry)
    except ValidationError:
        return None
    page = render_decision_page(entry, payload)
    return page if fingerprint_text(page) == payload.page_sha256 else None


def _find_digests(entries: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, str]]:
    found = ((entry, entry.payload.get("page_sha256")) for entry in entries if entry.kind in DECIDING)
    return [(entry, digest) for entry, digest in found if isinstance(digest, str)]
