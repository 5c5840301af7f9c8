"""A folder's history with the moisture codes carried through it, by the product's own code."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.streams import FolderPlan
from forest_fire_retrain.core.rows.carried_codes import CARRIED, MEMORIES, fire_weather_columns
from forest_fire_retrain.core.rows.fire_weather import Floats, MoistureCodes
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks.recipes import plan_stream

FAR_FUTURE = dt.date(2100, 1, 1)
DAY = dt.timedelta(days=1)
YEAR_DAYS = 365
CODES = MoistureCodes._fields
WEATHER = ("temp_max_c", "temp_min_c", "wind_speed_kmh", "precip_mm", "rel_humidity_pct")


class Record(NamedTuple):
    """A folder's history, its cells in their order, and the codes of every day by name, shape (n_days, n_cells)."""

    panel: Panel
    cells: pa.Table
    codes: Mapping[str, Floats]

    def weather(self, name: str) -> Floats:
        """A measure of every day, shape (n_days, n_cells)."""
        return self.panel.features[name].to_numpy().reshape(-1, self.panel.n_cells)


def load_record(folder: Path, start: dt.date) -> Record:
    """Read everything in the folder from `start` on, and carry the codes through it."""
    source = FolderPlan(folder, assumed_report_lag_days=2, today=FAR_FUTURE)
    everything = Interval(start=start, end=FAR_FUTURE)
    weather = plan_stream(source, start, everything).open_source().read(everything).weather
    panel = load_panel(plan_stream(source, start, Interval(start=start, end=pc.max(weather["date"]).as_py() + DAY)))
    latitude = panel.features["latitude"].to_numpy()[: panel.n_cells]
    record = Record(panel, pa.table({"cell_id": panel.cell_ids, "latitude": latitude}), {})
    followed = follow(record, panel.days, before=None)
    return record._replace(codes={code: followed[CARRIED.format(code)] for code in CODES})


def follow(
    record: Record,
    window: Interval,
    *,
    before: Sequence[Floats | float] | None,
    hidden_days: int = 0,
    humidity: Floats | None = None,
) -> dict[str, Floats]:
    """Fire weather of a window by column, each of shape (n_days, n_cells), as the product computes it.

    Parameters
    ----------
    record : Record
        Weather of every day and cell.
    window : Interval
        The days.
    before : sequence of ndarray or float, optional
        Codes of the day before; `None` starts them as the product does.
    hidden_days : int
        First days of the window of which the weather is hidden.
    humidity : ndarray of shape (n_days, n_cells), optional
        Humidity in %, in place of the record's.
    """
    n_cells = record.panel.n_cells
    rows = record.panel.feature_rows(window)[list(WEATHER)].copy()
    if humidity is not None:
        rows["rel_humidity_pct"] = humidity.ravel()
    rows.iloc[: hidden_days * n_cells] = np.nan
    weather = {name: rows[name].to_numpy().reshape(-1, n_cells) for name in WEATHER}
    observed = {m.memory_days: np.full((window.n_days, n_cells), m.memory_days) for m in MEMORIES.values()}
    carried, history_start = None, window.start
    if before is not None:
        codes = {CARRIED.format(c): np.full(n_cells, value) for c, value in zip(CODES, before, strict=True)}
        carried, history_start = pa.table({"cell_id": record.cells["cell_id"], **codes}), window.start - DAY
    columns = fire_weather_columns(
        weather, observed, cells=record.cells, window=window, history_start=history_start, carried=carried
    )
    return {name: values.reshape(-1, n_cells) for name, values in columns.items()}
