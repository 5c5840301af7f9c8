"""Compute features once per day and cell, merge them incrementally, share them with everyone.

Rules
-----
- One period plus look-back gives the same bits as a full rebuild.
- Days that earlier runs missed are computed along, from the first missing day on.
- Recomputing a past window writes nothing when nothing changed; a change is carried forward to the
  newest day, because the moisture codes carry it. The day after the window is looked at too: a fire
  reported on the last day first shows there.
- What is carried forward is written from the newest days back: a run cut short leaves the window itself
  as it was, so that the next run sees the change again.
"""

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval

CHUNK_DAYS = 366
ROW_ORDER = [("date", "ascending"), ("cell_id", "ascending")]


def build_features(lake: Lake, engine: SqlEngine, window: Interval, history_start: dt.date) -> FeatureReport:
    """Have the features of `window`, and of every day before it, in the lake.

    Parameters
    ----------
    lake, engine : Lake, SqlEngine
        Where tables are, and what runs the feature query.
    window : Interval
        Days to be complete afterwards.
    history_start : datetime.date
        First day of the data to use.

    Raises
    ------
    LakeError
        If weather or fires are missing or the lake cannot be written.
    """
    mark = lake.complete_through(TableName.FEATURES)
    missing_from = min(window.start, mark or history_start)
    asked = Interval(start=missing_from, end=window.end)
    if mark is not None and mark >= window.end:
        return _rebuild(lake, engine, window, history_start, mark)
    n_rows = 0
    for chunk in _chunks(asked):
        rows = _compute(lake, engine, chunk, history_start, _held_on_day_before(lake, chunk.start))
        n_rows += rows.num_rows
        lake.replace(TableName.FEATURES, rows, day_column="date", window=chunk, through=chunk.end)
    return _report(lake, window, asked, n_rows=n_rows, written=True, recomputed_through=None)


def _rebuild(lake: Lake, engine: SqlEngine, window: Interval, history_start: dt.date, mark: dt.date) -> FeatureReport:
    """Compute a window that is held already; write only what changed, and everything after it."""
    watched = Interval(start=window.start, end=min(window.end + dt.timedelta(days=1), mark))
    fresh = _compute(lake, engine, watched, history_start, _held_on_day_before(lake, watched.start))
    changed = fingerprint_table(_held(lake, watched)) != fingerprint_table(fresh)
    if changed:
        _carry_forward(lake, engine, Interval(start=window.start, end=mark), history_start)
    n_rows = pc.sum(pc.less(fresh["date"], window.end)).as_py() or 0
    recomputed_through = mark if changed else None
    return _report(lake, window, window, n_rows=n_rows, written=changed, recomputed_through=recomputed_through)


def _carry_forward(lake: Lake, engine: SqlEngine, span: Interval, history_start: dt.date) -> None:
    """Replace the days of `span` chunk by chunk, the newest first."""
    chunks = list(_chunks(span))
    carried = [_held_on_day_before(lake, span.start)]
    for chunk in chunks[:-1]:
        rows = _compute(lake, engine, chunk, history_start, carried[-1])
        carried.append(rows.filter(pc.equal(rows["date"], chunk.end - dt.timedelta(days=1))))
    for chunk, before in zip(reversed(chunks), reversed(carried), strict=True):
        rows = _compute(lake, engine, chunk, history_start, before)
        lake.replace(TableName.FEATURES, rows, day_column="date", window=chunk, through=chunk.end)


def _chunks(span: Interval) -> Iterator[Interval]:
    """Pieces of at most a year, so that memory does not grow with history."""
    start = span.start
    while start < span.end:
        end = min(start + dt.timedelta(days=CHUNK_DAYS), span.end)
        yield Interval(start=start, end=end)
        start = end


def _held(lake: Lake, window: Interval) -> pa.Table:
    return lake.read(TableName.FEATURES, day_column="date", window=window).sort_by(ROW_ORDER)


def _held_on_day_before(lake: Lake, day: dt.date) -> pa.Table | None:
    """Feature rows that the moisture codes of `day` follow from; `None` where nothing came before."""
    if lake.version(TableName.FEATURES) is None:
        return None
    before = _held(lake, Interval(start=day - dt.timedelta(days=1), end=day))
    return before if before.num_rows else None


def _compute(
    lake: Lake, engine: SqlEngine, window: Interval, history_start: dt.date, carried: pa.Table | None
) -> pa.Table:
    return compute_features(
        engine,
        cells=lake.read(TableName.CELLS),
        weather=lake.read(TableName.WEATHER, day_column="date", window=_with_look_back(window, WEATHER_LOOK_BACK_DAYS)),
        fires=lake.read(TableName.FIRES),
        window=window,
        history_start=history_start,
        carried=carried,
    )


def _with_look_back(window: Interval, days: int) -> Interval:
    return Interval(start=window.start - dt.timedelta(days=days), end=window.end)


def _report(
    lake: Lake,
    window: Interval,
    computed: Interval,
    *,
    n_rows: int,
    written: bool,
    recomputed_through: dt.date | None,
) -> FeatureReport:
    rows = _held(lake, window)
    shares = {name: rows[name].null_count / max(rows.num_rows, 1) for name in FEATURE_NAMES}
    return FeatureReport(
        window=computed,
        n_rows=n_rows,
        written=written,
        recomputed_through=recomputed_through,
        version=lake.version(TableName.FEATURES) or 0,
        content_hash=fingerprint_table(rows),
        null_share={name: round(share, 4) for name, share in shares.items() if share > 0},
    )
