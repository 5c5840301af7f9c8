"""What a person should look at, whatever was decided: a silent feed, fires that stay away, a guardrail, an old model.

Rules
-----
- An alert says its figures and where to look.
- Evidence that starts anew after a promotion is no alert: the first decisions of a reign cannot answer yet.
"""

import datetime as dt

from forest_fire_retrain.core.decision.case import Case, GuardrailFinding
from forest_fire_retrain.core.decision.label_gate import count_of, count_season, gather_season, is_suspect
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.decision.wording import SayDays, counted, say_days

FEED_SILENT = "the weather feed is silent "
ROWS_MISSING = "the newest window is not whole: "
FEW_FIRES = "fewer fires than the season expects "
GUARDRAIL = "the guardrail "
CHAMPION_OLD = "the champion's training ended "
"""How alerts open; `status` knows them by it, also in old rows."""


def find_alerts(
    case: Case,
    outcome: Outcome,
    reason: ReasonCode,
    champion_age_days: int | None,
    rule: DecisionRule,
    *,
    word_days: SayDays = say_days,
) -> tuple[str, ...]:
    """Every alert of a decision, in the order in which they should be looked at.

    Parameters
    ----------
    case : Case
        The evidence.
    outcome, reason : Outcome, ReasonCode
        What was decided.
    champion_age_days : int, optional
        Days from the champion's training cut-off; `None` without a champion.
    rule : DecisionRule
        Thresholds.
    word_days : callable
        How days are said.
    """
    found = (
        _about_the_feed(case, rule, word_days),
        _about_fires(case, rule, word_days),
        _about_a_guardrail(case, outcome, reason, rule),
        _about_the_champion(outcome, champion_age_days, rule),
    )
    return tuple(alert for alert in found if alert is not None)


def _about_the_feed(case: Case, rule: DecisionRule, word_days: SayDays) -> str | None:
    """Measures that are missing in the newest window, or rows; whatever the decision is about."""
    schema = next((finding for finding in case.guardrails if finding.code is ReasonCode.SCHEMA), None)
    if schema is None:
        return None
    if schema.value > rule.null_share_max:
        return f"{FEED_SILENT}{word_days(case.newest.window)}: {schema.sentence} (look at the weather feed)"
    return None if schema.passed else _about_rows(schema)


def _about_rows(schema: GuardrailFinding) -> str:
    return f"{ROWS_MISSING}{schema.sentence} (look at the cells and at the features)"


def _about_fires(case: Case, rule: DecisionRule, word_days: SayDays) -> str | None:
    """Fewer fires than the season expects, also in a park that is too small for the label gate."""
    newest = case.newest
    if newest.feed_is_silent:
        return None
    if not newest.labels_are_suspect:
        season, expected = gather_season(newest, case.earlier, rule)
        if not is_suspect(sum(window.n_fires for window in season), expected, rule):
            return None
    count = count_of(newest) if newest.labels_are_suspect else count_season(newest, case.earlier, rule)
    return (
        f"{FEW_FIRES}were recorded {word_days(count.window)}: {count.n_fires}, expected "
        f"{count.n_expected:.0f} (look at the fire reports)"
    )


def _about_a_guardrail(case: Case, outcome: Outcome, reason: ReasonCode, rule: DecisionRule) -> str | None:
    """The same guardrail again and again: the candidates are not what is wrong."""
    if outcome is not Outcome.REJECTED_BY_GUARDRAIL:
        return None
    in_a_row = 1 + (case.ledger.blocked_in_a_row if case.ledger.blocked_by is reason else 0)
    if in_a_row < rule.alert_blocked_in_a_row:
        return None
    return f"{GUARDRAIL}{reason} has blocked {counted(in_a_row, 'period')} in a row (look at what it says of each)"


def _about_the_champion(outcome: Outcome, age_days: int | None, rule: DecisionRule) -> str | None:
    if age_days is None or age_days < rule.alert_champion_age_days or outcome is Outcome.PROMOTED:
        return None
    return f"{CHAMPION_OLD}{age_days} days ago, an alert is due from {rule.alert_champion_age_days}"


def describe_doubt(count: LabelCount, *overlapping: LabelCount) -> tuple[str, str]:
    """What is doubted, without a full stop, and what to do; the last day is included in both.

    Of windows that overlap, the figures are those of the one that lacks the largest share of its fires.
    """
    counts = (count, *overlapping)
    first = min(held.window.start for held in counts)
    last = max(held.window.end for held in counts) - dt.timedelta(days=1)
    worst = min(counts, key=lambda held: held.n_fires / max(held.n_expected, 1.0))
    were = "was" if worst.n_fires == 1 else "were"
    where = f"in {len(counts)} windows that overlap; in the worst, {worst.window.first_to_last}, "
    sentence = (
        f"the fire reports of {first} to {last} are doubted: {where if overlapping else ''}"
        f"{counted(worst.n_fires, 'fire')} {were} recorded, about {worst.n_expected:.0f} were expected"
    )
    order = f"forest-fire clear-labels --from {first} --to {last} --reason …"
    return sentence, f"Look at the fire reports; if they are complete: {order}"
