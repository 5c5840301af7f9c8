"""The baseline every model has to beat: the cell's historical rate of fire starts for the month.

Rules
-----
- Rates are shrunk by pseudo-counts, from coarse to fine: the month's rate towards the overall rate,
  the cell's rate in the month towards the month's rate. Whatever was rarely or never seen has the
  rate of the level above, so every cell and month has one.
- The overall rate starts from half a fire in `PRIOR_CELL_DAYS` cell-days: never 0, never 1.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import EvidenceError

MONTHS = 12
PRIOR_CELL_DAYS = 100.0
MONTH_PSEUDO_DAYS = 1_000.0
CELL_PSEUDO_DAYS = 300.0


class Climatology(NamedTuple):
    """Fitted rates.

    Attributes
    ----------
    cell_ids : numpy.ndarray
        Cells seen in training, sorted, shape (n_cells,).
    cell_month_rates : numpy.ndarray
        Rate per cell-day, shape (n_cells, 12), January first.
    month_rates : numpy.ndarray
        Rate for a cell never seen, shape (12,).
    """

    cell_ids: np.ndarray
    cell_month_rates: np.ndarray
    month_rates: np.ndarray

    def predict(self, rows: pa.Table) -> np.ndarray:
        """Probability of a fire start per row, strictly between 0 and 1, shape (n_rows,).

        Parameters
        ----------
        rows : pyarrow.Table
            With the columns `cell_id` and `date`.
        """
        cell_ids, cells = _cells(rows)
        found = np.minimum(np.searchsorted(self.cell_ids, cell_ids), len(self.cell_ids) - 1)
        known, places, months = (self.cell_ids[found] == cell_ids)[cells], found[cells], _month_indices(rows)
        return np.where(known, self.cell_month_rates[places, months], self.month_rates[months])


def fit_climatology(rows: pa.Table) -> Climatology:
    """Rates of fire starts in `rows`; the order of the rows plays no part.

    Parameters
    ----------
    rows : pyarrow.Table
        Labelled rows of the training window: `cell_id`, `date`, `label`.

    Raises
    ------
    EvidenceError
        If there are no rows.
    """
    if rows.num_rows == 0:
        msg = "the training window holds no cell-days, climatology needs at least one; run: forest-fire status"
        raise EvidenceError(msg)
    cell_ids, cells = _cells(rows)
    shape = (len(cell_ids), MONTHS)
    flat = cells * MONTHS + _month_indices(rows)
    fires = np.bincount(
        flat, weights=np.asarray(rows["label"].to_numpy(), dtype=np.float64), minlength=shape[0] * MONTHS
    )
    days = np.bincount(flat, minlength=shape[0] * MONTHS)
    return shrink_rates(cell_ids, fires.reshape(shape), days.reshape(shape))


def shrink_rates(cell_ids: np.ndarray, fires: np.ndarray, days: np.ndarray) -> Climatology:
    """Climatology from counts.

    Parameters
    ----------
    cell_ids : numpy.ndarray
        Sorted, shape (n_cells,).
    fires, days : numpy.ndarray
        Days with a fire start, and all days, per cell and month; shape (n_cells, 12).
    """
    overall = (fires.sum() + 0.5) / (days.sum() + PRIOR_CELL_DAYS)
    month_rates = _shrink(fires.sum(axis=0), days.sum(axis=0), overall, MONTH_PSEUDO_DAYS)
    return Climatology(cell_ids, _shrink(fires, days, month_rates, CELL_PSEUDO_DAYS), month_rates)


def _shrink(fires: np.ndarray, days: np.ndarray, towards: np.ndarray | float, pseudo_days: float) -> np.ndarray:
    """Posterior mean of a rate under a gamma prior worth `pseudo_days` (empirical Bayes)."""
    return np.asarray((fires + pseudo_days * towards) / (days + pseudo_days))


def _cells(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """The cells there are, sorted, and the place of each row's among them: a text is looked at once per cell."""
    coded = rows["cell_id"].combine_chunks().dictionary_encode()
    cell_ids, places = np.unique(coded.dictionary.to_numpy(zero_copy_only=False).astype(np.str_), return_inverse=True)
    return cell_ids, places[coded.indices.to_numpy()]


def _month_indices(rows: pa.Table) -> np.ndarray:
    """Calendar months, 0 for January."""
    return np.asarray(pc.month(rows["date"]).to_numpy(), dtype=np.intp) - 1
