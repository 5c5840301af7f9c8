"""Active periods in Dagster: their partitions, the job that decides one, and the sensor that asks where an alarm does.

Rules
-----
- The assets are made by the functions that make those of scheduled periods; only names, group and partitions differ.
- Partitions are added one by one, when an alarm asks; those that the ledger knows are added again in a home that lost
  Dagster's storage.
- They are shown where an alarm may ask, and where one has asked once. The sensor is there only where it may ask.
"""

from typing import TYPE_CHECKING

import dagster as dg

from forest_fire_retrain import watching
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.errors import ForestFireRetrainError, HomeError
from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.core.periods import PeriodKind, is_active
from forest_fire_retrain.defs.asset_arguments import Shape
from forest_fire_retrain.defs.jobs import MAX_ATTEMPTS, SENSOR_INTERVAL_SECONDS, request_run
from forest_fire_retrain.defs.liveness import close_dead_runs
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

ACTIVE_JOB = "active_retraining_job"
ACTIVE_SENSOR = "active_retraining_sensor"
ACTIVE_PERIODS = "active_periods"


def build_active_shape() -> Shape:
    """What the assets of active periods have in common."""
    return Shape(dg.DynamicPartitionsDefinition(name=ACTIVE_PERIODS), PeriodKind.ACTIVE)


def are_shown(settings: Settings) -> bool:
    """Whether a home shows active periods: an alarm may ask for one, or its ledger's copy knows one."""
    if settings.active is ActiveMode.RETRAIN:
        return True
    try:
        rows = read_export(settings.export_folder)
    except ForestFireRetrainError:  # `verify` and the checks say so
        return False
    return any(row.model_name == settings.model_name and is_active(row.partition_key or "") for row in rows)


def build_active_job(assets: list[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """All assets of an active period, in one process."""
    return dg.define_asset_job(
        ACTIVE_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="One active period, which an alarm asked for: as the retraining of a scheduled one, up to its day.",
    )


def build_active_sensor(job: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Ask for the active period that is due, a bounded number of times a day."""

    @dg.sensor(
        job=job,
        name=ACTIVE_SENSOR,
        minimum_interval_seconds=SENSOR_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Where the newest look raises an alarm, asks for a candidate, {MAX_ATTEMPTS} times a day. What "
        "comes of it is decided by the rule.",
    )
    def active_retraining_sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult:
        close_dead_runs(context.instance)
        now = installation.clock()
        try:
            due = watching.find_active_due(installation, now)
        except HomeError as error:
            return dg.SensorResult(skip_reason=str(error))
        watching.keep_alarm(installation, due)
        known = watching.list_active_decided(installation)
        missing = find_missing(context.instance, [*known, *([] if due.key is None else [due.key])])
        added = [dg.DynamicPartitionsDefinition(name=ACTIVE_PERIODS).build_add_request(missing)] if missing else []
        answer = (
            dg.SkipReason(due.sentence) if due.key is None else request_run(context.instance, ACTIVE_JOB, due.key, now)
        )
        if isinstance(answer, dg.RunRequest):
            return dg.SensorResult(run_requests=[answer], dynamic_partitions_requests=added)
        return dg.SensorResult(skip_reason=answer, dynamic_partitions_requests=added)

    return active_retraining_sensor


def find_missing(instance: dg.DagsterInstance, keys: "Iterable[str]") -> list[str]:
    """Those of the keys that the instance has no partition of, each once."""
    held = set(instance.get_dynamic_partitions(ACTIVE_PERIODS))
    return [key for key in dict.fromkeys(keys) if key not in held]


def add_partitions(instance: dg.DagsterInstance, installation: Installation, key: str) -> None:
    """Have the partitions of all active periods that were decided, and that of `key`, in the instance."""
    missing = find_missing(instance, [*watching.list_active_decided(installation), key])
    if missing:
        instance.add_dynamic_partitions(ACTIVE_PERIODS, missing)
