"""A whole history in memory: features once for every cell and day, labels as known at any instant, the truth.

Rules
-----
- Rows lie in the order (date, cell), so that a run of days is a slice.
- Features come from the product's own query; every one of them knows only what was recorded by its day.
- What really happened is the last correction of every report; in a simulated park, of every fire,
  reported or not.
"""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.core.decision.regions import region_names
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.ports import Source
from forest_fire_retrain.core.rows.row_versions import mark_withdrawn
from forest_fire_retrain.core.rows.tables import WITHDRAWN
from forest_fire_retrain.core.windows import UTC, Interval, midnight

LONGEST_WAIT_DAYS = 500
NEVER_US = np.iinfo(np.int64).max
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class ReportIndex(NamedTuple):
    """Fire reports and corrections, one row each; a row holds from its arrival until the next of its fire.

    Attributes
    ----------
    day, cell : numpy.ndarray
        Place of day and cell in the panel; days outside it are left out.
    known_from_us, known_until_us : numpy.ndarray
        Microseconds since 1970, UTC.
    """

    day: np.ndarray
    cell: np.ndarray
    known_from_us: np.ndarray
    known_until_us: np.ndarray


class Panel(NamedTuple):
    """A history.

    Attributes
    ----------
    days : Interval
        Days of the panel.
    cell_ids, regions : numpy.ndarray
        Cells in their order, shape (n_cells,).
    features : pandas.DataFrame
        Model inputs, shape (n_days * n_cells, n_features).
    null_counts : numpy.ndarray
        Missing values per feature before each day, shape (n_days + 1, n_features).
    reports : ReportIndex
        What was reported.
    happened : numpy.ndarray
        1 where a fire started, else 0; shape (n_days, n_cells).
    truth : numpy.ndarray, optional
        True probability, shape (n_days, n_cells).
    time_zone : str
        IANA name of the zone whose days these are.
    """

    days: Interval
    cell_ids: np.ndarray
    regions: np.ndarray
    features: pd.DataFrame
    null_counts: np.ndarray
    reports: ReportIndex
    happened: np.ndarray
    truth: np.ndarray | None
    time_zone: str = UTC

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cell_ids)

    def places(self, window: Interval) -> slice:
        """Days of `window` as places in the panel."""
        return slice((window.start - self.days.start).days, (window.end - self.days.start).days)

    def feature_rows(self, window: Interval) -> pd.DataFrame:
        """Model inputs of `window`."""
        days = self.places(window)
        return self.features.iloc[days.start * self.n_cells : days.stop * self.n_cells]

    def labels_known_at(self, day: dt.date, window: Interval) -> np.ndarray:
        """Labels of `window` from what was recorded before `day` began, shape (n_days, n_cells)."""
        labels = known_labels(self.reports, (self.days.n_days, self.n_cells), self._begin_us(day))
        return labels[self.places(window)]

    def _begin_us(self, day: dt.date) -> int:
        return (midnight(day, self.time_zone) - EPOCH) // dt.timedelta(microseconds=1)

    def null_shares(self, window: Interval) -> dict[str, float]:
        """Share of missing values per feature."""
        days = self.places(window)
        counts = self.null_counts[days.stop] - self.null_counts[days.start]
        shares = counts / ((days.stop - days.start) * self.n_cells)
        return dict(zip(FEATURE_NAMES, shares.tolist(), strict=True))


def load_panel(plan: StreamPlan) -> Panel:
    """Read the source and compute everything once, from the first day of the history to the plan's horizon.

    Raises
    ------
    ConfigurationError
        If the source has no weather up to the end of the span.
    InputContractError
        If the source breaks the data contract.
    """
    days = Interval(start=plan.history_start, end=plan.horizon)
    source = plan.open_source()
    delivered = source.read(days)
    _refuse_short(delivered.weather, plan.span)
    cells = delivered.cells.sort_by("cell_id")
    fires = _read_fires(source, days)
    rows = compute_features(
        DuckDbEngine(plan.n_threads),
        cells=cells,
        weather=delivered.weather,
        fires=fires,
        window=days,
        history_start=plan.history_start,
        carried=None,
        time_zone=plan.time_zone,
    )
    features: pd.DataFrame = rows.select(list(FEATURE_NAMES)).to_pandas()
    shape = (days.n_days, cells.num_rows)
    missing = features.isna().to_numpy().reshape(*shape, -1).sum(axis=1)
    everything, truth = _look_up_truth(plan, fires, days, shape)
    return Panel(
        days=days,
        cell_ids=cells["cell_id"].to_numpy().astype(np.str_),
        regions=region_names(cells["latitude"].to_numpy(), cells["longitude"].to_numpy()),
        features=features,
        null_counts=np.concatenate([np.zeros((1, len(FEATURE_NAMES))), missing.cumsum(axis=0)]),
        reports=index_reports(fires, cells, days),
        happened=known_labels(index_reports(everything, cells, days), shape, NEVER_US),
        truth=truth,
        time_zone=plan.time_zone,
    )


def index_reports(fires: pa.Table, cells: pa.Table, days: Interval) -> ReportIndex:
    """ReportIndex of days in `days`, `cells` being in their order."""
    ordered = mark_withdrawn(fires).sort_by([("fire_id", "ascending"), ("recorded_at", "ascending")])
    fire_ids = ordered["fire_id"].to_numpy()
    recorded_us = ordered["recorded_at"].cast(pa.int64()).to_numpy()
    until_us = np.full(len(recorded_us), NEVER_US)
    has_next = fire_ids[1:] == fire_ids[:-1]
    until_us[:-1][has_next] = recorded_us[1:][has_next]
    day = ordered["date"].cast(pa.int32()).to_numpy() - (days.start - dt.date(1970, 1, 1)).days
    cell = pc.index_in(ordered["cell_id"], cells["cell_id"].combine_chunks()).to_numpy()
    inside = (day >= 0) & (day < days.n_days) & ~ordered[WITHDRAWN].to_numpy()
    return ReportIndex(*(column[inside] for column in (day, cell, recorded_us, until_us)))


def known_labels(reports: ReportIndex, shape: tuple[int, int], instant_us: int) -> np.ndarray:
    """1 where, by the reports recorded before `instant_us`, a fire started, else 0; of each fire the last counts."""
    holds = (reports.known_from_us < instant_us) & (reports.known_until_us >= instant_us)
    labels = np.zeros(shape, dtype=np.int8)
    labels[reports.day[holds], reports.cell[holds]] = 1
    return labels


def _refuse_short(weather: pa.Table, span: Interval) -> None:
    last = pc.max(weather["date"]).as_py()
    if last is None or last < span.end - dt.timedelta(days=1):
        known = "there is none" if last is None else f"it ends on {last}"
        msg = f"the backtest needs weather up to {span.end - dt.timedelta(days=1)}, but {known}; choose an earlier --to"
        raise ConfigurationError(msg)


def _look_up_truth(
    plan: StreamPlan, fires: pa.Table, days: Interval, shape: tuple[int, int]
) -> tuple[pa.Table, np.ndarray | None]:
    """All fires, and their probability where it is known."""
    if plan.park is None:
        return fires, None
    everything = plan.park.model_copy(update={"outage": None, "label_delay": None})
    whole = Simulator(everything, plan.history_start, plan.time_zone)
    return _read_fires(whole, days), whole.true_probability(days)["probability"].to_numpy().reshape(shape)


def _read_fires(source: Source, days: Interval) -> pa.Table:
    return source.read(Interval(start=days.start, end=days.end + dt.timedelta(days=LONGEST_WAIT_DAYS))).fires
