"""The prediction job, and the schedule that starts it every morning."""

from typing import TYPE_CHECKING

import dagster as dg

from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.defs.asset_arguments import PREDICTION_JOB
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.serving.predicting import NO_CHAMPION
from forest_fire_retrain.settings import Settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

PREDICTION_SCHEDULE = "prediction_schedule"


def build_prediction_job(assets: list[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """The predictions of a day."""
    return dg.define_asset_job(
        PREDICTION_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="What the champion says of a day: today live, a past day retro where that is asked for.",
    )


def build_prediction_schedule(settings: Settings, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Predict the park's day every morning, as long as it is today."""

    @dg.schedule(
        job=job,
        name=PREDICTION_SCHEDULE,
        cron_schedule=f"0 {settings.prediction_hour} * * *",
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Predicts the day with the champion of the moment. A morning that was missed is not made up for: "
        "it can be predicted retro.",
    )
    def prediction_schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        day = day_of(context.scheduled_execution_time, settings.time_zone)
        today = day_of(installation.clock(), settings.time_zone)
        if settings.end_date is not None and day >= settings.end_date:
            return dg.SkipReason(f"the history ends on {settings.end_date} (FOREST_FIRE_END_DATE)")
        if day != today:
            return dg.SkipReason(f"{day} is over; to predict it now: forest-fire predict --date {day} --retro")
        if installation.ledger.state(settings.model_name).champion is None:
            return dg.SkipReason(NO_CHAMPION)
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return prediction_schedule
