"""Resources of a run: the installation, and the MLflow run that stands for the Dagster run.

dagster-mlflow opens and tags that parent run; candidates are nested under it. Ending it is ours: the
package leaves a failed run FINISHED (MLflow 3 ends open runs at exit, and the package unregisters an
older function), so the status is taken from the Dagster run's own events. What kill -9 left RUNNING
is closed when the next run starts.
"""

import warnings
from collections.abc import Iterator, Mapping

import dagster as dg

from forest_fire_retrain.adapters.mlflow_connection import import_sklearn_flavour, import_warnings_muted
from forest_fire_retrain.adapters.run_logs import drop_old_run_logs
from forest_fire_retrain.adapters.store_trimming import trim_store
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.defs.liveness import close_dead_runs, liveness_tags
from forest_fire_retrain.defs.metadata import dagster_run_page
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.naming_runs import NOTE_TAG
from forest_fire_retrain.settings import Settings

DAGSTER_RUN_TAG = "dagster_run_id"
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
    drop_old_run_logs(installation.settings.dagster_home, installation.clock())
    trim_store(installation.settings.dagster_home)
    tracker.prepare()
    tracker.close_abandoned_runs(lambda run_id: _is_over(instance, run_id))
    try:
        yield _open_parent_run(context, installation)
    finally:
        failures = instance.all_logs(dagster_run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        tracker.end_active_run(failed=bool(failures))


def _open_parent_run(context: dg.InitResourceContext, installation: Installation) -> object:
    """dagster-mlflow's resource; that it is beta and uses old names of Dagster is for its maintainers to read.

    It tags its run a moment after it opened it, and a kill between the two would leave a run that nobody closes. So it
    is given one that is open.
    """
    run = _run_of(context)
    opened = installation.tracker.open_run(name_parent_run(run.tags), {DAGSTER_RUN_TAG: run.run_id})
    with import_warnings_muted(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", message="InitResourceContext", category=DeprecationWarning)
        from dagster_mlflow.resources import MlFlow  # noqa: PLC0415 - takes three seconds: only where one trains

        config = _parent_run_config(installation.settings, run)
        return MlFlow(context.replace_config({**config, "mlflow_run_id": opened}))


def _parent_run_config(settings: Settings, run: dg.DagsterRun) -> dict[str, object]:
    """dagster-mlflow's configuration; the run's own name takes the place of the job's."""
    page = dagster_run_page(settings, run.run_id)
    shown = {
        "mlflow.runName": name_parent_run(run.tags),
        NOTE_TAG: f"The [Dagster run]({page}) whose candidates are nested under this one.",
        "dagster_run_page": page,
    }
    return {
        "experiment_name": settings.model_name,
        "mlflow_tracking_uri": settings.tracking_uri,
        "env": {},
        "extra_tags": {"kind": "dagster_run", **shown},
    }


def name_parent_run(tags: Mapping[str, str]) -> str:
    """Name of the run that stands for a Dagster run: its period, or the first and the last of them."""
    first, last = (tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    period = tags.get("dagster/partition") or (first if first == last else f"{first} to {last}")
    return period or "Dagster run"


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
