"""Gradient boosting taken apart by shap, along the paths of its trees.

Importing shap takes seconds, so that it is imported where trees are taken apart, and nowhere else.
"""

import warnings
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from forest_fire_retrain.core.serving.ports import TreeShares

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

PATH_DEPENDENT = "tree_path_dependent"


class ShapExplainer:
    """Takes trees apart in this process; rows do not influence each other."""

    def take_apart(self, estimator: "BaseEstimator", values: np.ndarray) -> TreeShares:
        """Shares of the columns of `values`, shape (n_rows, n_columns), and the base; in log odds."""
        explainer = import_shap().TreeExplainer(estimator, feature_perturbation=PATH_DEPENDENT)
        shares = np.asarray(explainer.shap_values(values, check_additivity=False), dtype=np.float64)
        return TreeShares(shares, float(np.asarray(explainer.expected_value).ravel()[0]))


def import_shap() -> ModuleType:
    """The package, without what it warns of at import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of colours that it makes at import
        import shap  # noqa: PLC0415 - see the module's docstring
    return shap
