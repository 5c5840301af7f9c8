"""Write what was said of days into the prediction log, once.

Rules
-----
- Rows are only added. What was said last is not written again; what is said again after something else is.
- What shadows say is added with what the champion says, in one commit, and answers for no day. So is what a mixture
  says, which answers in the champion's place.
- Looking for an issue and adding it happens under the ledger's lock, so that two runs at once do not write it twice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.rows.membership import membership
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.issues import Issue, list_issues, rows_of_issue, settle_name
from forest_fire_retrain.core.serving.log_notes import LastLive
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind, Role
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.serving.reading_predictions import (
    issues_between,
    read_last_live_of,
    read_log,
)

DAY = dt.timedelta(days=1)


class PredictedDay(NamedTuple):
    """What was said of a day.

    Attributes
    ----------
    issue : Issue
        The issue that says it.
    is_new : bool
        Whether it was written now, and not before.
    rows : pyarrow.Table
        Its rows of the log, the most dangerous cell first.
    n_cells : int
        Cells that belong to the park on the day.
    cells : pyarrow.Table
        All cells, with their names and places.
    fires : pyarrow.Table
        The fires that are reported now, one row each.
    warnings : tuple of str
        What a person should know.
    """

    issue: Issue
    is_new: bool
    rows: pa.Table
    n_cells: int
    cells: pa.Table
    fires: pa.Table
    warnings: tuple[str, ...]

    @property
    def n_without_weather(self) -> int:
        """Cells of whose weather of the day nothing was known."""
        return self.rows.num_rows - (pc.sum(self.rows["has_weather"]).as_py() or 0)

    @property
    def share_without_weather(self) -> float:
        """As a share of the cells that were predicted."""
        return self.n_without_weather / max(self.rows.num_rows, 1)


def log_predictions(
    lake: Lake,
    ledger: Ledger,
    rows: pa.Table,
    *,
    cells: pa.Table,
    fires: pa.Table,
    warnings: tuple[str, ...] = (),
    shadows: Sequence[pa.Table] = (),
    mixture: pa.Table | None = None,
    served_by: Role = Role.CHAMPION,
) -> list[PredictedDay]:
    """Add those issues that the log does not hold; what stands of each day, in their order.

    Parameters
    ----------
    lake, ledger : Lake, Ledger
        Where the log is, and whose lock is held meanwhile.
    rows : pyarrow.Table
        What the champion says.
    cells, fires, warnings
        As `PredictedDay` has them.
    shadows : sequence of pyarrow.Table
        What is said beside it of the same days.
    mixture : pyarrow.Table, optional
        What models that answer together say of the same days.
    served_by : Role
        Who is asked to answer; the champion does for a mixture that says nothing.

    Raises
    ------
    LakeError
        If the log cannot be read or written.
    LedgerLockedError
        If another process holds the lock too long.
    """
    scored = list_issues(rows)
    window = Interval(start=scored[0].date, end=scored[-1].date + DAY)
    with ledger.exclusive():
        before = issues_between(lake, window)
        is_alone = mixture is None and served_by is Role.MIXTURE
        rows, *beside = [_settle(rows, before, is_answer=is_alone), *(_settle(said, before) for said in shadows)]
        beside += [] if mixture is None else [_settle(mixture, before, is_answer=True)]
        issues, held = list_issues(rows), {issue.name: issue for issue in before}
        said = pa.concat_tables([rows, *beside])
        names = [issue.name for issue in list_issues(said) if issue.name not in held]
        if names:
            new = said.filter(pc.is_in(said["issue"], pa.array(names)))
            lake.append(PREDICTIONS, new, notes=_notes(lake, issues, rows))
    served = rows if mixture is None else beside[-1]
    logged = read_log(lake, window) if held else served
    return [
        PredictedDay(
            issue=held.get(issue.name, issue),
            is_new=issue.name not in held,
            rows=rows_of_issue(logged if issue.name in held else served, issue.name),
            n_cells=count_cells(cells, issue.date),
            cells=cells,
            fires=fires,
            warnings=warnings,
        )
        for issue in list_issues(served)
    ]


def count_cells(cells: pa.Table, day: dt.date) -> int:
    """Cells that belong to the park on a day."""
    return int(membership(cells, Interval(start=day, end=day + DAY)).sum())


def _settle(rows: pa.Table, held: list[Issue], *, is_answer: bool = False) -> pa.Table:
    """The rows with the names that their issues have beside those of the log; see `settle_name`."""
    return _rename(rows, {issue.name: settle_name(issue, held, is_answer=is_answer) for issue in list_issues(rows)})


def _rename(rows: pa.Table, names: Mapping[str, str]) -> pa.Table:
    settled = pa.array([names[name] for name in rows["issue"].to_pylist()], pa.string())
    return rows.set_column(rows.column_names.index("issue"), rows.schema.field("issue"), settled)


def _notes(lake: Lake, issues: list[Issue], rows: pa.Table) -> dict[str, str]:
    """What a commit notes of the newest day that was predicted on the day itself; an older one changes nothing."""
    known, newest = read_last_live_of(lake), None
    for issue in issues:
        if (issue.kind, issue.lead_days) == (PredictionKind.LIVE, 0):
            has_weather = rows_of_issue(rows, issue.name)["has_weather"]
            newest = LastLive(issue.date, 1 - (pc.sum(has_weather).as_py() or 0) / len(has_weather))
    if newest is None or (known is not None and known.day > newest.day):
        newest = known
    return {} if newest is None else newest.to_notes()
