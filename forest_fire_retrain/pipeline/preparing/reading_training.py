"""Stream the rows of a training window into one matrix: nothing of them is held twice, and what is not drawn, never.

Rules
-----
- Which rows are drawn is told from their labels alone, before any feature is read.
- All rows are fingerprinted, drawn or not; a few columns at a time, in the table's order.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.core.records import Snapshot
from forest_fire_retrain.core.rows.feature_catalogue import input_names
from forest_fire_retrain.core.rows.labelled_rows import KEYS, LABEL, Drawn, LabelledKeys, label_keys
from forest_fire_retrain.core.rows.ports import Lake, PinnedRows, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import TableFingerprint
from forest_fire_retrain.core.windows import Interval

COLUMNS_AT_ONCE, VALUES_AT_ONCE = 4, 2_000_000
"""Each read goes over the files once; what is read beside the matrix is so many columns, or values if that is more."""
MAX_PROBED_ROWS = 131_072
"""What a model says of its own training rows is one figure; the rows it is measured on lie evenly among them."""

Sampler = Callable[[np.ndarray], tuple[np.ndarray, float]]
"""From labels to the numbers of the rows to draw, ascending, and the share of negatives among them."""


class RowFacts(NamedTuple):
    """What is recorded of labelled rows: how many, with how many fires, and their fingerprint."""

    n_rows: int
    n_fires: int
    sha256: str


class TrainingRows(NamedTuple):
    """The rows of a training window, as far as they are needed.

    Attributes
    ----------
    drawn : Drawn
        Those to learn from.
    probed : Drawn
        Up to `MAX_PROBED_ROWS` of all rows, evenly spread.
    dates : numpy.ndarray
        Day of each of all rows, `datetime64[D]`, shape (n_rows,).
    facts : RowFacts
        Of all rows with their labels; the fingerprint is that of `fingerprint_table`.
    null_share : dict
        Share of missing values per model input, of all rows.
    columns : dict
        Column to the name of its type.
    """

    drawn: Drawn
    probed: Drawn
    dates: np.ndarray
    facts: RowFacts
    null_share: dict[str, float]
    columns: dict[str, str]


def draw_all(labels: np.ndarray) -> tuple[np.ndarray, float]:
    """A sampler that draws every row."""
    return np.arange(len(labels)), 1.0


def fingerprint_labelled(lake: Lake, engine: SqlEngine, snapshot: Snapshot, window: Interval) -> RowFacts:
    """The facts of all rows of `window`, without keeping any; as of the table that `read_labelled` gives.

    Raises
    ------
    LakeError
        If a pinned version cannot be read.
    """
    rows, keys = _pin(lake, engine, snapshot, window)
    fingerprint = TableFingerprint(len(keys.labels))
    for name, column in _columns_in_order(rows, keys):
        fingerprint.add(name, column)
    return _facts(keys, fingerprint)


def read_training(
    lake: Lake, engine: SqlEngine, snapshot: Snapshot, window: Interval, sampler: Sampler
) -> TrainingRows:
    """Features and labels of `window` exactly as `snapshot` pins them, ordered by (date, cell), as drawn.

    Parameters
    ----------
    lake, engine : Lake, SqlEngine
        Where the tables are, and what finds the fires known.
    snapshot : Snapshot
        Versions of the tables, and the instant up to which reports count.
    window : Interval
        The days.
    sampler : callable
        Which rows to learn from.

    Raises
    ------
    LakeError
        If a pinned version cannot be read.
    EvidenceError, ConfigurationError
        If the table holds the inputs of no version, or what the sampler raises.
    """
    rows, keys = _pin(lake, engine, snapshot, window)
    n_rows, names = len(keys.labels), input_names(rows.schema.names)
    numbers, kept_share = sampler(keys.labels)
    step = max(1, -(-n_rows // MAX_PROBED_ROWS))
    drawn = _empty(keys.labels, numbers, names, kept_share)
    is_whole = len(numbers) == n_rows
    probed = _every(step, drawn) if is_whole else _empty(keys.labels, np.arange(0, n_rows, step), names, 1.0)
    fingerprint, null_share = TableFingerprint(n_rows), dict.fromkeys(names, 0.0)
    for name, column in _columns_in_order(rows, keys):
        fingerprint.add(name, column)
        if name in null_share:
            null_share[name] = column.null_count / max(n_rows, 1)
            place, values = names.index(name), column.to_numpy()
            drawn.matrix[:, place] = values if is_whole else values[numbers]
            if not is_whole:
                probed.matrix[:, place] = values[::step]
    return TrainingRows(
        drawn=drawn,
        probed=probed,
        dates=keys.dates,
        facts=_facts(keys, fingerprint),
        null_share=null_share,
        columns={**{field.name: str(field.type) for field in rows.schema}, LABEL: str(pa.bool_())},
    )


def _pin(lake: Lake, engine: SqlEngine, snapshot: Snapshot, window: Interval) -> tuple[PinnedRows, LabelledKeys]:
    versions = snapshot.table_versions
    rows = lake.pin(TableName.FEATURES, version=versions[TableName.FEATURES], day_column="date", window=window)
    fires = lake.read(TableName.FIRES, version=versions[TableName.FIRES])
    return rows, label_keys(engine, keys=rows.read(KEYS), fires=fires, known_at=snapshot.known_at)


def _facts(keys: LabelledKeys, features: TableFingerprint) -> RowFacts:
    """What is recorded of the rows, once their features were taken in."""
    features.add(LABEL, pa.chunked_array([pa.array(keys.labels)]))
    return RowFacts(len(keys.labels), int(np.count_nonzero(keys.labels)), features.hexdigest())


def _empty(labels: np.ndarray, numbers: np.ndarray, names: tuple[str, ...], kept_share: float) -> Drawn:
    """Rows of which only the labels are known yet."""
    matrix = np.empty((len(numbers), len(names)), dtype=np.float64, order="F")
    return Drawn(matrix, labels[numbers].astype(np.int8), names, kept_share)


def _every(step: int, drawn: Drawn) -> Drawn:
    """One in so many rows, in the same memory."""
    return drawn._replace(matrix=drawn.matrix[::step], labels=drawn.labels[::step])


def _columns_in_order(rows: PinnedRows, keys: LabelledKeys) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns in the table's order, their rows in the order (date, cell)."""
    names, at_once = rows.schema.names, max(COLUMNS_AT_ONCE, VALUES_AT_ONCE // max(len(keys.labels), 1))
    for first in range(0, len(names), at_once):
        part = keys.in_order(rows.read(names[first : first + at_once]))
        for name in part.column_names:
            yield name, part[name]
        del part  # before the next ones are read
        pa.default_memory_pool().release_unused()
