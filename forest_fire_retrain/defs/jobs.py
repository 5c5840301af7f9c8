"""The retraining job, its schedule, and the sensor that fills in what missed or failed ticks left open."""

import datetime as dt
from typing import TYPE_CHECKING

import dagster as dg

from forest_fire_retrain.core.ledger.due_periods import DUE_HOUR
from forest_fire_retrain.defs.liveness import close_dead_runs
from forest_fire_retrain.defs.partitions import cron_at
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import find_waiting, has_decided
from forest_fire_retrain.settings import Settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "retraining_job"
SCHEDULE_NAME = "retraining_schedule"
SENSOR_NAME = "undecided_partition_sensor"
MAX_ATTEMPTS = 3
RETRIED_AFTER = dt.timedelta(days=1)
SENSOR_INTERVAL_SECONDS = 60
PARTITION_TAG = "dagster/partition"
NOTHING_DECIDED = "nothing was decided yet; start the history with: forest-fire up, or: forest-fire backfill"


def build_job(assets: list[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """All assets of a period, in one process."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*assets),
        description="One retraining period: ingest, features, holdout, candidate, decision, registry, provenance.",
    )


def build_schedule(settings: Settings, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Ask for the newest closed period, unless an older one is still undecided."""

    @dg.schedule(
        job=job,
        name=SCHEDULE_NAME,
        cron_schedule=cron_at(DUE_HOUR, settings.cadence),
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Retrains when a period is over. Older undecided periods go first, through the sensor.",
    )
    def retraining_schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        closed, waiting = settings.periods.closed_keys(now), find_waiting(installation, now)
        if not closed:
            return dg.SkipReason("no period is over yet")
        if waiting and waiting[0] != closed[-1]:
            return dg.SkipReason(f"{waiting[0]} waits and goes first")
        if not waiting and has_decided(installation):
            return dg.SkipReason("every period that is over is decided")
        return dg.RunRequest(run_key=closed[-1], partition_key=closed[-1])

    return retraining_schedule


def build_sensor(job: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Ask for the oldest undecided period behind the last decided one, a bounded number of times a day."""

    @dg.sensor(
        job=job,
        name=SENSOR_NAME,
        minimum_interval_seconds=SENSOR_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"After missed or failed ticks, asks for the oldest undecided period, {MAX_ATTEMPTS} times a day.",
    )
    def undecided_partition_sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        close_dead_runs(context.instance)
        waiting = find_waiting(installation, installation.clock())
        if not waiting:
            return dg.SkipReason(f"every closed period is decided, or {NOTHING_DECIDED}")
        return request_run(context.instance, JOB_NAME, waiting[0], installation.clock())

    return undecided_partition_sensor


def request_run(
    instance: dg.DagsterInstance, job_name: str, key: str, now: dt.datetime
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a period, a bounded number of times a day: a source that is mended by another day is found so."""
    tags = {PARTITION_TAG: key}
    runs = instance.get_runs(filters=dg.RunsFilter(job_name=job_name, tags=tags))
    if any(not run.is_finished for run in runs):
        return dg.SkipReason(f"{key} is being retrained")
    since = now - RETRIED_AFTER
    recent = instance.get_runs(filters=dg.RunsFilter(job_name=job_name, tags=tags, created_after=since))
    if len(recent) >= MAX_ATTEMPTS:
        return dg.SkipReason(
            f"{key} failed {len(recent)} times within a day, and is tried again after it; look at its runs. "
            f"To try at once: forest-fire retrain --partition {key}"
        )
    return dg.RunRequest(run_key=f"{key}-{len(runs) + 1}", partition_key=key)
