"""What a row of the ledger is, and the hash chain that makes tampering visible.

Rules
-----
- Rows are only ever appended; `sequence` counts from 1 without holes.
- A row's hash covers every field of it and the hash of the row before.
- A row is complete in itself: windows, counts, hashes, versions, metrics stand in its payload.
- Two clocks: `as_of` is valid time (the partition's end), `recorded_at` is transaction time.
- An intent (a promotion decided, a rollback asked for) is open until a confirmation or an
  abandonment names its `decision_id`. A promotion that goes through a shadow time first becomes one
  by its shadow verdict, which names the same `decision_id`.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from itertools import zip_longest
from operator import attrgetter
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import to_json

from forest_fire_retrain.core.canonical_json import canonical_json, fingerprint_text
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.redaction import redact

GENESIS_HASH = "0" * 64


class EntryKind(StrEnum):
    """Why a row was written."""

    DECISION = "decision"
    CONFIRMATION = "confirmation"
    ABANDONMENT = "abandonment"
    REPLAY = "replay"
    SHADOW_VERDICT = "shadow_verdict"
    ROLLBACK = "rollback"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    EXTERNAL = "external"
    REPAIR = "repair"
    MIGRATION = "migration"
    LABELS_CLEARED = "labels_cleared"
    SOURCE_ACCEPTED = "source_accepted"
    DELIVERY_ACCEPTED = "delivery_accepted"
    SHADOW = "shadow"
    SHADOW_ENDED = "shadow_ended"
    WEIGHTS = "weights"


class Stamp(NamedTuple):
    """Who writes a row, when, and through which door.

    Attributes
    ----------
    recorded_at : datetime.datetime
        Now, UTC.
    actor, trigger : str
        Who or what caused it; schedule, sensor, user or cli.
    dagster_run_id : str, optional
        The Dagster run it happens in.
    """

    recorded_at: dt.datetime
    actor: str
    trigger: str
    dagster_run_id: str | None = None


class EntryDraft(BaseModel):
    """A row before the ledger gives it its place in the chain.

    Attributes
    ----------
    kind : EntryKind
        Why the row is written.
    model_name : str
        The registered model it is about.
    recorded_at : datetime.datetime
        When it was written; another zone is turned into UTC, the form that is hashed and stored.
    actor, trigger : str
        Who or what caused it, and through which door (schedule, sensor, user, cli).
    summary : str
        One sentence for people.
    partition_key, as_of : str, datetime.date, optional
        The retraining period and its knowledge cut-off.
    decision_id : str, optional
        The decision or intent the row states, confirms or abandons.
    idempotency_key : str, optional
        Equal keys mean equal inputs: the same decision.
    outcome, reason_code : Outcome, ReasonCode, optional
        The verdict.
    champion_before, champion_after : int, optional
        Production version before the row and after it; `champion_after` of an unconfirmed intent
        equals `champion_before`.
    dagster_run_id, mlflow_run_id : str, optional
        Where it ran.
    payload_json : str
        Canonical JSON with everything else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EntryKind
    model_name: str
    recorded_at: dt.datetime
    actor: str
    trigger: str
    summary: str
    partition_key: str | None = None
    as_of: dt.date | None = None
    decision_id: str | None = None
    idempotency_key: str | None = None
    outcome: Outcome | None = None
    reason_code: ReasonCode | None = None
    champion_before: int | None = None
    champion_after: int | None = None
    dagster_run_id: str | None = None
    mlflow_run_id: str | None = None
    payload_json: str = "{}"

    @field_validator("recorded_at")
    @classmethod
    def _turn_into_utc(cls, instant: dt.datetime) -> dt.datetime:
        return instant if instant.tzinfo is dt.UTC or instant.utcoffset() is None else instant.astimezone(dt.UTC)

    @property
    def payload(self) -> dict[str, object]:
        """The payload, parsed."""
        parsed: dict[str, object] = json.loads(self.payload_json)
        return parsed


class LedgerEntry(EntryDraft):
    """A row of the ledger, in its place of the chain."""

    sequence: int
    previous_hash: str
    entry_hash: str


CONTENT = tuple(sorted({*LedgerEntry.model_fields} - {"entry_hash"}))
"""What a row's hash is over, in the order of the text."""
_values_of = attrgetter(*CONTENT)


def seal(draft: EntryDraft, sequence: int, previous_hash: str) -> LedgerEntry:
    """Give `draft` its place behind the row whose hash is `previous_hash`; its sentence is kept without secrets."""
    draft = draft.model_copy(update={"summary": redact(draft.summary)})
    content = EntryDraft.model_dump(draft, mode="json", include=set(EntryDraft.model_fields))
    entry_hash = _hash(content, sequence, previous_hash)
    return LedgerEntry(**content, sequence=sequence, previous_hash=previous_hash, entry_hash=entry_hash)


def is_sealed(entry: LedgerEntry) -> bool:
    """Whether a row's content matches its hash, whatever words this release would keep or take out."""
    if hashlib.sha256(write_content(entry)).hexdigest() == entry.entry_hash:
        return True
    content = entry.model_dump(mode="json", include=set(EntryDraft.model_fields))
    return _hash(content, entry.sequence, entry.previous_hash) == entry.entry_hash


def write_content(entry: LedgerEntry) -> bytes:
    """The text that a row's hash is over, as `canonical_json` writes it, in half the time."""
    return to_json(dict(zip(CONTENT, _values_of(entry), strict=True)))


def find_first_fault(entries: Sequence[LedgerEntry]) -> str | None:
    """Name the first row whose place, link or hash is wrong; `None` for an intact chain."""
    previous_hash = GENESIS_HASH
    for position, entry in enumerate(entries, start=1):
        if entry.sequence != position:
            return (
                f"row {position}: sequence is {entry.sequence}, expected {position}: a row is missing or out of place"
            )
        if entry.previous_hash != previous_hash:
            return f"row {position}: does not link to the row before it: a row was replaced, removed or reordered"
        if not is_sealed(entry):
            return f"row {position}: its content does not match its hash: the row was edited"
        previous_hash = entry.entry_hash
    return None


def first_difference(entries: Sequence[LedgerEntry], others: Sequence[LedgerEntry]) -> int | None:
    """Number of the first row, from 1, that is not the same in both; `None` if all are."""
    pairs = enumerate(zip_longest(entries, others), start=1)
    return next((number for number, (one, other) in pairs if one is not other and one != other), None)


def _hash(content: dict[str, object], sequence: int, previous_hash: str) -> str:
    return fingerprint_text(canonical_json({**content, "sequence": sequence, "previous_hash": previous_hash}))
