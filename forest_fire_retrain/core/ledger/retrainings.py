"""The ledger as people read it: one line per retraining, also for those that changed nothing."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry


class Retraining(NamedTuple):
    """One live decision and what became of it; the first four fields are the table `registry_status`.

    Attributes
    ----------
    model_name : str
        The registered model.
    production_version : int, optional
        The version in production afterwards.
    updated : bool
        Whether this retraining put it there.
    training_time : datetime.datetime
        When it was decided.
    partition, outcome, reason : str, Outcome, ReasonCode, optional
        The period, and its verdict.
    """

    model_name: str
    production_version: int | None
    updated: bool
    training_time: dt.datetime
    partition: str | None
    outcome: Outcome | None
    reason: ReasonCode | None


def list_retrainings(entries: Sequence[LedgerEntry]) -> list[Retraining]:
    """One per live decision, in the order of the rows; replays and rollbacks are not retrainings."""
    confirmed = {entry.decision_id: entry.champion_after for entry in entries if entry.kind is EntryKind.CONFIRMATION}
    return [
        Retraining(
            model_name=row.model_name,
            production_version=confirmed.get(row.decision_id, row.champion_before),
            updated=row.decision_id in confirmed,
            training_time=row.recorded_at,
            partition=row.partition_key,
            outcome=row.outcome,
            reason=row.reason_code,
        )
        for row in entries
        if row.kind is EntryKind.DECISION
    ]
