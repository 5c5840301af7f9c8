"""From which day to which day a cell exists; what that means for rows is `membership`'s business.

Rules
-----
- A cell exists from its first day of weather on. While it has none, from the day it was first listed on; the cells of
  a home's first delivery from the start of the history on.
- A cell that the source no longer lists exists until its last day of weather, and keeps its history.
- A cell whose place, or whose fires, a new cell with its past has now, is renamed or merged: it is not kept twice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName

DAY = dt.timedelta(days=1)
SPAN = ("first_day", "last_day")
PLACE = ("latitude", "longitude")
Row = dict[str, object]
NO_FOLLOWERS: Mapping[str, frozenset[str]] = MappingProxyType({})


class DataSpan(NamedTuple):
    """First and last day of a cell's weather."""

    first: dt.date
    last: dt.date


class CellChanges(NamedTuple):
    """The cells afterwards, and what became of them.

    Attributes
    ----------
    cells : pyarrow.Table
        All cells that ever were, in the lake's schema, by id.
    added, removed, renamed : tuple of str
        Ids, sorted; a cell that was renamed, or merged into another, is among the removed ones, too.
    changed_from : datetime.date, optional
        First day whose features another cell, place or span may change; `None` where nothing does.
    """

    cells: pa.Table
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[str, ...]
    changed_from: dt.date | None


def follow_cells(
    held: pa.Table | None,
    listed: pa.Table,
    spans: Mapping[str, DataSpan],
    *,
    followers: Mapping[str, frozenset[str]] = NO_FOLLOWERS,
    history_start: dt.date,
    today: dt.date,
    instant: dt.datetime,
) -> CellChanges:
    """Hold the cells that a source lists against those of the lake.

    Parameters
    ----------
    held : pyarrow.Table, optional
        The lake's cells; `None` without any.
    listed : pyarrow.Table
        The source's cells.
    spans : mapping
        Id to its days of weather, of every cell that has any.
    followers : mapping
        Id of a cell to those of the cells that its fires are in now.
    history_start, today : datetime.date
        First day of the data to use, and the day that a cell without weather is first listed on.
    instant : datetime.datetime
        From when new cells count as known.
    """
    before = {} if held is None else {row["cell_id"]: _with_span(row, spans, history_start) for row in held.to_pylist()}
    after = {row["cell_id"]: row for row in listed.to_pylist()}
    first_listed = None if held is None else today
    for cell_id, row in after.items():
        known = before.get(cell_id)
        starts = (known["first_day"] if known else None, spans[cell_id].first if cell_id in spans else None)
        start = min((day for day in starts if isinstance(day, dt.date)), default=None if known else first_listed)
        row |= {"first_day": start, "last_day": None, "recorded_at": known["recorded_at"] if known else instant}
    added = tuple(sorted(after.keys() - before.keys()))
    gone = {
        cell_id: {**row, "first_day": row["first_day"] or history_start}
        for cell_id, row in before.items()
        if cell_id not in after
    }
    places = {_place(row): cell_id for cell_id, row in after.items()}
    now_in = {
        cell_id: [after[name] for name in {*followers.get(cell_id, ()), places.get(_place(row), "")} if name in after]
        for cell_id, row in gone.items()
    }
    renamed = tuple(sorted(cell_id for cell_id, row in gone.items() if _is_renamed(row, now_in[cell_id])))
    for cell_id, row in gone.items():
        row["last_day"] = _last_day(row, spans.get(cell_id), is_renamed=cell_id in renamed, today=today)
    rows = {**gone, **after}
    removed = tuple(sorted(cell_id for cell_id in gone if before[cell_id]["last_day"] is None))
    changed = [_changed_from(before.get(cell_id), rows[cell_id], history_start) for cell_id in sorted(rows)]
    return CellChanges(
        cells=pa.Table.from_pylist([rows[cell_id] for cell_id in sorted(rows)], LAKE_SCHEMAS[TableName.CELLS]),
        added=added if held is not None else (),
        removed=removed,
        renamed=renamed,
        changed_from=min((day for day in changed if day is not None), default=None),
    )


def dissolved_cells(cells: pa.Table) -> list[str]:
    """Cells that others stand for now: they have no day."""
    rows = cells.to_pylist()
    return [row["cell_id"] for row in rows if row.get("last_day") and row["last_day"] < row["first_day"]]


def _with_span(row: Row, spans: Mapping[str, DataSpan], history_start: dt.date) -> Row:
    """A row of the lake's; those of earlier releases lack the columns that came later."""
    known = {**dict.fromkeys((*SPAN, "recorded_at")), **row}
    if "first_day" not in row:
        span = spans.get(str(row["cell_id"]))
        known["first_day"] = span.first if span else history_start
    return known


def _place(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in PLACE)


def _is_renamed(row: Row, followers: Sequence[Row]) -> bool:
    """Whether there are cells that follow this one, and all of them have its past."""
    if row["last_day"] is not None or not followers:
        return False
    first = _day(row["first_day"], dt.date.min)
    return all(_day(follower["first_day"], dt.date.min) <= first for follower in followers)


def _last_day(row: Row, span: DataSpan | None, *, is_renamed: bool, today: dt.date) -> dt.date:
    if row["last_day"] is not None:
        return _day(row["last_day"], today)
    if is_renamed or span is None:
        return _day(row["first_day"], today) - DAY
    return span.last


def _changed_from(before: Row | None, after: Row, history_start: dt.date) -> dt.date | None:
    """First day whose features differ between two rows of a cell."""
    first = _day(after["first_day"], history_start)
    if before is None:
        return first
    if _place(before) != _place(after) or before["first_day"] != after["first_day"]:
        return min(first, _day(before["first_day"], history_start))
    if before["last_day"] == after["last_day"]:
        return None
    return min(_day(row["last_day"], dt.date.max - DAY) for row in (before, after)) + DAY


def _day(value: object, otherwise: dt.date) -> dt.date:
    return value if isinstance(value, dt.date) else otherwise
