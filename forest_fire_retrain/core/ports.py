"""What the pipeline needs of the outside world, as Protocols; adapters and test fakes implement them.

Each Protocol has one contract suite in the tests, run on the fake and on the real adapter.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator

from forest_fire_retrain.core.ledger_entries import EntryDraft, LedgerEntry
from forest_fire_retrain.core.records import Candidate, Recipe, RecipeScore, Record, StoredModel
from forest_fire_retrain.core.windows import Interval


class SourceSlice(NamedTuple):
    """Rows a source delivers for a window of recorded days, in the canonical schemas.

    `warnings` states, one sentence each, what the department has to live with.
    """

    cells: pa.Table
    weather: pa.Table
    fires: pa.Table
    warnings: tuple[str, ...]


class Source(Protocol):
    """Where cells, weather and fire reports come from."""

    def read(self, recorded: Interval) -> SourceSlice:
        """All cells, and the weather and fire rows with `recorded_at` (UTC day) in `recorded`.

        Raises
        ------
        InputContractError
            If the source breaks the data contract; every violation is listed.
        """
        ...


class Lake(Protocol):
    """Versioned tables that never forget a version."""

    def version(self, table: str) -> int | None:
        """Newest version of `table`; `None` if it does not exist."""
        ...

    def complete_through(self, table: str) -> dt.date | None:
        """Day before which everything has been written; `None` if `table` does not exist."""
        ...

    def replace(self, table: str, rows: pa.Table, *, day_column: str, window: Interval, through: dt.date) -> int:
        """Put `rows` in the place of the rows whose `day_column` falls into `window`; atomic.

        `day_column` holds dates or UTC instants. `through` becomes the table's new mark. Creates
        the table if it is missing. Returns the new version.

        Raises
        ------
        LakeError
            If the table cannot be written; nothing has changed then.
        """
        ...

    def overwrite(self, table: str, rows: pa.Table) -> int:
        """Put `rows` in the place of all rows; atomic. Creates the table if it is missing. Returns the new version."""
        ...

    def append(self, table: str, rows: pa.Table) -> int:
        """Add `rows`; atomic. Creates the table if it is missing. Returns the new version."""
        ...

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        day_column: str | None = None,
        window: Interval | None = None,
    ) -> pa.Table:
        """Rows of `table` at `version` (newest by default) whose `day_column` falls into `window`.

        The order of the rows is unspecified: whoever needs one sorts.

        Raises
        ------
        LakeError
            If the table or the version does not exist or cannot be read.
        """
        ...

    def unreadable_versions(self, table: str, versions: Sequence[int]) -> dict[int, str]:
        """Those of `versions` that cannot be read any more, and why; looks at every stored file once."""
        ...


class SqlEngine(Protocol):
    """Runs the query text the core builds."""

    def query(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """Result of `sql` over `tables`, which the text names by their keys."""
        ...


class RecordStore(Protocol):
    """Keeps step records per partition; never overwrites one."""

    def put(self, kind: str, partition_key: str, record: Record) -> None:
        """Store `record` as the newest of its kind and partition (the same again changes nothing)."""
        ...

    def newest(self, kind: str, partition_key: str) -> str | None:
        """JSON text of the newest record of that kind and partition, if any."""
        ...


class CandidateRun(Protocol):
    """One open tracking run of one candidate."""

    @property
    def run_id(self) -> str:
        """The MLflow run's id."""
        ...

    def log(self, *, parameters: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Record parameters, metrics and tags in one round trip."""
        ...

    def save_model(self, model: BaseEstimator, example: pd.DataFrame) -> StoredModel:
        """Serialise `model` without executable content; the signature comes from `example`."""
        ...


class Tracker(Protocol):
    """Experiment tracking: one run per candidate."""

    def prepare(self) -> None:
        """Create the store and the experiment where they are missing."""
        ...

    def candidate_run(self, name: str, tags: Mapping[str, str]) -> AbstractContextManager[CandidateRun]:
        """Open a run; it ends FINISHED, FAILED if the block raises, KILLED on an interrupt."""
        ...

    def for_workers(self) -> "Tracker":
        """A tracker to use in another process: its runs are nested under the run that is active here."""
        ...

    def load_model(self, stored: StoredModel) -> BaseEstimator:
        """Load a model after checking its bytes.

        Raises
        ------
        ArtifactTamperedError
            If the artifact's SHA-256 is not the recorded one; nothing is loaded then.
        TrackingError
            If the artifact cannot be read.
        """
        ...

    def page_of_run(self, run_id: str) -> str:
        """Path of the run's page in the tracking UI."""
        ...

    def end_active_run(self, *, failed: bool) -> None:
        """End the process's active run, if there is one, FINISHED or FAILED."""
        ...

    def close_abandoned_runs(self, is_over: Callable[[str], bool]) -> int:
        """End, as FAILED, each RUNNING run whose `dagster_run_id` tag names a run that is over."""
        ...


class RegisteredVersion(NamedTuple):
    """One version in the registry."""

    version: int
    mlflow_run_id: str
    tags: Mapping[str, str]
    description: str


class Registry(Protocol):
    """The model registry: versions, tags and the alias `champion`; one step per method."""

    def champion(self, model_name: str) -> int | None:
        """Version the alias `champion` points at, if any."""
        ...

    def versions(self, model_name: str) -> list[RegisteredVersion]:
        """All versions, oldest first; empty if the model is unknown."""
        ...

    def register(self, model_name: str, candidate: Candidate, decision_id: str, description: str) -> int:
        """Register the candidate's model for `decision_id`; the same decision again finds the same version."""
        ...

    def tag(self, model_name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        ...

    def point_champion(self, model_name: str, version: int) -> None:
        """Move the alias and read it back.

        Raises
        ------
        RegistryError
            If the alias does not point at `version` afterwards.
        """
        ...


class Ledger(Protocol):
    """The append-only record of every decision and registry change."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Be the only writer until the block ends; re-entrant.

        Raises
        ------
        LedgerLockedError
            If another process keeps the lock longer than the configured patience.
        """
        ...

    def append(self, draft: EntryDraft) -> LedgerEntry:
        """Seal `draft` behind the last row and write it in one transaction."""
        ...

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        """Rows in order of their sequence, of one model or of all."""
        ...


class RecipeSearch(Protocol):
    """Proposes parameters for a recipe and learns from how they do."""

    def run(
        self, start: Recipe, evaluate: Callable[[Recipe], RecipeScore], *, n_trials: int, seed: int
    ) -> list[RecipeScore]:
        """Scores of `n_trials` recipes, `start` first; the same seed and scores propose the same."""
        ...


class Progress(Protocol):
    """Tells a person how far long work has come."""

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """One partition of `step` is done; `sentence` says what came of it."""
        ...
