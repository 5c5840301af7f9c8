"""How a value may be written: text, numbers, days and instants of a delivery, as Arrow columns of the right type.

Each reader gives two columns: what is there, with the usual marks of a missing value taken out, and its values. What
is there and has no value cannot be read.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.park_days import midnights
from forest_fire_retrain.core.rows.tables import UTC_INSTANT

MISSING_NUMBER_MARKS = pa.array(["", "na", "n/a", "nan", "null", "none"])
NUMBER_PATTERN = r"^[+-]?(\d{1,50}\.?\d{0,50}|\.\d{1,50})([eE][+-]?\d{1,3})?$"
DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?)?$"
BARE_DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"
INSTANT_PATTERN = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"

Column: TypeAlias = pa.ChunkedArray
Reader: TypeAlias = Callable[[Column], tuple[Column, Column]]


def readers_in(time_zone: str) -> Mapping[pa.DataType, tuple[str, Reader]]:
    """What a value of each type is called, and how a column of them is read in a park of this time zone."""
    return MappingProxyType(
        {
            pa.string(): ("text", _read_text),
            pa.float64(): ("a decimal number", _read_number),
            pa.date32(): ("a day such as 2024-07-31", _read_day),
            UTC_INSTANT: ("an instant such as 2024-07-31T06:00:00Z", partial(_read_instant, time_zone=time_zone)),
        }
    )


def within_calendar(column: Column) -> Column:
    """Days or instants; `null` where Python's calendar (the years 1 to 9999) has none."""
    days = column.cast(pa.date32(), safe=False)
    return _where(pc.and_(pc.greater_equal(days, dt.date.min), pc.less_equal(days, dt.date.max)), column)


def _read_text(column: Column) -> tuple[Column, Column]:
    """Text or whole numbers; an empty text is missing."""
    if not (_is_text(column.type) or pa.types.is_integer(column.type)):
        return column, pa.chunked_array([pa.nulls(len(column), pa.string())])
    text = column.cast(pa.string())
    text = pc.if_else(pc.equal(text, ""), None, text)
    return text, text


def _read_number(column: Column) -> tuple[Column, Column]:
    """Numbers, or text that is one; NaN and the usual marks are missing."""
    if _is_text(column.type):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        text = pc.if_else(pc.is_in(pc.utf8_lower(text), MISSING_NUMBER_MARKS), None, text)
        return text, _where(pc.match_substring_regex(text, NUMBER_PATTERN), text).cast(pa.float64())
    if not _is_number(column.type):
        return column, pa.chunked_array([pa.nulls(len(column), pa.float64())])
    values = column.cast(pa.float64(), safe=False)
    values = pc.if_else(pc.is_nan(values), None, values)
    return values, values


def _read_day(column: Column) -> tuple[Column, Column]:
    """Days, ISO text, or instants without a time zone that are midnights."""
    if _is_text(column.type):
        present, instants = _parse_instants(column, DAY_PATTERN)
        return present, instants.cast(pa.date32(), safe=False)
    if pa.types.is_date(column.type):
        return column, within_calendar(column).cast(pa.date32(), safe=False)
    if not pa.types.is_timestamp(column.type) or column.type.tz is not None:
        return column, pa.chunked_array([pa.nulls(len(column), pa.date32())])
    days = within_calendar(column).cast(pa.date32(), safe=False)
    return column, _where(pc.equal(days.cast(column.type), column), days)


def _read_instant(column: Column, *, time_zone: str) -> tuple[Column, Column]:
    """Instants or ISO text, UTC without a time zone; a day alone stands for its beginning in `time_zone`."""
    if _is_text(column.type):
        present, instants = _parse_instants(column, INSTANT_PATTERN)
        days = _where(pc.match_substring_regex(present, BARE_DAY_PATTERN), instants.cast(pa.date32(), safe=False))
        return present, pc.coalesce(midnights(days, time_zone), instants)
    if pa.types.is_date(column.type):
        return column, midnights(within_calendar(column).cast(pa.date32(), safe=False), time_zone)
    if pa.types.is_timestamp(column.type):
        return column, within_calendar(column).cast(UTC_INSTANT, safe=False)
    return column, pa.chunked_array([pa.nulls(len(column), UTC_INSTANT)])


def _parse_instants(column: Column, pattern: str) -> tuple[Column, Column]:
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.if_else(pc.equal(text, ""), None, text)
    shaped = _where(pc.match_substring_regex(text, pattern), text).to_pandas().astype(object)
    parsed = pd.to_datetime(shaped, format="ISO8601", utc=True, errors="coerce")
    return text, pa.chunked_array([pa.array(parsed).cast(UTC_INSTANT, safe=False)])


def _where(flags: Column, values: Column) -> Column:
    return pc.if_else(flags, values, None)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
