"""What the UI shows of a rollback: an observation of `registry_state`, whoever gave the order and wherever."""

import dagster as dg

from forest_fire_retrain.core.ledger.row_words import say_freeze
from forest_fire_retrain.defs.asset_arguments import REGISTRY_STATE
from forest_fire_retrain.defs.metadata import Metadata, text
from forest_fire_retrain.pipeline.custody.rolling_back import Rollback


def observe_rollback(done: Rollback) -> dg.AssetObservation:
    """What a rollback did to the registry; a rollback belongs to no retraining period."""
    return dg.AssetObservation(REGISTRY_STATE, description=done.entry.summary, metadata=_describe(done))


def _describe(done: Rollback) -> Metadata:
    entry = done.entry
    return {
        "what happened": text("ordered before, nothing changed" if done.is_repeated else "rolled back"),
        "version before": dg.MetadataValue.int(done.from_version),
        "version after": dg.MetadataValue.int(done.to_version),
        "reason": text(entry.summary),
        "ordered by": text(entry.actor),
        "ordered through": text(entry.trigger),
        "ordered at": dg.MetadataValue.timestamp(entry.recorded_at),
        "promotions": text("not frozen" if done.frozen_until is None else say_freeze(done.frozen_until)),
        **({} if done.cost is None else {"what it costs": text(done.cost)}),
        "ledger row": dg.MetadataValue.int(entry.sequence),
    }
