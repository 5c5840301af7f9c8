"""Days of the park's time zone against instants, for whole columns.

Rules
-----
- A day reaches from its own midnight to the next day's: the same days as `core.windows.midnight` and `day_of` have,
  whatever zone data Arrow or DuckDB bring along.
- Missing stays missing. Days outside the calendar (years 1 to 9999) are taken with the offset of its nearest day, so
  that what is refused elsewhere does no harm here.
"""

import datetime as dt
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forest_fire_retrain.core.rows.tables import UTC_INSTANT
from forest_fire_retrain.core.windows import UTC

EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
MICROSECOND = dt.timedelta(microseconds=1)
DAY_US = 86_400_000_000

Integers: TypeAlias = NDArray[np.int64]


def midnights(days: pa.ChunkedArray, time_zone: str) -> pa.ChunkedArray:
    """The instants at which `days` (date32) begin in `time_zone`."""
    numbers, missing = _to_numpy(days.cast(pa.int32()))
    return pa.chunked_array([pa.array(midnights_us(numbers, time_zone), mask=missing).cast(UTC_INSTANT)])


def days_of(instants: pa.ChunkedArray, time_zone: str) -> pa.ChunkedArray:
    """The days (date32) of `time_zone` that `instants` lie on."""
    us, missing = _to_numpy(instants.cast(UTC_INSTANT).cast(pa.int64()))
    day = us // DAY_US
    day = day - (us < midnights_us(day, time_zone)) + (us >= midnights_us(day + 1, time_zone))
    return pa.chunked_array([pa.array(day.astype(np.int32), mask=missing).cast(pa.date32())])


def midnights_us(days: Integers, time_zone: str) -> Integers:
    """The instants at which `days` (since 1970) begin in `time_zone`, in microseconds since 1970, UTC."""
    if time_zone == UTC:
        return days * DAY_US
    unique, places = np.unique(days, return_inverse=True)
    offsets = np.array([_offset_us(int(number), time_zone) for number in unique], dtype=np.int64)
    return days * DAY_US - offsets[places]


def _offset_us(number: int, time_zone: str) -> int:
    ordinal = min(max(number + EPOCH_ORDINAL, dt.date.min.toordinal()), dt.date.max.toordinal())
    began = dt.datetime.combine(dt.date.fromordinal(ordinal), dt.time.min, tzinfo=ZoneInfo(time_zone))
    return (began.utcoffset() or dt.timedelta()) // MICROSECOND


def _to_numpy(numbers: pa.ChunkedArray) -> tuple[Integers, NDArray[np.bool_]]:
    """Whole numbers, 0 where they are missing, and where that is."""
    missing = numbers.is_null().to_numpy()
    return numbers.fill_null(0).to_numpy().astype(np.int64), missing
