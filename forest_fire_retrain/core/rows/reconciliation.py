"""What a delivery says that the lake does not hold yet: rows to append, each with the instant it counts as known from.

Rules
-----
- Rows are only ever added. The last row of a key (weather: cell and day; fires: the fire) is what is known; a row that
  is marked `withdrawn` says that the source no longer says anything of the key.
- An instant that the source states is believed. A row without one is dated by the assumed lag, unless an ingest after
  that instant did not find it yet: then by the ingest that found it first. The assumed lag always holds for a history
  that is loaded for the first time: of the home, of a cell without any weather so far, of days before an earlier start.
- A shorter assumed lag than before dates held rows anew; a longer one changes nothing that is held.
- What moves from a cell to the one that stands for it now keeps the instant from which it was known.
- What a source says otherwise than before, without stating when, counts from the ingest that found it.
- Only what a delivery covers can be withdrawn: days between a cell's first and last day of weather in it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.ports import SqlEngine
from forest_fire_retrain.core.rows.row_versions import KEYS, mark_withdrawn
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, UTC_INSTANT, WITHDRAWN, TableName


class LastIngest(NamedTuple):
    """What the last ingest of a table knew.

    Attributes
    ----------
    instant : datetime.datetime
        When it stood, timezone-aware.
    history_start : datetime.date
        First day of the data it used.
    cell_ids : tuple of str
        Cells it knew.
    """

    instant: dt.datetime
    history_start: dt.date
    cell_ids: tuple[str, ...]


class Delivered(NamedTuple):
    """A delivery of one table.

    Attributes
    ----------
    rows : pyarrow.Table
        All rows, in the canonical schema.
    is_assumed : bool
        Whether `recorded_at` is assumed, and not stated by the source.
    covered : pyarrow.Table
        `cell_id`, `first_day`, `last_day`: days that the delivery covers, both included.
    dissolved : tuple of str
        Cells that others stand for now: their fires are the others', from when they were known on.
    assumed_before : pyarrow.ChunkedArray, optional
        Per row the instant that was assumed for it by a longer lag, at the last ingest.
    recorded : tuple of datetime, optional
        For a delivery of the rows recorded from one instant to another only; `None` for one of everything.
    """

    rows: pa.Table
    is_assumed: bool
    covered: pa.Table
    dissolved: tuple[str, ...] = ()
    assumed_before: pa.ChunkedArray | None = None
    recorded: tuple[dt.datetime, dt.datetime] | None = None


class Differences(NamedTuple):
    """Rows to append, in the lake's schema, and how many of them are of each kind.

    Attributes
    ----------
    rows : pyarrow.Table
        Sorted by instant and key.
    n_added, n_changed, n_withdrawn : int
        Rows of keys never held; rows that correct what is held, say it of another instant, or bring back what was
        withdrawn; withdrawals.
    n_held : int
        Keys that were held before, without those withdrawn.
    withdrawn : pyarrow.Table
        Those of the rows that are withdrawals.
    """

    rows: pa.Table
    n_added: int
    n_changed: int
    n_withdrawn: int
    n_held: int
    withdrawn: pa.Table


def find_differences(
    engine: SqlEngine,
    table: TableName,
    *,
    held: pa.Table,
    delivered: Delivered,
    until: dt.date,
    instant: dt.datetime,
    last: LastIngest | None,
) -> Differences:
    """Hold a delivery against what the lake holds.

    Parameters
    ----------
    engine : SqlEngine
        Runs the query text.
    table : TableName
        `weather` or `fires`.
    held : pyarrow.Table
        Row versions of the lake; those of the recorded time that is delivered are enough.
    delivered : Delivered
        What the source says.
    until : datetime.date
        Rows of this day or later that state no instant are left for a later ingest.
    instant : datetime.datetime
        When this ingest stands, the first instant of `until`. Rows that state it, or a later one, are left too.
    last : LastIngest, optional
        What the ingest before knew; `None` for the first one.
    """
    query = _build_query(table, delivered, until=until, instant=instant, last=last)
    known, dissolved = map(_table_of, (last.cell_ids if last else (), delivered.dissolved))
    rows, before = delivered.rows, delivered.assumed_before
    given = rows.append_column("assumed_before", pa.nulls(rows.num_rows, UTC_INSTANT) if before is None else before)
    tables = {
        "held": mark_withdrawn(held),
        "given": given,
        "covered": delivered.covered,
        "known": known,
        "dissolved": dissolved,
    }
    found = engine.query(query, tables)
    counts = Counter(found["kind"].to_pylist())
    n_held = engine.query(_COUNT_HELD.format(keys=", ".join(KEYS[table])), {"held": tables["held"]})
    schema = LAKE_SCHEMAS[table]
    order = [(name, "ascending") for name in ("recorded_at", *KEYS[table])]
    rows = pa.table([found[name] for name in schema.names], schema=schema).sort_by(order)
    gone = found.filter(pc.equal(found["kind"], "withdrawn")).select(schema.names)
    return Differences(rows, counts["added"], counts["changed"], counts["withdrawn"], n_held["n"][0].as_py(), gone)


_COUNT_HELD = """
SELECT count(*) AS n FROM (
    SELECT withdrawn FROM held QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY recorded_at DESC) = 1
) WHERE NOT withdrawn
"""


def _table_of(cell_ids: Sequence[str]) -> pa.Table:
    return pa.table({"cell_id": pa.array(cell_ids, pa.string())})


def _build_query(
    table: TableName, delivered: Delivered, *, until: dt.date, instant: dt.datetime, last: LastIngest | None
) -> str:
    """Query text over the tables of `find_differences`; only names of columns, dates and instants are put in."""
    keys = KEYS[table]
    columns = [name for name in LAKE_SCHEMAS[table].names if name not in ("recorded_at", WITHDRAWN)]
    values = [name for name in columns if name not in keys]
    key, column = ", ".join(keys), ", ".join(columns)
    last_first = f"PARTITION BY {key} ORDER BY recorded_at DESC"
    is_due = f"date < DATE '{until}'" if delivered.is_assumed else f"recorded_at < {_literal(instant)}"
    found_now = f"greatest({_literal(instant)}, c.recorded_at + INTERVAL 1 MICROSECOND)"
    return f"""
