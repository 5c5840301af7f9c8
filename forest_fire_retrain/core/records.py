"""What one step of a retraining hands to the next: frozen, JSON-serialisable, complete in itself.

A record never refers to something that may be deleted: a ledger row that embeds these records can
be understood after the MLflow run is gone.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from forest_fire_retrain.core.canonical_json import fingerprint_mapping, fingerprint_text
from forest_fire_retrain.core.windows import UTC, Interval, RetrainingWindows

CANDIDATE_ID_LENGTH = 16


class Record(BaseModel):
    """Base of all records: immutable, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Knowledge(StrEnum):
    """What a retraining may know.

    A live one knows what was recorded before its cut-off. A replay knows either exactly what the
    original knew, or everything that was corrected since.
    """

    LIVE = "live"
    AS_KNOWN = "as_known"
    AS_CORRECTED = "as_corrected"


class Snapshot(Record):
    """What was known of the world when something was computed.

    Attributes
    ----------
    knowledge : Knowledge
        By which rule it was taken.
    table_versions : dict
        Delta table name to the version that was read.
    known_at : datetime.datetime
        Rows recorded at or after this instant were left out.
    time_zone : str
        Whose days the windows are; it is not written where it is UTC.
    source : str
        Whose rows they are; empty, and not written, in records that are older than the field and where it is not known.
    """

    knowledge: Knowledge
    table_versions: dict[str, int]
    known_at: dt.datetime
    time_zone: str = UTC
    source: str = ""

    @model_serializer(mode="wrap")
    def _leave_usual_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What is UTC, or of no known source, is written as it was before there were zones and sources, to the byte."""
        written: dict[str, object] = write(self)
        usual = {"time_zone": UTC, "source": ""}
        return {name: value for name, value in written.items() if name not in usual or value != usual[name]}


class HoldoutSet(Record):
    """Which rows judge a partition.

    Attributes
    ----------
    windows : RetrainingWindows
        The windows of the partition.
    snapshot : Snapshot
        What was known when the rows were chosen.
    n_rows, n_cells, n_fires : int
        Cell-days, distinct cells, cell-days with a fire start.
    content_hash : str
        SHA-256 over the rows: features and labels, in the order (date, cell).
    """

    windows: RetrainingWindows
    snapshot: Snapshot
    n_rows: int
    n_cells: int
    n_fires: int
    content_hash: str


class Recipe(Record):
    """How a model is built, as data.

    Attributes
    ----------
    name : str
        The recipe's name, unique in a configuration.
    estimator : str
        `gradient_boosting` or `logistic`.
    parameters : dict
        Parameters of the estimator.
    """

    name: str
    estimator: str
    parameters: dict[str, float | int | str | bool | None]


class RecipeScore(Record):
    """How a recipe did in a period's inner validation.

    Attributes
    ----------
    recipe : Recipe
        The recipe.
    window : Interval
        The inner validation window.
    n_fires : int
        Cell-days with a fire start in it.
    log_loss : float
        Mean log loss there.
    """

    recipe: Recipe
    window: Interval
    n_fires: int
    log_loss: float


class Attribution(Record):
    """Where a promoted candidate's gain comes from, in mean log loss on the newest window.

    Attributes
    ----------
    champion_loss, refit_loss, candidate_loss : float
        Of the champion, of the champion's recipe refitted on the candidate's training rows, of the candidate.
    """

    champion_loss: float
    refit_loss: float
    candidate_loss: float

    @property
    def from_data(self) -> float:
        """Gain of newer data under the champion's recipe."""
        return self.champion_loss - self.refit_loss

    @property
    def from_recipe(self) -> float:
        """Gain of the candidate's recipe on the same data."""
        return self.refit_loss - self.candidate_loss


class Environment(Record):
    """Where a model was trained.

    Attributes
    ----------
    python_version : str
        Version of the interpreter.
    package_versions : dict
        Versions of the packages that take part in training.
    code_version : str
        SHA-256 over the project's own computing code.
    n_threads : int
        Threads that training was pinned to.
    processor : str
        Kind of processor, as the numerical libraries see it: another one changes the last bits of a logarithm or a sum.
        Empty, and not written, in records that are older than the field.
    """

    python_version: str
    package_versions: dict[str, str]
    code_version: str
    n_threads: int
    processor: str = ""

    @model_serializer(mode="wrap")
    def _leave_unknown_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What nobody recorded is written as it was before there was a field for it, to the byte."""
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if (name, value) != ("processor", "")}


class StoredFile(Record):
    """A file of a stored model's folder, by its name below the folder, and the SHA-256 of its bytes."""

    name: str
    sha256: str


