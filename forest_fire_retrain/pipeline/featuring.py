"""Compute features once per day and cell, merge them incrementally, share them with everyone.

Rules
-----
- One period plus look-back gives the same bits as a full rebuild.
- Days that earlier runs missed are computed along, from the first missing day on.
- Recomputing a past window writes nothing when nothing changed; a change is carried forward to the
  newest day, because the moisture codes carry it.
"""

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.fingerprints import fingerprint_table
from forest_fire_retrain.core.ports import Lake, SqlEngine
from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.tables import TableName
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
        return _rebuild(lake, engine, asked, mark)
    n_rows, last = 0, None
    for chunk in _chunks(asked):
        last = _compute(lake, engine, chunk)
        n_rows += last.num_rows
        lake.replace(TableName.FEATURES, last, day_column="date", window=chunk, through=chunk.end)
    return _report(lake, asked, last, n_rows=n_rows, written=True, recomputed_through=None)


def _rebuild(lake: Lake, engine: SqlEngine, asked: Interval, mark: dt.date) -> FeatureReport:
    """Compute a window that is held already; write only what changed, and everything after it."""
    fresh = _compute(lake, engine, asked)
    held = lake.read(TableName.FEATURES, day_column="date", window=asked).sort_by(ROW_ORDER)
    if fingerprint_table(held) == fingerprint_table(fresh):
        return _report(lake, asked, fresh, n_rows=fresh.num_rows, written=False, recomputed_through=None)
    for chunk in _chunks(Interval(start=asked.start, end=mark)):
        rows = _compute(lake, engine, chunk)
        lake.replace(TableName.FEATURES, rows, day_column="date", window=chunk, through=chunk.end)
    return _report(lake, asked, fresh, n_rows=fresh.num_rows, written=True, recomputed_through=mark)


def _chunks(span: Interval) -> Iterator[Interval]:
    """Pieces of at most a year, so that memory does not grow with history."""
    start = span.start
    while start < span.end:
        end = min(start + dt.timedelta(days=CHUNK_DAYS), span.end)
        yield Interval(start=start, end=end)
        start = end


def _compute(lake: Lake, engine: SqlEngine, window: Interval) -> pa.Table:
    day_before = Interval(start=window.start - dt.timedelta(days=1), end=window.start)
    carried = None
    if lake.version(TableName.FEATURES) is not None:
        before = lake.read(TableName.FEATURES, day_column="date", window=day_before)
        carried = before if before.num_rows else None
    return compute_features(
        engine,
        cells=lake.read(TableName.CELLS),
        weather=lake.read(TableName.WEATHER, day_column="date", window=_with_look_back(window, WEATHER_LOOK_BACK_DAYS)),
        fires=lake.read(TableName.FIRES),
        window=window,
        carried=carried,
    )


def _with_look_back(window: Interval, days: int) -> Interval:
    return Interval(start=window.start - dt.timedelta(days=days), end=window.end)


def _report(
    lake: Lake,
    asked: Interval,
    rows: pa.Table | None,
    *,
    n_rows: int,
    written: bool,
    recomputed_through: dt.date | None,
) -> FeatureReport:
    shares: dict[str, float] = {}
    if rows is not None and rows.num_rows:
        shares = {name: pc.sum(pc.is_null(rows[name])).as_py() / rows.num_rows for name in FEATURE_NAMES}
    return FeatureReport(
        window=asked,
        n_rows=n_rows,
        written=written,
        recomputed_through=recomputed_through,
        version=lake.version(TableName.FEATURES) or 0,
        content_hash="" if rows is None else fingerprint_table(rows),
        null_share={name: round(share, 4) for name, share in shares.items() if share > 0},
    )
