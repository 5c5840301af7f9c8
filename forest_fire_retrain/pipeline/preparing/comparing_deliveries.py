"""Hold what the source says now against what the lake holds; nothing is written here.

Rules
-----
- A source that has everything at hand is asked for everything; one that delivers slices, for what was recorded since
  the last ingest, and for `look_back_days` before.
- An ingest stands at its window's end, or where the last one stood, if that is later.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.cell_days import CellChanges, DataSpan, follow_cells
from forest_fire_retrain.core.rows.ports import Lake, Source, SourceSlice, SqlEngine
from forest_fire_retrain.core.rows.reconciliation import Delivered, Differences, LastIngest, find_differences
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.shrinking import (
    Consent,
    NoConsent,
    Shrinkage,
    find_earlier_end,
    find_removed_cells,
    find_withdrawals,
)

HISTORY_START = "history_start"
INGESTED = (TableName.WEATHER, TableName.FIRES)
DAY = dt.timedelta(days=1)
EVER = [pa.scalar(day, pa.date32()) for day in (dt.date(1, 1, 1), dt.date(9999, 12, 31))]
FOLLOWERS = """
SELECT DISTINCT held.cell_id AS before, given.cell_id AS now
FROM held JOIN given USING (fire_id) WHERE held.cell_id <> given.cell_id
"""
SPANS = """
SELECT cell_id, min(date) AS first_day, max(date) AS last_day FROM (
    SELECT cell_id, date FROM held UNION ALL SELECT cell_id, date FROM added
) GROUP BY cell_id
"""


class Intake(NamedTuple):
    """Everything an ingest needs.

    Attributes
    ----------
    source, lake, engine : Source, Lake, SqlEngine
        Where rows come from and go to, and what compares them.
    calendar : ParkCalendar
        How days are counted.
    consent : Consent
        What a person accepted.
    """

    source: Source
    lake: Lake
    engine: SqlEngine
    calendar: ParkCalendar
    consent: Consent = NoConsent()


class Comparison(NamedTuple):
    """A delivery of one table beside the lake, before anything is written.

    Attributes
    ----------
    table : TableName
        `weather` or `fires`.
    asked : Interval
        Days of recorded time that the ingest completes.
    delivered : SourceSlice
        What the source said.
    differences : Differences
        What the lake lacks.
    until : datetime.date
        Where the ingest stands.
    last : LastIngest, optional
        What the ingest before knew.
    held : pyarrow.Table
        The rows that it was held against.
    is_part : bool
        Whether the source delivered a part of what it has.
    """

    table: TableName
    asked: Interval
    delivered: SourceSlice
    differences: Differences
    until: dt.date
    last: LastIngest | None
    held: pa.Table
    is_part: bool


def compare(intake: Intake, table: TableName, window: Interval) -> Comparison:
    """Hold what the source says of a table against the lake; nothing is written."""
    source, lake, calendar = intake.source, intake.lake, intake.calendar
    last = _last_ingest(lake, table, calendar)
    mark = lake.complete_through(table)
    until = max(window.end, mark or window.end)
    asked = Interval(start=min(window.start, mark or calendar.history_start), end=window.end)
    whole = source.read_whole()
    part = None if whole is not None else _slice_to_ask(asked.start, until, last, calendar)
    delivered = source.read(part or asked)
    if whole is not None:
        delivered = whole._replace(warnings=delivered.warnings)
    rows = Delivered(
        rows=delivered.weather if table is TableName.WEATHER else delivered.fires,
        is_assumed=table in delivered.assumed,
        covered=_covered(table, delivered, is_part=part is not None),
        recorded=None if part is None else (calendar.first_instant(part.start), calendar.first_instant(part.end)),
    )
    against = partial(
        find_differences,
        intake.engine,
        table,
        delivered=rows,
        until=until,
        instant=calendar.first_instant(until),
        last=last,
    )
    held = _read_held(lake, table, part)
    found = against(held=held)
    if part is not None and found.n_withdrawn:  # only all versions of a row can tell whether the slice should have it
        held = _read_held(lake, table, None)
        found = against(held=held)
    return Comparison(table, asked, delivered, found, until, last, held, is_part=part is not None)


def find_shrinkage(found: Comparison, cells: CellChanges | None = None) -> list[Shrinkage]:
    """In what a delivery says much less than the one before; of a part of the rows only withdrawals can tell."""
    shrunk = find_withdrawals(found.table, found.differences)
    if cells is not None:
        shrunk += find_removed_cells(cells)
    if found.table is TableName.WEATHER and not found.is_part:
        shrunk += find_earlier_end(found.delivered, found.held)
    return shrunk


def find_losses(intake: Intake, tables: Sequence[TableName] = INGESTED) -> list[Shrinkage]:
    """In what the source says much less now of these tables than what the lake holds; nothing is written."""
    losses: list[Shrinkage] = []
    for table in tables:
        mark = intake.lake.complete_through(table)
        if mark is None:
            continue
        found = compare(intake, table, Interval(start=mark - DAY, end=mark))
        losses += find_shrinkage(found, compare_cells(intake, found) if table is TableName.WEATHER else None)
    return losses


def compare_cells(intake: Intake, found: Comparison) -> CellChanges:
    """Hold the cells of a delivery of weather against the lake's; nothing is written."""
    lake, calendar = intake.lake, intake.calendar
    held = None if lake.version(TableName.CELLS) is None else lake.read(TableName.CELLS)
    return follow_cells(
        held,
        found.delivered.cells,
        _read_spans(lake, intake.engine, found, held),
        followers=_find_followers(lake, intake.engine, found),
        history_start=calendar.history_start,
        today=found.asked.start,
        instant=calendar.first_instant(found.until),
    )


