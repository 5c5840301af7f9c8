"""Measure how far the newest days lie from the champion's training, in what it sees and in what it says.

Rules
-----
- The newest days are those after the training, at most as many as the rule says, up to the last day with features. No
  report of a fire is needed for them.
- Training rows are read as the champion's candidate pinned them, year by year; of a large park every n-th cell, so
  that a look at ten thousand cells needs no more memory than one at a few hundred.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.population_shift import PREDICTIONS, PopulationShift, Sample, describe_shift
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval

DAY = dt.timedelta(days=1)
YEAR_DAYS = 365
MOST_TRAINING_ROWS = 500_000


class _Reader(NamedTuple):
    """Reads rows of features as samples of every measure."""

    lake: Lake
    model: RiskModel
    cells: pa.Array | None

    def read(self, window: Interval, version: int | None = None) -> dict[str, Sample]:
        parts = [self._samples_of(rows) for rows in self._read_years(window, version) if rows.num_rows]
        names = parts[0] if parts else ()
        return {name: Sample(*(np.concatenate(column) for column in _columns(parts, name))) for name in names}

    def _read_years(self, window: Interval, version: int | None) -> Iterator[pa.Table]:
        start = window.start
        while start < window.end:
            end = min(start + YEAR_DAYS * DAY, window.end)
            year = Interval(start=start, end=end)
            rows = self.lake.read(TableName.FEATURES, version=version, day_column="date", window=year)
            yield rows if self.cells is None else rows.filter(pc.is_in(rows["cell_id"], self.cells))
            start = end

    def _samples_of(self, rows: pa.Table) -> dict[str, Sample]:
        days = rows["date"].to_numpy().astype("datetime64[D]")
        values = {name: rows[name].to_numpy().astype(np.float64) for name in RAW_MEASURES}
        values[PREDICTIONS] = predict(self.model, rows)
        return {name: Sample(days, column) for name, column in values.items()}


def measure_population_shift(
    lake: Lake, model: RiskModel, candidate: Candidate, today: dt.date, rule: MonitorRule
) -> PopulationShift | None:
    """How far the newest days lie from the training; `None` if there are none after it.

    Parameters
    ----------
    lake : Lake
        Holds the features.
    model, candidate : RiskModel, Candidate
        The champion, and what it was trained on.
    today : datetime.date
        Days from it on are left out.
    rule : MonitorRule
        How many days are looked at, and beyond what a shift is told.

    Raises
    ------
    LakeError
        If the pinned version of the features cannot be read.
    """
    training = candidate.windows.training
    window = _newest_days(lake, training, today, rule.shift_days)
    if window is None:
        return None
    version = candidate.snapshot.table_versions[TableName.FEATURES]
    reader = _Reader(lake, model, _choose_cells(lake, training, version))
    return describe_shift(window, training, reader.read(training, version), reader.read(window), rule)


def _newest_days(lake: Lake, training: Interval, today: dt.date, n_days: int) -> Interval | None:
    if today <= training.end:
        return None
    after = Interval(start=training.end, end=today)
    last = pc.max(lake.read(TableName.FEATURES, columns=["date"], day_column="date", window=after)["date"]).as_py()
    if last is None:
        return None
    return Interval(start=max(training.end, last + DAY - n_days * DAY), end=last + DAY)


def _choose_cells(lake: Lake, training: Interval, version: int) -> pa.Array | None:
    """Every n-th cell of the training's last day, so that its rows are not too many; `None` where all are taken."""
    last = Interval(start=training.end - DAY, end=training.end)
    rows = lake.read(TableName.FEATURES, version=version, columns=["cell_id", "date"], day_column="date", window=last)
    step = -(-rows.num_rows * training.n_days // MOST_TRAINING_ROWS)
    return None if step <= 1 else pa.array(sorted(set(rows["cell_id"].to_pylist()))[::step])


def _columns(parts: list[dict[str, Sample]], name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [part[name].days for part in parts], [part[name].values for part in parts]
