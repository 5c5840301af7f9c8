"""Rows as models take them and give them back: inputs, labels, probabilities and their fingerprint."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.feature_catalogue import input_names
from forest_fire_retrain.core.rows.labelled_rows import Drawn
from forest_fire_retrain.core.table_fingerprints import fingerprint_table

ROWS_AT_ONCE = 65_536
"""Rows that are scored at a time: what a row gets does not depend on the rows beside it, and memory stays flat."""


def feature_frame(rows: pa.Table) -> pd.DataFrame:
    """The model inputs of the feature version of `rows`, in the catalogue's order; missing is NaN.

    Columns without missing values share the memory of `rows`.

    Raises
    ------
    EvidenceError
        If `rows` hold the inputs of no version.
    """
    return _frame(rows, input_names(rows.column_names))


def matrix_frame(rows: Drawn) -> pd.DataFrame:
    """The rows as a frame, in the same memory."""
    return pd.DataFrame(rows.matrix, columns=list(rows.names), copy=False)


def label_array(rows: pa.Table) -> np.ndarray:
    """Labels of `rows` as 0 and 1, shape (n_rows,)."""
    return np.asarray(rows["label"].to_numpy(), dtype=np.int8)


def predict(model: RiskModel, rows: pa.Table) -> np.ndarray:
    """Probability of a fire start per row, shape (n_rows,), from the inputs that the model was trained on.

    Raises
    ------
    EvidenceError
        If `rows` do not have them all.
    """
    held = set(rows.column_names)
    names = [name for name in model.feature_names if name in held]
    parts = [
        model.predict_proba(_frame(rows.slice(start, ROWS_AT_ONCE), names))[:, 1]
        for start in range(0, max(rows.num_rows, 1), ROWS_AT_ONCE)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def predict_drawn(model: RiskModel, rows: Drawn) -> np.ndarray:
    """Probability of a fire start per row, shape (n_rows,), of rows that are a matrix already."""
    used = [rows.names.index(name) for name in model.used_features]
    parts = [
        model.predict_matrix(rows.matrix[start : start + ROWS_AT_ONCE, used])[:, 1]
        for start in range(0, max(len(rows.labels), 1), ROWS_AT_ONCE)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def null_shares(rows: pa.Table) -> dict[str, float]:
    """Share of missing values per model input of the feature version of `rows`."""
    return {name: rows[name].null_count / max(rows.num_rows, 1) for name in input_names(rows.column_names)}


def hash_probabilities(probabilities: Sequence[float] | np.ndarray) -> str:
    """SHA-256 over the bits of the probabilities, in their order."""
    return fingerprint_table(pa.table({"probability": pa.array(probabilities, pa.float64())}))


def _frame(rows: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    frame: pd.DataFrame = rows.select(list(names)).to_pandas(split_blocks=True)
    return frame
