"""Candidate runs in MLflow.

Rules
-----
- One run per candidate, nested under the run that is active in the process that trains or asks for it.
- A run ends FINISHED; FAILED if the block raises, KILLED on an interrupt. What kill -9 left RUNNING
  is closed by the next start.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from forest_fire_retrain.adapters.mlflow_connection import (
    connect,
    import_mlflow,
    is_absent,
    mlflow_exception,
    refusals_as,
)
from forest_fire_retrain.core.errors import TrackingError
from forest_fire_retrain.core.models.ports import RowsUsed, TaggedRun
from forest_fire_retrain.core.records import StoredModel

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

DAGSTER_RUN_TAG = "dagster_run_id"
CLOSED_TAG = "closed_because"
LONGEST_PARAMETER = 6_000
LONGEST_DIGEST = 32
"""Digits of a fingerprint that are shown; MLflow keeps 36 characters."""
ALL_RUNS = 3
"""MLflow's `ViewType.ALL`: runs that were deleted bear witness too, until they are collected."""


class MlflowCandidateRun:
    """One open tracking run of one candidate.

    Parameters
    ----------
    tracking_uri : str
        Where MLflow is.
    run_id : str
        The open run.
    """

    def __init__(self, tracking_uri: str, run_id: str) -> None:
        self._tracking_uri = tracking_uri
        self._run_id = run_id

    @property
    def run_id(self) -> str:
        """The MLflow run's id."""
        return self._run_id

    def log(
        self,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        rows: Sequence[RowsUsed] = (),
        stored: StoredModel | None = None,
    ) -> None:
        """Record parameters and metrics in one round trip, and in another one which rows were used.

        Metrics are shown with the model too that the run has `stored`.

        Raises
        ------
        TrackingError
            If MLflow refuses them (a parameter cannot change its value).
        """
        with refusals_as(TrackingError, self._tracking_uri, f"logging to run {self._run_id}"):
            client = connect(self._tracking_uri)
            from mlflow.entities import Metric, Param  # noqa: PLC0415 - imported by `connect` already
            from mlflow.utils.time import get_current_time_millis  # noqa: PLC0415 - imported by `connect` already

            now_ms = get_current_time_millis()
            model_id = None if stored is None else stored.model_uri.removeprefix("models:/")
            client.log_batch(
                self._run_id,
                metrics=[Metric(name, float(value), now_ms, 0, model_id=model_id) for name, value in metrics.items()],
                params=[Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in parameters.items()],
            )
            if rows:
                client.log_inputs(self._run_id, datasets=[_describe_rows(used) for used in rows])


