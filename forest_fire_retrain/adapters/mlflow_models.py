"""Stored models in MLflow.

Rules
-----
- A model is stored with the run that made it, by skops: nothing in it is executed when it is loaded.
- It is hashed with its whole folder before the store gets it, and loaded only after the bytes that the store hands back
  were checked, under this project's own list of trusted types.
- Storing a model takes one request per file and three besides: a server far away is asked no more than it has to be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from forest_fire_retrain.adapters.mlflow_addresses import lead_here, local_path
from forest_fire_retrain.adapters.mlflow_connection import (
    connect,
    import_mlflow,
    import_sklearn_flavour,
    is_absent,
    is_missing,
    mlflow_exception,
    refusals_as,
    sqlite_path,
    tracking_uri_kept,
)
from forest_fire_retrain.adapters.model_folders import find_other_files, hash_files
from forest_fire_retrain.adapters.runtime_environment import read_requirements
from forest_fire_retrain.adapters.verified_models import MODEL_FILE, TRUSTED_TYPES, load_verified, sha256_of_file
from forest_fire_retrain.core.errors import TrackingError
from forest_fire_retrain.core.models.ports import CandidateRun
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.risk_model import RiskModel

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import Model

MODEL_NAME = "model"


class MlflowModels:
    """Models at rest in one MLflow installation.

    Parameters
    ----------
    tracking_uri : str
        An sqlite URI or a server's address.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri

    def save(self, run: CandidateRun, model: RiskModel, example: pd.DataFrame) -> StoredModel:
        """Store `model` with the open run that made it; the signature comes from `example`.

        Parameters
        ----------
        run : CandidateRun
            The run that is active in this process.
        model : RiskModel
            A fitted model of trusted types.
        example : pandas.DataFrame
            Rows as the model is given them, shape (n_rows, n_features).

        Raises
        ------
        TrackingError
            If the model holds a type that is not trusted, or MLflow refuses it.
        """
        with (
            refusals_as(TrackingError, self._tracking_uri, f"storing the model of run {run.run_id}"),
            TemporaryDirectory(prefix="forest_fire_model_") as temporary,
        ):
            client = connect(self._tracking_uri)
            folder = Path(temporary) / MODEL_NAME
            description = _write_folder(folder, model, example)
            digest = sha256_of_file(folder / MODEL_FILE)
            created = client.create_logged_model(
                import_mlflow().active_run().info.experiment_id,
                name=MODEL_NAME,
                source_run_id=run.run_id,
                tags={"artifact_sha256": digest},
                params={name: str(value) for name, value in model.resolved_parameters.items()},
            )
            _describe_origin(description, folder, created, run.run_id)
            _upload(client, folder, created, run.run_id)
            files = hash_files(folder)
        return StoredModel(mlflow_run_id=run.run_id, model_uri=created.model_uri, artifact_sha256=digest, files=files)

    def load(self, stored: StoredModel) -> RiskModel:
        """Load a model after checking its bytes.

        Raises
        ------
        ArtifactTamperedError
            If the artifact's SHA-256 is not the recorded one; nothing is loaded then.
        TrackingError
            If the artifact cannot be read.
        """
        self._refuse_absent(stored)
        with (
            refusals_as(TrackingError, self._tracking_uri, f"reading the model {stored.model_uri}"),
            _downloaded(connect(self._tracking_uri), stored.model_uri, MODEL_FILE) as path,
        ):
            return load_verified(path, expected_sha256=stored.artifact_sha256)

    def address(self, stored: StoredModel) -> str:
        """Where MLflow keeps the model's folder.

        Raises
        ------
        TrackingError
            If MLflow does not know the model.
        """
        self._refuse_absent(stored)
        with refusals_as(TrackingError, self._tracking_uri, f"looking for the model {stored.model_uri}"):
            return _locate(connect(self._tracking_uri), stored.model_uri)

    def find_other_files(self, stored: StoredModel) -> list[str]:
        """Files of the model's folder that are not as recorded, are gone or were added; none where none was recorded.

        Raises
        ------
        TrackingError
            If the folder cannot be read.
        """
        if not stored.files:
            return []
        with self.open_folder(stored) as folder:
            return find_other_files(stored, folder)

    def find_run_fault(self, stored: StoredModel) -> str | None:
        """That the run which made the model, or the model itself, was deleted in MLflow; `None` if both are kept.

        Raises
        ------
        TrackingError
            If MLflow cannot be asked.
        """
        self._refuse_absent(stored)
        with refusals_as(TrackingError, self._tracking_uri, f"looking for the run {stored.mlflow_run_id}"):
            client = connect(self._tracking_uri)
            try:
                stage = client.get_run(stored.mlflow_run_id).info.lifecycle_stage
            except mlflow_exception() as error:
                if not is_missing(error):
                    raise
                return f"its run {stored.mlflow_run_id} is not in MLflow any more"
        if stage == "active":
            return None
        return f"its run {stored.mlflow_run_id} was deleted in MLflow, whose collector (mlflow gc) removes what it made"

    @contextmanager
    def open_folder(self, stored: StoredModel) -> Iterator[Path]:
        """A copy of the model's whole folder as the store holds it now, for as long as the block lasts; proves nothing.

        Whoever works with MLflow in the same process finds its tracking URI as it was.

        Raises
        ------
        TrackingError
            If the folder cannot be read.
        """
        self._refuse_absent(stored)
        with (
            tracking_uri_kept(),
            refusals_as(TrackingError, self._tracking_uri, f"reading the model {stored.model_uri}"),
            _downloaded(connect(self._tracking_uri), stored.model_uri) as folder,
        ):
            yield folder

    def _refuse_absent(self, stored: StoredModel) -> None:
        """Whoever only reads creates no store."""
        if is_absent(self._tracking_uri):
            msg = f"the model {stored.model_uri} cannot be read: there is no MLflow store at {self._tracking_uri}"
            raise TrackingError(f"{msg}. Restore it from a backup, then run: forest-fire verify")


