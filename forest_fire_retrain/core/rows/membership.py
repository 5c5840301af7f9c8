"""Which days a cell belongs to the park on, and from which day on its fires were observed.

A cell may have a date `first_day` and a date `last_day`, both included; without the column, or where it is null,
there is no such bound.
"""

import datetime as dt

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forest_fire_retrain.core.windows import Interval

Booleans = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

OBSERVED_FROM = "observed_from"


def membership(cells: pa.Table, window: Interval) -> Booleans:
    """Whether a cell belongs to the park on a day, shape (n_days, n_cells)."""
    days = days_of(window)[:, np.newaxis]
    first, last = _bounds(cells, "first_day"), _bounds(cells, "last_day")
    return np.asarray((np.isnat(first) | (days >= first)) & (np.isnat(last) | (days <= last)))


def count_cell_days(cells: pa.Table, window: Interval) -> dict[str, int]:
    """Days of `window` on which each cell belongs to the park."""
    n_days = membership(cells, window).sum(axis=0).tolist()
    return dict(zip(cells["cell_id"].to_pylist(), n_days, strict=True))


def observed_from(cells: pa.Table, history_start: dt.date) -> Dates:
    """First day of which a cell's weather and fires can be known, shape (n_cells,)."""
    start = np.datetime64(history_start, "D")
    first = _bounds(cells, "first_day")
    return np.asarray(np.where(np.isnat(first), start, np.maximum(first, start)))


def days_of(window: Interval) -> Dates:
    """The days, shape (n_days,)."""
    return np.asarray(np.datetime64(window.start, "D") + np.arange(window.n_days))


def _bounds(cells: pa.Table, name: str) -> Dates:
    """A date per cell, `NaT` where there is none."""
    if name not in cells.column_names:
        return np.full(cells.num_rows, "NaT", dtype="datetime64[D]")
    return np.asarray(cells[name].to_numpy(), dtype="datetime64[D]")
