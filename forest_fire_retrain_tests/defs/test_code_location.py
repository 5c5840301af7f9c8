"""A run that a command executes itself is listed where the daemon's runs are: in the timeline and on the job's page."""

import dagster as dg
import yaml

from forest_fire_retrain.cli.home import WORKSPACE_YAML
from forest_fire_retrain.defs.code_location import LOCATION, MODULE, placed_runs

LABEL_TAG = ".dagster/repository"
"""What a job's page looks for; the timeline looks for the origin itself."""


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def idle_job() -> None:
    """Do nothing."""
    nothing()


def test_a_run_in_process_belongs_to_its_job_of_the_code_location() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        with placed_runs(instance, "idle_job"):
            placed = idle_job.execute_in_process(instance=instance).dagster_run
        loose = idle_job.execute_in_process(instance=instance).dagster_run
        (found,) = instance.get_runs(filters=dg.RunsFilter(tags={LABEL_TAG: f"__repository__@{LOCATION}"}))
    assert found.run_id == placed.run_id
    origin = placed.remote_job_origin
    assert origin is not None
    assert (origin.job_name, origin.location_name) == ("idle_job", LOCATION)
    assert loose.remote_job_origin is None


def test_the_location_is_the_one_that_the_workspace_of_a_home_loads() -> None:
    (loaded,) = yaml.safe_load(WORKSPACE_YAML)["load_from"]
    assert loaded["python_module"] == {"module_name": MODULE, "location_name": LOCATION}
