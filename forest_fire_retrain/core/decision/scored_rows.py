"""A holdout under every model: one probability per row and model, nothing summed yet."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.core.windows import Interval


@dataclass(frozen=True)
class ScoredRows:
    """Holdout rows with every model's probability; arrays of shape (n_rows,), in the order (date, cell).

    Attributes
    ----------
    window : Interval
        The holdout window.
    dates : numpy.ndarray
        Day of the row, `datetime64[D]`.
    regions : numpy.ndarray
        Region of the row's cell.
    labels : numpy.ndarray
        1 where a fire started, else 0.
    challenger, climatology : numpy.ndarray
        Probabilities.
    champion : numpy.ndarray, optional
        Probabilities of the opponent, if there is one.
    predecessor : numpy.ndarray, optional
        Probabilities of the candidate before this one, where there is no champion.
    """

    window: Interval
    dates: np.ndarray
    regions: np.ndarray
    labels: np.ndarray
    challenger: np.ndarray
    climatology: np.ndarray
    champion: np.ndarray | None
    predecessor: np.ndarray | None = None

    @property
    def reference(self) -> tuple[str, np.ndarray] | None:
        """Whose predictions the candidate's are held against without labels, and these predictions."""
        if self.champion is not None:
            return "the champion's", self.champion
        return None if self.predecessor is None else ("the preceding candidate's", self.predecessor)

    @property
    def day_index(self) -> np.ndarray:
        """Days since the window's first, shape (n_rows,)."""
        return np.asarray((self.dates - np.datetime64(self.window.start)).astype(np.int64))


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
