"""Read the prediction log back: which issues there are, and which is the newest of each day.

Rules
-----
- The champion's issue stands for a day. Where a mixture serves, what it says stands in its place, unless the champion
  said something later.
"""

import datetime as dt
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import fingerprint_mapping
from forest_fire_retrain.core.serving.prediction_log import UNREGISTERED, PredictionKind, Role

ISSUE_COLUMNS = ("date", "role", "kind", "lead_days", "known_at", "scored_at", "issue", "model_version", "candidate_id")
HIGHEST_FIRST = [("date", "ascending"), ("issue", "ascending"), ("rank", "ascending"), ("cell_id", "ascending")]


class Issue(NamedTuple):
    """All rows that were scored for a day in one go; ordered as they became known.

    Attributes
    ----------
    date : datetime.date
        Day predicted for.
    role, kind : Role, PredictionKind
        Of which version, and when it was made.
    lead_days : int
        How far ahead.
    known_at, scored_at : datetime.datetime
        What was recorded by then was used; when it was scored.
    name : str
        Its name, by content.
    version : int
        The version that scored it; `UNREGISTERED` of a shadow that was never promoted, and of a mixture.
    candidate_id : str
        The candidate that became it.
    n_rows : int
        Cells.
    """

    date: dt.date
    role: Role
    kind: PredictionKind
    lead_days: int
    known_at: dt.datetime
    scored_at: dt.datetime
    name: str
    version: int
    candidate_id: str
    n_rows: int

    @property
    def author(self) -> str:
        """Who said it; of a shadow also that nobody was served by it."""
        if self.role is Role.MIXTURE:
            return "the mixture"
        if self.role is Role.CHAMPION:
            return f"version {self.version}"
        who = f"candidate {self.candidate_id}" if self.version == UNREGISTERED else f"version {self.version}"
        return f"{who} as a shadow"


def list_issues(rows: pa.Table) -> list[Issue]:
    """The issues among rows of the log (the columns `ISSUE_COLUMNS` are enough), by day and as they became known."""
    counted = rows.select(list(ISSUE_COLUMNS)).group_by(list(ISSUE_COLUMNS)).aggregate([([], "count_all")])
    found = [
        Issue(
            date=row["date"],
            role=Role(row["role"]),
            kind=PredictionKind(row["kind"]),
            lead_days=row["lead_days"],
            known_at=row["known_at"],
            scored_at=row["scored_at"],
            name=row["issue"],
            version=row["model_version"],
            candidate_id=row["candidate_id"],
            n_rows=row["count_all"],
        )
        for row in counted.to_pylist()
    ]
    return sorted(found, key=lambda issue: (issue.date, issue.known_at, issue.scored_at, issue.name))


def newest_issues(issues: list[Issue]) -> list[Issue]:
    """Of each day, role, kind and lead the issue that knew most, and of those the one that was scored last.

    There is one of each shadow, one of the champion, whichever version that was, and one of the mixture.
    """
    newest = {_series_of(issue): issue for issue in issues}
    return list(newest.values())


def served_issues(issues: list[Issue], served_by: Role = Role.CHAMPION) -> list[Issue]:
    """What stands of each day, kind and lead.

    Parameters
    ----------
    issues : list of Issue
        As `list_issues` orders them.
    served_by : Role
        `MIXTURE` where that answers, if it said anything.
    """
    newest = newest_issues(issues)
    mixed = {_occasion_of(issue): issue for issue in newest if issue.role is Role.MIXTURE is served_by}
    found = []
    for issue in (issue for issue in newest if issue.role is Role.CHAMPION):
        beside = mixed.get(_occasion_of(issue), issue)
        found.append(beside if beside.known_at >= issue.known_at else issue)
    return found


def answer_of_day(issues: list[Issue], day: dt.date, served_by: Role = Role.CHAMPION) -> Issue | None:
    """The one issue that stands for a day: live before retro, then the shortest lead, then the newest."""
    of_day = [issue for issue in served_issues(issues, served_by) if issue.date == day]
    return min(of_day, key=lambda issue: (issue.kind is not PredictionKind.LIVE, issue.lead_days), default=None)


def settle_name(issue: Issue, held: list[Issue], *, is_answer: bool = False) -> str:
    """The name of an issue beside those that the log holds: of one of them where it says nothing new.

    It says nothing new where the one before it, or the one behind it, was made of the same. What is said again after
    something else was said is another issue: otherwise the something else would stand for the day.

    Parameters
    ----------
    issue : Issue
        What was scored; its name is made of its content.
    held : list of Issue
        Those of the log, as `list_issues` orders them.
    is_answer : bool
        Whether it stands for the day where a mixture may: then what champion or mixture said since is something else.
    """
    series = [other for other in held if _series_of(other) == _series_of(issue)]
    before = [other.name for other in series if other.known_at <= issue.known_at]
    behind = [other.name for other in series if other.known_at > issue.known_at]
    if is_answer and before and not _does_stand(before[-1], issue, held):
        before = []
    neighbours, taken = {*before[-1:], *behind[:1]}, {other.name for other in held}
    name, n_times = issue.name, 1
    while name in taken and name not in neighbours:
        n_times += 1
        name = fingerprint_mapping({"issue": issue.name, "n_times": n_times})[: len(issue.name)]
    return name


def _does_stand(name: str, issue: Issue, held: list[Issue]) -> bool:
    """Whether what was said under `name` stands where mixtures serve, as known when `issue` was scored."""
    occasion = _occasion_of(issue)
    known = [other for other in held if _occasion_of(other) == occasion and other.known_at <= issue.known_at]
    return name in {other.name for other in served_issues(known, Role.MIXTURE)}


def _occasion_of(issue: Issue) -> tuple[dt.date, PredictionKind, int]:
    return issue.date, issue.kind, issue.lead_days


def _series_of(issue: Issue) -> tuple[dt.date, Role, PredictionKind, int, str]:
    """What takes the place of what: a champion follows the one before it, shadows stand beside each other."""
    shadow = issue.candidate_id if issue.role is Role.SHADOW else ""
    return issue.date, issue.role, issue.kind, issue.lead_days, shadow


def rows_of_issue(rows: pa.Table, name: str) -> pa.Table:
    """The rows of an issue, the most dangerous cell first."""
    return rows.filter(pc.equal(rows["issue"], name)).sort_by(HIGHEST_FIRST)
