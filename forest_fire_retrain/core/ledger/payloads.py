"""What each kind of row carries beside its columns: one record per kind, spelled in the ledger as it is here.

A decision's and a replay's payload is large and stands in `decision_payload`. Confirmations, abandonments and
migrations carry nothing. A field that a row may lack, because it is older than the field, has a default that says so.
"""

import datetime as dt
from typing import Self

from pydantic import ValidationError

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval


class RowPayload(Record):
    """Base of the payloads."""

    @classmethod
    def read(cls, entry: LedgerEntry) -> Self:
        """The payload of `entry`, which has to be a row of this payload's kind.

        Raises
        ------
        LedgerError
            If the row does not hold what its kind needs.
        """
        try:
            return cls.model_validate_json(entry.payload_json)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "payload"
            msg = (
                f"row {entry.sequence} ({entry.kind}): {field}: {first['msg'].lower()}. "
                "Put back a backup (forest-fire ledger restore BACKUP), or read it with the release that wrote it"
            )
            raise LedgerError(msg) from error

    def to_json(self) -> str:
        """The canonical JSON of the ledger row."""
        return canonical_json(self.model_dump(mode="json"))


class RollbackPayload(RowPayload):
    """What a rollback asks for.

    Attributes
    ----------
    target_version : int
        The version to take.
    quarantined_candidate_id : str, optional
        The candidate rolled back from.
    quarantined_version : int, optional
        Its version; rows of releases that did not mark it in the registry lack it.
    alias_before : int, optional
        Where the person who rolls back found the alias; rows that lack it say nothing about that.
    reason : str
        Why.
    until : datetime.date, optional
        Promotions are frozen before this day.
    """

    target_version: int
    quarantined_candidate_id: str | None = None
    quarantined_version: int | None = None
    alias_before: int | None = None
    reason: str
    until: dt.date | None = None

    @property
    def found_at(self) -> set[int | None]:
        """Where the alias may be besides at the ledger's champion: where the person who rolls back found it."""
        return {self.alias_before} if "alias_before" in self.model_fields_set else set()


class FreezePayload(RowPayload):
    """Promotions are frozen before `until`, and why."""

    until: dt.date
    reason: str


class UnfreezePayload(RowPayload):
    """Why a freeze is lifted, and until when it would have held."""

    reason: str
    was_frozen_until: dt.date


class LabelsClearedPayload(RowPayload):
    """The days whose fire reports a person vouches for, why, and the periods whose flags that lifts."""

    window: Interval
    reason: str
    partitions: tuple[str, ...]


class SourceAcceptedPayload(RowPayload):
    """The source whose rows may follow those of another one, whose they were before, and why."""

    accepted: str
    before: str
    reason: str


class DeliveryAcceptedPayload(RowPayload):
    """In what a delivery may say less than the one before: sentences, what they are recognised by, and why."""

    accepted: tuple[str, ...]
    fingerprints: tuple[str, ...]
    reason: str


class ShadowPayload(RowPayload):
    """Whom a person has scored beside the champion.

    Attributes
    ----------
    candidate_id, partition_key : str
        The candidate, and the period whose live decision embeds it.
    version : int, optional
        Its version; `None` of a candidate that was never promoted.
    until : datetime.date
        Day before which it is scored.
    reason : str
        Why.
    """

    candidate_id: str
    partition_key: str
    version: int | None = None
    until: dt.date
    reason: str


class ShadowEndedPayload(RowPayload):
    """Whom a person has scored no more, until when it would have been, and why."""

    candidate_id: str
    partition_key: str
    version: int | None = None
    was_until: dt.date
    reason: str


class ExternalPayload(RowPayload):
    """Where the registry's alias was seen, and where the ledger says it should be."""

    observed: int | None
    expected: int | None


class RepairedFault(Record):
    """One fault that a repair mended: in which store, and what it was."""

    where: str
    what: str


class RepairPayload(RowPayload):
    """What a repair brought to what the ledger says."""

    faults: tuple[RepairedFault, ...]


class RestorationPayload(RowPayload):
    """A ledger put back from a backup; such a row is of the kind `repair` too.

    Attributes
    ----------
    backup : str
        Name of the backup's file.
    rows, rows_before : int
        Rows of the backup, and rows that could be read before.
    kept_as : str, optional
        Name of the file that the replaced ledger was kept as.
    """

    backup: str
    rows: int
    rows_before: int
    kept_as: str | None