def _last_ingest(lake: Lake, table: TableName, calendar: ParkCalendar) -> LastIngest | None:
    mark = lake.complete_through(table)
    if mark is None:
        return None
    (newest,) = lake.commits(table)
    start = newest.notes.get(HISTORY_START)
    instant = calendar.first_instant(mark)
    cells = [] if lake.version(TableName.CELLS) is None else lake.read(TableName.CELLS).to_pylist()
    known = (row["cell_id"] for row in cells if row.get("recorded_at") is None or row["recorded_at"] <= instant)
    return LastIngest(instant, dt.date.fromisoformat(start) if start else calendar.history_start, tuple(known))


def _slice_to_ask(start: dt.date, until: dt.date, last: LastIngest | None, calendar: ParkCalendar) -> Interval:
    """Days of recorded time to ask a source for that delivers slices only."""
    if last is None or calendar.history_start < last.history_start:
        return Interval(start=calendar.history_start, end=until)
    asked_again = start - dt.timedelta(days=calendar.look_back_days)
    return Interval(start=max(min(asked_again, until - DAY), calendar.history_start), end=until)


def _read_held(lake: Lake, table: TableName, part: Interval | None) -> pa.Table:
    """What the lake holds of a delivery's recorded time; what an ingest found changed stands at its end."""
    if lake.version(table) is None:
        return LAKE_SCHEMAS[table].empty_table()
    if part is None:
        return lake.read(table)
    return lake.read(table, day_column="recorded_at", window=Interval(start=part.start - DAY, end=part.end + 2 * DAY))


def _covered(table: TableName, delivered: SourceSlice, *, is_part: bool) -> pa.Table:
    """Days that a delivery covers, by cell: of a part all, of everything those that its weather spans."""
    schema = pa.schema([("cell_id", pa.string()), ("first_day", pa.date32()), ("last_day", pa.date32())])
    cell_ids = delivered.cells["cell_id"]
    if table is TableName.WEATHER and not is_part:
        spans = delivered.weather.group_by("cell_id").aggregate([("date", "min"), ("date", "max")])
        return pa.table([spans[name] for name in ("cell_id", "date_min", "date_max")], schema=schema)
    days = pc.min_max(delivered.weather["date"]).values()
    bounds = EVER if is_part else [pa.scalar(day.as_py(), pa.date32()) for day in days]
    return pa.table([cell_ids, *(pa.repeat(day, len(cell_ids)) for day in bounds)], schema=schema)


def _find_followers(lake: Lake, engine: SqlEngine, found: Comparison) -> dict[str, frozenset[str]]:
    """Cells that a whole delivery puts the fires of other cells into, by the cell that they were in."""
    if found.is_part or lake.version(TableName.FIRES) is None:
        return {}
    keys = ["fire_id", "cell_id"]
    tables = {"held": lake.read(TableName.FIRES, columns=keys), "given": found.delivered.fires.select(keys)}
    followers: dict[str, frozenset[str]] = {}
    for row in engine.query(FOLLOWERS, tables).to_pylist():
        followers[row["before"]] = followers.get(row["before"], frozenset()) | {row["now"]}
    return followers


def _read_spans(lake: Lake, engine: SqlEngine, found: Comparison, cells: pa.Table | None) -> dict[str, DataSpan]:
    """First and last day of weather by cell; of cells whose first day is known, a part of their rows is enough."""
    rows, keys = found.held, ["cell_id", "date"]
    known = [] if cells is None else [row["cell_id"] for row in cells.to_pylist() if row.get("first_day")]
    if found.is_part and set(known) != set(found.delivered.cells["cell_id"].to_pylist()) and found.last is not None:
        rows = lake.read(TableName.WEATHER, columns=keys)
    added = found.differences.rows
    spans = engine.query(SPANS, {"held": rows.select(keys), "added": added.select(keys)}).to_pylist()
    return {row["cell_id"]: DataSpan(row["first_day"], row["last_day"]) for row in spans}
