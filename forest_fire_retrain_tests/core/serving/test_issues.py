"""Which issue answers for a day."""

import datetime as dt

import pyarrow as pa

from forest_fire_retrain.core.serving.issues import ISSUE_COLUMNS, answer_of_day, list_issues, newest_issues

DAY = dt.date(2026, 7, 1)
NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def row(name: str, kind: str = "live", lead: int = 0, known: int = 0, scored: int = 0) -> dict[str, object]:
    held = (DAY, "champion", kind, lead, NOON + known * HOUR, NOON + scored * HOUR, name, 2, "c")
    return dict(zip(ISSUE_COLUMNS, held, strict=True))


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows) * 2)  # two cells each


def test_every_issue_is_listed_with_its_cells_as_it_became_known() -> None:
    issues = list_issues(table(row("later", known=2), row("first"), row("second", known=1)))
    assert [(issue.name, issue.n_rows) for issue in issues] == [("first", 2), ("second", 2), ("later", 2)]


def test_the_newest_one_knew_most_and_was_scored_last() -> None:
    rows = [row("old", known=1, scored=9), row("new", known=2, scored=3), row("again", known=2, scored=4)]
    rows += [row("ahead", lead=1), row("retro", kind="retro", known=30)]
    assert {issue.name for issue in newest_issues(list_issues(table(*rows)))} == {"again", "ahead", "retro"}


def test_a_day_is_answered_by_what_was_said_on_the_day_before_what_was_said_ahead_or_afterwards() -> None:
    ahead, far, retro, live = row("ahead", lead=1), row("far", lead=3), row("retro", kind="retro"), row("live")
    for rows, expected in (
        ((far, ahead, retro, live), "live"),
        ((far, ahead, retro), "ahead"),
        ((retro,), "retro"),
    ):
        answer = answer_of_day(list_issues(table(*rows)), DAY)
        assert answer is not None
        assert answer.name == expected
    assert answer_of_day([], DAY) is None