def _write_folder(folder: Path, model: RiskModel, example: pd.DataFrame) -> "Model":
    """Write the model's folder in MLflow's format; its description, which does not say yet where it comes from."""
    flavour = import_sklearn_flavour()
    from mlflow.models import Model, infer_signature  # noqa: PLC0415 - imported by the above

    description = Model()
    with _requirements_as_given():
        flavour.save_model(
            model,
            str(folder),
            mlflow_model=description,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            pip_requirements=read_requirements(),
            signature=infer_signature(example, model.predict_proba(example)),
            pyfunc_predict_fn="predict_proba",
        )
    return description


def _describe_origin(description: "Model", folder: Path, created: "LoggedModel", run_id: str) -> None:
    """Let the folder say, as `log_model` does, which logged model and which run it belongs to."""
    description.artifact_path, description.run_id = created.artifact_location, run_id
    description.model_id = description.model_uuid = created.model_id
    description.save(str(folder / "MLmodel"))


def _upload(client: "MlflowClient", folder: Path, created: "LoggedModel", run_id: str) -> None:
    """Hand the folder over, and name it as what the run made."""
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415 - imported by `connect` already
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: PLC0415 - as above

    location = lead_here(created.artifact_location, sqlite_path(client.tracking_uri))
    get_artifact_repository(location).log_artifacts(str(folder))
    client.log_outputs(run_id, models=[LoggedModelOutput(created.model_id, step=0)])
    client.finalize_logged_model(created.model_id, "READY")


@contextmanager
def _requirements_as_given() -> Iterator[None]:
    """Inside the block, MLflow does not list every module of every installed package.

    It does so once per process, for half a second, to compare the requirements with what is installed; they were read
    from what is installed. There is no switch for it.
    """
    from mlflow.utils import requirements_utils  # noqa: PLC0415 - imported by `connect` already

    held = requirements_utils._MODULES_TO_PACKAGES  # noqa: SLF001 - see above
    requirements_utils._MODULES_TO_PACKAGES = {} if held is None else held  # noqa: SLF001 - as above
    try:
        yield
    finally:
        requirements_utils._MODULES_TO_PACKAGES = held  # noqa: SLF001 - as above


@contextmanager
def _downloaded(client: "MlflowClient", model_uri: str, name: str | None = None) -> Iterator[Path]:
    """A local copy of the model's folder, or of one file in it; a file of this machine is not copied."""
    mlflow = import_mlflow()
    with TemporaryDirectory(prefix="forest_fire_model_") as folder:
        try:
            location = _locate(client, model_uri)
            address = location if name is None else f"{location}/{name}"
            path = _find_file(address) or mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=folder)
        except mlflow_exception() as error:
            if not is_missing(error):
                raise
            msg = f"the model {model_uri} is not in MLflow any more; run: forest-fire verify"
            raise TrackingError(msg) from error
        yield Path(path)


def _find_file(address: str) -> Path | None:
    """The file of this machine that an address names, if it is one."""
    path = local_path(address)
    return path if path is not None and path.is_file() else None


def _locate(client: "MlflowClient", model_uri: str) -> str:
    location: str = client.get_logged_model(model_uri.removeprefix("models:/")).artifact_location
    return lead_here(location, sqlite_path(client.tracking_uri))
