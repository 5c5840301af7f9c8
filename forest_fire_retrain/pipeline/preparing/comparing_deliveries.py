"""Hold what the source says now against what the lake holds; nothing is written here.

Rules
-----
- A source that has everything at hand is asked for everything; one that delivers slices, for what was recorded since
  the last ingest, and for `look_back_days` before.
- An ingest stands at its window's end, or where the last one stood, if that is later.
"""

import datetime as dt
import json
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.cell_days import CellChanges, DataSpan, dissolved_cells, follow_cells
from forest_fire_retrain.core.rows.park_days import midnights
from forest_fire_retrain.core.rows.ports import Lake, Source, SourceSlice, SqlEngine
from forest_fire_retrain.core.rows.reconciliation import Delivered, Differences, LastIngest, find_differences
from forest_fire_retrain.core.rows.row_versions import add_known_on, mark_withdrawn
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.pipeline.preparing.shrinking import (
    Consent,
    NoConsent,
    Shrinkage,
    find_earlier_ends,
    find_removed_cells,
    find_withdrawals,
)

HISTORY_START = "history_start"
INGESTED = (TableName.WEATHER, TableName.FIRES)
DAY = dt.timedelta(days=1)
LOADED, ASSUMED_LAG = "loaded_cells", "assumed_lag_days"
EVER = (dt.date(1, 1, 1), dt.date(9999, 12, 31))
NEAR_DEGREES = 1.0
FOLLOWERS = """
WITH were_in AS (
    SELECT DISTINCT fire_id, cell_id FROM held
), moved AS (
    SELECT were_in.cell_id AS before, given.cell_id AS now, count(*) AS n
    FROM were_in JOIN given USING (fire_id) WHERE were_in.cell_id <> given.cell_id GROUP BY ALL
), totals AS (
    SELECT cell_id, count(*) AS n FROM were_in GROUP BY ALL
)
SELECT before, now FROM moved JOIN totals ON totals.cell_id = moved.before
JOIN cells a ON a.cell_id = moved.before JOIN cells b ON b.cell_id = moved.now
WHERE abs(a.latitude - b.latitude) <= {near} AND abs(a.longitude - b.longitude) <= {near}
QUALIFY 2 * sum(moved.n) OVER (PARTITION BY before) > totals.n
"""
SPANS = """
WITH versions AS (
    SELECT cell_id, date, recorded_at, withdrawn, known_on FROM held UNION ALL
    SELECT cell_id, date, recorded_at, withdrawn, known_on FROM added
), current AS (
    SELECT * FROM versions QUALIFY row_number() OVER (PARTITION BY cell_id, date ORDER BY recorded_at DESC) = 1
)
SELECT cell_id, min(date) AS first_day, least(max(date), max(known_on) + 1) AS last_day FROM current
WHERE NOT withdrawn AND date < DATE '{until}' GROUP BY cell_id
"""
"""First and last day of weather by cell. A forecast is no day of data before its day has come, nor long after the last
word of its cell."""


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


class Delivery(NamedTuple):
    """A delivery beside the lake: its tables, as far as they were asked for, its cells, and what it says less.

    Attributes
    ----------
    tables : dict
        Table to its comparison; of a whole delivery both.
    cells : CellChanges, optional
        What becomes of the cells, where weather was compared.
    losses : list of Shrinkage
        In what it says much less than the one before.
    """

    tables: dict[TableName, Comparison]
    cells: CellChanges | None
    losses: list[Shrinkage]


def compare_delivery(
    intake: Intake, table: TableName, window: Interval, *, instant: dt.datetime | None = None
) -> Delivery:
    """Hold what the source says of a table, or of all if it says everything, against the lake; nothing is written.

    Rows that state `instant`, by default the window's end, or a later one, are left; what is found changed counts from
    then on.
    """
    whole = intake.source.read_whole()
    tables, cells = {}, None
    if whole is not None or table is TableName.WEATHER:
        tables[TableName.WEATHER] = _compare(intake, TableName.WEATHER, window, whole, instant=instant)
        cells = _compare_cells(intake, tables[TableName.WEATHER])
    if whole is not None or table is TableName.FIRES:
        dissolved = () if cells is None else tuple(dissolved_cells(cells.cells))
        tables[TableName.FIRES] = _compare(intake, TableName.FIRES, window, whole, dissolved, instant=instant)
    losses = [] if cells is None else find_removed_cells(cells)
    for found in tables.values():
        losses += find_withdrawals(found.table, found.differences, _over_by(found, intake.calendar))
    if whole is not None:
        weather = tables[TableName.WEATHER]
        losses += find_earlier_ends(weather.delivered, weather.held, _over_by(weather, intake.calendar))
    return Delivery(tables, cells, losses)


