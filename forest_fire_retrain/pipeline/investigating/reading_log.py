"""Read the prediction log: one prediction, or all of a span of days.

Rules
-----
- Of a day with several issues the one answers that stands for it (`core/serving/issues.py`), unless another is named.
- What a shadow said answers only where its issue is named. So does what a mixture said, unless it is asked for.
"""

import datetime as dt
from difflib import get_close_matches
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import RefusedRequestError, list_capped
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.explanations import LoggedPrediction
from forest_fire_retrain.core.serving.issues import answer_of_day, list_issues
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, Role
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.serving.reading_predictions import find_issue, read_log

DAY = dt.timedelta(days=1)
ALWAYS = Interval(start=dt.date.min, end=dt.date.max)
MAX_NEAREST = 3


class Found(NamedTuple):
    """A logged prediction.

    Attributes
    ----------
    prediction : LoggedPrediction
        The row without its feature values.
    row : pyarrow.Table
        The whole row, one of it.
    cell_name : str
        What people call the cell.
    other_issues : tuple of str
        Further issues of the cell and day, the newest first.
    """

    prediction: LoggedPrediction
    row: pa.Table
    cell_name: str
    other_issues: tuple[str, ...]


def read_predictions(lake: Lake, days: Interval = ALWAYS) -> pa.Table:
    """Predictions of the champions for `days`, ordered by day, time of scoring, issue and cell.

    Raises
    ------
    RefusedRequestError
        If nothing was ever predicted.
    """
    served = _served(_read_all(lake, days))
    return served.sort_by([(name, "ascending") for name in ("date", "scored_at", "issue", "cell_id")])


def _read_all(lake: Lake, days: Interval) -> pa.Table:
    """Predictions of champions and shadows."""
    if lake.version(PREDICTIONS) is None:
        msg = "nothing was predicted yet. Run: forest-fire predict"
        raise RefusedRequestError(msg)
    return read_log(lake, days)


def _served(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["role"], Role.CHAMPION.value))


def find_prediction(
    lake: Lake, cell_id: str, day: dt.date, issue: str | None = None, served_by: Role = Role.CHAMPION
) -> Found:
    """The logged prediction of a cell and day; `issue` may be given by its first letters, and be a shadow's.

    Raises
    ------
    RefusedRequestError
        If the cell, the day or the issue is not in the log; the message says what is.
    """
    of_day = _read_all(lake, Interval(start=day, end=day + DAY))
    of_cell = of_day.filter(pc.equal(of_day["cell_id"], cell_id))
    cell_name = name_cell(lake, cell_id, is_logged=of_cell.num_rows > 0)
    issues = [found for found in list_issues(of_cell) if found.role is not Role.SHADOW]
    answer = answer_of_day(issues, day, served_by)
    if answer is None:
        raise RefusedRequestError(_describe_missing(lake, cell_id, day))
    chosen = answer if issue is None else find_issue(list_issues(of_cell), issue)
    row = of_cell.filter(pc.equal(of_cell["issue"], chosen.name))
    n_cells = pc.sum(pc.equal(of_day["issue"], chosen.name)).as_py()
    others = tuple(other.name for other in reversed(issues) if other.name != chosen.name)
    return Found(_describe(row, n_cells), row, cell_name, others)


def newest_row(rows: pa.Table, day: dt.date) -> pa.Table:
    """The row that stands for a day among the rows of one cell; none if there is none."""
    answer = answer_of_day(list_issues(rows), day)
    return rows.filter(pc.equal(rows["issue"], "" if answer is None else answer.name))


def name_cell(lake: Lake, cell_id: str, *, is_logged: bool = False) -> str:
    """What people call the cell; its id where the log has it, and no ingest has found it yet.

    Raises
    ------
    RefusedRequestError
        If there is no such cell; the message names the nearest ones.
    """
    cells = lake.read(TableName.CELLS, columns=["cell_id", "name"])
    names: dict[str, str] = dict(zip(cells["cell_id"].to_pylist(), cells["name"].to_pylist(), strict=True))
    if cell_id not in names and not is_logged:
        raise RefusedRequestError(_describe_unknown_cell(cell_id, names))
    return names.get(cell_id, cell_id)


def nearest_to(typed: str, known: dict[str, str]) -> list[str]:
    """Keys whose name, or own spelling, is nearest to what was typed; `known` is name to key."""
    spelled = {name.casefold(): key for name, key in known.items()}
    close = get_close_matches(typed.casefold(), spelled, n=MAX_NEAREST, cutoff=0.5)
    return list(dict.fromkeys(spelled[name] for name in close))


def _describe_unknown_cell(cell_id: str, names: dict[str, str]) -> str:
    near = nearest_to(cell_id, {**{key: key for key in names}, **{name: key for key, name in names.items()}})
    shown = ", ".join(f"{key} ({names[key]})" for key in near) if near else f"there are {list_capped(list(names))}"
    return f"there is no cell {cell_id!r}; {'the nearest: ' if near else ''}{shown}"


def _describe_missing(lake: Lake, cell_id: str, day: dt.date) -> str:
    held = lake.read(PREDICTIONS, columns=["date"])["date"]
    span = f"it holds days from {pc.min(held)} to {pc.max(held)}" if len(held) else "it is empty"
    return (
        f"the log has no prediction of cell {cell_id} for {day}; {span}. Run: forest-fire predict --date {day} --retro "
        "(for a day that is over), or: forest-fire predict (for today)"
    )


def _describe(row: pa.Table, n_cells: int) -> LoggedPrediction:
    held = row.select([name for name in LoggedPrediction.model_fields if name != "n_cells"]).to_pylist()[0]
    return LoggedPrediction(**held, n_cells=n_cells)
