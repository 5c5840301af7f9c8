"""What models need of the outside world: runs to log to, a store to rest in, a search for parameters."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from forest_fire_retrain.core.records import Recipe, RecipeScore, StoredModel

if TYPE_CHECKING:  # whoever only reads does not wait for pandas and scikit-learn
    import pandas as pd

    from forest_fire_retrain.core.risk_model import RiskModel


class RowsUsed(NamedTuple):
    """Rows that a candidate was made or judged with, as its tracking run names them; they are not copied there.

    Attributes
    ----------
    context : str
        What for: training or holdout.
    window : str
        The days they are of.
    sha256 : str
        SHA-256 over the rows in their order.
    n_rows, n_fires : int
        Cell-days, and those with a fire start.
    table_versions : mapping
        Lake table to the version they were read from.
    columns : mapping
        Column to the name of its type.
    """

    context: str
    window: str
    sha256: str
    n_rows: int
    n_fires: int
    table_versions: Mapping[str, int]
    columns: Mapping[str, str]


class CandidateRun(Protocol):
    """One open tracking run of one candidate."""

    @property
    def run_id(self) -> str:
        """The MLflow run's id."""
        ...

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
        """
        ...


class TaggedRun(NamedTuple):
    """A run, what a tag of it says, and when it was started."""

    run_id: str
    started_at: dt.datetime
    value: str


class Tracker(Protocol):
    """Experiment tracking: one run per candidate."""

    def prepare(self) -> None:
        """Create the store and the experiment where they are missing."""
        ...

    def open_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Open the process's active run, which has its tags from its first moment; its id."""
        ...

    def candidate_run(self, name: str, tags: Mapping[str, str]) -> AbstractContextManager[CandidateRun]:
        """Open a run; it ends FINISHED, FAILED if the block raises, KILLED on an interrupt."""
        ...

    def for_workers(self) -> "Tracker":
        """A tracker to use in another process: its runs are nested under the run that is active here."""
        ...

    def page_of_run(self, run_id: str) -> str:
        """Path of the run's page in the tracking UI."""
        ...

    def tag_run(self, run_id: str, name: str, value: str) -> None:
        """Set a tag on a run, open or over.

        Raises
        ------
        TrackingError
            If there is no such run, or it cannot be written.
        """
        ...

    def list_tagged_runs(self, name: str, *, limit: int) -> list[TaggedRun]:
        """The `limit` runs that were started last among those that have the tag `name`, the newest first.

        Raises
        ------
        TrackingError
            If the tracking installation cannot be asked.
        """
        ...

    def name_run(self, run_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Give a run, open or over, another name and tags, in one round trip.

        Raises
        ------
        TrackingError
            If there is no such run, or it cannot be written.
        """
        ...

    def end_active_run(self, *, failed: bool) -> None:
        """End the process's active run, if there is one, FINISHED or FAILED."""
        ...

    def close_abandoned_runs(self, is_over: Callable[[str], bool]) -> int:
        """End, as FAILED, each RUNNING run whose `dagster_run_id` tag names a run that is over."""
        ...


class ModelStore(Protocol):
    """Models at rest: stored without executable content, loaded only after their bytes were checked."""

    def save(self, run: CandidateRun, model: "RiskModel", example: "pd.DataFrame") -> StoredModel:
        """Store `model` with the open run that made it; the signature comes from `example`."""
        ...

    def load(self, stored: StoredModel) -> "RiskModel":
        """Load a model after checking its bytes.

        Raises
        ------
        ArtifactTamperedError
            If the artifact's SHA-256 is not the recorded one; nothing is loaded then.
        TrackingError
            If the artifact cannot be read.
        """
        ...

    def address(self, stored: StoredModel) -> str:
        """Where the store keeps the model's folder.

        Raises
        ------
        TrackingError
            If the store does not know the model.
        """
        ...

    def find_other_files(self, stored: StoredModel) -> list[str]:
        """Files of the model's folder that are not as recorded, are gone or were added; none where none was recorded.

        Raises
        ------
        TrackingError
            If the folder cannot be read.
        """
        ...

    def find_run_fault(self, stored: StoredModel) -> str | None:
        """What is wrong with the run that made the model, so that it may go with it; `None` if it is kept.

        Raises
        ------
        TrackingError
            If the store cannot be asked.
        """
        ...


class RecipeSearch(Protocol):
    """Proposes parameters for a recipe and learns from how they do."""

    def run(
        self, start: Recipe, evaluate: Callable[[Recipe], RecipeScore], *, n_trials: int, seed: int
    ) -> list[RecipeScore]:
        """Scores of `n_trials` recipes, `start` first; the same seed and scores propose the same."""
        ...
