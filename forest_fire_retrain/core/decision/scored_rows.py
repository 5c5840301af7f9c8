"""A holdout under every model: one probability per row and model, nothing summed yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.core.windows import Interval

RAW_MEASURES = ("temp_max_c", "temp_min_c", "wind_speed_kmh", "precip_mm")
"""Features that are there if and only if the feed delivered them. Humidity is not: it is estimated where it is missing,
and derived features remember a gap for as long as they look back."""


class NullShares(NamedTuple):
    """A measure's missing share.

    Attributes
    ----------
    newest : float
        In the holdout window.
    training : float
        In the candidate's training rows.
    """

    newest: float
    training: float

    @property
    def growth(self) -> float:
        """How much more is missing in the newest window; what no station ever delivered is no news."""
        return self.newest - self.training


def find_worst_measure(null_shares: Mapping[str, NullShares]) -> tuple[str, NullShares]:
    """The measure of which most went missing; `no measure` where there is none."""
    return max(null_shares.items(), key=lambda item: item[1].growth, default=("no measure", NullShares(0.0, 0.0)))


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
    null_shares : dict
        Missing shares of each raw measure.
    n_expected_rows : int
        One for each cell and day on which the cell is there.
    """

    rows: ScoredRows
    champion_hash: str | None
    champion_fault: str | None
    null_shares: dict[str, NullShares]
    n_expected_rows: int