def _over_by(found: Comparison, calendar: ParkCalendar) -> dt.date | None:
    """The days before this one were over at the last ingest."""
    return None if found.last is None else day_of(found.last.instant, calendar.time_zone)


def describe_cells(changes: CellChanges) -> list[str]:
    """A sentence each on cells that came and went."""
    sentences = []
    rows = {row["cell_id"]: row for row in changes.cells.to_pylist()}
    if changes.added:
        sentences.append(f"cells: {len(changes.added)} new: {list_capped(changes.added)}.")
    kept = [cell_id for cell_id in changes.removed if cell_id not in changes.renamed]
    if kept:
        last = max(rows[cell_id]["last_day"] for cell_id in kept)
        sentences.append(
            f"cells: {len(kept)} no longer listed: {list_capped(kept)}. Their history is kept, until {last} at most."
        )
    if changes.renamed:
        sentences.append(
            f"cells: {len(changes.renamed)} renamed or merged, by place or fires: {list_capped(changes.renamed)}. "
            "Features use the new cells only."
        )
    return sentences


def find_losses(intake: Intake) -> list[Shrinkage]:
    """In what the source says much less now than what the lake holds; nothing is written."""
    losses: dict[str, Shrinkage] = {}
    for table in INGESTED:
        mark = intake.lake.complete_through(table)
        if mark is not None:
            delivery = compare_delivery(intake, table, Interval(start=mark - DAY, end=mark))
            losses |= {loss.fingerprint: loss for loss in delivery.losses}
    return list(losses.values())


def _compare(
    intake: Intake,
    table: TableName,
    window: Interval,
    whole: SourceSlice | None,
    dissolved: tuple[str, ...] = (),
    *,
    instant: dt.datetime | None = None,
) -> Comparison:
    source, lake, calendar = intake.source, intake.lake, intake.calendar
    mark = lake.complete_through(table)
    until = max(window.end, mark or window.end)
    asked = Interval(start=min(window.start, mark or calendar.history_start), end=window.end)
    notes = lake.commits(table)[0].notes if mark is not None else {}
    start = notes.get(HISTORY_START)
    is_earlier = start is not None and calendar.history_start < dt.date.fromisoformat(start)
    part = None if whole is not None else _slice_to_ask(asked.start, until, mark if not is_earlier else None, calendar)
    delivered = source.read(part or asked)
    if whole is not None:
        delivered = whole._replace(warnings=delivered.warnings)
    held = _read_held(lake, table, part)
    last = None
    if mark is not None:
        first = dt.date.fromisoformat(start) if start else calendar.history_start
        last = LastIngest(calendar.first_instant(mark), first, _loaded_cells(lake, table, notes, held))
    rows = delivered.weather if table is TableName.WEATHER else delivered.fires
    given = Delivered(
        rows=rows,
        is_assumed=table in delivered.assumed,
        covered=_covered(table, delivered, held, dissolved, is_part=part is not None),
        dissolved=dissolved,
        assumed_before=_assumed_before(rows, table, notes, calendar) if table in delivered.assumed else None,
        recorded=None if part is None else (calendar.first_instant(part.start), calendar.first_instant(part.end)),
    )
    against = partial(
        find_differences,
        intake.engine,
        table,
        delivered=given,
        until=until,
        instant=instant or calendar.first_instant(until),
        last=last,
    )
    found = against(held=held)
    if part is not None and found.n_withdrawn:  # only all versions of a row can tell whether the slice should have it
        held = _read_held(lake, table, None)
        found = against(held=held)
    return Comparison(table, asked, delivered, found, until, last, held, is_part=part is not None)


def _compare_cells(intake: Intake, found: Comparison) -> CellChanges:
    lake, calendar = intake.lake, intake.calendar
    held = None if lake.version(TableName.CELLS) is None else lake.read(TableName.CELLS)
    return follow_cells(
        held,
        found.delivered.cells,
        _read_spans(lake, intake.engine, found, held, calendar.time_zone),
        followers=_find_followers(lake, intake.engine, found),
        history_start=calendar.history_start,
        today=lake.complete_through(TableName.WEATHER) or found.asked.start,
        instant=calendar.first_instant(found.until),
    )


