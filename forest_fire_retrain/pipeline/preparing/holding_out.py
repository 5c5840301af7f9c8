"""Set apart the rows that judge a partition, and say for ever which they were."""

import pyarrow.compute as pc

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.ports import RecordStore
from forest_fire_retrain.core.records import HoldoutSet, Snapshot
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import RetrainingWindows
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled

HOLDOUT_KIND = "holdout_set"


def set_holdout_apart(
    lake: Lake, engine: SqlEngine, records: RecordStore, windows: RetrainingWindows, snapshot: Snapshot
) -> HoldoutSet:
    """Fix, hash and store the holdout of a partition.

    Raises
    ------
    EvidenceError
        If the holdout window has no rows.
    """
    holdout = describe_holdout(lake, engine, windows, snapshot)
    records.put(HOLDOUT_KIND, windows.partition_key, holdout)
    return holdout


def describe_holdout(lake: Lake, engine: SqlEngine, windows: RetrainingWindows, snapshot: Snapshot) -> HoldoutSet:
    """Which rows judge, hashed; nothing is stored.

    Raises
    ------
    EvidenceError
        If the holdout window has no rows.
    """
    rows = read_labelled(lake, engine, snapshot, windows.holdout)
    if rows.num_rows == 0:
        msg = (
            f"partition {windows.partition_key}: the holdout window {windows.holdout} has no rows, needs at least one; "
            f"run: forest-fire retrain --partition {windows.partition_key}"
        )
        raise EvidenceError(msg)
    return HoldoutSet(
        windows=windows,
        snapshot=snapshot,
        n_rows=rows.num_rows,
        n_cells=pc.count_distinct(rows["cell_id"]).as_py(),
        n_fires=pc.sum(rows["label"]).as_py() or 0,
        content_hash=fingerprint_table(rows),
    )
