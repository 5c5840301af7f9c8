"""How far the inputs and the predictions of a model have moved from those of its training, without any label.

Rules
-----
- Like is held against like: a row is placed among the training rows of its own calendar week and of the two weeks
  before and after it, of all years of the training. A warm July is no shift of a model that knows Julys.
- Places are tenths of those training rows, and one more for rows without a value. The observed shares of the places
  are held against the shares of the training rows by the population stability index,
  PSI = sum (o - e) ln(o / e), the symmetrised Kullback-Leibler divergence (Siddiqi 2006, Credit Risk Scorecards,
  chapter 8; Yurdakul & Naranjo 2020, Statistical properties of the population stability index).
- The usual limits (0.1 little, 0.25 much) are for independent rows. Days of weather are not: a season differs from
  other seasons by chance. The limit here is measured (`docs/monitoring.md`).
- A shift is no reason to promote: a model can be right on days that it has seen few of.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]
Counts = NDArray[np.int64]

N_PLACES = 10
WEEKS_AROUND = 2
WEEKS_OF_YEAR = 52
WEEK_DAYS = 7
LEAST_SHARE = 1e-4
"""Taken for the share of a place that holds no row: the logarithm of nothing is none."""
PREDICTIONS = "predictions"


class Sample(NamedTuple):
    """Rows of one measure.

    Attributes
    ----------
    days : numpy.ndarray
        The day of each row, `datetime64[D]`, shape (n_rows,).
    values : numpy.ndarray
        Its value, NaN where there is none, shape (n_rows,).
    """

    days: Days
    values: Floats


class MeasureShift(Record):
    """One measure.

    Attributes
    ----------
    name : str
        Of a raw measure, or `PREDICTIONS`.
    index : float
        Its population stability index, 0 where nothing has moved.
    n_rows, n_training_rows : int
        Rows that were placed, and training rows among which.
    """

    name: str
    index: float
    n_rows: int
    n_training_rows: int


class PopulationShift(Record):
    """What has moved.

    Attributes
    ----------
    window, training : Interval
        The days that are looked at, and those of the champion's training.
    limit : float
        Beyond it, a shift is told.
    n_days_needed : int
        Days that the limit is for; on fewer of them nothing has moved, whatever the figures say.
    measures : tuple of MeasureShift
        Raw measures in their order, then the predictions.
    moved : tuple of MeasureShift
        Those beyond the limit, the farthest first.
    """

    window: Interval
    training: Interval
    limit: float
    n_days_needed: int
    measures: tuple[MeasureShift, ...]
    moved: tuple[MeasureShift, ...]

    def __str__(self) -> str:
        """One line."""
        over = f"{self.window.n_days} days from {self.window.start}"
        if self.window.n_days < self.n_days_needed:
            return f"too early to tell: {over}, {self.n_days_needed} are needed"
        if not self.moved:
            return f"nothing beyond {self.limit:g} over {over}"
        named = ", ".join(f"{measure.name} {measure.index:.2f}" for measure in self.moved)
        return f"{named} over {over} (limit {self.limit:g}); no reason to promote"


def describe_shift(
    window: Interval,
    training: Interval,
    known: Mapping[str, Sample],
    newest: Mapping[str, Sample],
    rule: MonitorRule,
) -> PopulationShift:
    """How far every measure of `newest` has moved.

    Parameters
    ----------
    window, training : Interval
        Days of `newest` and of `known`.
    known, newest : mapping
        Name to rows.
    rule : MonitorRule
        The limit, and for how many days it is.
    """
    found = [measure_shift(name, known[name], rows) for name, rows in newest.items() if name in known]
    measures = [measure for measure in found if measure is not None]
    is_whole = window.n_days >= rule.shift_days
    beyond = [measure for measure in measures if is_whole and measure.index > rule.shift_limit]
    return PopulationShift(
        window=window,
        training=training,
        limit=rule.shift_limit,
        n_days_needed=rule.shift_days,
        measures=tuple(measures),
        moved=tuple(sorted(beyond, key=lambda measure: -measure.index)),
    )


def measure_shift(name: str, training: Sample, newest: Sample) -> MeasureShift | None:
    """How far `newest` lies from `training`; `None` if no row has training rows to be placed among.

    Parameters
    ----------
    name : str
        Of the measure.
    training, newest : Sample
        Rows of the champion's training, and rows after it.
    """
    weeks, others = calendar_weeks(newest.days), calendar_weeks(training.days)
    observed, expected = np.zeros(N_PLACES + 1), np.zeros(N_PLACES + 1)
    among = np.zeros(len(others), dtype=np.bool_)
    for week in np.unique(weeks):
        distance = np.abs(others - week)
        near = np.minimum(distance, WEEKS_OF_YEAR - distance) <= WEEKS_AROUND
        if near.any():
            values, known = newest.values[weeks == week], training.values[near]
            limits = _tenths(known)
            observed += _count_places(values, limits)
            expected += _count_places(known, limits) * (len(values) / len(known))
            among |= near
    n_rows = int(observed.sum())
    if not n_rows:
        return None
    index = stability_index(observed / n_rows, expected / n_rows)
    return MeasureShift(name=name, index=index, n_rows=n_rows, n_training_rows=int(among.sum()))


def stability_index(observed: Floats | Sequence[float], expected: Floats | Sequence[float]) -> float:
    """PSI of two lists of shares, each with the sum 1, shape (n_places,)."""
    seen, known = (np.maximum(np.asarray(shares, dtype=np.float64), LEAST_SHARE) for shares in (observed, expected))
    return float(((seen - known) * np.log(seen / known)).sum())


def calendar_weeks(days: Days) -> Counts:
    """Sevenths of the year from 1 January on, 0 to 51; the last one has the one or two days that are left over."""
    of_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return np.asarray(np.minimum(of_year // WEEK_DAYS, WEEKS_OF_YEAR - 1))


def _tenths(values: Floats) -> Floats:
    """The limits between the tenths of the values that there are, shape (n_places - 1,)."""
    present = values[~np.isnan(values)]
    if not len(present):
        return np.zeros(N_PLACES - 1)
    return np.asarray(np.quantile(present, np.arange(1, N_PLACES) / N_PLACES))


def _count_places(values: Floats, limits: Floats) -> Floats:
    """Rows per tenth, then those without a value, shape (n_places + 1,)."""
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(limits, values[~missing], side="left"), minlength=N_PLACES)
    return np.append(counts, missing.sum()).astype(np.float64)
