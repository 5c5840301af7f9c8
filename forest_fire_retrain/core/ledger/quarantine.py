"""Versions that were rolled back from, and how the registry shows that to whoever looks there first.

Rules
-----
- The ledger says what is quarantined; tags and description only show it, and are brought to what it says.
- The mark stands above what a version's description says otherwise, and comes off again without a trace.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.payloads import RollbackPayload
from forest_fire_retrain.core.redaction import redact

QUARANTINED_TAG = "quarantined"
REASON_TAG = "reason"
LONGEST_REASON = 500
"""Characters of a reason that a tag and a description show; the ledger's row has it whole."""
LONGEST_DESCRIPTION = 5_000
"""Characters that MLflow's databases keep of a version's description."""
MARK = "**Quarantined"
BELOW = "\n\n---\n\n"


class Quarantine(NamedTuple):
    """That a version was rolled back from.

    Attributes
    ----------
    version : int
        The version.
    candidate_id : str
        The candidate that it is.
    since : datetime.date
        Day of the rollback, UTC.
    actor, reason : str
        Who asked for it, and why.
    successor : int
        The version that was taken instead.
    row : int
        The rollback's row.
    is_told : bool
        Whether the row is of a release that marks versions in the registry.
    """

    version: int
    candidate_id: str
    since: dt.date
    actor: str
    reason: str
    successor: int
    row: int
    is_told: bool


def quarantine_by(rollback: LedgerEntry) -> Quarantine | None:
    """What a rollback quarantines once it is carried out; `None` if it left nothing that the ledger knows."""
    payload = RollbackPayload.read(rollback)
    if payload.quarantined_candidate_id is None or rollback.champion_before is None:
        return None
    return Quarantine(
        version=rollback.champion_before,
        candidate_id=payload.quarantined_candidate_id,
        since=rollback.recorded_at.date(),
        actor=rollback.actor,
        reason=redact(" ".join(payload.reason.split()))[:LONGEST_REASON],
        successor=payload.target_version,
        row=rollback.sequence,
        is_told=payload.quarantined_version is not None,
    )


def marks_of(quarantine: Quarantine | None) -> dict[str, str]:
    """The tags that show a quarantine; empty ones show that there is none."""
    if quarantine is None:
        return {QUARANTINED_TAG: "", REASON_TAG: ""}
    return {QUARANTINED_TAG: quarantine.since.isoformat(), REASON_TAG: quarantine.reason}


def has_mark(description: str) -> bool:
    """Whether a description has the mark of a quarantine above it."""
    return description.startswith(MARK) and BELOW in description


def mark_description(description: str, quarantine: Quarantine | None) -> str:
    """A version's description, in Markdown, with the mark of its quarantine above it, or without one.

    Parameters
    ----------
    description : str
        As it is now, with a mark or without.
    quarantine : Quarantine, optional
        What is to be shown; `None` takes a mark off.
    """
    plain = description.partition(BELOW)[2] if has_mark(description) else description
    if quarantine is None:
        return plain
    above = (
        f"{MARK} since {quarantine.since}.** {_plain(quarantine.actor)} rolled back from this version to version "
        f"{quarantine.successor}: {_plain(quarantine.reason)} (row {quarantine.row} of the ledger). "
        "Its candidate is not promoted again."
    )
    return (above + BELOW + plain)[:LONGEST_DESCRIPTION]


def _plain(text: str) -> str:
    """Text that no tag, link or rule of Markdown can begin in."""
    words = text.replace("\\", "\\\\").replace("<", "&lt;").replace("](", "]\\(")
    for letter in "|`*":
        words = words.replace(letter, f"\\{letter}")
    return words
