"""A tick of the retraining schedule on a home, and the run that it asks for, as Dagster does it while nobody watches.

`python -m forest_fire_retrain_tests.people.night 2025-08-04T06:00` needs the settings of an installation. It says how
the run ended and nothing else; why it failed is for people to find.
"""

import datetime as dt
import sys
import warnings

import dagster as dg

from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.jobs import JOB_NAME, SCHEDULE_NAME
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import load_settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main(tick: str) -> None:
    """Evaluate the schedule at `tick` (UTC), and carry out the run that it requests."""
    warnings.filterwarnings("ignore")
    settings = load_settings()
    definitions = build_definitions(settings)
    at = dt.datetime.fromisoformat(tick).replace(tzinfo=dt.UTC)
    resources = {"installation": build_installation(settings)}
    with open_instance(settings) as instance:
        schedule = definitions.resolve_schedule_def(SCHEDULE_NAME)
        with dg.build_schedule_context(instance, scheduled_execution_time=at, resources=resources) as context:
            asked = schedule(context)
        if not isinstance(asked, dg.RunRequest):
            print(f"The schedule asks for nothing: {asked}")  # noqa: T201 - what came of the night
            return
        done = definitions.resolve_job_def(JOB_NAME).execute_in_process(
            instance=instance,
            partition_key=asked.partition_key,
            tags={**asked.tags, "dagster/schedule_name": SCHEDULE_NAME},
            run_config=QUIET,
            raise_on_error=False,
        )
        print(f"The run of {asked.partition_key} {'succeeded' if done.success else 'failed'}.")  # noqa: T201 - as above


if __name__ == "__main__":
    main(sys.argv[1])
