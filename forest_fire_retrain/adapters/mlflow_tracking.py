"""Candidate runs and model artifacts in MLflow.

Rules
-----
- One run per candidate, nested under the run that is active in the process that trains or asks for it.
- A run ends FINISHED; FAILED if the block raises, KILLED on an interrupt. What kill -9 left RUNNING
  is closed by the next start.
- Models are stored by skops, hashed as the store hands them back, and loaded only after their bytes
  were checked, under this project's own list of trusted types.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.base import BaseEstimator

from forest_fire_retrain.adapters.mlflow_connection import (
    connect,
    import_mlflow,
    import_sklearn_flavour,
    is_absent,
    is_missing,
    mlflow_exception,
    refusals_as,
)
from forest_fire_retrain.adapters.runtime_environment import read_requirements
from forest_fire_retrain.adapters.skops_models import MODEL_FILE, TRUSTED_TYPES, load_verified, sha256_of_file
from forest_fire_retrain.core.errors import TrackingError
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.risk_model import RiskModel

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_NAME = "model"
DAGSTER_RUN_TAG = "dagster_run_id"
CLOSED_TAG = "closed_because"
LONGEST_PARAMETER = 6_000


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

    def log(self, *, parameters: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Record parameters, metrics and tags in one round trip.

        Raises
        ------
        TrackingError
            If MLflow refuses them (a parameter cannot change its value).
        """
        with refusals_as(TrackingError, self._tracking_uri, f"logging to run {self._run_id}"):
            client = connect(self._tracking_uri)
            from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - imported by `connect` already
            from mlflow.utils.time import get_current_time_millis  # noqa: PLC0415 - imported by `connect` already

            now_ms = get_current_time_millis()
            client.log_batch(
                self._run_id,
                metrics=[Metric(name, float(value), now_ms, 0) for name, value in metrics.items()],
                params=[Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in parameters.items()],
                tags=[RunTag(name, str(value)) for name, value in tags.items()],
            )

    def save_model(self, model: BaseEstimator, example: pd.DataFrame) -> StoredModel:
        """Serialise `model` without executable content; the signature comes from `example`.

        Parameters
        ----------
        model : RiskModel
            A fitted model of trusted types.
        example : pandas.DataFrame
            Rows as the model is given them, shape (n_rows, n_features).

        Raises
        ------
        TrackingError
            If the model holds a type that is not trusted, or MLflow refuses it.
        """
        with refusals_as(TrackingError, self._tracking_uri, f"storing the model of run {self._run_id}"):
            client = connect(self._tracking_uri)
            flavour = import_sklearn_flavour()
            from mlflow.models import infer_signature  # noqa: PLC0415 - imported by `connect` already

            info = flavour.log_model(
                model,
                name=MODEL_NAME,
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED_TYPES),
                pip_requirements=read_requirements(),
                signature=infer_signature(example, model.predict_proba(example)),
                pyfunc_predict_fn="predict_proba",
                params=model.resolved_parameters if isinstance(model, RiskModel) else None,
            )
            with _model_file(client, info.model_uri) as path:
                digest = sha256_of_file(path)
            client.set_logged_model_tags(info.model_id, {"artifact_sha256": digest})
        return StoredModel(mlflow_run_id=self._run_id, model_uri=info.model_uri, artifact_sha256=digest)


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

    def load_model(self, stored: StoredModel) -> BaseEstimator:
        """Load a model after checking its bytes.

        Raises
        ------
        ArtifactTamperedError
            If the artifact's SHA-256 is not the recorded one; nothing is loaded then.
        TrackingError
            If the artifact cannot be read.
        """
        with (
            refusals_as(TrackingError, self._tracking_uri, f"reading the model {stored.model_uri}"),
            _model_file(connect(self._tracking_uri), stored.model_uri) as path,
        ):
            return load_verified(path, expected_sha256=stored.artifact_sha256)

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
        """The experiment's id; whoever comes second finds what the first one created."""
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


@contextmanager
def _model_file(client: "MlflowClient", model_uri: str) -> Iterator[Path]:
    """A local copy of the model's skops file, or the file itself where the store is local."""
    mlflow = import_mlflow()
    with TemporaryDirectory(prefix="forest_fire_model_") as folder:
        try:
            location = client.get_logged_model(model_uri.removeprefix("models:/")).artifact_location
            path = mlflow.artifacts.download_artifacts(artifact_uri=f"{location}/{MODEL_FILE}", dst_path=folder)
        except mlflow_exception() as error:
            if not is_missing(error):
                raise
            msg = f"the model {model_uri} is not in MLflow any more; run: forest-fire verify"
            raise TrackingError(msg) from error
        yield Path(path)


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
