"""Read every decision's row once: what it refers to outside of the ledger is gathered while it is taken again."""

from collections.abc import Callable

from pydantic import ValidationError

from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.pipeline.custody.proving_rows import JUDGED

Note = Callable[[LedgerEntry, DecisionPayload], None]


class Mentions:
    """What rows that decide refer to outside of the ledger.

    Attributes
    ----------
    pages : dict
        Row to the SHA-256 of its page; rows that are older than the pages have none.
    pinned : dict
        Table to the versions that are pinned, and the period that pins each first.
    """

    def __init__(self) -> None:
        self.pages: dict[int, str] = {}
        self.pinned: dict[str, dict[int, str]] = {}

    def note(self, entry: LedgerEntry, payload: DecisionPayload) -> None:
        """Take in what a row refers to."""
        if payload.page_sha256 is not None:
            self.pages[entry.sequence] = payload.page_sha256
        if entry.kind in JUDGED:
            for table, version in payload.holdout.snapshot.table_versions.items():
                self.pinned.setdefault(table, {}).setdefault(version, str(entry.partition_key))


def note_mentions(entry: LedgerEntry, note: Note) -> None:
    """Note what one row refers to, if it can be read."""
    try:
        note(entry, read_payload(entry))
    except ValidationError:
        return
