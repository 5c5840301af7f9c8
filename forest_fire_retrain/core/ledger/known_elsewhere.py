"""Rows that the registry or a tracking run knows of, and the ledger does not: whether it lost them.

Rules
-----
- A row is written before the version it asks for is registered, and before the checkpoint that covers it is kept. So
  a version of a decision that the ledger lacks, or a checkpoint it does not continue, was there when the row was.
- A restoration that stands in the ledger explains what was known before it, and nothing that came later.
- A version that a person registered by hand names no decision as this project does, and proves nothing.
- A version of a model that a decision in the ledger embeds belongs to that decision, whatever its tags say.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.ledger.checkpoints import Checkpoint
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.payloads import RestorationPayload
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.ledger.state import candidate_of
from forest_fire_retrain.core.ledger.witnessing import contradiction_of

DECISION_ID = re.compile(r"[0-9a-f]{16}")
OWN_TAGS = {"decision_id", "candidate_id", "partition_key", "artifact_sha256"}
RESTORED = '"backup"'


class KeptCheckpoint(NamedTuple):
    """A checkpoint that was kept outside of the ledger and its copy.

    Attributes
    ----------
    where : str
        What keeps it, for people.
    kept_at : datetime.datetime, optional
        Not earlier than the row it was taken behind; `None` if that is not known.
    checkpoint : Checkpoint
        What it says.
    """

    where: str
    kept_at: dt.datetime | None
    checkpoint: Checkpoint


def find_versions_of_lost_rows(
    entries: Sequence[LedgerEntry], versions: Iterable[RegisteredVersion]
) -> list[RegisteredVersion]:
    """Registered versions of decisions that the ledger must have held, and holds no more.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        The model's rows.
    versions : iterable of RegisteredVersion
        What the registry shows of the model.
    """
    known = {entry.decision_id for entry in entries}
    restored_at = _restored_at(entries)
    unknown = [
        held
        for held in versions
        if is_own(held) and held.tags["decision_id"] not in known and not _was_before(held.created_at, restored_at)
    ]
    models = _models_of_decisions(entries) if unknown else set()
    return [held for held in unknown if held.source.rstrip("/") not in models]


def is_own(held: RegisteredVersion) -> bool:
    """Whether a version was registered by this project: it has its tags, and names a decision as it does."""
    return held.tags.keys() >= OWN_TAGS and DECISION_ID.fullmatch(held.tags["decision_id"]) is not None


def describe_lost_rows(lost: Sequence[RegisteredVersion], n_rows: int) -> str:
    """That rows are missing, and which versions say so."""
    named = list_capped([f"version {held.version} of decision {held.tags['decision_id']}" for held in lost])
    return f"the ledger lost rows: the registry holds {named}, which none of its {counted(n_rows, 'row')} knows"


def find_contradicted(hashes: Sequence[str], kept: Sequence[KeptCheckpoint]) -> list[KeptCheckpoint]:
    """Those of `kept` that rows with these hashes do not continue.

    Parameters
    ----------
    hashes : sequence of str
        The hashes of all rows, in their order.
    kept : sequence of KeptCheckpoint
        What was kept.
    """
    tree = MerkleTree([bytes.fromhex(entry_hash) for entry_hash in hashes])
    first = hashes[0] if hashes else None
    return [one for one in kept if contradiction_of(first, one.checkpoint, tree) is not None]


def leave_out_restored(entries: Sequence[LedgerEntry], kept: Iterable[KeptCheckpoint]) -> list[KeptCheckpoint]:
    """Those of `kept` that no restoration in the ledger explains: one put back fewer rows than they cover."""
    restored = [(RestorationPayload.read(entry).rows, entry.recorded_at) for entry in entries if _is_restoration(entry)]
    return [
        one
        for one in kept
        if not any(one.checkpoint.size > rows and _was_before(one.kept_at, at) for rows, at in restored)
    ]


def describe_contradicted(one: KeptCheckpoint, n_rows: int) -> str:
    """That a checkpoint speaks against the ledger."""
    what = "lost rows" if one.checkpoint.size > n_rows else "holds other rows than it did"
    return f"the ledger {what}: it does not continue the checkpoint of {one.checkpoint} that {one.where} keeps"


def _models_of_decisions(entries: Sequence[LedgerEntry]) -> set[str]:
    candidates = (candidate_of(entry) for entry in entries if entry.kind is EntryKind.DECISION)
    return {candidate.stored.model_uri for candidate in candidates if candidate is not None}


def _restored_at(entries: Sequence[LedgerEntry]) -> dt.datetime | None:
    return max((entry.recorded_at for entry in entries if _is_restoration(entry)), default=None)


def _is_restoration(entry: LedgerEntry) -> bool:
    return entry.kind is EntryKind.REPAIR and RESTORED in entry.payload_json


def _was_before(instant: dt.datetime | None, restored_at: dt.datetime | None) -> bool:
    return restored_at is not None and (instant is None or instant <= restored_at)