def _loaded_cells(lake: Lake, table: TableName, notes: Mapping[str, str], held: pa.Table) -> tuple[str, ...]:
    """Cells whose history was loaded before: of weather those that have any, of fires those that had weather then."""
    if table is TableName.WEATHER:
        return tuple(pc.unique(held["cell_id"]).to_pylist())
    if LOADED in notes:
        return tuple(json.loads(notes[LOADED]))
    if lake.version(TableName.CELLS) is None:
        return ()
    return tuple(lake.read(TableName.CELLS, columns=["cell_id"])["cell_id"].to_pylist())


def _assumed_before(
    rows: pa.Table, table: TableName, notes: Mapping[str, str], calendar: ParkCalendar
) -> pa.ChunkedArray | None:
    """The instants that were assumed for weather when its lag was longer."""
    lag = int(notes.get(ASSUMED_LAG, "0"))
    if table is not TableName.WEATHER or lag <= calendar.weather_lag_days:
        return None
    later = pc.add(rows["date"].cast(pa.int32()), pa.scalar(lag, pa.int32())).cast(pa.date32())
    return midnights(later, calendar.time_zone)


def _slice_to_ask(start: dt.date, until: dt.date, mark: dt.date | None, calendar: ParkCalendar) -> Interval:
    """Days of recorded time to ask a source for that delivers slices only; all of them where none was ingested."""
    if mark is None:
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


def _covered(
    table: TableName, delivered: SourceSlice, held: pa.Table, dissolved: tuple[str, ...], *, is_part: bool
) -> pa.Table:
    """Days that a delivery covers, by cell: of a part all, of everything those that its weather spans.

    Weather that ends earlier than what is held is refused, or was accepted: what is held of the last days is covered.
    """
    schema = pa.schema([("cell_id", pa.string()), ("first_day", pa.date32()), ("last_day", pa.date32())])
    cell_ids = delivered.cells["cell_id"].to_pylist()
    days = [day.as_py() for day in pc.min_max(delivered.weather["date"]).values()]
    if table is TableName.WEATHER and not is_part:
        spans = delivered.weather.group_by("cell_id").aggregate([("date", "min"), ("date", "max")])
        held_end = pc.max(held["date"]).as_py()
        last_days = [
            max(day, held_end) if day == days[1] and held_end is not None else day
            for day in spans["date_max"].to_pylist()
        ]
        return pa.table([spans["cell_id"], spans["date_min"], pa.array(last_days, pa.date32())], schema=schema)
    first, last = EVER if is_part else days
    names = [*cell_ids, *dissolved]
    bounds = [pa.array([day] * len(names), pa.date32()) for day in (first, last)]
    return pa.table([pa.array(names, pa.string()), *bounds], schema=schema)


def _find_followers(lake: Lake, engine: SqlEngine, found: Comparison) -> dict[str, frozenset[str]]:
    """Near cells that a whole delivery puts most fires of another cell into, by the cell that they were in."""
    if found.is_part or None in (lake.version(TableName.FIRES), lake.version(TableName.CELLS)):
        return {}
    keys, places = ["fire_id", "cell_id"], ["cell_id", "latitude", "longitude"]
    listed = found.delivered.cells.select(places)
    held_cells = lake.read(TableName.CELLS, columns=places)
    former = held_cells.filter(pc.invert(pc.is_in(held_cells["cell_id"], listed["cell_id"])))
    tables = {
        "held": lake.read(TableName.FIRES, columns=keys),
        "given": found.delivered.fires.select(keys),
        "cells": pa.concat_tables([listed, former.cast(listed.schema)]),
    }
    followers: dict[str, frozenset[str]] = {}
    for row in engine.query(FOLLOWERS.format(near=NEAR_DEGREES), tables).to_pylist():
        followers[row["before"]] = followers.get(row["before"], frozenset()) | {row["now"]}
    return followers


def _read_spans(
    lake: Lake, engine: SqlEngine, found: Comparison, cells: pa.Table | None, time_zone: str
) -> dict[str, DataSpan]:
    """First and last day of weather by cell; of cells whose first day is known, a part of their rows is enough."""
    rows, keys = mark_withdrawn(found.held), ["cell_id", "date", "recorded_at", "withdrawn"]
    known = [] if cells is None else [row["cell_id"] for row in cells.to_pylist() if row.get("first_day")]
    if found.is_part and set(known) != set(found.delivered.cells["cell_id"].to_pylist()) and found.last is not None:
        rows = mark_withdrawn(lake.read(TableName.WEATHER))
    tables = {
        name: add_known_on(table.select(keys), time_zone)
        for name, table in (("held", rows), ("added", found.differences.rows))
    }
    spans = engine.query(SPANS.format(until=found.until), tables).to_pylist()
    return {row["cell_id"]: DataSpan(row["first_day"], row["last_day"]) for row in spans}
