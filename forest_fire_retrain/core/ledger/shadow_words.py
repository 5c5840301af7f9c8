"""What the rows of a shadow time say: the decision that begins it, and the verdict that ends it.

The rule's own sentence stands in the payload as it is. What comes before its colon says what happens to the champion,
which is another thing where a shadow time lies between; what comes behind it says why.
"""

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload


def describe_decision(payload: DecisionPayload) -> str:
    """The summary of a decision's row: what was decided and why, and who asked for it where that was an alarm.

    It is the rule's sentence, unless the candidate goes through a shadow time first.
    """
    said = payload.decision.sentence if payload.shadow_until is None else _describe_beginning(payload)
    return said if payload.alarm is None else f"{said} {payload.alarm}"


def _describe_beginning(payload: DecisionPayload) -> str:
    return (
        f"The candidate of {payload.holdout.windows.partition_key} goes through a shadow time until "
        f"{payload.shadow_until} before it may replace {_champion(payload)}: {_reasons(payload)}"
    )


def describe_verdict(payload: DecisionPayload) -> str:
    """The summary of a verdict's row."""
    windows = payload.holdout.windows
    what = f"After its shadow time {windows.holdout} the candidate of {payload.candidate.windows.partition_key}"
    if payload.decision.outcome is Outcome.PROMOTED:
        return f"{what} replaces {_champion(payload)}: {_reasons(payload)}"
    return f"{what} is dropped, {_champion(payload)} stays: {_reasons(payload)}"


def _champion(payload: DecisionPayload) -> str:
    return "nothing" if payload.champion is None else f"version {payload.champion.version}"


def _reasons(payload: DecisionPayload) -> str:
    """What the rule's sentence says behind its first colon."""
    return payload.decision.sentence.partition(": ")[2]
