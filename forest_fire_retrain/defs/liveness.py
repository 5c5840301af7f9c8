"""Notice runs whose process is gone: kill -9 and power cuts leave them STARTED for ever.

A run of any job notes host, process id and the process's start in its tags before it is STARTED: the command line
gives them with the run, the executor notes them of a run that the daemon launched, as soon as it is made. Before that
the run is STARTING, and Dagster itself gives it up after a while. Whoever starts next on
the same host ends, as failed, every unfinished run whose process no longer exists; that another process
has got its number since, as after a reboot, does not keep it alive.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from forest_fire_retrain.adapters.process_identity import UNKNOWN, began, is_alive
from forest_fire_retrain.defs.asset_arguments import PREDICTION_JOB, PREDICTIONS_ASSET
from forest_fire_retrain.defs.beginnings import DAYS, PERIODS, note_run
from forest_fire_retrain.defs.failures import faults_as_failures
from forest_fire_retrain.defs.log_tails import bind_log_tails

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.retries import RetryMode
    from dagster._core.execution.step_dependency_config import StepDependencyConfig

HOST_TAG = "forest_fire/host"
PROCESS_TAG = "forest_fire/process"
BEGAN_TAG = "forest_fire/process_began"
LAUNCHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class NotingExecutor(dg.Executor):
    """Dagster's executor, which first notes where the run's process is.

    Parameters
    ----------
    inner : dagster.Executor
        Who executes the steps.
    """

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> "RetryMode":
        """As Dagster's."""
        return self._inner.retries

    @property
    def step_dependency_config(self) -> "StepDependencyConfig":
        """As Dagster's."""
        return self._inner.step_dependency_config

    def execute(
        self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan"
    ) -> Iterator[dg.DagsterEvent]:
        """Note the process and where the run's partitions begin, then execute; resources are made after it too."""
        run = plan_context.dagster_run
        plan_context.instance.add_run_tags(run.run_id, liveness_tags())
        note_run(plan_context.instance, run.tags, DAYS if is_about_days(run) else PERIODS)
        bind_log_tails()
        with faults_as_failures():
            yield from self._inner.execute(plan_context, execution_plan)


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def noting_in_process_executor(context: dg.InitExecutorContext) -> NotingExecutor:
    """Execute all steps in the run's own process, whose place is in the run's tags from the start."""
    _note_launched_run(context.instance)
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None  # noqa: S101 - it is an executor of Dagster's own
    return NotingExecutor(create(context))


def is_about_days(run: dg.DagsterRun) -> bool:
    """Whether a run's partitions are days; those of all others are retraining periods."""
    return run.job_name == PREDICTION_JOB or run.asset_selection == {dg.AssetKey(PREDICTIONS_ASSET)}


def _note_launched_run(instance: dg.DagsterInstance) -> None:
    """Note the run that the daemon started this process for: it is not STARTED yet, and its log names the process."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=LAUNCHED)):
        if _names_this_process(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
            instance.add_run_tags(run.run_id, liveness_tags())


def _names_this_process(logged: Sequence[dg.EventLogEntry]) -> bool:
    events = (entry.dagster_event.engine_event_data for entry in logged if entry.dagster_event is not None)
    named = (event.metadata.get("pid") for event in events)
    return any(pid is not None and pid.value == str(os.getpid()) for pid in named)


def liveness_tags() -> dict[str, str]:
    """Where this process runs."""
    pid = os.getpid()
    return {HOST_TAG: socket.gethostname()[:63], PROCESS_TAG: str(pid), BEGAN_TAG: began(pid)}


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End the unfinished runs of this host whose process is gone; returns their ids."""
    unfinished = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED))
    dead = [run for run in unfinished if _is_dead(run.tags)]
    for run in dead:
        instance.report_run_failed(run, "its process is gone; the next run finishes what it left open")
    return [run.run_id for run in dead]


def working_runs(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """The unfinished runs of a job whose process is alive on this host."""
    unfinished = instance.get_runs(filters=dg.RunsFilter(job_name=job_name, statuses=UNFINISHED))
    return [run for run in unfinished if _is_here(run.tags) and not _is_dead(run.tags)]


def _is_here(tags: Mapping[str, str]) -> bool:
    return tags.get(HOST_TAG) == socket.gethostname()[:63] and PROCESS_TAG in tags


def _is_dead(tags: Mapping[str, str]) -> bool:
    return _is_here(tags) and not is_alive(int(tags[PROCESS_TAG]), tags.get(BEGAN_TAG, UNKNOWN))
