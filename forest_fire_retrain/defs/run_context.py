"""Who is behind a run, and how it says what it does."""

from collections.abc import Sequence

import dagster as dg

from forest_fire_retrain import watching
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.outgoing import cleared

TRIGGER_TAG = "forest_fire/trigger"
TRIGGER_TAGS = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    "dagster/backfill": "backfill",
    TRIGGER_TAG: "cli",
}
ACTOR_TAG = "forest_fire/actor"


def stamp_of(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, installation: Installation, ordered_by: str | None = None
) -> Stamp:
    """Who is behind a run, or who ordered it, and now."""
    tags = context.run.tags
    trigger = next((name for tag, name in TRIGGER_TAGS.items() if tag in tags), "user")
    return Stamp(
        recorded_at=installation.clock(),
        actor=ordered_by or tags.get(ACTOR_TAG, "dagster"),
        trigger=trigger,
        dagster_run_id=context.run.run_id,
    )


def periods_of(context: dg.AssetExecutionContext, installation: Installation) -> Sequence[str]:
    """The keys of a run's periods; an active one only where an alarm asked for it.

    Raises
    ------
    RefusedRequestError
        If nobody asked for one, or it can be decided no more.
    """
    for key in context.partition_keys:
        watching.find_alarm_behind(installation, key, installation.clock())
    return context.partition_keys


def last_beside(key: str, keys: Sequence[str]) -> str | None:
    """The last period of a run, which tells of the whole, unless it is `key` itself."""
    return None if key == keys[-1] else keys[-1]


def tell(
    context: dg.AssetExecutionContext, installation: Installation, step: str, partition_key: str, sentence: str
) -> None:
    """Say in the run's log, and to whoever watches, how far the work has come."""
    sentence = cleared(sentence)
    context.log.info("%s: %s", partition_key, sentence)
    installation.progress.advance(step, partition_key, sentence)


def warn(context: dg.AssetExecutionContext, installation: Installation, step: str, sentence: str) -> None:
    """Say in the run's log, and to whoever watches, what a person should know although the work goes on."""
    sentence = cleared(sentence)
    context.log.warning(sentence)
    installation.progress.warn(step, sentence)
