"""What was said of a day, in words and figures for people."""

import datetime as dt
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.issues import Issue, answer_of_day
from forest_fire_retrain.core.serving.prediction_log import PredictionKind
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_issue

DAY = dt.timedelta(days=1)


class Yesterday(NamedTuple):
    """What was said of the day before, and what was reported of it since.

    Attributes
    ----------
    issue : Issue
        The issue that stands for the day before.
    rows : pyarrow.Table
        Its rows, the most dangerous cell first.
    burnt : frozenset of str
        Cells in which a fire of that day is reported.
    """

    issue: Issue
    rows: pa.Table
    burnt: frozenset[str]


def count_classes(day: PredictedDay) -> dict[str, int]:
    """Cells by class, the most dangerous class first."""
    counts: dict[str, int] = {}
    for name in day.rows["risk_class"].to_pylist():
        counts[name] = counts.get(name, 0) + 1
    return counts


def sentence_on(day: PredictedDay) -> str:
    """What was said of a day in one sentence."""
    issue, expected = day.issue, pc.sum(day.rows["expected_fires"]).as_py()
    classes = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in count_classes(day).items())
    kind = "" if issue.kind is PredictionKind.LIVE else f"{issue.kind}, "
    stands = "" if day.is_new else "; it was said before and stands"
    return (
        f"{kind}{issue.author}, {counted(day.rows.num_rows, 'cell')}: {classes}; "
        f"{expected:.2g} fires expected (issue {issue.name}){stands}"
    )


def warnings_on(day: PredictedDay, max_share_without_weather: float) -> list[str]:
    """What a person should know of a day."""
    if not day.n_without_weather:
        return list(day.warnings)
    names = day.rows.filter(pc.invert(day.rows["has_weather"]))["cell_id"].to_pylist()
    share, limit = day.share_without_weather, max_share_without_weather
    too_many = f", more than FOREST_FIRE_MAX_SHARE_WITHOUT_WEATHER ({limit:.0%})" if share > limit else ""
    sentence = (
        f"{day.issue.date}: {day.n_without_weather} of {day.rows.num_rows} cells have no weather of the day "
        f"({share:.0%}{too_many}), and are predicted without: {list_capped(names)}."
    )
    return [*day.warnings, sentence]


def look_at_yesterday(lake: Lake, day: PredictedDay) -> Yesterday | None:
    """What was said of the day before, beside the fires that are reported now; `None` if nothing was said."""
    before = day.issue.date - DAY
    issues = issues_between(lake, Interval(start=before, end=day.issue.date))
    issue = answer_of_day(issues, before, day.issue.role)
    if issue is None:
        return None
    burnt = day.fires.filter(pc.equal(day.fires["date"], before))["cell_id"].to_pylist()
    return Yesterday(issue, read_issue(lake, issue), frozenset(burnt))
