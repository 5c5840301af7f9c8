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

import numpy as np

from forest_fire_retrain.core.decision.block_statistics import describe_blocks
from forest_fire_retrain.core.decision.case import Case, Comparison, Decision
from forest_fire_retrain.core.decision.comparison import compare
from forest_fire_retrain.core.decision.label_gate import count_of
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode


class Verdict(NamedTuple):
    """Outcome, reason and the part of the sentence that says why."""

    outcome: Outcome
    reason_code: ReasonCode
    because: str


def adjudicate(case: Case, rule: DecisionRule) -> Decision:
    """Decide `case` under `rule`; the same case always gives the same decision.

    Parameters
    ----------
    case : Case
        The evidence.
    rule : DecisionRule
        The thresholds.
    """
    comparison = compare(case.used, rule)
    verdict = _decide(case, comparison, rule)
    age = None if case.champion is None else (case.as_of - case.champion.training_cutoff).days
    return Decision(
        outcome=verdict.outcome,
        reason_code=verdict.reason_code,
        sentence=_sentence(case, verdict, comparison, rule),
        comparison=comparison,
        champion_age_days=age,
        alerts=_alerts(case, verdict, age, rule),
    )


def _decide(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict:
    """The first rule that speaks."""
    return (
        _check_windows(case, rule)
        or _check_sameness(case)
        or _check_labels(case)
        or _check_amount(case, comparison, rule)
        or _check_guardrails(case)
        or _check_inaugural(case, comparison)
        or _check_own_windows(comparison)
        or _check_superior(case, comparison, rule)
        or _check_refresh(case, comparison, rule)
        or Verdict(Outcome.KEPT, ReasonCode.NOT_SUPERIOR, "the evidence does not show it to be better")
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
    if any(not window.is_usable or window.metric is not rule.metric for window in (*case.used, newest)):
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


def _check_labels(case: Case) -> Verdict | None:
    if not case.newest.labels_are_suspect:
        return None
    count = count_of(case.newest)
    because = (
        f"far fewer fires were recorded in {count.window} ({count.n_fires}) than can be believed "
        f"(expected: {count.n_expected:.0f})"
    )
    return Verdict(Outcome.INCONCLUSIVE, ReasonCode.LABELS_SUSPECT, because)


def _check_amount(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict | None:
    if case.champion is None:
        return None
    if comparison.n_fires >= rule.min_fires and comparison.n_blocks >= rule.min_blocks:
        return None
    because = (
        f"{comparison.n_fires} fires in {comparison.n_blocks} blocks are too few to answer "
        f"(needed: {rule.min_fires} fires and {rule.min_blocks} blocks)"
    )
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
        because = f"no fire started in its {comparison.n_windows} window(s), so nothing can be compared"
        return Verdict(Outcome.INCONCLUSIVE, ReasonCode.TOO_FEW_POSITIVES, because)
    if not comparison.mean_gain > 0:
        because = f"it does not beat climatology on its {comparison.n_windows} window(s)"
        return Verdict(Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.BELOW_CLIMATOLOGY, because)
    because = f"there was no champion and it beats climatology by {comparison.relative_gain:.1%}"
    return _unless_held_back(case, Verdict(Outcome.PROMOTED, ReasonCode.INAUGURAL, because))


def _check_own_windows(comparison: Comparison) -> Verdict | None:
    if not comparison.own_upper < 0:
        return None
    return Verdict(
        Outcome.KEPT, ReasonCode.OWN_WINDOW_WORSE, "the newest challengers are surely worse on their own windows"
    )


def _check_superior(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict | None:
    """Better by enough; a tainted challenger lacks one season's fires and has to be seen through that season too."""
    is_tainted = case.newest.challenger_is_tainted
    needed = rule.superior_min_gain * (rule.tainted_gain_factor if is_tainted else 1)
    bound = describe_blocks(np.array(comparison.block_gains)).lower_bound(rule.superior_confidence)
    if not (bound > 0 and comparison.relative_gain > needed):
        return None
    because = f"it is better by {comparison.relative_gain:.1%}"
    if is_tainted and comparison.n_blocks < rule.tainted_min_blocks:
        because = (
            f"{because}, but it was trained on suspect labels, and {comparison.n_blocks} blocks are too few to believe "
            f"that (needed: {rule.tainted_min_blocks})"
        )
        return Verdict(Outcome.KEPT, ReasonCode.NOT_SUPERIOR, because)
    return _unless_held_back(case, Verdict(Outcome.PROMOTED, ReasonCode.SUPERIOR, because))


def _check_refresh(case: Case, comparison: Comparison, rule: DecisionRule) -> Verdict | None:
    """No worse than a champion that has become old, both lineages clean."""
    champion = case.champion
    if champion is None or champion.is_tainted or case.newest.challenger_is_tainted:
        return None
    age = (case.as_of - champion.training_cutoff).days
    bound = describe_blocks(np.array(comparison.block_gains)).lower_bound(rule.refresh_confidence)
    is_no_worse = bound > -rule.refresh_margin * comparison.champion_loss
    old = rule.refresh_age_days
    if champion.promoted_for is ReasonCode.SUPERIOR:
        old = min(old, rule.refresh_age_after_superior_days)
    if not (age >= old and is_no_worse and comparison.relative_gain >= rule.refresh_min_gain):
        return None
    because = f"the champion's training ended {age} days ago, and it is worse by less than {rule.refresh_margin:.1%}"
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
    figures = f"{comparison.n_fires} fires in {comparison.n_blocks} block(s) of {comparison.n_windows} window(s)"
    if math.isfinite(comparison.interval_low):
        figures = (
            f"gain {comparison.relative_gain:+.1%} against {against}, {rule.interval_confidence:.0%} interval "
            f"{comparison.interval_low:+.1%} to {comparison.interval_high:+.1%}, {figures}"
        )
    return f"{what}: {verdict.because} ({figures})."


def _alerts(case: Case, verdict: Verdict, age: int | None, rule: DecisionRule) -> tuple[str, ...]:
    alerts = []
    in_a_row = case.ledger.inconclusive_in_a_row + 1
    if verdict.outcome is Outcome.INCONCLUSIVE and in_a_row >= rule.alert_inconclusive_in_a_row:
        alerts.append(f"{in_a_row} decisions in a row were inconclusive: look at the fire reports and the weather feed")
    if age is not None and age >= rule.alert_champion_age_days and verdict.outcome is not Outcome.PROMOTED:
        alerts.append(
            f"the champion's training ended {age} days ago, an alert is due from {rule.alert_champion_age_days}"
        )
    return tuple(alerts)
