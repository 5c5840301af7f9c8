"""What every model of a history lost, on every holdout window and on every day in production.

Plain arrays: measuring a rule is indexing them. Losses are log losses, sums over cells; a model has no
figure before its own window or its own first day.
"""

import datetime as dt
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.candidates import TrainedCandidate, predict_climatology
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.streams import serving_interval
from forest_fire_retrain.core.losses import clip, log_losses
from forest_fire_retrain.core.windows import Interval, RetrainingWindows


class ScoreTable(NamedTuple):
    """Losses of a history with n periods, candidate i being that of period i.

    Attributes
    ----------
    as_of : tuple of datetime.date
        When each period was decided.
    end : datetime.date
        Day on which the last champion stops serving.
    n_cells : int
        Cells, to turn sums into means.
    holdout : numpy.ndarray
        Mean loss of candidate i on window j by the labels known then, shape (n, n); NaN for i > j.
    realised : numpy.ndarray
        Loss of candidate i by what happened, per day from `as_of[0]`, shape (n, n_days).
    expected : numpy.ndarray, optional
        The same in expectation under the true probability, on to the horizon.
    climatology_realised, climatology_expected : numpy.ndarray
        Of the climatology of the newest training window, shape (n_days,).
    is_corrupt : numpy.ndarray
        Whether the candidate's training was broken, or missed more than 5 % of the fires; shape (n,).
    """

    as_of: tuple[dt.date, ...]
    end: dt.date
    n_cells: int
    holdout: np.ndarray
    realised: np.ndarray
    expected: np.ndarray | None
    climatology_realised: np.ndarray
    climatology_expected: np.ndarray | None
    is_corrupt: np.ndarray

    @property
    def n_periods(self) -> int:
        """Number of decisions."""
        return len(self.as_of)

    def serving_days(self, place: int, n_days: int | None = None) -> slice:
        """Days served after decision `place`, or `n_days` days from there."""
        first = (self.as_of[place] - self.as_of[0]).days
        if n_days is not None:
            return slice(first, first + n_days)
        until = self.as_of[place + 1] if place + 1 < self.n_periods else self.end
        return slice(first, (until - self.as_of[0]).days)


class Scorekeeper:
    """Fills a score table while candidates come and go.

    Parameters
    ----------
    panel : Panel
        The history.
    windows : list of RetrainingWindows
        All periods.
    end : datetime.date
        Day on which the last champion stops serving.
    """

    LOST_SHARE_MAX = 0.05

    def __init__(self, panel: Panel, windows: list[RetrainingWindows], end: dt.date) -> None:
        self._panel, self._windows, self._end = panel, windows, end
        self._scored = Interval(start=windows[0].as_of, end=panel.days.end)
        n, n_days = len(windows), self._scored.n_days
        has_truth = panel.truth is not None
        self._holdout = np.full((n, n), np.nan)
        self._realised = np.full((n, n_days), np.nan)
        self._expected = np.full((n, n_days), np.nan) if has_truth else None
        self._climatology_realised = np.full(n_days, np.nan)
        self._climatology_expected = np.full(n_days, np.nan) if has_truth else None
        self._is_corrupt = np.zeros(n, dtype=np.bool_)
        self._known = [panel.labels_known_at(w.as_of, w.holdout) for w in windows]

    def add(self, place: int, candidate: TrainedCandidate) -> None:
        """Score the candidate of period `place` wherever it may be asked for."""
        for later in range(place, len(self._windows)):
            probabilities = candidate.probabilities_on(self._windows[later].holdout)
            self._holdout[place, later] = log_losses(self._known[later], probabilities).mean()
        served = Interval(start=candidate.windows.as_of, end=self._scored.end)
        days = self._places(served)
        probabilities = candidate.probabilities_on(served)
        self._realised[place, days] = self._losses(served, probabilities)
        if self._expected is not None:
            self._expected[place, days] = self._expected_losses(served, probabilities)
        self._add_climatology(candidate, serving_interval(self._windows, place, self._end))
        self._is_corrupt[place] = candidate.fault is not None or candidate.lost_share > self.LOST_SHARE_MAX

    def table(self) -> ScoreTable:
        """Everything scored so far."""
        return ScoreTable(
            as_of=tuple(windows.as_of for windows in self._windows),
            end=self._end,
            n_cells=self._panel.n_cells,
            holdout=self._holdout,
            realised=self._realised,
            expected=self._expected,
            climatology_realised=self._climatology_realised,
            climatology_expected=self._climatology_expected,
            is_corrupt=self._is_corrupt,
        )

    def _add_climatology(self, candidate: TrainedCandidate, served: Interval) -> None:
        rates, days = predict_climatology(candidate.climatology, served), self._places(served)
        self._climatology_realised[days] = self._losses(served, rates)
        if self._climatology_expected is not None:
            self._climatology_expected[days] = self._expected_losses(served, rates)

    def _places(self, window: Interval) -> slice:
        first = (window.start - self._scored.start).days
        return slice(first, first + window.n_days)

    def _losses(self, window: Interval, probabilities: np.ndarray) -> np.ndarray:
        return np.asarray(log_losses(self._panel.happened[self._panel.places(window)], probabilities).sum(axis=1))

    def _expected_losses(self, window: Interval, probabilities: np.ndarray) -> np.ndarray:
        assert self._panel.truth is not None  # noqa: S101 - only called where there is a truth
        true, clipped = self._panel.truth[self._panel.places(window)], clip(probabilities)
        return np.asarray(-(true * np.log(clipped) + (1 - true) * np.log1p(-clipped)).sum(axis=1))
