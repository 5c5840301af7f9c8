"""Resources of a run: the installation, and the MLflow run that stands for the Dagster run.

dagster-mlflow opens and tags that parent run; candidates are nested under it. Ending it is ours: the
package leaves a failed run FINISHED (MLflow 3 ends open runs at exit, and the package unregisters an
older function), so the status is taken from the Dagster run's own events. What kill -9 left RUNNING
is closed when the next run starts.
"""

import warnings
from collections.abc import Iterator

import dagster as dg

from forest_fire_retrain.adapters.mlflow_connection import import_sklearn_flavour, import_warnings_muted
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.defs.liveness import close_dead_runs, liveness_tags
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.settings import Settings

OVER = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


def build_resources(installation: Installation) -> dict[str, object]:
    """The resources every asset, check, sensor and schedule of the code location can ask for."""
    return {"installation": installation, "mlflow": dagster_run_in_mlflow}


def import_for_runs() -> None:
    """Import what every training needs of MLflow, which takes seconds, before garbage is looked for."""
    import_sklearn_flavour()
    with import_warnings_muted(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        import dagster_mlflow.resources  # noqa: F401, PLC0415 - takes three seconds: only where one trains


@dg.resource(
    required_resource_keys={"installation"},
    description="The MLflow run that stands for the Dagster run; candidates are nested under it.",
)
def dagster_run_in_mlflow(context: dg.InitResourceContext) -> Iterator[object]:
    """Open the parent run, and end it with the status the Dagster run has."""
    installation: Installation = context.resources.installation
    tracker, instance = installation.tracker, _instance_of(context)
    dagster_run_id = _run_of(context).run_id
    instance.add_run_tags(dagster_run_id, liveness_tags())
    close_dead_runs(instance)
    installation.ledger.refuse_lost_rows()  # before anything is ingested or trained for it
    tracker.prepare()
    tracker.close_abandoned_runs(lambda run_id: _is_over(instance, run_id))
    try:
        yield _open_parent_run(context, installation.settings)
    finally:
        failures = instance.all_logs(dagster_run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        tracker.end_active_run(failed=bool(failures))


def _open_parent_run(context: dg.InitResourceContext, settings: Settings) -> object:
    """dagster-mlflow's resource; that it is beta and uses old names of Dagster is for its maintainers to read."""
    with import_warnings_muted(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", message="InitResourceContext", category=DeprecationWarning)
        from dagster_mlflow.resources import MlFlow  # noqa: PLC0415 - takes three seconds: only where one trains

        return MlFlow(context.replace_config(_parent_run_config(settings)))


def _parent_run_config(settings: Settings) -> dict[str, object]:
    """dagster-mlflow's configuration."""
    return {
        "experiment_name": settings.model_name,
        "mlflow_tracking_uri": settings.tracking_uri,
        "env": {},
        "extra_tags": {"kind": "dagster_run"},
    }


def _instance_of(context: dg.InitResourceContext) -> dg.DagsterInstance:
    """The instance of a run; a resource outside of one has nothing to open."""
    if context.instance is None:
        msg = "the MLflow run of a Dagster run can only be opened inside one; run: forest-fire retrain"
        raise ConfigurationError(msg)
    return context.instance


def _run_of(context: dg.InitResourceContext) -> dg.DagsterRun:
    if context.run is None:
        msg = "the MLflow run of a Dagster run can only be opened inside one; run: forest-fire retrain"
        raise ConfigurationError(msg)
    return context.run


def _is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a Dagster run has ended, or is not known to this instance any more."""
    run = instance.get_run_by_id(run_id)
    return run is None or run.status in OVER
