"""Turn a scored holdout and earlier windows into the case that the pure rule decides; nothing is read or written.

Whoever replays a history uses this as the retraining itself does, so that both are the same rule.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

from forest_fire_retrain.core.decision.case import Case, Challenger, ChampionFacts, GuardrailFinding, LedgerFacts
from forest_fire_retrain.core.decision.evidence_pool import EvidencePool, pool_windows
from forest_fire_retrain.core.decision.guardrails import (
    check_calibration,
    check_climatology,
    check_finite,
    check_prediction_shift,
    check_rank_shift,
    check_schema,
    check_slices,
    weekly_overdispersion,
)
from forest_fire_retrain.core.decision.label_gate import count_labels, count_of, is_suspect, is_tainted, overlaps_any
from forest_fire_retrain.core.decision.scored_rows import ScoredHoldout, find_worst_measure
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.decision.window_sums import sum_up_window
from forest_fire_retrain.core.windows import Interval


def find_suspect_windows(
    flagged: Iterable[WindowEvidence],
    count_fires_known_now: Callable[[Interval], int],
    rule: DecisionRule,
) -> list[LabelCount]:
    """What the flagged windows' gate looked at, counted again, where late reports have not cleared it.

    Parameters
    ----------
    flagged : iterable of WindowEvidence
        Windows of earlier live decisions whose labels were suspect, and for which no person has vouched.
    count_fires_known_now : callable
        Cell-days with a fire start in a window, as known now.
    rule : DecisionRule
        Thresholds.
    """
    then = [count_of(evidence) for evidence in flagged]
    now = [count.model_copy(update={"n_fires": count_fires_known_now(count.window)}) for count in then]
    return [count for count in now if is_suspect(count.n_fires, count.n_expected, rule)]


def build_case(
    scored: ScoredHoldout,
    challenger: Challenger,
    champion: ChampionFacts | None,
    *,
    earlier: Iterable[WindowEvidence],
    just_before: Iterable[WindowEvidence],
    suspect: Sequence[LabelCount],
    rule: DecisionRule,
    cleared: Sequence[Interval] = (),
    ledger: LedgerFacts | None = None,
) -> Case:
    """The case of a partition.

    Parameters
    ----------
    scored : ScoredHoldout
        The partition's holdout under all models.
    challenger : Challenger
        The partition's candidate.
    champion : ChampionFacts, optional
        The opponent.
    earlier : iterable of WindowEvidence
        Windows of earlier live decisions of the champion's reign.
    just_before : iterable of WindowEvidence
        The last windows of earlier live decisions, whoever reigned, for the label gate.
    suspect : sequence of LabelCount
        Windows under a flag that was not lifted, and what they hold.
    rule : DecisionRule
        Thresholds.
    cleared : sequence of Interval
        Windows whose labels a person vouched for.
    ledger : LedgerFacts, optional
        What only a ledger knows; nothing where a history is replayed without one.
    """
    unvouched = [window for window in just_before if not overlaps_any(window.window, cleared)]
    newest = _sum_up_newest(scored, challenger, champion, just_before=unvouched, suspect=suspect, rule=rule)
    gap = dt.timedelta(days=challenger.windows.gap.n_days)
    pool = pool_windows(newest, earlier, [count.window for count in suspect], rule, cleared, gap=gap)
    return Case(
        as_of=challenger.windows.as_of,
        newest=newest,
        earlier=pool.used,
        dropped=pool.dropped,
        champion=champion,
        training_hash=challenger.training_hash,
        prediction_hash=challenger.prediction_hash,
        gap_days=challenger.windows.gap.n_days,
        guardrails=_look_at_guardrails(scored, newest, pool, rule),
        ledger=ledger or LedgerFacts(),
    )


def _sum_up_newest(
    scored: ScoredHoldout,
    challenger: Challenger,
    champion: ChampionFacts | None,
    *,
    just_before: Iterable[WindowEvidence],
    suspect: Sequence[LabelCount],
    rule: DecisionRule,
) -> WindowEvidence:
    windows = challenger.windows
    evidence = sum_up_window(
        scored.rows,
        partition_key=windows.partition_key,
        metric=rule.metric,
        challenger_id=challenger.candidate_id,
        challenger_cutoff=windows.training_cutoff,
        challenger_is_tainted=is_tainted(windows.training, challenger.n_fires, suspect, rule),
        champion_version=None if champion is None else champion.version,
        champion_cutoff=None if champion is None else champion.training_cutoff,
    )
    is_silent = find_worst_measure(scored.null_shares)[1].growth > rule.null_share_max
    count = count_labels(evidence, just_before, rule)
    suspicious = not is_silent and is_suspect(count.n_fires, count.n_expected, rule)
    return evidence.model_copy(
        update={"labels_are_suspect": suspicious, "label_count": count, "feed_is_silent": is_silent}
    )


def _look_at_guardrails(
    scored: ScoredHoldout, newest: WindowEvidence, pool: EvidencePool, rule: DecisionRule
) -> tuple[GuardrailFinding, ...]:
    in_use = (*pool.used, newest)
    first_day = newest.window.end - dt.timedelta(days=rule.own_window_days)
    recent = [window for window in in_use if window.window.end > first_day]
    return (
        check_schema(
            n_rows=newest.n_rows, n_expected_rows=scored.n_expected_rows, null_shares=scored.null_shares, rule=rule
        ),
        check_finite(scored.rows),
        check_climatology(in_use, rule),
        check_calibration(newest, rule),
        check_prediction_shift(scored.rows, pool.used, rule),
        check_rank_shift(scored.rows, rule),
        check_slices(recent, weekly_overdispersion(in_use, rule), rule),
    )
