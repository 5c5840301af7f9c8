"""Decide whether a candidate replaces the champion: a pure function of recorded evidence.

Rules, in their order
---------------------
1. Structure: a window that a model has seen, figures that are not finite, a missing guardrail list, a
   champion that cannot be scored, the same model or the same training rows again: nothing moves.
2. `INCONCLUSIVE` if the newest window's labels are suspect.
3. `INCONCLUSIVE` if fewer than `min_fires` fires or `min_blocks` blocks are in use.
4. `REJECTED_BY_GUARDRAIL` with the first failing guardrail's code.
5. `KEPT` if the newest challengers are surely worse on their own windows.
6. `PROMOTED` (superior) if the lower bound of the mean block gain is above 0 and the gain matters; `KEPT`
   if it does, but the challenger was trained on suspect labels and was not seen for long enough.
7. `PROMOTED` (refresh) if the champion is old, its lineage clean and the challenger surely not worse.
8. Else `KEPT`. A promotion that is frozen or quarantined is `KEPT`.
Without a champion: `INAUGURAL` if the challengers beat climatology on their windows and no guardrail
fails. The incumbent wins every doubt: every path that is not listed as a promotion ends without one.
"""

import datetime as dt
import math
from typing import NamedTuple

from forest_fire_retrain.core.decision.alerts import find_alerts
from forest_fire_retrain.core.decision.block_statistics import BlockStatistics, quotient
from forest_fire_retrain.core.decision.case import Case, Comparison, Decision
from forest_fire_retrain.core.decision.comparison import compare
from forest_fire_retrain.core.decision.label_gate import count_of
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.wording import SayDays, counted, percent, say_days, threshold


class Verdict(NamedTuple):
    """Outcome, reason and the part of the sentence that says why."""

    outcome: Outcome
    reason_code: ReasonCode
    because: str


def adjudicate(case: Case, rule: DecisionRule, word_days: SayDays = say_days) -> Decision:
    """Decide `case` under `rule`; the same case always gives the same decision.

    Parameters
    ----------
    case : Case
        The evidence.
    rule : DecisionRule
        The thresholds.
    word_days : callable
        How days are said in the sentence and the alerts; nothing else hangs on it.
    """
    comparison, pooled = compare(case.used, rule)
    verdict = _decide(case, comparison, pooled, rule, word_days)
    age = None if case.champion is None else (case.as_of - case.champion.training_cutoff).days
    return Decision(
        outcome=verdict.outcome,
        reason_code=verdict.reason_code,
        sentence=_sentence(case, verdict, comparison, rule),
        comparison=comparison,
        champion_age_days=age,
        alerts=find_alerts(case, verdict.outcome, verdict.reason_code, age, rule, word_days=word_days),
    )


def _decide(
    case: Case, comparison: Comparison, pooled: BlockStatistics, rule: DecisionRule, word_days: SayDays
) -> Verdict:
    """The first rule that speaks."""
    return (
        _check_windows(case, rule)
        or _check_sameness(case)
        or _check_labels(case, word_days)
        or _check_amount(case, comparison, rule)
        or _check_guardrails(case)
        or _check_inaugural(case, comparison)
        or _check_own_windows(case, comparison, rule)
        or _check_superior(case, comparison, pooled, rule)
        or _check_refresh(case, comparison, pooled, rule)
        or Verdict(Outcome.KEPT, ReasonCode.NOT_SUPERIOR, _why_not_superior(case, comparison, pooled, rule))
    )


def _check_windows(case: Case, rule: DecisionRule) -> Verdict | None:
    """What makes the comparison itself impossible."""
    newest, champion = case.newest, case.champion
    seen = [newest.challenger_cutoff] + ([champion.training_cutoff] if champion else [])
    if any(newest.window.start < cutoff + dt.timedelta(days=case.gap_days) for cutoff in seen):
        because = "the window does not lie a gap behind both trainings"
        return Verdict(Outcome.INCONCLUSIVE, ReasonCode.HOLDOUT_OVERLAP, because)
    if champion is not None and champion.prediction_hash is None:
        why = "" if champion.fault is None else f": {champion.fault}"
        because = f"the champion could not be scored on the window{why}"
        return Verdict(Outcome.INCONCLUSIVE, ReasonCode.CHAMPION_UNSCORABLE, because)
    if not case.guardrails:
        return Verdict(Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.SCHEMA, "no guardrail was looked at")
    if any(not window.is_usable or window.metric is not rule.metric for window in (*case.earlier, newest)):
        return Verdict(Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.NON_FINITE, "the window gives no usable figures")
    return None


