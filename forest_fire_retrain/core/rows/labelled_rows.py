"""Join features with what was known of the fires: the rows that models are trained and judged on."""

import datetime as dt

import numpy as np
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
SELECT days.place, burned.cell_id IS NOT NULL AS label
FROM days LEFT JOIN burned ON burned.cell_id = days.cell_id AND burned.date = days.date
ORDER BY days.date, days.cell_id
"""  # noqa: S608 - only an instant is put into the text
    days = features.select(["cell_id", "date"]).append_column("place", pa.array(np.arange(features.num_rows)))
    order = engine.query(sql, {"days": days, "fires": mark_withdrawn(fires)})
    return features.take(order["place"]).append_column("label", order["label"])
