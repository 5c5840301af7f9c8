"""The Dagster entry point: everything of one installation, built from its settings."""

import datetime as dt
import warnings
from collections.abc import Mapping
from typing import cast

import dagster as dg

from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
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


def build_definitions(settings: Settings, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Assets, jobs, schedules, sensors and resources of one installation.

    Parameters
    ----------
    settings : Settings
        Every knob.
    resources : mapping, optional
        Resources in place of the real ones, by their key; tests put fakes there.
    """
    resources = {**build_resources(build_installation(settings)), **(resources or {})}
    installation = cast("Installation", resources["installation"])
    begin = find_beginnings(settings, installation.lake, installation.clock)
    assets = build_assets(Shape(build_partitions(settings, begin.periods)))
    job = build_job(assets)
    predictions = build_predictions(settings, begin.days)
    prediction_job = build_prediction_job(predictions)
    monitoring = build_monitoring_assets()
    quality_job = build_quality_job(monitoring)
    return dg.Definitions(
        assets=[*assets, *predictions, *monitoring],
        asset_checks=[build_custody_checks()],
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


@dg.definitions
def definitions() -> dg.Definitions:
    """What Dagster loads: the installation that the environment describes."""
    return build_definitions(load_settings())
