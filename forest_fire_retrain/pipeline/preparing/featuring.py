"""Compute features once per day and cell, merge them incrementally, share them with everyone.

Rules
-----
- One period plus look-back gives the same bits as a full rebuild.
- Each commit notes what it was built from. Later commits of weather, fires and cells note the first day whose features
  they may change: from the first such day on features are computed again, to the newest day, because the moisture codes
  carry a change forward. Days that earlier runs missed are computed along.
- Days that come out as they were are not written. The last commit of a computation notes the new versions, so that a
  run cut short is made good by the next one.
- Where it is not noted what a table was built from, or another version of the features, another lag, zone or start
  was, all days are computed.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES, FEATURE_VERSION
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.rows.ports import FeatureEngine, Lake, SqlEngine
from forest_fire_retrain.core.rows.row_versions import CHANGED_FROM, read_day
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval

CHUNK_DAYS, LEAST_CHUNK_DAYS = 366, 7
CHUNK_ROWS = 800_000
"""Cell-days that are computed at once, as far as whole days go: they and their look-back take two gigabytes."""
ROW_ORDER = [("date", "ascending"), ("cell_id", "ascending")]
BUILT_FROM = "built_from"
INPUTS = (TableName.CELLS, TableName.WEATHER, TableName.FIRES)


def build_features(
    lake: Lake, engine: SqlEngine | FeatureEngine, window: Interval, calendar: ParkCalendar
) -> FeatureReport:
    """Have the features of `window`, and of every day before it, in the lake.

    Parameters
    ----------
    lake : Lake
        Where tables are.
    engine : SqlEngine or FeatureEngine
        What runs the feature query in this process, or computes features elsewhere; the bits are the same.
    window : Interval
        Days to be complete afterwards.
    calendar : ParkCalendar
        How days are counted.

    Raises
    ------
    LakeError
        If weather or fires are missing or the lake cannot be written.
    """
    mark = lake.complete_through(TableName.FEATURES)
    stale = find_stale(lake, window, mark, calendar)
    n_written, changed_through = 0, None
    if stale is not None:
        n_written, changed_through = _compute_stale(lake, engine, stale, mark, calendar)
    rows = _held(lake, window)
    shares = {name: rows[name].null_count / max(rows.num_rows, 1) for name in FEATURE_NAMES}
    return FeatureReport(
        window=stale or window,
        n_rows=n_written,
        written=n_written > 0,
        recomputed_through=changed_through,
        version=lake.version(TableName.FEATURES) or 0,
        content_hash=fingerprint_table(rows),
        null_share={name: round(share, 4) for name, share in shares.items() if share > 0},
    )


def complete_through(lake: Lake) -> dt.date | None:
    """The day before which weather, fires and features are in the lake; `None` if one of the tables is missing."""
    marks = [lake.complete_through(table) for table in (TableName.WEATHER, TableName.FIRES, TableName.FEATURES)]
    return None if None in marks else min(mark for mark in marks if mark is not None)


def find_stale(lake: Lake, window: Interval, mark: dt.date | None, calendar: ParkCalendar) -> Interval | None:
    """Days, from the first to the last of `window`, whose features are missing or may have changed; `None` without any.

    `mark` is the day before which the lake's features are complete.
    """
    end = max(window.end, mark or window.end)
    if mark is None:
        return Interval(start=calendar.history_start, end=end)
    first = min(mark, _first_changed(lake, calendar) or mark)
    first = max(first, calendar.history_start)
    return Interval(start=first, end=end) if first < end else None


def _first_changed(lake: Lake, calendar: ParkCalendar) -> dt.date | None:
    """First day that the features do not follow from their inputs any more."""
    (newest,) = lake.commits(TableName.FEATURES)
    built = json.loads(newest.notes.get(BUILT_FROM, "{}"))
    if {name: built.get(name) for name in _settings_of(calendar)} != _settings_of(calendar):
        return calendar.history_start
    changed: list[dt.date | None] = []
    for table in INPUTS:
        for commit in lake.commits(table, after=built[table]):
            noted = commit.notes.get(CHANGED_FROM)
            changed.append(calendar.history_start if noted is None else read_day(noted))
    return min((day for day in changed if day is not None), default=None)


def _settings_of(calendar: ParkCalendar) -> dict[str, object]:
    """What features hang on besides their inputs."""
    return {
        "feature_version": FEATURE_VERSION,
        "weather_lag_days": calendar.weather_lag_days,
        "time_zone": calendar.time_zone,
        "history_start": calendar.history_start.isoformat(),
    }


def _compute_stale(
    lake: Lake, engine: SqlEngine | FeatureEngine, stale: Interval, mark: dt.date | None, calendar: ParkCalendar
) -> tuple[int, dt.date | None]:
    """Compute the days of `stale` and write those that changed: how many rows, and to which day held ones did."""
    versions = {str(table): lake.version(table) for table in INPUTS}
    fresh = {**_settings_of(calendar), **versions}
    notes = dict(lake.commits(TableName.FEATURES)[0].notes) if mark is not None else {}
    before = {BUILT_FROM: notes[BUILT_FROM]} if BUILT_FROM in notes else {}
    waiting: tuple[Interval, pa.Table] | None = None
    n_written, changed_through = 0, None
    carried = _held_on_day_before(lake, stale.start)
    for chunk in _chunks(stale, mark, _days_at_once(lake)):
        rows = _compute(lake, engine, chunk, carried, calendar)
        carried = rows.filter(pc.equal(rows["date"], chunk.end - dt.timedelta(days=1)))
        if mark is not None and chunk.end <= mark:
            if _are_held(lake, chunk, rows):
                continue
            changed_through = chunk.end
        n_written += rows.num_rows
        if waiting is not None:
            _write(lake, *waiting, notes=before)
        waiting = chunk, rows
    if waiting is not None:
        _write(lake, *waiting, notes={BUILT_FROM: canonical_json(fresh)})
    return n_written, changed_through


def _write(lake: Lake, chunk: Interval, rows: pa.Table, *, notes: Mapping[str, str]) -> None:
    lake.replace(TableName.FEATURES, rows, day_column="date", window=chunk, through=chunk.end, notes=notes)


def _days_at_once(lake: Lake) -> int:
    """A year, or as many days as make `CHUNK_ROWS` in a larger park, and a week at least: each chunk looks back."""
    n_cells = lake.read(TableName.CELLS, columns=["cell_id"]).num_rows
    return max(LEAST_CHUNK_DAYS, min(CHUNK_DAYS, CHUNK_ROWS // max(n_cells, 1)))


def _chunks(span: Interval, mark: dt.date | None, n_days: int) -> Iterator[Interval]:
    """Pieces of at most so many days; held days and new ones apart."""
    start = span.start
    while start < span.end:
        end = min(start + dt.timedelta(days=n_days), span.end)
        if mark is not None and start < mark < end:
            end = mark
        yield Interval(start=start, end=end)
        start = end


def _held(lake: Lake, window: Interval) -> pa.Table:
    return lake.read(TableName.FEATURES, day_column="date", window=window).sort_by(ROW_ORDER)


def _are_held(lake: Lake, window: Interval, rows: pa.Table) -> bool:
    held = _held(lake, window)
    if set(held.column_names) != set(rows.column_names):
        return False
    return fingerprint_table(held.select(rows.column_names)) == fingerprint_table(rows)


def _held_on_day_before(lake: Lake, day: dt.date) -> pa.Table | None:
    """Feature rows that the moisture codes of `day` follow from; `None` where nothing came before."""
    if lake.version(TableName.FEATURES) is None:
        return None
    before = _held(lake, Interval(start=day - dt.timedelta(days=1), end=day))
    return before if before.num_rows else None


def _compute(
    lake: Lake,
    engine: SqlEngine | FeatureEngine,
    window: Interval,
    carried: pa.Table | None,
    calendar: ParkCalendar,
) -> pa.Table:
    if isinstance(engine, FeatureEngine):
        return engine.compute(lake, window, carried, calendar)
    look_back = Interval(start=window.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS), end=window.end)
    return compute_features(
        engine,
        cells=lake.read(TableName.CELLS),
        weather=lake.read(TableName.WEATHER, day_column="date", window=look_back),
        fires=lake.read(TableName.FIRES),
        window=window,
        history_start=calendar.history_start,
        carried=carried,
        weather_lag_days=calendar.weather_lag_days,
        time_zone=calendar.time_zone,
    )