class MlflowTracker:
    """Experiment tracking: one run per candidate.

    Parameters
    ----------
    tracking_uri : str
        An sqlite URI or a server's address.
    experiment_name : str
        The experiment; created on first use.
    artifact_location : str, optional
        Absolute URI of the experiment's artifacts; `None` leaves it to the server.
    parent_run_id : str, optional
        The run that candidates are nested under; the active one by default.
    """

    def __init__(
        self,
        tracking_uri: str,
        experiment_name: str,
        artifact_location: str | None = None,
        *,
        parent_run_id: str | None = None,
    ) -> None:
        self._tracking_uri = tracking_uri
        self._experiment_name = experiment_name
        self._artifact_location = artifact_location
        self._parent_run_id = parent_run_id
        self._found_experiment: str | None = None

    def prepare(self) -> None:
        """Create the store and the experiment where they are missing.

        Raises
        ------
        TrackingError
            If MLflow cannot be reached.
        """
        with refusals_as(TrackingError, self._tracking_uri, "preparing the experiment"):
            self._experiment_id(connect(self._tracking_uri))

    def page_of_run(self, run_id: str) -> str:
        """Path of the run's page in the tracking UI."""
        with refusals_as(TrackingError, self._tracking_uri, "looking for the experiment"):
            return f"#/experiments/{self._experiment_id(connect(self._tracking_uri))}/runs/{run_id}"

    def tag_run(self, run_id: str, name: str, value: str) -> None:
        """Set a tag on a run, open or over.

        Raises
        ------
        TrackingError
            If there is no such run, or it cannot be written.
        """
        with refusals_as(TrackingError, self._tracking_uri, f"tagging run {run_id}"):
            connect(self._tracking_uri).set_tag(run_id, name, value)

    def list_tagged_runs(self, name: str, *, limit: int) -> list[TaggedRun]:
        """The `limit` runs that were started last among those that have the tag `name`, the newest first.

        Raises
        ------
        TrackingError
            If MLflow cannot be asked.
        """
        if is_absent(self._tracking_uri):
            return []
        with refusals_as(TrackingError, self._tracking_uri, f"looking for runs with the tag {name}"):
            client = connect(self._tracking_uri)
            experiment = client.get_experiment_by_name(self._experiment_name)
            if experiment is None:
                return []
            found = client.search_runs(
                [experiment.experiment_id],
                f"tags.{name} LIKE '%'",
                run_view_type=ALL_RUNS,
                max_results=limit,
                order_by=["attributes.start_time DESC"],
            )
        return [
            TaggedRun(
                run.info.run_id, dt.datetime.fromtimestamp(run.info.start_time / 1000, dt.UTC), run.data.tags[name]
            )
            for run in found
        ]

    def name_run(self, run_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Give a run, open or over, another name and tags, in one round trip.

        Raises
        ------
        TrackingError
            If there is no such run, or it cannot be written.
        """
        with refusals_as(TrackingError, self._tracking_uri, f"naming run {run_id}"):
            client = connect(self._tracking_uri)
            from mlflow.entities import RunTag  # noqa: PLC0415 - imported by `connect` already
            from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME  # noqa: PLC0415 - as above

            client.log_batch(run_id, tags=[RunTag(MLFLOW_RUN_NAME, name), *(RunTag(*tag) for tag in tags.items())])

    def open_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Open the process's active run, which has its tags from its first moment; its id.

        Raises
        ------
        TrackingError
            If MLflow cannot be reached.
        """
        return self._start(name, tags)

    def end_active_run(self, *, failed: bool) -> None:
        """End the process's active run, if there is one, FINISHED or FAILED."""
        if import_mlflow().active_run() is not None:
            self._end("FAILED" if failed else "FINISHED")

    def for_workers(self) -> "MlflowTracker":
        """A tracker to use in another process: its runs are nested under the run that is active here."""
        active = import_mlflow().active_run()
        parent_run_id = None if active is None else active.info.run_id
        return MlflowTracker(
            self._tracking_uri, self._experiment_name, self._artifact_location, parent_run_id=parent_run_id
        )

    @contextmanager
    def candidate_run(self, name: str, tags: Mapping[str, str]) -> Iterator[MlflowCandidateRun]:
        """Open a run; it ends FINISHED, FAILED if the block raises, KILLED on an interrupt.

        Raises
        ------
        TrackingError
            If MLflow cannot be reached; the block is not entered then.
        """
        run_id = self._start(name, tags)
        try:
            yield MlflowCandidateRun(self._tracking_uri, run_id)
        except BaseException as error:
            self._end_after(error)
            raise
        self._end("FINISHED")

    def close_abandoned_runs(self, is_over: Callable[[str], bool]) -> int:
        """End, as FAILED, each RUNNING run whose `dagster_run_id` tag names a run that is over."""
        if is_absent(self._tracking_uri):
            return 0
        with refusals_as(TrackingError, self._tracking_uri, "closing abandoned runs"):
            client = connect(self._tracking_uri)
            experiment = client.get_experiment_by_name(self._experiment_name)
            running = [] if experiment is None else _running_runs(client, experiment.experiment_id)
            abandoned = [run_id for run_id, dagster_run_id in running if is_over(dagster_run_id)]
            for run_id in abandoned:
                client.set_tag(run_id, CLOSED_TAG, "its Dagster run is over")
                client.set_terminated(run_id, "FAILED")
        return len(abandoned)

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        with refusals_as(TrackingError, self._tracking_uri, f"opening the run '{name}'"):
            client = connect(self._tracking_uri)
            mlflow = import_mlflow()
            run = mlflow.start_run(
                experiment_id=self._experiment_id(client),
                run_name=name,
                nested=mlflow.active_run() is not None,
                parent_run_id=self._parent_run_id,
                tags=dict(tags),
            )
        run_id: str = run.info.run_id
        return run_id

    def _experiment_id(self, client: "MlflowClient") -> str:
        """The experiment's id, asked for once; whoever comes second finds what the first one created."""
        if self._found_experiment is None:
            self._found_experiment = self._find_experiment(client)
        return self._found_experiment

    def _find_experiment(self, client: "MlflowClient") -> str:
        experiment = client.get_experiment_by_name(self._experiment_name)
        if experiment is None:
            try:
                created: str = client.create_experiment(self._experiment_name, self._artifact_location)
            except mlflow_exception():
                experiment = client.get_experiment_by_name(self._experiment_name)
                if experiment is None:
                    raise
            else:
                return created
        experiment_id: str = experiment.experiment_id
        return experiment_id

    def _end(self, status: str) -> None:
        with refusals_as(TrackingError, self._tracking_uri, f"ending a run as {status}"):
            import_mlflow().end_run(status)

    def _end_after(self, error: BaseException) -> None:
        """End the run as the error says; an unreachable MLflow must not hide that error."""
        try:
            self._end("FAILED" if isinstance(error, Exception) else "KILLED")
        except TrackingError as refusal:
            error.add_note(f"Its tracking run could not be closed: {refusal}")


def _describe_rows(used: RowsUsed) -> "DatasetInput":
    """Rows as MLflow's data set, under our own fingerprint: MLflow's would have to read them and samples them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - imported by `connect` already
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT  # noqa: PLC0415 - as above

    columns = [{"name": name, "type": kind, "required": True} for name, kind in used.columns.items()]
    dataset = Dataset(
        name=f"{used.context} rows {used.window}",
        digest=used.sha256[:LONGEST_DIGEST],
        source_type="lake",
        source=json.dumps({"table_versions": dict(used.table_versions), "sha256": used.sha256}, sort_keys=True),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": used.n_rows, "num_fires": used.n_fires}),
    )
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, used.context)])


def _running_runs(client: "MlflowClient", experiment_id: str) -> list[tuple[str, str]]:
    """Run id and Dagster run id of every RUNNING run that has both."""
    found: list[tuple[str, str]] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", page_token=token)
        tagged = [(run.info.run_id, run.data.tags.get(DAGSTER_RUN_TAG)) for run in page]
        found += [(run_id, dagster_run_id) for run_id, dagster_run_id in tagged if dagster_run_id]
        token = page.token
        if not token:
            return found
