"""Score candidate, champion and climatology on the very same holdout rows."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.climatology import fit_climatology
from forest_fire_retrain.core.errors import EvidenceError, RegistryError, TrackingError
from forest_fire_retrain.core.evidence import ScoredRows, region_names
from forest_fire_retrain.core.ports import Lake, SqlEngine, Tracker
from forest_fire_retrain.core.records import Candidate, HoldoutSet, StoredModel
from forest_fire_retrain.core.tables import TableName
from forest_fire_retrain.pipeline.holding_out import read_labelled
from forest_fire_retrain.pipeline.training_candidates import (
    hash_probabilities,
    label_array,
    null_shares,
    predict,
    read_holdout,
)


class ScoredHoldout(NamedTuple):
    """A scored holdout.

    Attributes
    ----------
    rows : ScoredRows
        Every model's probability per row, in the order (date, cell).
    champion_hash : str, optional
        SHA-256 over the champion's probabilities; `None` without a champion that can be scored.
    champion_fault : str, optional
        Why the champion could not be scored.
    null_growth : dict
        Missing share per feature in the holdout less that in training.
    n_expected_rows : int
        Cells times days.
    """

    rows: ScoredRows
    champion_hash: str | None
    champion_fault: str | None
    null_growth: dict[str, float]
    n_expected_rows: int


def score_holdout(
    lake: Lake,
    engine: SqlEngine,
    tracker: Tracker,
    *,
    holdout: HoldoutSet,
    candidate: Candidate,
    champion: StoredModel | None,
    predecessor: StoredModel | None = None,
) -> ScoredHoldout:
    """Probabilities of all models on the holdout; the stored artifacts themselves are scored.

    `predecessor` is the candidate before this one, where there is no champion; one that is gone says nothing.

    Raises
    ------
    EvidenceError
        If candidate and holdout belong to different runs of the partition, the holdout's rows changed, or the
        candidate's artifact does not predict what was recorded at training.
    TrackingError
        If the candidate's artifact cannot be read.
    """
    if candidate.windows != holdout.windows or candidate.snapshot != holdout.snapshot:
        msg = (
            f"partition {holdout.windows.partition_key}: the candidate was trained for another holdout set; nothing "
            f"was judged. Run: forest-fire retrain --partition {holdout.windows.partition_key}"
        )
        raise EvidenceError(msg)
    table = read_holdout(lake, engine, holdout)
    challenger = predict(tracker.load_model(candidate.stored), table)
    _refuse_other_predictions(candidate, challenger)
    probabilities, fault = _score_stored(tracker, champion, table)
    cells = lake.read(TableName.CELLS, version=holdout.snapshot.table_versions[TableName.CELLS])
    rows = ScoredRows(
        window=holdout.windows.holdout,
        dates=table["date"].to_numpy().astype("datetime64[D]"),
        regions=_regions(table, cells),
        labels=label_array(table),
        challenger=challenger,
        climatology=_climatology(lake, engine, holdout, table),
        champion=probabilities,
        predecessor=_score_stored(tracker, predecessor, table)[0],
    )
    shares = null_shares(table)
    return ScoredHoldout(
        rows=rows,
        champion_hash=None if probabilities is None else hash_probabilities(probabilities),
        champion_fault=fault,
        null_growth={name: share - candidate.null_share.get(name, 0.0) for name, share in shares.items()},
        n_expected_rows=cells.num_rows * holdout.windows.holdout.n_days,
    )


def _refuse_other_predictions(candidate: Candidate, probabilities: np.ndarray) -> None:
    observed = hash_probabilities(probabilities)
    if observed != candidate.prediction_hash:
        msg = (
            f"the stored candidate {candidate.candidate_id} predicts {observed[:12]} on the holdout, at training it "
            f"predicted {candidate.prediction_hash[:12]}; nothing was judged. Run: forest-fire verify"
        )
        raise EvidenceError(msg)


def _score_stored(
    tracker: Tracker, stored: StoredModel | None, table: pa.Table
) -> tuple[np.ndarray | None, str | None]:
    """An earlier model's probabilities, or why there are none: one that is gone must not stop the record."""
    if stored is None:
        return None, None
    try:
        return predict(tracker.load_model(stored), table), None
    except (TrackingError, RegistryError, EvidenceError) as error:
        return None, str(error)


def _climatology(lake: Lake, engine: SqlEngine, holdout: HoldoutSet, table: pa.Table) -> np.ndarray:
    """Climatology of the candidate's own training window."""
    training = read_labelled(
        lake, engine, holdout.snapshot, holdout.windows.training, feature_columns=("cell_id", "date")
    )
    return fit_climatology(training).predict(table)


def _regions(table: pa.Table, cells: pa.Table) -> np.ndarray:
    names = region_names(cells["latitude"].to_numpy(), cells["longitude"].to_numpy())
    places = pc.index_in(table["cell_id"], cells["cell_id"].combine_chunks()).to_numpy()
    return np.asarray(names[places])
