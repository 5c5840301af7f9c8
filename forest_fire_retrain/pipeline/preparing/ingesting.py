"""Bring what the source has recorded into the lake, once, in slices of recorded time.

Rules
-----
- Everything recorded before the window's end is in the lake afterwards: slices that earlier runs
  missed are fetched along.
- The same rows again write nothing. Rows that the source has changed since replace theirs in a new
  table version; the old version stays readable.
- A source that breaks the contract, or is another one than the home's (`one_source`), writes nothing at all.
"""

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.rows.ports import Lake, Source
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.one_source import refuse_other_source

RECORDED = "recorded_at"
SORT_KEYS = {
    TableName.CELLS: [("cell_id", "ascending")],
    TableName.WEATHER: [("date", "ascending"), ("cell_id", "ascending"), (RECORDED, "ascending")],
    TableName.FIRES: [(RECORDED, "ascending"), ("fire_id", "ascending")],
}


class WeatherGaps(NamedTuple):
    """Cell-days without weather.

    Attributes
    ----------
    n_missing, n_expected : int
        Cell-days without a row, and all cell-days.
    cell_ids : tuple of str
        Cells that lack a day, sorted.
    """

    n_missing: int
    n_expected: int
    cell_ids: tuple[str, ...]


def accept_none(_source_name: str) -> bool:
    """Nobody accepted another source."""
    return False


def ingest_weather(
    source: Source,
    lake: Lake,
    window: Interval,
    history_start: dt.date,
    *,
    has_accepted: Callable[[str], bool] = accept_none,
) -> IngestReport:
    """Bring weather, and the cells it is for, into the lake.

    Parameters
    ----------
    source, lake : Source, Lake
        Where rows come from and go to.
    window : Interval
        Days of recorded time to be complete afterwards.
    history_start : datetime.date
        First day of the data to use.
    has_accepted : callable
        Whether a person accepted the source of this name in the place of the home's.

    Raises
    ------
    InputContractError
        If the source breaks the data contract.
    OtherSourceError
        If the lake holds the rows of another source, and nobody accepted this one.
    LakeError
        If the lake cannot be written.
    """
    asked = _span_to_ask(lake, TableName.WEATHER, window, history_start)
    delivered = source.read(asked)
    refuse_other_source(source, lake, delivered.cells, has_accepted)
    _write_cells(lake, delivered.cells, source.name)
    return _write_slice(lake, TableName.WEATHER, delivered.weather, asked, delivered.warnings)


def ingest_fire_reports(
    source: Source,
    lake: Lake,
    window: Interval,
    history_start: dt.date,
    *,
    has_accepted: Callable[[str], bool] = accept_none,
) -> IngestReport:
    """Bring fire reports and their corrections, and the cells they are for, into the lake; as `ingest_weather`."""
    asked = _span_to_ask(lake, TableName.FIRES, window, history_start)
    delivered = source.read(asked)
    refuse_other_source(source, lake, delivered.cells, has_accepted)
    _write_cells(lake, delivered.cells, source.name)
    return _write_slice(lake, TableName.FIRES, delivered.fires, asked, ())


def find_weather_gaps(lake: Lake, window: Interval) -> WeatherGaps:
    """Count the cell-days of `window` that the lake has no weather for.

    Raises
    ------
    LakeError
        If cells or weather cannot be read.
    """
    cell_ids = lake.read(TableName.CELLS, columns=["cell_id"])["cell_id"].to_pylist()
    held = lake.read(TableName.WEATHER, columns=["cell_id", "date"], day_column="date", window=window)
    days = held.group_by(["cell_id", "date"]).aggregate([]).group_by("cell_id").aggregate([("date", "count")])
    n_held = dict(zip(days["cell_id"].to_pylist(), days["date_count"].to_pylist(), strict=True))
    missing = {cell_id: window.n_days - n_held.get(cell_id, 0) for cell_id in cell_ids}
    lacking = tuple(sorted(cell_id for cell_id, n_days in missing.items() if n_days > 0))
    return WeatherGaps(sum(missing.values()), len(cell_ids) * window.n_days, lacking)


def _span_to_ask(lake: Lake, table: TableName, window: Interval, history_start: dt.date) -> Interval:
    """Days of recorded time to fetch so that nothing before the window's end is missing."""
    held_through = lake.complete_through(table)
    return Interval(start=min(window.start, held_through or history_start), end=window.end)


def _write_slice(
    lake: Lake, table: TableName, rows: pa.Table, asked: Interval, warnings: tuple[str, ...]
) -> IngestReport:
    ordered = rows.sort_by(SORT_KEYS[table])
    held_through = lake.complete_through(table)
    held = None
    if held_through is not None:
        held = lake.read(table, day_column=RECORDED, window=asked).sort_by(SORT_KEYS[table])
        shrunk = held.num_rows - ordered.num_rows
        if shrunk > 0:
            warning = (
                f"{table}: the source now delivers {ordered.num_rows} rows recorded in {asked}, "
                f"{shrunk} fewer than it did; the earlier table version keeps them."
            )
            warnings = (*warnings, warning)
    content_hash = fingerprint_table(ordered)
    unchanged = held_through is not None and held_through >= asked.end and fingerprint_table(held) == content_hash
    if not unchanged:
        lake.replace(table, ordered, day_column=RECORDED, window=asked, through=asked.end)
    return IngestReport(
        table=table,
        window=asked,
        n_rows=ordered.num_rows,
        written=not unchanged,
        version=lake.version(table) or 0,
        content_hash=content_hash,
        warnings=warnings,
    )


def _write_cells(lake: Lake, cells: pa.Table, source_name: str) -> None:
    """Write the cells whenever they differ from those held, or are another source's."""
    ordered = cells.sort_by(SORT_KEYS[TableName.CELLS])
    if lake.version(TableName.CELLS) is not None and lake.origin(TableName.CELLS) in (None, source_name):
        held = lake.read(TableName.CELLS).sort_by(SORT_KEYS[TableName.CELLS])
        if fingerprint_table(held) == fingerprint_table(ordered):
            return
    lake.overwrite(TableName.CELLS, ordered, origin=source_name)
