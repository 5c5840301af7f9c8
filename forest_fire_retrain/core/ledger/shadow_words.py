"""What the rows of a shadow time say: the decision that begins it, and the verdict that ends it.

The rule's own sentence stands in the payload as it is. What comes before its first colon says what happens to the
champion, which is another thing where a shadow time lies between; what comes behind it says why.
"""

import datetime as dt

from forest_fire_retrain.core.decision.case import Decision
from forest_fire_retrain.core.decision.verdicts import Outcome


def describe_beginning(decision: Decision, partition_key: str, champion: int | None, until: dt.date) -> str:
    """That a candidate goes through a shadow time until a day, and why it may replace the champion then."""
    return (
        f"The candidate of {partition_key} goes through a shadow time until {until} before it may replace "
        f"{_name(champion)}: {_reasons(decision)}"
    )


def describe_verdict(decision: Decision, partition_key: str, champion: int | None, days: str) -> str:
    """What came of a shadow time, and why; `days` says when that was."""
    what = f"After its shadow time {days} the candidate of {partition_key}"
    if decision.outcome is Outcome.PROMOTED:
        return f"{what} replaces {_name(champion)}: {_reasons(decision)}"
    return f"{what} is dropped, {_name(champion)} stays: {_reasons(decision)}"


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _reasons(decision: Decision) -> str:
    return decision.sentence.partition(": ")[2]
