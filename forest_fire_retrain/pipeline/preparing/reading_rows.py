"""Read rows exactly as a snapshot pins them; the same for training, judging and proving."""

from collections.abc import Sequence

import pyarrow as pa

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.records import HoldoutSet, Snapshot
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval


def read_labelled(
    lake: Lake,
    engine: SqlEngine,
    snapshot: Snapshot,
    window: Interval,
    *,
    feature_columns: Sequence[str] | None = None,
) -> pa.Table:
    """Features (all by default) and labels of `window` exactly as `snapshot` pins them, ordered by (date, cell).

    Raises
    ------
    LakeError
        If a pinned version cannot be read.
    """
    versions = snapshot.table_versions
    features = lake.read(
        TableName.FEATURES,
        version=versions[TableName.FEATURES],
        columns=feature_columns,
        day_column="date",
        window=window,
    )
    fires = lake.read(TableName.FIRES, version=versions[TableName.FIRES])
    return labelled_rows(engine, features=features, fires=fires, known_at=snapshot.known_at)


def read_holdout(lake: Lake, engine: SqlEngine, holdout: HoldoutSet) -> pa.Table:
    """The holdout's rows, in the order (date, cell).

    Raises
    ------
    EvidenceError
        If they no longer have the hash that was recorded.
    """
    rows = read_labelled(lake, engine, holdout.snapshot, holdout.windows.holdout)
    observed = fingerprint_table(rows)
    if observed != holdout.content_hash:
        msg = (
            f"partition {holdout.windows.partition_key}: the holdout's rows have the hash {observed[:12]}, "
            f"but {holdout.content_hash[:12]} was recorded; nothing was judged on them. Run: forest-fire verify"
        )
        raise EvidenceError(msg)
    return rows
