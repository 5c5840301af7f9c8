"""Ask the prediction log: which issues there are of which days, and their rows."""

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.issues import ISSUE_COLUMNS, Issue, list_issues, rows_of_issue
from forest_fire_retrain.core.serving.log_notes import LastLive, read_last_live
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PREDICTIONS_SCHEMA
from forest_fire_retrain.core.windows import Interval

DAY = dt.timedelta(days=1)


def read_log(lake: Lake, window: Interval, *, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of the log for days of `window`; none where nothing was predicted yet.

    Raises
    ------
    LakeError
        If the log cannot be read.
    """
    if lake.version(PREDICTIONS) is None:
        empty = PREDICTIONS_SCHEMA.empty_table()
        return empty if columns is None else empty.select(list(columns))
    return lake.read(PREDICTIONS, columns=columns, day_column="date", window=window)


def issues_between(lake: Lake, window: Interval) -> list[Issue]:
    """All issues for days of `window`, by day and as they became known."""
    return list_issues(read_log(lake, window, columns=ISSUE_COLUMNS))


def read_issue(lake: Lake, issue: Issue) -> pa.Table:
    """The rows of an issue, the most dangerous cell first."""
    return rows_of_issue(read_log(lake, Interval(start=issue.date, end=issue.date + DAY)), issue.name)


def find_issue(issues: Sequence[Issue], name: str) -> Issue:
    """The issue of this name, or whose name begins so.

    Raises
    ------
    RefusedRequestError
        If there is none, or more than one.
    """
    found = [issue for issue in issues if issue.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    named = "no issue is" if not found else f"{len(found)} issues are"
    msg = f"{named} called {name!r} on these days. To see them all: forest-fire predictions"
    raise RefusedRequestError(msg)


def read_last_live_of(lake: Lake) -> LastLive | None:
    """The newest day that was predicted live on the day itself; `None` without any."""
    return next((read_last_live(commit.notes) for commit in lake.commits(PREDICTIONS)), None)
