"""What each feature adds to what a model serves, in log odds: the whole adds up, or nothing is said.

Rules
-----
- The base, the correction for the negatives that were left out of training, and the contributions of a row add up to
  its served log odds within 1e-9; otherwise nothing is handed out.
- Log odds come from the decision function: a chance that was held at its limit would not add up.
- Trees are taken apart along their own paths (Lundberg et al., Nature Machine Intelligence 2, 2020, algorithm 2). The
  variant that holds a row against other rows is wrong for values with few decimals, and is not used.
- A linear model's contribution is coefficient times distance from the mean (Lundberg & Lee, NeurIPS 2017, corollary 1)
  on the columns that it sees. What an indicator of missing values adds belongs to its feature.
- A row on its own has the very contributions that it has in a batch.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.impute import SimpleImputer
from threadpoolctl import get_cached_controller

from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.losses import clip
from forest_fire_retrain.core.risk_model import RiskModel, RowwiseLogisticRegression
from forest_fire_retrain.core.serving.ports import TreeExplainer, TreeShares

MAX_DEVIATION = 1e-9
"""Largest difference, in log odds, of what is added up from what is served."""


class Contributions(NamedTuple):
    """Served log odds, taken apart.

    Attributes
    ----------
    feature_names : tuple of str
        The features that the model looks at, in the order of the columns.
    by_feature : numpy.ndarray
        What each adds, log odds, shape (n_rows, n_features).
    general_level : float
        Log odds before anything is known of cell and day, the correction for left-out negatives included.
    log_odds : numpy.ndarray
        What is served, before it is held within its limits; shape (n_rows,).
    """

    feature_names: tuple[str, ...]
    by_feature: np.ndarray
    general_level: float
    log_odds: np.ndarray

    @property
    def deviation(self) -> float:
        """Largest difference of what is added up from what is served; 0 without rows."""
        added = self.general_level + self.by_feature.sum(axis=1)
        return float(np.abs(added - self.log_odds).max(initial=0.0))


def explain_rows(model: RiskModel, features: pd.DataFrame, trees: TreeExplainer) -> Contributions:
    """Contributions of the features of each row; see the module's rules.

    Parameters
    ----------
    model : RiskModel
        The model that is explained.
    features : pandas.DataFrame
        Its columns `feature_names` in their order, one row per cell and day; missing is NaN.
    trees : TreeExplainer
        Takes gradient boosting apart; a linear model does not need it.

    Raises
    ------
    EvidenceError
        If the columns are not those of the model, or a value is infinite.
    NotReproducedError
        If the parts do not add up to what is served.
    """
    values = model.model_input(features)
    if len(values) == 0:
        return Contributions(model.used_features, np.empty(values.shape), model.log_odds_offset, np.empty(0))
    with get_cached_controller().limit(limits=model.n_threads):
        log_odds = np.asarray(model.pipeline.decision_function(values), dtype=np.float64) + model.log_odds_offset
        shares = _take_apart(model, values, trees)
    found = Contributions(model.used_features, shares.by_column, shares.base + model.log_odds_offset, log_odds)
    _refuse_what_does_not_add_up(found, model.predict_proba(features)[:, 1])
    return found


def difference(first: Contributions, second: Contributions) -> Contributions:
    """What the second model says other than the first on the same rows; exact, the general level on its own.

    A feature that one of them does not look at counts as adding nothing there.
    """
    names = (*first.feature_names, *(name for name in second.feature_names if name not in first.feature_names))
    moved = _spread(second, names) - _spread(first, names)
    return Contributions(names, moved, second.general_level - first.general_level, second.log_odds - first.log_odds)


def _spread(found: Contributions, names: tuple[str, ...]) -> np.ndarray:
    """The contributions of `names`, 0 where the model does not look at a feature."""
    places = {name: place for place, name in enumerate(found.feature_names)}
    nothing = np.zeros(len(found.log_odds))
    return np.column_stack([found.by_feature[:, places[name]] if name in places else nothing for name in names])


def _take_apart(model: RiskModel, values: np.ndarray, trees: TreeExplainer) -> TreeShares:
    estimator = model.pipeline[-1]
    if isinstance(estimator, RowwiseLogisticRegression):
        return _take_line_apart(model, estimator, values)
    return trees.take_apart(estimator, model.pipeline[:-1].transform(values) if len(model.pipeline) > 1 else values)


def _take_line_apart(model: RiskModel, estimator: RowwiseLogisticRegression, values: np.ndarray) -> TreeShares:
    """Scaled columns have a mean of 0 in training: the distance from it is the column, the base is the intercept."""
    columns = np.asarray(model.pipeline[:-1].transform(values), dtype=np.float64)
    by_feature = np.zeros(values.shape)
    for column, feature in enumerate(_features_of_columns(model.pipeline[0], values.shape[1])):
        by_feature[:, feature] += columns[:, column] * estimator.coef_[0][column]
    return TreeShares(by_feature, float(estimator.intercept_[0]))


def _features_of_columns(imputer: SimpleImputer, n_features: int) -> list[int]:
    """Of each column that the linear model sees, the feature it comes from: the features, then the indicators."""
    indicator = getattr(imputer, "indicator_", None)
    return [*range(n_features), *([] if indicator is None else (int(place) for place in indicator.features_))]


def _refuse_what_does_not_add_up(found: Contributions, served: np.ndarray) -> None:
    if not np.isfinite(found.by_feature).all() or found.deviation > MAX_DEVIATION:
        msg = (
            f"the contributions add up to something else than what is served: they differ by {found.deviation:.2g} "
            f"log odds, allowed are {MAX_DEVIATION:g}; nothing is explained with them. The package shap is not the "
            "one that the constraints name: install that"
        )
        raise NotReproducedError(msg)
    off = float(np.abs(clip(expit(found.log_odds)) - served).max())
    if off > MAX_DEVIATION:
        msg = (
            f"the model's log odds belong to other chances than it serves, by {off:.2g} (allowed: {MAX_DEVIATION:g}); "
            "nothing is explained with them"
        )
        raise NotReproducedError(msg)