class StoredModel(Record):
    """A fitted model at rest.

    Attributes
    ----------
    mlflow_run_id : str
        The run that logged it.
    model_uri : str
        Where MLflow keeps it.
    artifact_sha256 : str
        SHA-256 of the serialised model; checked before it is ever loaded.
    files : tuple of StoredFile
        All files of the model's folder, sorted by name; empty, and not written, in records that are older than the
        field, of whose folder the serialised model alone can be proved.
    """

    mlflow_run_id: str
    model_uri: str
    artifact_sha256: str
    files: tuple[StoredFile, ...] = ()

    @model_serializer(mode="wrap")
    def _leave_unknown_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What nobody recorded is written as it was before there was a field for it, to the byte."""
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if name != "files" or value}


class Candidate(Record):
    """The model trained for a partition, and everything it was made of.

    Attributes
    ----------
    candidate_id : str
        Its name, given once, when it was trained.
    windows : RetrainingWindows
        The windows of the partition.
    snapshot : Snapshot
        What was known when it was trained.
    recipe : Recipe
        How it was built.
    seed : int
        Seed of everything random in it.
    n_rows, n_fires : int
        Training cell-days, and those with a fire start.
    training_hash : str
        SHA-256 over the training rows in their order.
    prediction_hash : str
        SHA-256 over the candidate's probabilities on the holdout rows.
    reference_predictions : tuple of float
        Probabilities on the first holdout rows; a restored model must reproduce them.
    metrics : dict
        Figures measured on the training window and the holdout.
    null_share : dict
        Share of missing values per feature in the training rows.
    stored : StoredModel
        Where the model lies.
    environment : Environment
        Where it was trained.
    competition : tuple of RecipeScore
        Recipes and trials it was chosen among; empty where there was one.
    """

    candidate_id: str
    windows: RetrainingWindows
    snapshot: Snapshot
    recipe: Recipe
    seed: int
    n_rows: int
    n_fires: int
    training_hash: str
    prediction_hash: str
    reference_predictions: tuple[float, ...]
    metrics: dict[str, float]
    null_share: dict[str, float]
    stored: StoredModel
    environment: Environment
    competition: tuple[RecipeScore, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _name_old_record(cls, data: object) -> object:
        """Name a candidate that is older than the stored name, as it was named from that text then.

        The name hung on the order of the recipe's parameters in the text, so that a record and its ledger row give two:
        the registry's tags and rollbacks of that time have the row's.
        """
        if not isinstance(data, Mapping) or "candidate_id" in data or not isinstance(data.get("windows"), Mapping):
            return data
        recipe = Recipe.model_validate(data["recipe"])
        parts = (
            data["windows"]["partition_key"],
            data["training_hash"],
            recipe.model_dump_json(),
            str(data["seed"]),
            data["environment"]["code_version"],
        )
        return {**data, "candidate_id": fingerprint_text("|".join(parts))[:CANDIDATE_ID_LENGTH]}


def name_candidate(training_hash: str, recipe: Recipe, seed: int, environment: Environment) -> str:
    """Name a candidate by what it is made of: training rows, recipe, seed and code, whatever the period.

    The same model has the same name wherever its record is read, and also where another period would make it again.
    """
    made_of = {
        "training_hash": training_hash,
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "code_version": environment.code_version,
    }
    return fingerprint_mapping(made_of)[:CANDIDATE_ID_LENGTH]


INGEST_KIND = "ingest_{table}"
"""Under what the report of an ingestion is kept."""


class IngestReport(Record):
    """What one ingestion did.

    Attributes
    ----------
    table : str
        The lake table written.
    window : Interval
        Days whose recorded rows were asked for.
    n_rows : int
        Rows the source delivered.
    n_added, n_changed, n_withdrawn : int
        Rows of keys that were new; that corrected what was held; that the source no longer delivers.
    changed : tuple of Interval
        Runs of days before the last ingestion that features or labels now see otherwise.
    written : bool
        Whether the table changed (the same rows again change nothing).
    version : int
        The table's version afterwards.
    content_hash : str
        SHA-256 over the delivered rows.
    warnings : tuple of str
        What the department has to live with: gaps, missing measures.
    """

    table: str
    window: Interval
    n_rows: int
    written: bool
    version: int
    content_hash: str
    warnings: tuple[str, ...]
    n_added: int = 0
    n_changed: int = 0
    n_withdrawn: int = 0
    changed: tuple[Interval, ...] = ()


class FeatureReport(Record):
    """What one feature computation did.

    Attributes
    ----------
    window : Interval
        Days that were computed, those that earlier runs missed included.
    n_rows : int
        Cell-days computed.
    written : bool
        Whether the table changed.
    recomputed_through : datetime.date, optional
        Set where a changed input was carried forward beyond the window.
    version : int
        The table's version afterwards.
    content_hash : str
        SHA-256 over the computed rows of the asked window.
    null_share : dict
        Share of missing values per feature, features without any left out.
    """

    window: Interval
    n_rows: int
    written: bool
    recomputed_through: dt.date | None
    version: int
    content_hash: str
    null_share: dict[str, float]
