"""The Dagster entry point: everything of one installation, built from its settings."""

import datetime as dt
import warnings
from collections.abc import Mapping
from typing import cast

import dagster as dg

from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.defs.active_retraining import (
    are_shown,
    build_active_job,
    build_active_sensor,
    build_active_shape,
)
from forest_fire_retrain.defs.asset_arguments import Shape
from forest_fire_retrain.defs.beginnings import find_beginnings
from forest_fire_retrain.defs.features import build_feature_assets
from forest_fire_retrain.defs.ingest import build_ingest_assets
from forest_fire_retrain.defs.jobs import build_job, build_schedule, build_sensor
from forest_fire_retrain.defs.liveness import noting_in_process_executor
from forest_fire_retrain.defs.monitoring import build_monitoring_assets, build_quality_job, build_quality_schedule
from forest_fire_retrain.defs.notifying import build_notice_sensors
from forest_fire_retrain.defs.operation_jobs import OPERATIONS
from forest_fire_retrain.defs.partitions import build_days, build_partitions
from forest_fire_retrain.defs.prediction_job import build_prediction_job, build_prediction_schedule
from forest_fire_retrain.defs.provenance import build_custody_checks, build_provenance_assets
from forest_fire_retrain.defs.resources import build_resources
from forest_fire_retrain.defs.retraining import build_retraining_assets
from forest_fire_retrain.defs.serving import build_serving_assets
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.settings import Settings, load_settings


def build_assets(shape: Shape) -> list[dg.AssetsDefinition]:
    """All assets of a retraining, in the order of the graph."""
    with warnings.catch_warnings():
        # Dagster announces that single-run backfills are beta; they are what keeps a range in order.
        warnings.filterwarnings("ignore", message="(Parameter|Class) `(backfill_policy|BackfillPolicy)`")
        ingest = build_ingest_assets(shape)
        features = build_feature_assets(shape, ingest)
        return [*ingest, *features, *build_retraining_assets(shape, features), *build_provenance_assets(shape)]


def build_predictions(settings: Settings, first: dt.date) -> list[dg.AssetsDefinition]:
    """All assets of a day, from the `first` one on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)  # as above, and of days whose period is not over
        return build_serving_assets(build_days(settings, first), settings.cadence)


def build_active(settings: Settings, *, is_asked: bool) -> dg.Definitions:
    """Assets, checks, job and sensor of active periods; nothing where there are none and none is asked for."""
    if not (is_asked or are_shown(settings)):
        return dg.Definitions()
    shape = build_active_shape()
    assets = build_assets(shape)
    job = build_active_job(assets)
    sensors = [build_active_sensor(job)] if settings.active is ActiveMode.RETRAIN else []
    return dg.Definitions(assets=assets, asset_checks=[build_custody_checks(shape)], jobs=[job], sensors=sensors)


def build_definitions(
    settings: Settings, resources: Mapping[str, object] | None = None, *, with_active: bool = False
) -> dg.Definitions:
    """Assets, jobs, schedules, sensors and resources of one installation.

    Parameters
    ----------
    settings : Settings
        Every knob.
    resources : mapping, optional
        Resources in place of the real ones, by their key; tests put fakes there.
    with_active : bool
        Whether active periods are part of it in any case.
    """
    resources = {**build_resources(build_installation(settings)), **(resources or {})}
    installation = cast("Installation", resources["installation"])
    begin = find_beginnings(settings, installation.lake, installation.clock)
    shape = Shape(build_partitions(settings, begin.periods))
    assets = build_assets(shape)
    job = build_job(assets)
    predictions = build_predictions(settings, begin.days)
    prediction_job = build_prediction_job(predictions)
    monitoring = build_monitoring_assets()
    quality_job = build_quality_job(monitoring)
    passive = dg.Definitions(
        assets=[*assets, *predictions, *monitoring],
        asset_checks=[build_custody_checks(shape)],
        jobs=[job, prediction_job, quality_job, *OPERATIONS],
        schedules=[
            build_schedule(settings, job),
            build_prediction_schedule(settings, prediction_job),
            *([build_quality_schedule(settings, quality_job)] if settings.active is not ActiveMode.OFF else []),
        ],
        sensors=[build_sensor(job), *build_notice_sensors()],
        resources=resources,
        executor=noting_in_process_executor,
    )
    return dg.Definitions.merge(passive, build_active(settings, is_asked=with_active))


@dg.definitions
def definitions() -> dg.Definitions:
    """What Dagster loads: the installation that the environment describes."""
    return build_definitions(load_settings())
