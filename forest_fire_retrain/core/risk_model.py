"""The served model: what turns a day's features into the probability of a fire start.

Everything a stored model needs to predict is in here, so that it can be kept for years: which
features it expects and in which order, the fitted pipeline, the correction for the negatives that
were left out of training, and the threads it is pinned to.
"""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import get_cached_controller

from forest_fire_retrain.core.errors import EvidenceError, list_capped
from forest_fire_retrain.core.losses import MIN_PROBABILITY


class RiskModel(ClassifierMixin, BaseEstimator):
    """Probability of a fire start per cell and day; same rows, same bits, alone or in a batch.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted scikit-learn pipeline over the columns `used_features`.
    feature_names : tuple of str
        Columns that `predict_proba` expects, in this order.
    used_features : tuple of str
        Those of them that had a value in training; the others are checked for and not looked at.
    kept_negative_share : float
        Share of the rows without a fire that took part in training, in (0, 1].
    n_threads : int
        Threads that predicting is pinned to.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        feature_names: tuple[str, ...],
        used_features: tuple[str, ...],
        kept_negative_share: float = 1.0,
        n_threads: int = 1,
    ) -> None:
        self.pipeline = pipeline
        self.feature_names = feature_names
        self.used_features = used_features
        self.kept_negative_share = kept_negative_share
        self.n_threads = n_threads

    def __sklearn_is_fitted__(self) -> bool:
        """A risk model is only ever built around a fitted pipeline."""
        return True

    @property
    def classes_(self) -> np.ndarray:
        """`[0, 1]`: no fire start, fire start."""
        return np.array([0, 1], dtype=np.int8)

    @property
    def log_odds_offset(self) -> float:
        """What the prior correction adds to the pipeline's log odds, log(beta); 0 without subsampling."""
        return float(np.log(self.kept_negative_share))

    @property
    def resolved_parameters(self) -> dict[str, float | int | str | bool | None]:
        """Parameters the estimator was really fitted with, figures derived from the data included."""
        fitted = self.pipeline[-1].get_params(deep=False)
        plain = {name: value for name, value in fitted.items() if isinstance(value, float | int | str | None)}
        return {**plain, "kept_negative_share": self.kept_negative_share, "n_used_features": len(self.used_features)}

    def predict_proba(self, features: pd.DataFrame) -> np.ndarray:
        """Probabilities of no fire start and of a fire start, shape (n_rows, 2).

        The pipeline's probability p becomes p / (p + (1 - p) / beta) with beta the kept share of
        negatives (Elkan 2001, theorem 2), clipped to [1e-6, 1 - 1e-6].

        Parameters
        ----------
        features : pandas.DataFrame
            One row per cell and day, the columns `feature_names` in their order; missing is NaN.

        Raises
        ------
        EvidenceError
            If columns are missing, unknown or out of order, a value is infinite, or the pipeline
            answers with anything but a probability.
        """
        return self.predict_matrix(self.model_input(features))

    def predict_matrix(self, values: np.ndarray) -> np.ndarray:
        """As `predict_proba`, from the matrix that `model_input` makes; shape (n_rows, 2).

        Raises
        ------
        EvidenceError
            If the pipeline answers with anything but a probability.
        """
        if len(values) == 0:
            return np.empty((0, 2))
        with get_cached_controller().limit(limits=self.n_threads):
            raw = np.asarray(self.pipeline.predict_proba(values)[:, 1], dtype=np.float64)
        _refuse_improbable(raw)
        corrected = correct_prior(raw, self.kept_negative_share)
        fire = np.clip(corrected, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return np.column_stack([1 - fire, fire])

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """Whether a fire start is likelier than none, shape (n_rows,); prefer `predict_proba`."""
        return self.classes_[(self.predict_proba(features)[:, 1] > 0.5).astype(np.intp)]  # noqa: PLR2004 - even odds

    def model_input(self, features: pd.DataFrame) -> np.ndarray:
        """The pipeline's input matrix, shape (n_rows, n_used_features), after checking `features`.

        Raises
        ------
        EvidenceError
            As `predict_proba`.
        """
        _refuse_other_columns(tuple(features.columns), self.feature_names)
        return input_matrix(features, self.used_features)


class RowwiseLogisticRegression(LogisticRegression):
    """Logistic regression whose answer for a row does not depend on the rows beside it.

    The matrix product of the base class picks its order of summation by the size of the batch: a
    row scored alone differs in the last bits from the same row scored among others.
    """

    def decision_function(self, X: np.ndarray) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """Log odds, shape (n_rows,), summed feature by feature in their order."""
        log_odds = np.full(X.shape[0], self.intercept_[0], dtype=np.float64)
        for column, coefficient in enumerate(self.coef_[0]):
            log_odds += X[:, column] * coefficient
        return log_odds

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803 - as above
        """Probabilities of both classes, shape (n_rows, 2)."""
        fire = expit(self.decision_function(X))
        return np.column_stack([1 - fire, fire])


def correct_prior(probabilities: np.ndarray, kept_negative_share: float) -> np.ndarray:
    """Probabilities under all negatives, from those under a share of them; keeps order and shape.

    Source: Elkan, The foundations of cost-sensitive learning (2001), theorem 2, for a class of which
    a random share was kept.
    """
    if kept_negative_share == 1.0:
        return probabilities
    return probabilities / (probabilities + (1 - probabilities) / kept_negative_share)


def input_matrix(features: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """`columns` of `features` as float64, shape (n_rows, n_columns), column by column in memory, missing as NaN.

    Raises
    ------
    EvidenceError
        If a value is infinite.
    """
    values = np.empty((len(features), len(columns)), dtype=np.float64, order="F")
    for place, name in enumerate(columns):  # a column at a time: nothing is held twice
        values[:, place] = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
    refuse_infinite(values, columns)
    return values


def refuse_infinite(values: np.ndarray, columns: tuple[str, ...]) -> None:
    """Refuse a matrix with an infinite value.

    Raises
    ------
    EvidenceError
        If there is one; the columns are named.
    """
    n_infinite = [int(np.count_nonzero(np.isinf(values[:, place]))) for place in range(len(columns))]
    if any(n_infinite):
        where = [name for name, n_bad in zip(columns, n_infinite, strict=True) if n_bad]
        msg = f"infinite feature values: {sum(n_infinite)}, allowed are none; features: {list_capped(where)}"
        raise EvidenceError(msg)


def _refuse_other_columns(observed: tuple[str, ...], expected: tuple[str, ...]) -> None:
    if observed == expected:
        return
    missing, unknown = sorted(set(expected) - set(observed)), sorted(set(observed) - set(expected))
    faults = [
        *([f"missing: {list_capped(missing)}"] if missing else []),
        *([f"unknown: {list_capped(unknown)}"] if unknown else []),
    ]
    detail = "; ".join(faults) or "the same features in another order"
    msg = (
        f"the model expects {len(expected)} features and was given {len(observed)} ({detail}). "
        "Score it with the feature catalogue it was trained under, or retrain: forest-fire retrain"
    )
    raise EvidenceError(msg)


def _refuse_improbable(raw: np.ndarray) -> None:
    n_bad = int(np.count_nonzero(~((raw >= 0) & (raw <= 1))))
    if n_bad:
        msg = f"{n_bad} of {len(raw)} predictions are not probabilities in [0, 1]; nothing was scored with this model"
        raise EvidenceError(msg)
