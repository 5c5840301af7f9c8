"""One week of one reign in figures: what its model lost, and what it expected to lose.

Rules
-----
- A week is the days of one calendar week, Monday to Sunday, on which one champion served; the first and the last of a
  reign may be shorter.
- Sums are over cell-days, in the order of their rows: the same rows give the same bits, whenever they became known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forest_fire_retrain.core.losses import clip, log_losses
from forest_fire_retrain.core.windows import Interval

Floats = NDArray[np.float64]


class Recalibration(NamedTuple):
    """What could be true instead of a model: its log odds, drawn together around the week's centre and moved.

    Attributes
    ----------
    shift : float
        Added to the log odds; above zero, more fires start than the model says.
    slope : float
        Factor on the distance from the centre; below 1, the model tells cells apart that are alike.
    """

    shift: float
    slope: float


ALTERNATIVES = (
    Recalibration(0.4, 1.0),
    Recalibration(0.8, 1.0),
    Recalibration(0.0, 0.7),
    Recalibration(0.4, 0.7),
)
"""What the e-detector holds against the model. Fewer fires than said is none: missing reports look the same."""


class WeekQuality(NamedTuple):
    """One week of one model.

    Attributes
    ----------
    week : Interval
        Its days.
    n_rows, n_fires : int
        Cell-days, and those of them on which a fire start is reported.
    expected_fires, variance_of_fires : float
        Sum of q, and of q (1 - q), q the probabilities.
    climatology_fires : float
        Sum of climatology's rates.
    loss, climatology_loss : float
        Sums of log losses.
    expected_loss, variance_of_loss : float
        What the model itself expects of `loss`: sums of -[q log q + (1-q) log(1-q)] and of q (1-q) logit(q)².
    log_ratios : tuple of float
        Log likelihood of each of `ALTERNATIVES` over the model's.
    doubted : bool
        Whether the reports of one of its days are doubted; then it says nothing.
    """

    week: Interval
    n_rows: int
    n_fires: int
    expected_fires: float
    variance_of_fires: float
    climatology_fires: float
    loss: float
    climatology_loss: float
    expected_loss: float
    variance_of_loss: float
    log_ratios: tuple[float, ...]
    doubted: bool = False

    @property
    def z(self) -> float:
        """How far the loss lies above what the model expected, in standard deviations; 0 where nothing could vary.

        Centring the loss on the model's own expectation is what tells a worse model from a worse season.
        """
        if not self.variance_of_loss > 0:
            return 0.0
        return float((self.loss - self.expected_loss) / self.variance_of_loss**0.5)


def measure_week(week: Interval, labels: NDArray[np.int8], probabilities: Floats, climatology: Floats) -> WeekQuality:
    """The figures of a week from its rows; `doubted` is left to who knows of it.

    Parameters
    ----------
    week : Interval
        The days.
    labels, probabilities, climatology : numpy.ndarray
        Whether a fire start is reported, the model's chance and climatology's, in the same order, shape (n_rows,).
    """
    chances = clip(probabilities)
    odds = np.log(chances) - np.log1p(-chances)
    spread = chances * (1 - chances)
    losses = log_losses(labels, chances)
    return WeekQuality(
        week=week,
        n_rows=len(labels),
        n_fires=int(labels.sum()),
        expected_fires=float(chances.sum()),
        variance_of_fires=float(spread.sum()),
        climatology_fires=float(climatology.sum()),
        loss=float(losses.sum()),
        climatology_loss=float(log_losses(labels, climatology).sum()),
        expected_loss=float(-(chances * np.log(chances) + (1 - chances) * np.log1p(-chances)).sum()),
        variance_of_loss=float((spread * odds**2).sum()),
        log_ratios=tuple(_log_ratio(labels, odds, losses, alternative) for alternative in ALTERNATIVES),
    )


def _log_ratio(labels: NDArray[np.int8], odds: Floats, losses: Floats, alternative: Recalibration) -> float:
    """Log likelihood of the rows under the alternative, less that under the model."""
    centre = odds.mean() if len(odds) else 0.0
    other = centre + alternative.slope * (odds - centre) + alternative.shift
    under_other = np.where(labels == 1, np.logaddexp(0.0, -other), np.logaddexp(0.0, other))
    return float((losses - under_other).sum())
