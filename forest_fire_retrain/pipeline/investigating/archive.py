"""What questions are answered from: the stores as they are read, and nothing that writes."""

from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, find_candidate, fold
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.serving.explanations import LoggedPrediction
from forest_fire_retrain.core.serving.ports import TreeExplainer
from forest_fire_retrain.core.serving.prediction_log import UNREGISTERED, Role


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
    served_by : Role
        Who answers for a day where no issue is named.
    """

    lake: Lake
    engine: SqlEngine
    models: ModelStore
    trees: TreeExplainer
    entries: Sequence[LedgerEntry]
    served_by: Role = Role.CHAMPION

    @property
    def state(self) -> LedgerState:
        """What the rows come to."""
        return fold(self.entries)


def candidate_behind(state: LedgerState, prediction: LoggedPrediction) -> Candidate:
    """Who said it: the version, or of a shadow that was never promoted the candidate.

    Raises
    ------
    NotReproducedError
        If the ledger knows none, or knows other bytes by it.
    """
    version = prediction.model_version
    candidate, who = state.candidates.get(version), f"version {version}"
    if version == UNREGISTERED:
        candidate = find_candidate(state, prediction.candidate_id)
        who = f"candidate {prediction.candidate_id}"
    if candidate is None:
        msg = f"the ledger knows no {who}. Run: forest-fire verify"
        raise NotReproducedError(msg)
    held, named = candidate.stored.artifact_sha256, prediction.artifact_sha256
    if held != named:
        msg = (
            f"{who} has the artifact {held[:12]} in the ledger, the prediction names {named[:12]}. "
            "Run: forest-fire verify"
        )
        raise NotReproducedError(msg)
    return candidate
