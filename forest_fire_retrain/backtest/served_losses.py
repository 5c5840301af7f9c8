"""What whoever answered lost on every day, and what that means against the truth.

Losses are log losses, sums over a day's cells; by what happened, and where the truth is known in expectation under it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.core.losses import clip, log_losses
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval


class DayLosses(NamedTuple):
    """Losses of consecutive days, shape (n_days,).

    Attributes
    ----------
    realised : numpy.ndarray
        By what happened.
    expected, least : numpy.ndarray, optional
        In expectation under the truth, and that of the truth itself; `None` where it is not known.
    """

    realised: np.ndarray
    expected: np.ndarray | None
    least: np.ndarray | None


class YearLoss(Record):
    """Mean loss per cell-day of a calendar year, and its days."""

    year: int
    n_days: int
    log_loss: float


class LossMeasures(Record):
    """What was lost over a history.

    Attributes
    ----------
    n_days : int
        Days measured.
    log_loss : float
        Mean per cell-day, by what happened.
    expected_log_loss, excess : float, optional
        The same in expectation under the truth; and its share above the truth's own loss.
    years : tuple of YearLoss
        By calendar year, by what happened.
    """

    n_days: int
    log_loss: float
    expected_log_loss: float | None
    excess: float | None
    years: tuple[YearLoss, ...]


def lose(panel: Panel, window: Interval, probabilities: np.ndarray) -> DayLosses:
    """Losses of probabilities of shape (n_days, n_cells) on `window`."""
    days = panel.places(window)
    realised = log_losses(panel.happened[days], probabilities).sum(axis=1)
    if panel.truth is None:
        return DayLosses(realised, None, None)
    true = panel.truth[days]
    return DayLosses(realised, _expect(true, probabilities), _expect(true, true))


def join_losses(parts: Sequence[DayLosses]) -> DayLosses:
    """Losses one behind the other."""
    realised, expected, least = zip(*parts, strict=True)
    if expected[0] is None:
        return DayLosses(np.concatenate(realised), None, None)
    return DayLosses(np.concatenate(realised), np.concatenate(expected), np.concatenate(least))


def measure_losses(losses: DayLosses, window: Interval, n_cells: int) -> LossMeasures:
    """Means of the losses of all days of `window`."""
    days = np.arange(np.datetime64(window.start), np.datetime64(window.end))
    years = days.astype("datetime64[Y]").astype(int) + 1970
    known = losses.expected is not None and losses.least is not None
    return LossMeasures(
        n_days=len(days),
        log_loss=float(losses.realised.mean() / n_cells),
        expected_log_loss=float(losses.expected.mean() / n_cells) if losses.expected is not None else None,
        excess=float(losses.expected.sum() / losses.least.sum() - 1) if known else None,  # type: ignore[union-attr] # known
        years=tuple(
            YearLoss(
                year=int(year),
                n_days=int((years == year).sum()),
                log_loss=float(losses.realised[years == year].mean() / n_cells),
            )
            for year in np.unique(years)
        ),
    )


def _expect(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Expected log loss per day under true probabilities, shape (n_days,)."""
    chances = clip(probabilities)
    return np.asarray(-(true * np.log(chances) + (1 - true) * np.log1p(-chances)).sum(axis=1))
