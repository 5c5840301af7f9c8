"""A champion as people use it: the model with what the ledger knows of it, for tables of features as they come."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forest_fire_retrain.core.errors import EvidenceError, list_capped
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.risk_model import RiskModel, refuse_infinite
from forest_fire_retrain.core.windows import Interval

NUMBERS = {"floating", "integer", "boolean", "mixed-integer-float", "decimal", "empty"}
"""What a column may hold, as pandas calls it; missing values beside them."""


@dataclass(frozen=True, repr=False)
class ServedModel:
    """A version whose bytes were proved before it was loaded.

    Attributes
    ----------
    model : RiskModel
        What predicts.
    model_name, version : str, int
        Its name and number in registry and ledger.
    candidate : Candidate
        What it was made of, as its decision recorded it.
    folder : str
        Local folder with the files that were proved.
    """

    model: RiskModel
    model_name: str
    version: int
    candidate: Candidate
    folder: str

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that the model takes, in its order."""
        return self.model.feature_names

    @property
    def training_window(self) -> Interval:
        """Days it was trained on, the end excluded."""
        return self.candidate.windows.training

    @property
    def artifact_sha256(self) -> str:
        """SHA-256 of the model's file, as the ledger recorded it."""
        return self.candidate.stored.artifact_sha256

    def __repr__(self) -> str:
        return (
            f"<{self.model_name} version {self.version}, trained on {self.training_window.first_to_last}, "
            f"{len(self.feature_names)} features, SHA-256 {self.artifact_sha256[:12]}>"
        )

    def predict_proba(self, features: pd.DataFrame) -> np.ndarray:
        """As `RiskModel.predict_proba`: exactly its columns, in its order; shape (n_rows, 2)."""
        return self.model.predict_proba(features)

    def score(self, rows: pd.DataFrame) -> pd.Series:
        """Probability of a fire start per row, with the index of `rows`; other columns are not looked at.

        Parameters
        ----------
        rows : pandas.DataFrame
            One row per cell and day with the columns `feature_names` in any order; missing is NaN or None.

        Raises
        ------
        EvidenceError
            If columns are missing, stand twice or hold anything but numbers, or a value is infinite.
        """
        probabilities = self.predict_proba(self._choose(rows))[:, 1]
        return pd.Series(probabilities, index=rows.index, name="probability", dtype=np.float64)

    def score_matrix(self, values: np.ndarray) -> np.ndarray:
        """As `score`, from the values of `model.used_features` as float64, missing as NaN; both of shape (n_rows, …).

        Raises
        ------
        EvidenceError
            If a value is infinite.
        """
        refuse_infinite(values, self.model.used_features)
        return np.asarray(self.model.predict_matrix(values)[:, 1])

    def _choose(self, rows: pd.DataFrame) -> pd.DataFrame:
        missing = sorted(set(self.feature_names) - set(rows.columns))
        if missing:
            raise EvidenceError(self._describe_fault(rows, f"lacks {len(missing)} of them: {list_capped(missing)}"))
        chosen = rows[list(self.feature_names)]
        if twice := chosen.columns[chosen.columns.duplicated()].unique().tolist():
            raise EvidenceError(self._describe_fault(rows, f"has columns of the same name: {list_capped(twice)}"))
        if words := [name for name in chosen if pd.api.types.infer_dtype(chosen[name], skipna=True) not in NUMBERS]:
            raise EvidenceError(self._describe_fault(rows, f"holds no numbers in: {list_capped(words)}"))
        return pd.DataFrame({name: _as_floats(chosen[name]) for name in self.feature_names}, index=rows.index)

    def _describe_fault(self, rows: pd.DataFrame, what: str) -> str:
        return (
            f"version {self.version} of {self.model_name} takes {len(self.feature_names)} features; the table of "
            f"{len(rows)} rows {what}. docs/features.md says what they mean, the lake's table features has them"
        )


def _as_floats(column: "pd.Series[float]") -> np.ndarray:
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
