"""Bring the lake to what the source says now, and note what that changes.

Rules
-----
- After an ingest the lake's last row of each key is what the source says of it, of everything recorded before the
  window's end: late rows, corrections, withdrawals, a cell with a past, an earlier start date. How a delivery is held
  against the lake says `core.rows.reconciliation`.
- An ingest stands at its window's end, or where the last one stood, if that is later: what it finds changed counts as
  known from then on.
- Rows are only added; the same delivery again writes nothing. Each commit notes the first day whose features it may
  change.
- A source that breaks the contract, is another one than the home's (`one_source`), or no longer says much of what it
  said (`shrinking`), writes nothing.
"""

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.rows.cell_days import CellChanges
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import (
    CHANGED_FROM,
    describe_late,
    describe_withdrawn,
    first_day_changed,
    note_day,
)
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval, day_of, runs_of_days
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import (
    ASSUMED_LAG,
    HISTORY_START,
    LOADED,
    Comparison,
    Delivery,
    Intake,
    compare_delivery,
    describe_cells,
)
from forest_fire_retrain.pipeline.preparing.one_source import refuse_other_source
from forest_fire_retrain.pipeline.preparing.shrinking import refuse_shrunk_delivery

SORT_KEYS = {
    TableName.WEATHER: [("date", "ascending"), ("cell_id", "ascending"), ("recorded_at", "ascending")],
    TableName.FIRES: [("recorded_at", "ascending"), ("fire_id", "ascending")],
}
CELL_COLUMNS = [(field.name, field.type) for field in LAKE_SCHEMAS[TableName.CELLS]]
DAY = dt.timedelta(days=1)


def ingest_weather(intake: Intake, window: Interval) -> IngestReport:
    """Bring weather, and the cells it is for, into the lake; `window` is complete afterwards.

    Raises
    ------
    InputContractError
        If the source breaks the data contract.
    OtherSourceError
        If the lake holds the rows of another source, and nobody accepted this one.
    ShrunkDeliveryError
        If the source no longer says much of what it said, and nobody accepted that.
    LakeError
        If the lake cannot be written.
    """
    delivery = compare_delivery(intake, TableName.WEATHER, window)
    found, cells = delivery.tables[TableName.WEATHER], delivery.cells
    _refuse(intake, delivery, found)
    if cells is None:
        raise AssertionError  # cells are compared with the weather
    _write_cells(intake.lake, cells, intake.source.name)
    late = describe_late(found.differences.rows, found.held, intake.calendar)
    gone = describe_withdrawn(found.differences.withdrawn, found.table)
    return _write(intake, found, (*describe_cells(cells), *found.delivered.warnings, *late, *gone))


def ingest_fire_reports(intake: Intake, window: Interval) -> IngestReport:
    """Bring fire reports, their corrections and withdrawals into the lake; as `ingest_weather`."""
    delivery = compare_delivery(intake, TableName.FIRES, window)
    found = delivery.tables[TableName.FIRES]
    _refuse(intake, delivery, found)
    _note_source(intake, found)
    return _write(intake, found, describe_withdrawn(found.differences.withdrawn, found.table))


def _refuse(intake: Intake, delivery: Delivery, found: Comparison) -> None:
    """Refuse another source, and a delivery that says much less: all of it, whichever table is ingested first."""
    refuse_other_source(intake.source, intake.lake, found.delivered.cells, intake.consent.to_source)
    refuse_shrunk_delivery(delivery.losses, intake.consent)


def _note_source(intake: Intake, found: Comparison) -> None:
    """Note whose rows the home holds, where weather has not done it; what the cells are follows from their weather."""
    lake, name = intake.lake, intake.source.name
    if lake.version(TableName.CELLS) is None:
        listed = found.delivered.cells
        cells = pa.table(
            [listed[n] if n in listed.column_names else pa.nulls(listed.num_rows, t) for n, t in CELL_COLUMNS],
            schema=LAKE_SCHEMAS[TableName.CELLS],
        )
        lake.overwrite(TableName.CELLS, cells.sort_by("cell_id"), origin=name)
    elif lake.origin(TableName.CELLS) not in (None, name):
        lake.overwrite(TableName.CELLS, lake.read(TableName.CELLS), origin=name, notes={CHANGED_FROM: note_day(None)})


def _write_cells(lake: Lake, changes: CellChanges, source_name: str) -> None:
    """Write the cells whenever they differ from those held, or are another source's."""
    if lake.version(TableName.CELLS) is not None and lake.origin(TableName.CELLS) in (None, source_name):
        held = lake.read(TableName.CELLS).sort_by("cell_id")
        if held.column_names == changes.cells.column_names and held.equals(changes.cells):
            return
    lake.overwrite(
        TableName.CELLS, changes.cells, origin=source_name, notes={CHANGED_FROM: note_day(changes.changed_from)}
    )


def _write(intake: Intake, found: Comparison, warnings: Sequence[str]) -> IngestReport:
    lake, calendar = intake.lake, intake.calendar
    table, rows = found.table, found.differences.rows
    notes = {HISTORY_START: calendar.history_start.isoformat(), **_notes_of(found, calendar)}
    newest = lake.commits(table)
    is_moved = found.last is None or found.until != lake.complete_through(table)
    is_moved = is_moved or any(newest[0].notes.get(name) != value for name, value in notes.items())
    if is_moved or rows.num_rows:
        changed_from = note_day(first_day_changed(rows, table, calendar))
        lake.append(table, rows, through=found.until, notes={**notes, CHANGED_FROM: changed_from})
    delivered = found.delivered.weather if table is TableName.WEATHER else found.delivered.fires
    return IngestReport(
        table=table,
        window=found.asked,
        n_rows=delivered.num_rows,
        n_added=found.differences.n_added,
        n_changed=found.differences.n_changed,
        n_withdrawn=found.differences.n_withdrawn,
        changed=_days_changed(found, calendar),
        written=is_moved or rows.num_rows > 0,
        version=lake.version(table) or 0,
        content_hash=fingerprint_table(delivered.sort_by(SORT_KEYS[table])),
        warnings=tuple(warnings),
    )


def _notes_of(found: Comparison, calendar: ParkCalendar) -> dict[str, str]:
    """What the next ingest of the table has to know of this one."""
    if found.table is TableName.WEATHER:
        return {ASSUMED_LAG: str(calendar.weather_lag_days)} if found.table in found.delivered.assumed else {}
    if found.is_part:
        return {}
    loaded = {*(found.last.cell_ids if found.last else ()), *found.delivered.weather["cell_id"].unique().to_pylist()}
    return {LOADED: canonical_json(sorted(loaded))}


def _days_changed(found: Comparison, calendar: ParkCalendar) -> tuple[Interval, ...]:
    """Runs of days before the last ingest that features or labels now see otherwise."""
    if found.last is None:
        return ()
    end = day_of(found.last.instant, calendar.time_zone)
    rows = found.differences.rows
    days = set()
    if found.table is TableName.FIRES:  # a fire that moved leaves a day, too
        were = found.held.filter(pc.is_in(found.held["fire_id"], rows["fire_id"]))
        days = {*rows["date"].to_pylist(), *were["date"].to_pylist()}
    first = first_day_changed(rows, found.table, calendar)
    if first is not None and first < end:  # moisture codes and fire history carry a change on
        days |= {first + number * DAY for number in range((end - first).days)}
    return runs_of_days(day for day in days if day < end)
