"""What the versions of the lake's rows mean: which one is known, which comes too late, what a new one may change.

Rules
-----
- The last row of a key is what is known of it. One that is marked `withdrawn` says that from its `recorded_at` on the
  source no longer says this. Without the column, or where it is null, a row is not withdrawn.
- An instant falls on a day of the park's time zone. That day is found here and in no query, so that an engine's own
  zone data takes no part.
"""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.park_days import days_of
from forest_fire_retrain.core.rows.tables import WITHDRAWN, TableName

CHANGED_FROM = "changed_from"
"""Under what a commit notes the first day whose features it may change."""
NO_DAY = "none"
KNOWN_ON = "known_on"
KEYS = {TableName.WEATHER: ("cell_id", "date"), TableName.FIRES: ("fire_id",)}
DAY = dt.timedelta(days=1)
SMALLEST_SHARE_SHOWN = 0.0005


def mark_withdrawn(rows: pa.Table) -> pa.Table:
    """The rows with a column `withdrawn` that is true or false in every row."""
    if WITHDRAWN not in rows.column_names:
        return rows.append_column(WITHDRAWN, pa.repeat(pa.scalar(value=False), rows.num_rows))
    place = rows.column_names.index(WITHDRAWN)
    return rows.set_column(place, WITHDRAWN, pc.fill_null(rows[WITHDRAWN], fill_value=False))


def add_known_on(rows: pa.Table, time_zone: str) -> pa.Table:
    """The rows with a column `known_on`: the day of `time_zone` on which each was recorded."""
    return rows.append_column(KNOWN_ON, days_of(rows["recorded_at"], time_zone))


def note_day(day: dt.date | None) -> str:
    """A first day as a commit notes it."""
    return NO_DAY if day is None else day.isoformat()


def read_day(noted: str) -> dt.date | None:
    """The first day that a commit noted."""
    return None if noted == NO_DAY else dt.date.fromisoformat(noted)


def first_day_changed(rows: pa.Table, table: TableName, calendar: ParkCalendar) -> dt.date | None:
    """First day whose features new rows may change.

    Weather counts from its day on, if it was recorded by the weather lag; a fire, or its correction, from the day after
    it was recorded.
    """
    if table is TableName.WEATHER:
        return _least(rows_in_time(rows, calendar)["date"])
    recorded = _least(days_of(rows["recorded_at"], calendar.time_zone))
    return None if recorded is None else recorded + DAY


def rows_in_time(weather: pa.Table, calendar: ParkCalendar) -> pa.Table:
    """The rows of weather that were recorded by the weather lag."""
    return weather.filter(pc.invert(_is_late(weather, calendar)))


def current_rows(rows: pa.Table, table: TableName) -> pa.Table:
    """The last version of each key, without keys that were withdrawn."""
    keys = list(KEYS[table])
    ordered = rows.sort_by([("recorded_at", "ascending")])
    ordered = ordered.append_column("position", pa.array(np.arange(ordered.num_rows)))
    last = ordered.group_by(keys).aggregate([("position", "max")])["position_max"]
    found = ordered.take(last.combine_chunks()).drop(["position"])
    return found.filter(pc.invert(mark_withdrawn(found)[WITHDRAWN]))


def describe_withdrawn(rows: pa.Table, table: TableName) -> list[str]:
    """One sentence on rows that the source no longer delivers, if there are any."""
    if not rows.num_rows:
        return []
    keys = rows.select(list(KEYS[table])).to_pylist()
    named = list_capped(sorted(" ".join(str(value) for value in key.values()) for key in keys))
    what = "row is" if rows.num_rows == 1 else "rows are"
    return [f"{table}: {rows.num_rows} {what} no longer delivered, and withdrawn from now on: {named}."]


def describe_late(rows: pa.Table, held: pa.Table, calendar: ParkCalendar) -> list[str]:
    """Sentences on weather that came too late for any feature: of days without any, and corrections.

    Parameters
    ----------
    rows, held : pyarrow.Table
        New rows of weather, and those held before.
    """
    rows = rows.filter(pc.invert(mark_withdrawn(rows)[WITHDRAWN]))
    is_late = _is_late(rows, calendar)
    in_time = _cell_days(pa.concat_tables([_keys_of(rows_in_time(table, calendar)) for table in (rows, held)]))
    late, n_new = _cell_days(rows.filter(is_late)), _cell_days(rows).num_rows
    n_unused = late.join(in_time, ["cell_id", "date"], join_type="left anti").num_rows
    lag = f"{calendar.weather_lag_days} day{'' if calendar.weather_lag_days == 1 else 's'}"
    sentences = []
    if n_unused:
        share = describe_share(n_unused / n_new)
        sentences.append(
            f"weather: {n_unused} of {n_new} new cell-days ({share}) were recorded more than {lag} after their day "
            "(recorded_at). Features do not use them: for these days their weather is missing."
        )
    if n_corrected := late.num_rows - n_unused:
        sentences.append(
            f"weather: {n_corrected} of {n_new} new cell-days correct what was known, more than {lag} after their day. "
            "Features keep what was known then."
        )
    return sentences


def _is_late(rows: pa.Table, calendar: ParkCalendar) -> pa.ChunkedArray:
    recorded = days_of(rows["recorded_at"], calendar.time_zone).cast(pa.int32())
    dated = rows["date"].cast(pa.int32())
    return pc.greater(recorded, pc.add(dated, pa.scalar(calendar.weather_lag_days, pa.int32())))


def _keys_of(rows: pa.Table) -> pa.Table:
    return rows.select(list(KEYS[TableName.WEATHER]))


def _cell_days(rows: pa.Table) -> pa.Table:
    return rows.group_by(list(KEYS[TableName.WEATHER])).aggregate([])


def _least(days: pa.ChunkedArray) -> dt.date | None:
    least: dt.date | None = pc.min(days).as_py()
    return least


def describe_share(share: float) -> str:
    """A share in per cent, to one digit."""
    return f"{100 * share:.1f} %" if share >= SMALLEST_SHARE_SHOWN else "less than 0.1 %"
