"""The ledger as people read it: one line per retraining or rollback, also for those that changed nothing."""

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.shadow_times import list_ended, shadow_until_of

LISTED = (EntryKind.DECISION, EntryKind.ROLLBACK)


class Happening(StrEnum):
    """What became of a retraining or a rollback."""

    PROMOTED = "promoted"
    NOT_PROMOTED = "not promoted"
    NOT_CARRIED_OUT = "promotion not carried out"
    IN_SHADOW = "in shadow"
    DROPPED = "dropped after its shadow time"
    ROLLED_BACK = "rolled back"
    ROLLBACK_NOT_CARRIED_OUT = "rollback not carried out"


class Retraining(NamedTuple):
    """One live decision or rollback and what became of it; the first six fields are the table `registry_status`.

    Attributes
    ----------
    model_name : str
        The registered model.
    production_version : int, optional
        The version in production afterwards.
    updated : bool
        Whether this put it there.
    training_time : datetime.datetime
        When it was decided, or asked for.
    what_happened : str
        What became of it: a `Happening`, in shadow with the day until when.
    quarantined_version : int, optional
        The version that a rollback left.
    partition, outcome, reason : str, Outcome, ReasonCode, optional
        The period, and its verdict; a rollback has none.
    """

    model_name: str
    production_version: int | None
    updated: bool
    training_time: dt.datetime
    what_happened: str
    quarantined_version: int | None
    partition: str | None
    outcome: Outcome | None
    reason: ReasonCode | None


def list_retrainings(entries: Sequence[LedgerEntry]) -> list[Retraining]:
    """One per live decision or rollback, in the order of the rows; replays are neither."""
    ended = list_ended(entries)
    confirmed = {entry.decision_id: entry.champion_after for entry in entries if entry.kind is EntryKind.CONFIRMATION}
    return [_look_back(row, confirmed, ended) for row in entries if row.kind in LISTED]


def list_status(entries: Sequence[LedgerEntry]) -> list[tuple[object, ...]]:
    """The lines of the table `registry_status`."""
    return [tuple(retraining[:6]) for retraining in list_retrainings(entries)]


def _look_back(
    row: LedgerEntry, confirmed: Mapping[str | None, int | None], ended: Mapping[str, LedgerEntry]
) -> Retraining:
    is_done, is_rollback = row.decision_id in confirmed, row.kind is EntryKind.ROLLBACK
    return Retraining(
        model_name=row.model_name,
        production_version=confirmed.get(row.decision_id, row.champion_before),
        updated=is_done,
        training_time=row.recorded_at,
        what_happened=_name(row, ended, is_done=is_done),
        quarantined_version=row.champion_before if is_done and is_rollback else None,
        partition=row.partition_key,
        outcome=row.outcome,
        reason=row.reason_code,
    )


def _name(row: LedgerEntry, ended: Mapping[str, LedgerEntry], *, is_done: bool) -> str:
    if row.kind is EntryKind.ROLLBACK:
        return Happening.ROLLED_BACK if is_done else Happening.ROLLBACK_NOT_CARRIED_OUT
    if is_done:
        return Happening.PROMOTED
    until, end = shadow_until_of(row), ended.get(str(row.decision_id))
    if until is not None and end is None:
        return f"{Happening.IN_SHADOW} until {until}"
    if until is not None and end is not None:
        is_dropped = end.kind is EntryKind.SHADOW_VERDICT and end.outcome is not Outcome.PROMOTED
        return Happening.DROPPED if is_dropped else Happening.NOT_CARRIED_OUT
    return Happening.NOT_CARRIED_OUT if row.outcome is Outcome.PROMOTED else Happening.NOT_PROMOTED
