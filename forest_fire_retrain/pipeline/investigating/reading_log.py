"""Read the prediction log: one prediction, or all of a span of days.

Rules
-----
- Of a day with several issues the newest live one answers, else the newest retro one, unless an issue is named.
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
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind, Role
from forest_fire_retrain.core.windows import Interval

DAY = dt.timedelta(days=1)
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


def read_predictions(lake: Lake, days: Interval | None = None) -> pa.Table:
    """Predictions of the champions for `days` (all by default), ordered by day, issue and cell.

    Raises
    ------
    RefusedRequestError
        If nothing was ever predicted.
    """
    if lake.version(PREDICTIONS) is None:
        msg = "nothing was predicted yet. Run: forest-fire predict"
        raise RefusedRequestError(msg)
    rows = lake.read(PREDICTIONS, day_column="date" if days else None, window=days)
    served = rows.filter(pc.equal(rows["role"], Role.CHAMPION.value))
    return served.sort_by([(name, "ascending") for name in ("date", "scored_at", "issue", "cell_id")])


def find_prediction(lake: Lake, cell_id: str, day: dt.date, issue: str | None = None) -> Found:
    """The logged prediction of a cell and day; `issue` may be given by its first letters.

    Raises
    ------
    RefusedRequestError
        If the cell, the day or the issue is not in the log; the message says what is.
    """
    cell_name = name_cell(lake, cell_id)
    of_day = read_predictions(lake, Interval(start=day, end=day + DAY))
    of_cell = of_day.filter(pc.equal(of_day["cell_id"], cell_id))
    if not of_cell.num_rows:
        raise RefusedRequestError(_describe_missing(lake, cell_id, day))
    issues = rank_issues(of_cell)
    chosen = issues[0] if issue is None else _choose(issues, issue, cell_id, day)
    row = of_cell.filter(pc.equal(of_cell["issue"], chosen))
    n_cells = pc.sum(pc.equal(of_day["issue"], chosen)).as_py()
    return Found(_describe(row, n_cells), row, cell_name, tuple(name for name in issues if name != chosen))


def rank_issues(rows: pa.Table) -> list[str]:
    """Names of the issues of one day: live before retro, the newest first."""
    told = rows.select(["issue", "kind", "scored_at"]).to_pylist()
    newest = {held["issue"]: (held["kind"] == PredictionKind.LIVE, held["scored_at"], held["issue"]) for held in told}
    return sorted(newest, key=lambda name: newest[name], reverse=True)


def name_cell(lake: Lake, cell_id: str) -> str:
    """What people call the cell.

    Raises
    ------
    RefusedRequestError
        If there is no such cell; the message names the nearest ones.
    """
    cells = lake.read(TableName.CELLS, columns=["cell_id", "name"])
    names: dict[str, str] = dict(zip(cells["cell_id"].to_pylist(), cells["name"].to_pylist(), strict=True))
    if cell_id not in names:
        raise RefusedRequestError(_describe_unknown_cell(cell_id, names))
    return names[cell_id]


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
        f"the log has no prediction of cell {cell_id} for {day}; {span}. Run: forest-fire predict --date {day} --retro"
    )


def _choose(issues: list[str], typed: str, cell_id: str, day: dt.date) -> str:
    meant = [name for name in issues if name == typed] or [name for name in issues if name.startswith(typed)]
    if len(meant) != 1:
        what = "no issue" if not meant else f"{len(meant)} issues"
        msg = f"{what} of cell {cell_id} for {day} begins with {typed!r}; there are: {', '.join(issues)}"
        raise RefusedRequestError(msg)
    return meant[0]


def _describe(row: pa.Table, n_cells: int) -> LoggedPrediction:
    held = row.select([name for name in LoggedPrediction.model_fields if name != "n_cells"]).to_pylist()[0]
    return LoggedPrediction(**held, n_cells=n_cells)
