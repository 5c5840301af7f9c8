"""What all assets share: partitions, code version, owners, single-run backfills."""

from typing import NamedTuple, TypedDict

import dagster as dg

from forest_fire_retrain.core.ledger_entries import Stamp
from forest_fire_retrain.installation import Installation

DECISION = "adjudication_decision"
REGISTRY_STATE = "registry_state"
OWNERS = ["team:fire-risk"]
TRIGGER_TAG = "forest_fire/trigger"
TRIGGER_TAGS = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    "dagster/backfill": "backfill",
    TRIGGER_TAG: "cli",
}
ACTOR_TAG = "forest_fire/actor"


class SharedArguments(TypedDict):
    """Arguments of every asset definition."""

    partitions_def: dg.TimeWindowPartitionsDefinition
    backfill_policy: dg.BackfillPolicy


class Shape(NamedTuple):
    """What the assets of one installation have in common."""

    partitions: dg.TimeWindowPartitionsDefinition
    code_version: str

    @property
    def shared(self) -> SharedArguments:
        """Keyword arguments of an asset: a range runs in one process, in the order of its partitions."""
        return {"partitions_def": self.partitions, "backfill_policy": dg.BackfillPolicy.single_run()}


def stamp_of(context: dg.AssetExecutionContext | dg.OpExecutionContext, installation: Installation) -> Stamp:
    """Who is behind a run, and now."""
    tags = context.run.tags
    trigger = next((name for tag, name in TRIGGER_TAGS.items() if tag in tags), "user")
    return Stamp(
        recorded_at=installation.clock(),
        actor=tags.get(ACTOR_TAG, "dagster"),
        trigger=trigger,
        dagster_run_id=context.run.run_id,
    )


def tell(
    context: dg.AssetExecutionContext, installation: Installation, step: str, partition_key: str, sentence: str
) -> None:
    """Say in the run's log, and to whoever watches, how far the work has come."""
    context.log.info("%s: %s", partition_key, sentence)
    installation.progress.advance(step, partition_key, sentence)
