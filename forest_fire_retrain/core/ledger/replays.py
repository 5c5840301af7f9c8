"""What a replay is said to have shown: how it differs from the live decision, or that there never was one.

Rules
-----
- A replay of a period that was never decided live has nothing to be compared with: its payload holds no list of
  differences, not an empty one.
- Rows of earlier releases hold an empty list for both. Which of the two it is follows from the rows before them, and
  whoever shows such a row says it; the row itself stays as it was written.
"""

from collections.abc import Sequence

from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.row_words import note_lifted_freezes

NO_ORIGINAL = "never decided live; nothing to compare with"
NOTHING_DIFFERS = "nothing differs from the live decision"
NOTHING_DIFFERED = ": nothing differs. "
"""What rows of earlier releases say, whether there was a live decision or not."""
DIFFERENCES_NAMED = 4


def describe_replay(payload: DecisionPayload) -> str:
    """The summary of a replay's row, in one sentence or two."""
    known, key = payload.holdout.snapshot.knowledge, payload.holdout.windows.partition_key
    period = key if payload.differences is None else f"{key} ({known})"
    return f"Replay: {period}: {describe_differences(payload)}. The champion stays."


def describe_differences(payload: DecisionPayload) -> str:
    """In what a replay differs from the live decision, the first few by name."""
    found = payload.differences
    if found is None:
        return NO_ORIGINAL
    listed = ", ".join(f"{d.what} {d.original} → {d.replay}" for d in found[:DIFFERENCES_NAMED])
    return listed or NOTHING_DIFFERS


def describe_replay_of_old(payload: DecisionPayload) -> str:
    """The summary that earlier releases wrote of the same payload, to hold an old row against it."""
    found = payload.differences or ()
    listed = ", ".join(f"{d.what} {d.original} → {d.replay}" for d in found[:DIFFERENCES_NAMED])
    known, key = payload.holdout.snapshot.knowledge, payload.holdout.windows.partition_key
    return f"REPLAY ({known}) of {key}: {listed or 'nothing differs'}. The champion stays."


def say_summaries(entries: Sequence[LedgerEntry]) -> list[str]:
    """What to show of each row, in order of their sequence: its summary, put right where it is not true any more.

    A replay that had no original says so, and a freeze that a later row lifted or replaced names that row.
    """
    decided: set[tuple[str, str | None]] = set()
    lifted = note_lifted_freezes(entries)
    said = []
    for entry in entries:
        what = entry.model_name, entry.partition_key
        if entry.kind is EntryKind.DECISION:
            decided.add(what)
        is_unmatched = entry.kind is EntryKind.REPLAY and what not in decided
        said.append((_put_right(entry.summary) if is_unmatched else entry.summary) + lifted.get(entry.sequence, ""))
    return said


def _put_right(summary: str) -> str:
    return summary.replace(NOTHING_DIFFERED, f": {NO_ORIGINAL}. ", 1)
