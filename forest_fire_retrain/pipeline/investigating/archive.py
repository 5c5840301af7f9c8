"""What questions are answered from: the stores as they are read, and nothing that writes."""

from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.serving.ports import TreeExplainer


class Archive(NamedTuple):
    """Everything that a question about the past reads.

    Attributes
    ----------
    lake, engine : Lake, SqlEngine
        Predictions, features, fires, cells, and who joins them.
    models : ModelStore
        The stored models.
    trees : TreeExplainer
        Takes gradient boosting apart.
    entries : sequence of LedgerEntry
        Rows of one model, in their order.
    """

    lake: Lake
    engine: SqlEngine
    models: ModelStore
    trees: TreeExplainer
    entries: Sequence[LedgerEntry]

    @property
    def state(self) -> LedgerState:
        """What the rows come to."""
        return fold(self.entries)


def stored_model_of(state: LedgerState, version: int, artifact_sha256: str) -> StoredModel:
    """Where the model lies that was served as `version`.

    Raises
    ------
    NotReproducedError
        If the ledger does not know the version, or knows other bytes by it.
    """
    candidate = state.candidates.get(version)
    if candidate is None:
        msg = f"the ledger knows no version {version}. Run: forest-fire verify"
        raise NotReproducedError(msg)
    if candidate.stored.artifact_sha256 != artifact_sha256:
        msg = (
            f"version {version} has the artifact {candidate.stored.artifact_sha256[:12]} in the ledger, the prediction "
            f"names {artifact_sha256[:12]}. Run: forest-fire verify"
        )
        raise NotReproducedError(msg)
    return candidate.stored
