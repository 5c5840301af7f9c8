"""Join features with what was known of the fires: the rows that models are trained and judged on."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.rows.row_versions import mark_withdrawn

KEYS = ("cell_id", "date")
LABEL = "label"


class LabelledKeys(NamedTuple):
    """Which rows there are, in the order (date, cell), and where a fire started.

    Attributes
    ----------
    places : pyarrow.Array, optional
        Of each row, its place among those that were given, int64; `None` where these have that order.
    labels : numpy.ndarray
        Whether a fire started, bool, shape (n_rows,).
    dates : numpy.ndarray
        The day, `datetime64[D]`, shape (n_rows,).
    """

    places: pa.Array | None
    labels: np.ndarray
    dates: np.ndarray

    def in_order(self, rows: pa.Table) -> pa.Table:
        """Rows that were read in the order of the keys, in the order (date, cell)."""
        return rows if self.places is None else rows.take(self.places)


class Drawn(NamedTuple):
    """Rows to learn from, as they were drawn.

    Attributes
    ----------
    matrix : numpy.ndarray
        A row per cell and day in a total order, float64, column by column in memory, missing is NaN;
        shape (n_rows, n_features).
    labels : numpy.ndarray
        1 where a fire started, else 0; shape (n_rows,).
    names : tuple of str
        The features.
    kept_share : float
        Share of the rows without a fire that was drawn, in (0, 1].
    """

    matrix: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    kept_share: float


def labelled_rows(engine: SqlEngine, *, features: pa.Table, fires: pa.Table, known_at: dt.datetime) -> pa.Table:
    """Feature rows with a boolean `label`, ordered by (date, cell).

    A row is labelled true when, as known at `known_at`, at least one fire started in the cell on the
    day: reports recorded at or after that instant do not exist yet, and of each fire the last
    correction counts. A fire whose last row is marked `withdrawn` is none.

    Parameters
    ----------
    engine : SqlEngine
        Runs the query text.
    features, fires : pyarrow.Table
        Feature rows, and all fire reports.
    known_at : datetime.datetime
        Timezone-aware instant.
    """
    keys = label_keys(engine, keys=features.select(list(KEYS)), fires=fires, known_at=known_at)
    return keys.in_order(features).append_column(LABEL, pa.array(keys.labels))


def label_keys(engine: SqlEngine, *, keys: pa.Table, fires: pa.Table, known_at: dt.datetime) -> LabelledKeys:
    """Order and labels as `labelled_rows` gives them, from the keys alone.

    Parameters
    ----------
    engine, fires, known_at
        As `labelled_rows`.
    keys : pyarrow.Table
        `cell_id` and `date` of the rows, each pair once.
    """
    instant = known_at.astimezone(dt.UTC).isoformat()
    sql = f"""
WITH known AS (
    SELECT * FROM fires WHERE recorded_at < TIMESTAMPTZ '{instant}'
    QUALIFY row_number() OVER (PARTITION BY fire_id ORDER BY recorded_at DESC) = 1
)
SELECT DISTINCT cell_id, date FROM known WHERE NOT withdrawn
"""  # noqa: S608 - only an instant is put into the text
    burned = engine.query(sql, {"fires": mark_withdrawn(fires)})
    cells = keys["cell_id"].unique().sort()
    numbers = _number(keys, cells)
    labels = np.isin(numbers, _number(burned.filter(pc.is_in(burned["cell_id"], cells)), cells))
    dates = keys["date"].to_numpy().astype("datetime64[D]")
    if np.all(numbers[1:] >= numbers[:-1]):
        return LabelledKeys(None, labels, dates)
    places = np.argsort(numbers, kind="stable")
    return LabelledKeys(pa.array(places), labels[places], dates[places])


def _number(keys: pa.Table, cells: pa.Array) -> np.ndarray:
    """A number per row that orders by day, then cell; `cells` are sorted, by their bytes."""
    days = keys["date"].cast(pa.int32()).to_numpy().astype(np.int64)
    return np.asarray(days * len(cells) + pc.index_in(keys["cell_id"], cells).to_numpy())
