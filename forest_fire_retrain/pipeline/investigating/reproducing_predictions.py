"""Say a logged prediction again, to the bit, with the model of then on the values of then; or say why not.

Rules
-----
- The values come from the log, the model from the store, by the SHA-256 that log and ledger name. Neither the present
  data nor the present code of the features take part.
- A prediction that cannot be said again is explained by nothing.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from forest_fire_retrain.core.errors import EvidenceError, NotReproducedError, RegistryError, TrackingError
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.feature_catalogue import INPUTS
from forest_fire_retrain.core.serving.explanations import LoggedPrediction
from forest_fire_retrain.core.serving.scored_days import hash_features
from forest_fire_retrain.pipeline.investigating.archive import candidate_behind


class Reproduced(NamedTuple):
    """A prediction that was said again.

    Attributes
    ----------
    model : RiskModel
        Who said it.
    row : pyarrow.Table
        Its values, one row.
    """

    model: RiskModel
    row: pa.Table


def reproduce_prediction(
    models: ModelStore, state: LedgerState, prediction: LoggedPrediction, row: pa.Table
) -> Reproduced:
    """Score the row of the log again and hold the answer against the logged one, bit for bit.

    Raises
    ------
    NotReproducedError
        If that is not the logged chance, or cannot be done; the message says why.
    """
    try:
        return _reproduce(models, state, prediction, row)
    except (NotReproducedError, EvidenceError, RegistryError, TrackingError) as error:
        msg = (
            f"the prediction of cell {prediction.cell_id} for {prediction.date} (issue {prediction.issue}) cannot be "
            f"said again, so that nothing is explained: {error}"
        )
        raise NotReproducedError(msg) from error


def frame_for(model: RiskModel, row: pa.Table) -> pd.DataFrame:
    """The model's inputs of a row of the log; missing is NaN.

    Raises
    ------
    NotReproducedError
        If the row lacks one of them.
    """
    lacking = [name for name in model.feature_names if name not in row.column_names]
    if lacking:
        msg = f"the log holds no values of {', '.join(lacking)}"
        raise NotReproducedError(msg)
    frame: pd.DataFrame = row.select(list(model.feature_names)).to_pandas()
    return frame


def _reproduce(models: ModelStore, state: LedgerState, prediction: LoggedPrediction, row: pa.Table) -> Reproduced:
    if prediction.feature_version not in INPUTS:
        known = ", ".join(str(version) for version in INPUTS)
        msg = f"it was made on features of version {prediction.feature_version}, this release knows {known}"
        raise NotReproducedError(msg)
    observed = hash_features(row)[0]
    if observed != prediction.feature_hash:
        msg = (
            f"its feature values have the hash {observed[:12]}, {prediction.feature_hash[:12]} was logged: the log was "
            "changed. Run: forest-fire verify"
        )
        raise NotReproducedError(msg)
    model = models.load(candidate_behind(state, prediction).stored)
    frame_for(model, row)
    _refuse_another_chance(predict(model, row), prediction)
    return Reproduced(model, row)


def _refuse_another_chance(said: np.ndarray, prediction: LoggedPrediction) -> None:
    if said.tobytes() != np.array([prediction.probability]).tobytes():
        msg = (
            f"version {prediction.model_version} says {said[0]!r} on the logged values, {prediction.probability!r} was "
            "logged: the packages or the machine differ from those of then, or the log was changed"
        )
        raise NotReproducedError(msg)