def _check_sameness(case: Case) -> Verdict | None:
    """A candidate that is the champion again."""
    champion = case.champion
    if champion is not None and champion.training_hash == case.training_hash:
        return Verdict(Outcome.KEPT, ReasonCode.NO_NEW_DATA, "it was trained on the champion's own rows")
    if champion is not None and champion.prediction_hash == case.prediction_hash:
        return Verdict(Outcome.KEPT, ReasonCode.IDENTICAL, "it predicts exactly what the champion does")
    return None


def _check_labels(case: Case, word_days: SayDays) -> Verdict | None:
    if not case.newest.labels_are_suspect:
        return None
    count = count_of(case.newest)
    because = (
        f"{counted(count.n_fires, 'fire')} recorded {word_days(count.window)}, {count.n_expected:.1f} expected: too "
        "few to be believed"
    )
    return Verdict(Outcome.INCONCLUSIVE, ReasonCode.LABELS_SUSPECT, because)


def _check_amount(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict | None:
    if case.champion is None:
        return None
    amounts = ((comparison.n_fires, rule.min_fires, "fire"), (comparison.n_blocks, rule.min_blocks, "block"))
    short = [(held, needed, noun) for held, needed, noun in amounts if held < needed]
    if not short:
        return None
    said = " and ".join(counted(held, noun) for held, _, noun in short)
    is_one = len(short) == 1 and short[0][0] == 1
    wanted = " and ".join(counted(needed, noun) for _, needed, noun in short)
    because = f"{said} {'is' if is_one else 'are'} too few to answer (needed: {wanted})"
    return Verdict(Outcome.INCONCLUSIVE, ReasonCode.TOO_FEW_POSITIVES, because)


def _check_guardrails(case: Case) -> Verdict | None:
    failed = next((finding for finding in case.guardrails if not finding.passed), None)
    if failed is None:
        return None
    return Verdict(Outcome.REJECTED_BY_GUARDRAIL, failed.code, f"a guardrail fired: {failed.sentence}")


def _check_inaugural(case: Case, comparison: Comparison) -> Verdict | None:
    """The first model needs no opponent but climatology."""
    if case.champion is not None:
        return None
    if comparison.n_fires == 0:
        because = f"no fire started in its {counted(comparison.n_windows, 'window')}, so nothing can be compared"
        return Verdict(Outcome.INCONCLUSIVE, ReasonCode.TOO_FEW_POSITIVES, because)
    if not comparison.mean_gain > 0:
        because = f"it does not beat climatology on its {counted(comparison.n_windows, 'window')}"
        return Verdict(Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.BELOW_CLIMATOLOGY, because)
    because = f"there was no champion and it beats climatology by {percent(comparison.relative_gain, 0.0, sign='')}"
    return _unless_held_back(case, Verdict(Outcome.PROMOTED, ReasonCode.INAUGURAL, because))


def _check_own_windows(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict | None:
    if not comparison.own_upper < 0:
        return None
    gain, bound = (quotient(own, comparison.champion_loss) for own in (comparison.own_gain, comparison.own_upper))
    newest = "the newest challenger is" if _is_alone(case, rule) else "the newest challengers are"
    because = (
        f"{newest} surely worse over the last {rule.own_window_days} days, gain {percent(gain, 0.0)}, "
        f"{rule.own_window_confidence:.0%} upper bound {percent(bound, 0.0)}"
    )
    return Verdict(Outcome.KEPT, ReasonCode.OWN_WINDOW_WORSE, because)


def _is_alone(case: Case, rule: DecisionRule) -> bool:
    """Whether one window, and so one challenger, covers the last `own_window_days` days of the evidence."""
    last = max(window.window.end for window in case.used)
    first_day = last - dt.timedelta(days=rule.own_window_days)
    return sum(window.window.end > first_day for window in case.used) == 1


def _check_superior(case: Case, comparison: Comparison, pooled: BlockStatistics, rule: DecisionRule) -> Verdict | None:
    """Better by enough; a tainted challenger lacks one season's fires and has to be seen through that season too."""
    needed, bound = _needed_gain(case, rule), pooled.lower_bound(rule.superior_confidence)
    if not (bound > 0 and comparison.relative_gain > needed):
        return None
    because = f"it is better by {percent(comparison.relative_gain, needed, sign='')}"
    if case.newest.challenger_is_tainted and comparison.n_blocks < rule.tainted_min_blocks:
        because = (
            f"{because}, but it was trained on suspect labels, and {counted(comparison.n_blocks, 'block')} "
            f"{'is' if comparison.n_blocks == 1 else 'are'} too few to believe that (needed: {rule.tainted_min_blocks})"
        )
        return Verdict(Outcome.KEPT, ReasonCode.NOT_SUPERIOR, because)
    return _unless_held_back(case, Verdict(Outcome.PROMOTED, ReasonCode.SUPERIOR, because))


def _needed_gain(case: Case, rule: DecisionRule) -> float:
    """The gain above which a challenger is superior."""
    return rule.superior_min_gain * (rule.tainted_gain_factor if case.newest.challenger_is_tainted else 1)


def _why_not_superior(case: Case, comparison: Comparison, pooled: BlockStatistics, rule: DecisionRule) -> str:
    """Which half of superior is missing: that it is sure, that it matters, or both."""
    gain, needed = comparison.relative_gain, _needed_gain(case, rule)
    bound = pooled.lower_bound(rule.superior_confidence)
    after = " after training on suspect labels" if case.newest.challenger_is_tainted else ""
    if bound > 0:
        return (
            f"it is surely better, but by {percent(gain, needed, sign='')}, and more than {threshold(needed)} "
            f"is needed{after}"
        )
    if gain > needed:
        shown = percent(quotient(bound, comparison.champion_loss), 0.0)
        return (
            f"it looks better by {percent(gain, needed, sign='')}, but that is not sure: "
            f"{rule.superior_confidence:.0%} lower bound {shown}"
        )
    return f"the evidence does not show it to be better by more than {threshold(needed)}{after}"


def _check_refresh(case: Case, comparison: Comparison, pooled: BlockStatistics, rule: DecisionRule) -> Verdict | None:
    """No worse than a champion that has become old, both lineages clean."""
    champion = case.champion
    if champion is None or champion.is_tainted or case.newest.challenger_is_tainted:
        return None
    age = (case.as_of - champion.training_cutoff).days
    bound = pooled.lower_bound(rule.refresh_confidence)
    is_no_worse = bound > -rule.refresh_margin * comparison.champion_loss
    old = rule.refresh_age_days
    if champion.promoted_for is ReasonCode.SUPERIOR:
        old = min(old, rule.refresh_age_after_superior_days)
    if not (age >= old and is_no_worse and comparison.relative_gain >= rule.refresh_min_gain):
        return None
    shown = percent(quotient(bound, comparison.champion_loss), -rule.refresh_margin)
    because = (
        f"the champion's training ended {age} days ago, from {old} on a refresh is due, and the candidate is surely "
        f"not worse by {threshold(rule.refresh_margin)}: {rule.refresh_confidence:.0%} lower bound {shown}"
    )
    return _unless_held_back(case, Verdict(Outcome.PROMOTED, ReasonCode.REFRESH_NON_INFERIOR, because))


def _unless_held_back(case: Case, promotion: Verdict) -> Verdict:
    """The promotion, unless promotions are frozen, the candidate quarantined, or the alias disagrees."""
    held = case.ledger
    if held.alias_disagrees:
        because = f"the registry's alias does not point at the ledger's champion; else: {promotion.because}"
        return Verdict(Outcome.KEPT, ReasonCode.CHAMPION_CHANGED, because)
    if held.frozen_until is not None and case.as_of < held.frozen_until:
        because = f"promotions are frozen until {held.frozen_until}; else: {promotion.because}"
        return Verdict(Outcome.KEPT, ReasonCode.FROZEN, because)
    if held.is_quarantined:
        because = f"the candidate was rolled back from before; else: {promotion.because}"
        return Verdict(Outcome.KEPT, ReasonCode.QUARANTINED, because)
    return promotion


def _sentence(case: Case, verdict: Verdict, comparison: Comparison, rule: DecisionRule) -> str:
    against = "climatology" if case.champion is None else f"version {case.champion.version}"
    what = {
        Outcome.PROMOTED: f"Promoted the candidate of {case.newest.partition_key} over {against}",
        Outcome.KEPT: f"Kept {against}",
        Outcome.INCONCLUSIVE: f"Inconclusive; {against} stays",
        Outcome.REJECTED_BY_GUARDRAIL: f"Rejected the candidate of {case.newest.partition_key}; {against} stays",
    }[verdict.outcome]
    if case.champion is None and verdict.outcome is not Outcome.PROMOTED:
        what = f"No champion yet; the candidate of {case.newest.partition_key} was not promoted"
    amounts = ((comparison.n_fires, "fire"), (comparison.n_windows, "window"), (comparison.n_blocks, "block"))
    fires, windows, blocks = (counted(number, noun) for number, noun in amounts)
    figures = f"{fires} in {windows}, {blocks} of {counted(rule.block_days, 'day')}"
    if math.isfinite(comparison.interval_low):
        gain, low, high = (
            percent(value, 0.0)
            for value in (comparison.relative_gain, comparison.interval_low, comparison.interval_high)
        )
        figures = f"gain {gain} against {against}, {rule.interval_confidence:.0%} interval {low} to {high}, {figures}"
    return f"{what}: {verdict.because} ({figures})."
