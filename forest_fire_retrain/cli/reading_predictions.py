"""Ask the prediction log on the command line; nothing here imports Dagster, pandas or scikit-learn."""

import datetime as dt
import json
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.cli.console import out, print_json, print_table
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import Issue
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.pipeline.serving.reading_predictions import find_issue, issues_between, read_issue
from forest_fire_retrain.settings import Settings

DAY = dt.timedelta(days=1)
N_HIGHEST = 10
MOST_DAYS = 20_000


class Asked(NamedTuple):
    """The days that a person asks for; none of them stands for today."""

    date: dt.date | None
    first: dt.date | None
    last: dt.date | None

    def days(self, today: dt.date) -> list[dt.date]:
        """The days, in their order.

        Raises
        ------
        RefusedRequestError
            If they contradict each other.
        """
        if self.date is not None and (self.first or self.last):
            msg = "--date asks for one day, --from and --to for a range; nothing was done. Give the one or the other"
            raise RefusedRequestError(msg)
        if (self.first is None) != (self.last is None):
            msg = "a range needs --from and --to; nothing was done"
            raise RefusedRequestError(msg)
        first, last = self.first or self.date or today, self.last or self.date or today
        if first > last:
            msg = f"the range from {first} to {last} is the wrong way round; swap --from and --to"
            raise RefusedRequestError(msg)
        if (last - first).days >= MOST_DAYS:
            msg = f"the range from {first} to {last} is longer than {MOST_DAYS:,} days; nothing was done. Ask in parts"
            raise RefusedRequestError(msg)
        return [first + number * DAY for number in range((last - first).days + 1)]


def print_predictions(settings: Settings, asked: Asked, name: str | None, *, as_json: bool) -> None:
    """The issues of days, or the rows of one.

    Raises
    ------
    RefusedRequestError
        If an issue is asked for that there is not.
    LakeError
        If the log cannot be read.
    """
    lake, today = DeltaLake(settings.lake_root), day_of(read_clock(), settings.time_zone)
    days = asked.days(today)
    ahead = settings.forecast_days if asked == Asked(None, None, None) else 0
    issues = issues_between(lake, Interval(start=days[0], end=days[-1] + (1 + ahead) * DAY))
    if name is not None:
        _print_issue(lake, find_issue(issues, name), as_json=as_json)
        return
    rows = [issue._asdict() for issue in issues]
    if as_json:
        print_json(rows)
    elif rows:
        shown = [{name: value for name, value in row.items() if name != "candidate_id"} for row in rows]
        columns = ["issue" if name == "name" else name for name in shown[0]]
        print_table("Predictions, by day and as they became known", columns, [list(row.values()) for row in shown])
    else:
        which = f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
        out.print(f"Nothing was predicted for {which}. Run: forest-fire predict")


def _print_issue(lake: Lake, issue: Issue, *, as_json: bool) -> None:
    rows = read_issue(lake, issue)
    if as_json:
        print_json([{**row, "class_limits": json.loads(row["class_limits"])} for row in rows.to_pylist()])
    else:
        print_cells(lake, issue, rows)


def print_cells(lake: Lake, issue: Issue, rows: pa.Table) -> None:
    """The most dangerous cells of an issue."""
    names = lake.read(TableName.CELLS, columns=["cell_id", "name"]).to_pylist()
    called = {row["cell_id"]: row["name"] for row in names}
    ahead = f", {counted(issue.lead_days, 'day')} ahead" if issue.lead_days else ""
    known = f"known at {issue.known_at:%Y-%m-%d %H:%M} UTC"
    title = f"{issue.date}, {issue.kind}{ahead}, {issue.author}, {known}"
    table = [
        (
            row["rank"],
            row["cell_id"],
            called.get(row["cell_id"]),
            f"{row['probability']:.2%}",
            row["risk_class"],
            "known" if row["has_weather"] else "MISSING",
        )
        for row in rows.slice(0, N_HIGHEST).to_pylist()
    ]
    print_table(f"{title}, issue {issue.name}", ("rank", "cell", "name", "chance", "class", "weather"), table)
