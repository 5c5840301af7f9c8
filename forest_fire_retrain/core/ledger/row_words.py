"""Words that several rows and displays share, the words of earlier releases, and what later rows make of a row.

A row keeps the words it was written with. Where this release would word it otherwise, it is held against the words of
the release that wrote it.
"""

import datetime as dt
from collections.abc import Sequence

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import (
    FreezePayload,
    LabelsClearedPayload,
    RepairPayload,
    RestorationPayload,
    RollbackPayload,
)


def say_freeze(until: dt.date) -> str:
    """Until when promotions are frozen, and which periods that keeps: one that is due on the day itself may promote."""
    return f"frozen until {until}, in every period that is due before that day"


def as_sentence(reason: str) -> str:
    """`reason` as the end of a summary."""
    return reason.strip() + ("" if reason.strip().endswith((".", "!", "?")) else ".")


def word_as_before(entry: LedgerEntry) -> str | None:
    """The summary that earlier releases gave the same payload; `None` where they gave the one of today.

    Raises
    ------
    LedgerError
        If the row does not hold what its kind needs.
    """
    match entry.kind:
        case EntryKind.ROLLBACK:
            order = RollbackPayload.read(entry)
            frozen = "" if order.until is None else f" Promotions are frozen until {order.until}."
            moved = f"Roll back from version {entry.champion_before} to version {order.target_version}"
            return f"{moved}: {as_sentence(order.reason)}{frozen}"
        case EntryKind.FREEZE:
            freeze = FreezePayload.read(entry)
            return f"Promotions of {entry.model_name} are frozen until {freeze.until}: {as_sentence(freeze.reason)}"
        case EntryKind.LABELS_CLEARED:
            said = LabelsClearedPayload.read(entry)
            cleared, days = ", ".join(said.partitions), said.window.half_open
            return f"The labels of {days} are vouched for, which clears {cleared}: {as_sentence(said.reason)}"
        case EntryKind.REPAIR:
            return _word_repair_as_before(entry)
    return None


def _word_repair_as_before(entry: LedgerEntry) -> str:
    if "faults" in entry.payload:
        faults = RepairPayload.read(entry).faults
        listed = "; ".join(fault.what for fault in faults)
        return f"Brought {len(faults)} fault(s) to what the ledger says: {listed}."
    restored = RestorationPayload.read(entry)
    return (
        f"The ledger was restored from the backup {restored.backup} with its {restored.rows} row(s); "
        f"{restored.rows_before} could be read before."
    )


def note_lifted_freezes(entries: Sequence[LedgerEntry]) -> dict[int, str]:
    """Sequence of each row that froze promotions and was overruled since, and the sentence that says so.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        Rows of any models, in their order.
    """
    holding: dict[str, int] = {}
    notes: dict[int, str] = {}
    for entry in entries:
        freezes = entry.kind is EntryKind.FREEZE or (
            entry.kind is EntryKind.ROLLBACK and RollbackPayload.read(entry).until is not None
        )
        if not freezes and entry.kind is not EntryKind.UNFREEZE:
            continue
        before = holding.pop(entry.model_name, None)
        if before is not None:
            ordered = "sets another freeze" if freezes else "lifts the freeze"
            notes[before] = f" (Row {entry.sequence} {ordered}.)"
        if freezes:
            holding[entry.model_name] = entry.sequence
    return notes
