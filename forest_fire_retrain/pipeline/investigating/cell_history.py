"""What became of a cell, and what the model usually says of it: the background of one prediction.

Rules
-----
- Fires count as they are known now: whoever questions a prediction wants to know what became of it.
- "Usual" is what the model of then says on the days of the same time of the year, up to the day, on the features that
  the lake holds now.
"""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.explanations import CellHistory, LoggedDay, UsualChance
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.investigating.reading_log import newest_row, read_predictions

DAY = dt.timedelta(days=1)
MAX_LAST_FIRES = 5
N_DAYS_BEFORE = 7
SEASON_DAYS = 15
"""Days before and after the day of the year that count as the same time of the year."""
N_YEARS = 11
"""The year of the day, and ten before it."""
DAYS_OF_A_YEAR = 365.25


def read_history(lake: Lake, model: RiskModel, cell_id: str, day: dt.date, probability: float) -> CellHistory:
    """Fires, the days before in the log, and the usual chance of `cell_id`, as seen from `day`.

    Parameters
    ----------
    lake : Lake
        Fires, predictions, features.
    model : RiskModel
        Who is asked what is usual.
    cell_id, day, probability
        The prediction that this is the background of.
    """
    fires = _count_fires(lake, cell_id)
    earlier = sorted((date for date in fires if date < day), reverse=True)
    return CellHistory(
        n_fires_on_day=fires.get(day, 0),
        n_fires_before=sum(fires[date] for date in earlier),
        last_fires=tuple(earlier[:MAX_LAST_FIRES]),
        days_before=_read_days_before(lake, cell_id, day, fires),
        usual=_find_usual(lake, model, cell_id, day, probability),
    )


def _count_fires(lake: Lake, cell_id: str) -> dict[dt.date, int]:
    """Day to the number of fires that started in the cell, as known now."""
    if lake.version(TableName.FIRES) is None:
        return {}
    known = current_rows(lake.read(TableName.FIRES), TableName.FIRES)
    counted = known.filter(pc.equal(known["cell_id"], cell_id))["date"].value_counts()
    return {held["values"].as_py(): held["counts"].as_py() for held in counted}


def _read_days_before(lake: Lake, cell_id: str, day: dt.date, fires: Mapping[dt.date, int]) -> tuple[LoggedDay, ...]:
    rows = read_predictions(lake, Interval(start=day - N_DAYS_BEFORE * DAY, end=day))
    of_cell = rows.filter(pc.equal(rows["cell_id"], cell_id))
    days = (day - back * DAY for back in range(1, N_DAYS_BEFORE + 1))
    told = ((date, newest_row(of_cell, date)) for date in days)
    return tuple(_describe_day(date, row, fires.get(date, 0)) for date, row in told if row.num_rows)


def _describe_day(date: dt.date, row: pa.Table, n_fires: int) -> LoggedDay:
    chance, risk_class = row["probability"][0].as_py(), row["risk_class"][0].as_py()
    return LoggedDay(date=date, probability=chance, risk_class=risk_class, n_fires=n_fires)


def _find_usual(lake: Lake, model: RiskModel, cell_id: str, day: dt.date, probability: float) -> UsualChance | None:
    """What the model says of the cell on such days; `None` without their features, or without those it takes."""
    if lake.version(TableName.FEATURES) is None:
        return None
    rows = pa.concat_tables(lake.read(TableName.FEATURES, day_column="date", window=days) for days in _such_days(day))
    if not set(model.feature_names) <= set(rows.column_names):
        return None
    rows = rows.filter(pc.equal(rows["cell_id"], cell_id)).sort_by("date")
    if not rows.num_rows:
        return None
    chances, dates = predict(model, rows), rows["date"]
    return UsualChance(
        n_days=len(chances),
        first_day=dates[0].as_py(),
        last_day=dates[-1].as_py(),
        median=float(np.quantile(chances, 0.5)),
        highest_tenth=float(np.quantile(chances, 0.9)),
        share_below=float((chances < probability).mean()),
    )


def _such_days(day: dt.date) -> list[Interval]:
    """The same time of the year in this year and in those before, the day itself and what comes after it left out."""
    middles = (day - dt.timedelta(days=round(years * DAYS_OF_A_YEAR)) for years in range(N_YEARS))
    return [
        Interval(start=middle - SEASON_DAYS * DAY, end=min(middle + (SEASON_DAYS + 1) * DAY, day)) for middle in middles
    ]
