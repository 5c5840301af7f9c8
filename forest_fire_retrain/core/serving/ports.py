"""What answers about predictions need of the outside world: somebody who takes trees apart."""

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # whoever only reads does not wait for NumPy and scikit-learn
    import numpy as np
    from sklearn.base import BaseEstimator


class TreeShares(NamedTuple):
    """What an ensemble of trees says, taken apart by columns, in log odds.

    Attributes
    ----------
    by_column : numpy.ndarray
        Share of each column in each row's answer, shape (n_rows, n_columns).
    base : float
        What is said before any column is looked at.
    """

    by_column: "np.ndarray"
    base: float


class TreeExplainer(Protocol):
    """Takes the answers of gradient boosting apart, along the paths that its trees were grown with."""

    def take_apart(self, estimator: "BaseEstimator", values: "np.ndarray") -> TreeShares:
        """Shares of the columns of `values`, shape (n_rows, n_columns); a row alone has the bits it has in a batch."""
        ...
