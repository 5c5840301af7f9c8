"""Join features with what was known of the fires: the rows that models are trained and judged on."""

import datetime as dt

import pyarrow as pa

from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.rows.row_versions import mark_withdrawn


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
    instant = known_at.astimezone(dt.UTC).isoformat()
    sql = f"""
WITH known AS (
    SELECT * FROM fires WHERE recorded_at < TIMESTAMPTZ '{instant}'
    QUALIFY row_number() OVER (PARTITION BY fire_id ORDER BY recorded_at DESC) = 1
), burned AS (SELECT DISTINCT cell_id, date FROM known WHERE NOT withdrawn)
SELECT features.*, burned.cell_id IS NOT NULL AS label
FROM features LEFT JOIN burned ON burned.cell_id = features.cell_id AND burned.date = features.date
ORDER BY features.date, features.cell_id
"""  # noqa: S608 - only an instant is put into the text
    return engine.query(sql, {"features": features, "fires": mark_withdrawn(fires)})
