"""Rows as models take them and give them back: inputs, labels, probabilities and their fingerprint."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.table_fingerprints import fingerprint_table


def feature_frame(rows: pa.Table) -> pd.DataFrame:
    """The model inputs of `rows`, in the catalogue's order; missing is NaN."""
    frame: pd.DataFrame = rows.select(list(FEATURE_NAMES)).to_pandas()
    return frame


def label_array(rows: pa.Table) -> np.ndarray:
    """Labels of `rows` as 0 and 1, shape (n_rows,)."""
    return np.asarray(rows["label"].to_numpy(), dtype=np.int8)


def predict(model: RiskModel, rows: pa.Table) -> np.ndarray:
    """Probability of a fire start per row, shape (n_rows,)."""
    return np.asarray(model.predict_proba(feature_frame(rows))[:, 1], dtype=np.float64)


def null_shares(rows: pa.Table) -> dict[str, float]:
    """Share of missing values per feature."""
    return {name: rows[name].null_count / max(rows.num_rows, 1) for name in FEATURE_NAMES}


def hash_probabilities(probabilities: Sequence[float] | np.ndarray) -> str:
    """SHA-256 over the bits of the probabilities, in their order."""
    return fingerprint_table(pa.table({"probability": pa.array(probabilities, pa.float64())}))
