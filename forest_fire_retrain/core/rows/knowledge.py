"""What the record keeping of a row means for those who read it: was it withdrawn, and on which day was it known.

Rules
-----
- A later row of the same key that is marked `withdrawn` says that from its `recorded_at` on the source no longer
  says this. Without the column, or where it is null, a row is not withdrawn.
- An instant falls on a day of the park's time zone.
"""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.rows.tables import WITHDRAWN

ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


def mark_withdrawn(rows: pa.Table) -> pa.Table:
    """The rows with a column `withdrawn` that is true or false in every row."""
    if WITHDRAWN not in rows.column_names:
        return rows.append_column(WITHDRAWN, pa.repeat(pa.scalar(value=False), rows.num_rows))
    place = rows.column_names.index(WITHDRAWN)
    return rows.set_column(place, WITHDRAWN, pc.fill_null(rows[WITHDRAWN], fill_value=False))


def day_sql(instant: str, time_zone: str) -> str:
    """Query text for the day of `time_zone` that the expression `instant` falls on.

    Raises
    ------
    ConfigurationError
        If there is no such time zone.
    """
    return f"CAST({instant} AT TIME ZONE '{check_time_zone(time_zone)}' AS DATE)"


def check_time_zone(name: str) -> str:
    """The name itself, if it is one of the IANA time zones.

    Raises
    ------
    ConfigurationError
        If it is not.
    """
    try:
        if ZONE_NAME.fullmatch(name):
            return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    msg = f"there is no time zone {name!r}; name one of the IANA database, such as UTC or Pacific/Auckland"
    raise ConfigurationError(msg)
