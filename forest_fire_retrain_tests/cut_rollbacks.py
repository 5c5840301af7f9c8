"""A rollback as kill -9 leaves it behind its first row."""

from forest_fire_retrain.core.ledger.drafts import draft_rollback
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.ledger.payloads import RollbackPayload
from forest_fire_retrain.core.ledger.ports import Ledger


def begin_rollback(ledger: Ledger) -> None:
    """Ask for version 1 in the place of version 2, and carry nothing out."""
    last = ledger.entries()[-1]
    payload = RollbackPayload(
        target_version=1,
        quarantined_candidate_id=None,
        quarantined_version=None,
        alias_before=2,
        reason="a trial",
        until=None,
    )
    stamp = Stamp(last.recorded_at, last.actor, last.trigger)
    ledger.append(draft_rollback(payload, model_name=last.model_name, champion=2, as_of=last.as_of, stamp=stamp))
