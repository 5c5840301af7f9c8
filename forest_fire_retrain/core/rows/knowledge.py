"""What the record keeping of a row means for those who read it: was it withdrawn, and on which day was it known.

Rules
-----
- A later row of the same key that is marked `withdrawn` says that from its `recorded_at` on the source no longer
  says this. Without the column, or where it is null, a row is not withdrawn.
- An instant falls on a day of the park's time zone.
"""

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.park_days import days_of
from forest_fire_retrain.core.rows.tables import WITHDRAWN

KNOWN_ON = "known_on"


def mark_withdrawn(rows: pa.Table) -> pa.Table:
    """The rows with a column `withdrawn` that is true or false in every row."""
    if WITHDRAWN not in rows.column_names:
        return rows.append_column(WITHDRAWN, pa.repeat(pa.scalar(value=False), rows.num_rows))
    place = rows.column_names.index(WITHDRAWN)
    return rows.set_column(place, WITHDRAWN, pc.fill_null(rows[WITHDRAWN], fill_value=False))


def add_known_on(rows: pa.Table, time_zone: str) -> pa.Table:
    """The rows with a column `known_on`: the day of `time_zone` on which each was recorded.

    The day is found here and not by the query, so that the engine's own zone data takes no part.
    """
    return rows.append_column(KNOWN_ON, days_of(rows["recorded_at"], time_zone))