WITH stated AS (
    SELECT {column}, recorded_at, FALSE AS withdrawn, FALSE AS is_held FROM given g
    WHERE {"FALSE" if delivered.is_assumed else is_due}
      AND NOT EXISTS (SELECT 1 FROM held h WHERE {_same("h", "g", (*keys, "recorded_at"))})
), versions AS (
    SELECT *, {", ".join(f"lag({name}) OVER w AS before_{name}" for name in (*values, WITHDRAWN))}
    FROM (SELECT {column}, recorded_at, withdrawn, TRUE AS is_held FROM held UNION ALL SELECT * FROM stated)
    WINDOW w AS (PARTITION BY {key} ORDER BY recorded_at)
), later AS (
    SELECT * FROM versions
    WHERE is_held OR before_withdrawn IS NULL OR before_withdrawn
       OR {" OR ".join(f"{name} IS DISTINCT FROM before_{name}" for name in values)}
), c AS (
    SELECT {column}, recorded_at, withdrawn FROM later QUALIFY row_number() OVER ({last_first}) = 1
), d AS (
    SELECT {column}, recorded_at, assumed_before FROM given
    WHERE {is_due}
    QUALIFY row_number() OVER ({last_first}) = 1
), corrected AS (
    SELECT {", ".join(f"d.{name}" for name in columns)}, FALSE AS withdrawn,
           CASE WHEN c.recorded_at IS NULL THEN {_first_known(last, instant)}
                WHEN c.cell_id <> d.cell_id AND c.cell_id IN (SELECT cell_id FROM dissolved)
                THEN c.recorded_at + INTERVAL 1 MICROSECOND ELSE {found_now} END AS recorded_at,
           CASE WHEN c.recorded_at IS NULL THEN 'added' ELSE 'changed' END AS kind
    FROM d LEFT JOIN c ON {_same("c", "d", keys)}
    WHERE c.recorded_at IS NULL OR c.withdrawn OR {_differ("c", "d", values)}
), restated AS (
    SELECT {", ".join(f"d.{name}" for name in columns)}, FALSE AS withdrawn, d.recorded_at, 'changed' AS kind
    FROM d JOIN c ON {_same("c", "d", keys)}
    WHERE NOT c.withdrawn AND NOT ({_differ("c", "d", values)})
      AND c.recorded_at = d.assumed_before AND d.recorded_at < c.recorded_at
), gone AS (
    SELECT {", ".join(f"c.{name}" for name in columns)}, TRUE AS withdrawn, {found_now} AS recorded_at,
           CASE WHEN c.cell_id IN (SELECT cell_id FROM dissolved) THEN 'changed' ELSE 'withdrawn' END AS kind
    FROM c JOIN covered v ON v.cell_id = c.cell_id AND c.date BETWEEN v.first_day AND v.last_day
    WHERE NOT c.withdrawn AND NOT EXISTS (SELECT 1 FROM given g WHERE {_same("g", "c", keys)})
      AND {_lies_in_slice(keys, delivered.recorded)}
)
SELECT {column}, withdrawn, recorded_at,
       CASE WHEN before_withdrawn IS NULL AND NOT EXISTS (SELECT 1 FROM held h WHERE {_same("h", "later", keys)})
            THEN 'added' ELSE 'changed' END AS kind FROM later WHERE NOT is_held
UNION ALL SELECT {column}, withdrawn, recorded_at, kind FROM restated
UNION ALL SELECT {column}, withdrawn, recorded_at, kind FROM corrected
UNION ALL SELECT {column}, withdrawn, recorded_at, kind FROM gone
"""  # noqa: S608 - only names of columns, dates and instants are put into the text


def _first_known(last: LastIngest | None, instant: dt.datetime) -> str:
    """From when a row counts as known that was never held."""
    if last is None:
        return "d.recorded_at"
    is_new_cell = "d.cell_id NOT IN (SELECT cell_id FROM known)"
    is_believed = f"d.recorded_at >= {_literal(last.instant)} OR d.date < DATE '{last.history_start}' OR {is_new_cell}"
    return f"CASE WHEN {is_believed} THEN d.recorded_at ELSE {_literal(instant)} END"


def _lies_in_slice(keys: Sequence[str], recorded: tuple[dt.datetime, dt.datetime] | None) -> str:
    """Of a slice only what was recorded in it can be missed: all versions of the key have to lie there."""
    if recorded is None:
        return "TRUE"
    start, end = map(_literal, recorded)
    outside = f"h.recorded_at < {start} OR h.recorded_at >= {end}"
    return f"NOT EXISTS (SELECT 1 FROM held h WHERE {_same('h', 'c', keys)} AND ({outside}))"  # noqa: S608


def _same(left: str, right: str, names: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in names)


def _differ(left: str, right: str, names: Sequence[str]) -> str:
    return " OR ".join(f"{left}.{name} IS DISTINCT FROM {right}.{name}" for name in names)


def _literal(instant: dt.datetime) -> str:
    return f"TIMESTAMPTZ '{instant.astimezone(dt.UTC).isoformat()}'"
