"""The sensors that tell people what is new: every few minutes, and at once when a run failed.

Nothing of a run waits for them, and what goes wrong in them is in their own ticks.
"""

import warnings

import dagster as dg

from forest_fire_retrain import notifying
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.installation import Installation

NOTICE_SENSOR_NAME = "notice_sensor"
FAILED_RUN_SENSOR_NAME = "failed_run_sensor"
INTERVAL_SECONDS = 300


def build_notice_sensors() -> list[dg.SensorDefinition]:
    """One that looks around every few minutes, one that does so when a run failed; both run from the start."""

    @dg.sensor(
        name=NOTICE_SENSOR_NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells every configured channel what is new: changes of production, doubts, silence, faults.",
    )
    def notice_sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SkipReason:
        said = notifying.notify(installation.settings, installation.clock())
        if said.failed:
            context.log.warning("%s", said)
        return dg.SkipReason(str(said))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)

        @dg.run_failure_sensor(
            name=FAILED_RUN_SENSOR_NAME,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Tells of a failed run at once.",
        )
        def failed_run_sensor(
            context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]
        ) -> dg.SkipReason:
            try:
                return dg.SkipReason(str(notifying.notify(installation.settings, installation.clock())))
            except ForestFireRetrainError as error:  # the other sensor tries again, and shows it
                context.log.warning("%s", error)
                return dg.SkipReason(str(error))

    return [notice_sensor, failed_run_sensor]
