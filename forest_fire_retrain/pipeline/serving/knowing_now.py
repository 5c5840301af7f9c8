"""What is known at an instant: the lake, and over it what the source says now; nothing is written.

Rules
-----
- The features are those that an ingest at the instant, and a computation after it, would put into the lake: the same
  comparison with the delivery, the same query. Neither is written, so that a retraining never sees a prediction.
- Features are taken from the lake up to the first day that may differ, and computed from there on.
- A delivery that says much less than the one before takes nothing away: what the lake holds stays, with a warning.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import EvidenceError, LakeError
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.rows.row_versions import current_rows, first_day_changed, mark_withdrawn
from forest_fire_retrain.core.rows.tables import WITHDRAWN, TableName
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import (
    Delivery,
    Intake,
    compare_delivery,
    describe_cells,
)
from forest_fire_retrain.pipeline.preparing.featuring import CHUNK_DAYS, ROW_ORDER, find_stale
from forest_fire_retrain.pipeline.preparing.one_source import refuse_other_source
from forest_fire_retrain.pipeline.preparing.snapshots import PINNED_TABLES

DAY = dt.timedelta(days=1)
MICROSECOND = dt.timedelta(microseconds=1)
ATTEMPTS = 3
NOTHING_INGESTED = "the lake has no {table} yet, so that nothing can be predicted. Run: forest-fire retrain"


class KnownNow(NamedTuple):
    """What is known at an instant.

    Attributes
    ----------
    features : pyarrow.Table
        Of every cell of the park on `days`, ordered by (date, cell).
    days : tuple of datetime.date
        The day of the instant, and the days ahead that the source has a forecast for.
    cells : pyarrow.Table
        All cells, with the days on which they belong to the park.
    fires : pyarrow.Table
        The fires that were reported by then, one row each.
    table_versions : dict
        Table to the version that was read.
    warnings : tuple of str
        What a person should know.
    """

    features: pa.Table
    days: tuple[dt.date, ...]
    cells: pa.Table
    fires: pa.Table
    table_versions: dict[str, int]
    warnings: tuple[str, ...]


class _Overlay(NamedTuple):
    """What the source says beyond the lake: rows by table, all cells, the first day that differs, forecast days."""

    rows: dict[TableName, pa.Table]
    cells: pa.Table
    changed_from: dt.date | None
    days: tuple[dt.date, ...]
    warnings: tuple[str, ...]


def know_now(intake: Intake, instant: dt.datetime, forecast_days: int) -> KnownNow:
    """What is known at `instant` of its day, and of at most `forecast_days` behind it.

    Raises
    ------
    EvidenceError
        If nothing was ingested yet.
    InputContractError
        If the source breaks the data contract.
    OtherSourceError
        If the lake holds the rows of another source, and nobody accepted this one.
    LakeError
        If the lake cannot be read, or others write it all the time.
    """
    for _ in range(ATTEMPTS):
        versions = pin_versions(intake)
        known = _know(intake, instant, forecast_days, versions)
        if pin_versions(intake) == versions:
            return known
    msg = "the lake is written by another run; nothing was predicted. Wait until it has ended, and run it again"
    raise LakeError(msg)


def pin_versions(intake: Intake) -> dict[str, int]:
    """The newest versions of the tables.

    Raises
    ------
    EvidenceError
        If one is missing.
    """
    versions = {}
    for table in PINNED_TABLES:
        version = intake.lake.version(table)
        if version is None:
            raise EvidenceError(NOTHING_INGESTED.format(table=table))
        versions[str(table)] = version
    return versions


def _know(intake: Intake, instant: dt.datetime, forecast_days: int, versions: dict[str, int]) -> KnownNow:
    overlay = _lay_over(intake, instant, forecast_days)
    features = _compute(intake, overlay, versions)
    fires = _joined(intake, overlay, TableName.FIRES, versions)
    return KnownNow(
        features=features,
        days=overlay.days,
        cells=overlay.cells,
        fires=current_rows(fires, TableName.FIRES),
        table_versions=versions,
        warnings=overlay.warnings,
    )


def _lay_over(intake: Intake, instant: dt.datetime, forecast_days: int) -> _Overlay:
    """Hold what the source says at `instant` against the lake."""
    calendar = intake.calendar
    today = day_of(instant, calendar.time_zone)
    window, behind = Interval(start=today, end=today + DAY), instant + MICROSECOND
    delivery = compare_delivery(intake, TableName.WEATHER, window, instant=behind)
    tables = dict(delivery.tables)
    losses = list(delivery.losses)
    if TableName.FIRES not in tables:
        reports = compare_delivery(intake, TableName.FIRES, window, instant=behind)
        tables |= reports.tables
        losses += reports.losses
    weather = tables[TableName.WEATHER].delivered
    refuse_other_source(intake.source, intake.lake, weather.cells, intake.consent.to_source)
    shrunk = [loss.sentence for loss in losses if not intake.consent.to_delivery(loss.fingerprint)]
    rows = {name: mark_withdrawn(found.differences.rows) for name, found in tables.items()}
    if shrunk:
        rows = {name: table.filter(pc.invert(table[WITHDRAWN])) for name, table in rows.items()}
    cells = _cells_of(delivery, keeps_all=bool(shrunk))
    changes = [first_day_changed(table, name, calendar) for name, table in rows.items() if table.num_rows]
    changed = [None if delivery.cells is None else delivery.cells.changed_from, *changes]
    recorded = weather.weather.filter(pc.less(weather.weather["recorded_at"], pa.scalar(behind)))
    ahead = set(recorded["date"].unique().to_pylist())
    forecast = (today + number * DAY for number in range(1, forecast_days + 1))
    return _Overlay(
        rows=rows,
        cells=cells,
        changed_from=min((day for day in changed if day is not None), default=None),
        days=(today, *(day for day in forecast if day in ahead)),
        warnings=tuple(_warn_of(delivery, shrunk)),
    )


def _warn_of(delivery: Delivery, shrunk: Sequence[str]) -> list[str]:
    """Cells that came or went since the last ingest; of a delivery that is not believed only in what it says less."""
    if not shrunk and delivery.cells is not None:
        return describe_cells(delivery.cells)
    return [f"the source says much less than before; what the lake holds was kept: {sentence}." for sentence in shrunk]


def _cells_of(delivery: Delivery, *, keeps_all: bool) -> pa.Table:
    """All cells; with `keeps_all` those that are no longer listed still belong to the park."""
    changes = delivery.cells
    if changes is None:
        raise AssertionError  # cells are compared with the weather
    kept = set(changes.removed) - set(changes.renamed) if keeps_all else set()
    rows = changes.cells.to_pylist()
    return pa.Table.from_pylist(
        [{**row, "last_day": None} if row["cell_id"] in kept else row for row in rows], changes.cells.schema
    )


def _compute(intake: Intake, overlay: _Overlay, versions: dict[str, int]) -> pa.Table:
    """Features of the days, ordered by (date, cell)."""
    lake, calendar = intake.lake, intake.calendar
    span = Interval(start=overlay.days[0], end=overlay.days[-1] + DAY)
    stale = find_stale(lake, span, lake.complete_through(TableName.FEATURES), calendar)
    starts = [span.start, overlay.changed_from, None if stale is None else stale.start]
    start = max(min(day for day in starts if day is not None), calendar.history_start)
    before = Interval(start=start - DAY, end=start)
    carried = lake.read(TableName.FEATURES, version=versions[TableName.FEATURES], day_column="date", window=before)
    fires = _joined(intake, overlay, TableName.FIRES, versions)
    parts = []
    while start < span.end:
        chunk = Interval(start=start, end=min(start + dt.timedelta(days=CHUNK_DAYS), span.end))
        look_back = Interval(start=chunk.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS), end=chunk.end)
        rows = compute_features(
            intake.engine,
            cells=overlay.cells,
            weather=_joined(intake, overlay, TableName.WEATHER, versions, look_back),
            fires=fires,
            window=chunk,
            history_start=calendar.history_start,
            carried=carried if carried.num_rows else None,
            weather_lag_days=calendar.weather_lag_days,
            time_zone=calendar.time_zone,
        )
        carried = rows.filter(pc.equal(rows["date"], chunk.end - DAY))
        parts.append(rows.filter(pc.is_in(rows["date"], pa.array(overlay.days, pa.date32()))))
        start = chunk.end
    return pa.concat_tables(parts).sort_by(ROW_ORDER)


def _joined(
    intake: Intake, overlay: _Overlay, table: TableName, versions: dict[str, int], window: Interval | None = None
) -> pa.Table:
    """The lake's rows, and those that the source has beyond them."""
    held = intake.lake.read(table, version=versions[table], day_column="date" if window else None, window=window)
    more = overlay.rows[table]
    return pa.concat_tables([mark_withdrawn(held).select(more.column_names), more])
