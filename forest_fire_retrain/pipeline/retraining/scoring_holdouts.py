"""Score candidate, champion and climatology on the very same holdout rows."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.regions import region_names
from forest_fire_retrain.core.decision.scored_rows import (
    RAW_MEASURES,
    NullShares,
    ScoredHoldout,
    ScoredRows,
)
from forest_fire_retrain.core.errors import EvidenceError, RegistryError, TrackingError
from forest_fire_retrain.core.models.climatology import fit_climatology
from forest_fire_retrain.core.models.model_rows import hash_probabilities, label_array, null_shares, predict
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.records import Candidate, HoldoutSet, StoredModel
from forest_fire_retrain.core.rows.membership import count_cell_days
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout, read_labelled


def score_holdout(
    lake: Lake,
    engine: SqlEngine,
    models: ModelStore,
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
    scored = score_window(
        lake, engine, models, holdout=holdout, candidate=candidate, champion=champion, predecessor=predecessor
    )
    _refuse_other_predictions(candidate, scored.rows.challenger)
    return scored


def score_window(
    lake: Lake,
    engine: SqlEngine,
    models: ModelStore,
    *,
    holdout: HoldoutSet,
    candidate: Candidate,
    champion: StoredModel | None,
    predecessor: StoredModel | None = None,
) -> ScoredHoldout:
    """Probabilities of all models on days that none of them has seen, also others than those of the candidate's period.

    Raises
    ------
    EvidenceError
        If the holdout's rows changed.
    TrackingError
        If the candidate's artifact cannot be read.
    """
    table = read_holdout(lake, engine, holdout)
    challenger = predict(models.load(candidate.stored), table)
    probabilities, fault = _score_stored(models, champion, table)
    cells = lake.read(TableName.CELLS, version=holdout.snapshot.table_versions[TableName.CELLS])
    rows = ScoredRows(
        window=holdout.windows.holdout,
        dates=table["date"].to_numpy().astype("datetime64[D]"),
        regions=_regions(table, cells),
        labels=label_array(table),
        challenger=challenger,
        climatology=_climatology(lake, engine, holdout, table),
        champion=probabilities,
        predecessor=_score_stored(models, predecessor, table)[0],
    )
    shares = null_shares(table)
    return ScoredHoldout(
        rows=rows,
        champion_hash=None if probabilities is None else hash_probabilities(probabilities),
        champion_fault=fault,
        null_shares={name: NullShares(shares[name], candidate.null_share.get(name, 0.0)) for name in RAW_MEASURES},
        n_expected_rows=sum(count_cell_days(cells, holdout.windows.holdout).values()),
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
    models: ModelStore, stored: StoredModel | None, table: pa.Table
) -> tuple[np.ndarray | None, str | None]:
    """An earlier model's probabilities, or why there are none: one that is gone must not stop the record."""
    if stored is None:
        return None, None
    try:
        return predict(models.load(stored), table), None
    except (TrackingError, RegistryError, EvidenceError) as error:
        return None, " ".join(str(error).split()).rstrip(".")


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
