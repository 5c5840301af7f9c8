"""Every verdict of the rule by a minimal case, the order of the rules, the sentence and the alerts."""

import datetime as dt
import math
from collections.abc import Callable

import pytest

from forest_fire_retrain.core.decision.adjudication import adjudicate, compare
from forest_fire_retrain.core.decision.case import Case
from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain_tests.example_evidence import (
    CHAMPION_LOSS,
    DAY,
    GAP_DAYS,
    GUARDRAIL_CODES,
    RULE,
    change_champion,
    change_ledger,
    change_newest,
    example_case,
    example_champion,
    example_window,
    findings,
    inaugural_case,
    steady_gains,
    without_champion,
)

BETTER, EQUAL, WORSE = steady_gains(1.2), steady_gains(0.0), steady_gains(-1.2)
WEEKLY_LOSS = 7 * CHAMPION_LOSS


CASES: dict[str, tuple[Case, Outcome, ReasonCode, str]] = {
    "inaugural": (
        inaugural_case([1.0]),
        Outcome.PROMOTED,
        ReasonCode.INAUGURAL,
        "Promoted the candidate of 2024-01-15 over climatology: there was no champion and it beats climatology by 1.2%",
    ),
    "superior": (
        example_case(BETTER),
        Outcome.PROMOTED,
        ReasonCode.SUPERIOR,
        "Promoted the candidate of 2024-03-04 over version 1: it is better by 1.7% (gain +1.7% against version 1",
    ),
    "refresh": (
        example_case(EQUAL, champion_age_days=364),
        Outcome.PROMOTED,
        ReasonCode.REFRESH_NON_INFERIOR,
        "from 330 on a refresh is due, and the candidate is surely not worse by 2%: 95% lower bound -0.1% (gain",
    ),
    "not better": (
        example_case(EQUAL),
        Outcome.KEPT,
        ReasonCode.NOT_SUPERIOR,
        "Kept version 1: the evidence does not show it to be better by more than 1% (gain",
    ),
    "worse on its own windows": (
        example_case(WORSE),
        Outcome.KEPT,
        ReasonCode.OWN_WINDOW_WORSE,
        "the newest challengers are surely worse over the last 28 days, gain -1.7%, 80% upper bound -1.7% (gain -1.7%",
    ),
    "too few fires": (
        change_newest(example_case(steady_gains(1.2, 3)), fires=(0,) * 7, window=example_window(5).window),
        Outcome.INCONCLUSIVE,
        ReasonCode.TOO_FEW_POSITIVES,
        "Inconclusive; version 1 stays: 14 fires and 3 blocks are too few to answer (needed: 20 fires and 4 blocks) (",
    ),
    "too few blocks": (
        example_case(steady_gains(1.2, 3)),
        Outcome.INCONCLUSIVE,
        ReasonCode.TOO_FEW_POSITIVES,
        "Inconclusive; version 1 stays: 3 blocks are too few to answer (needed: 4 blocks) (gain",
    ),
    "no fire at all without a champion": (
        change_newest(inaugural_case([1.0]), fires=(0,) * 7),
        Outcome.INCONCLUSIVE,
        ReasonCode.TOO_FEW_POSITIVES,
        "No champion yet; the candidate of 2024-01-15 was not promoted: no fire started in its 1 window, so",
    ),
    "suspect labels": (
        change_newest(example_case(BETTER), labels_are_suspect=True),
        Outcome.INCONCLUSIVE,
        ReasonCode.LABELS_SUSPECT,
        "7 fires recorded from 2024-02-19 to 2024-02-25, 7.0 expected: too few to be believed (gain",
    ),
    "climatology not beaten": (
        inaugural_case([0.0]),
        Outcome.REJECTED_BY_GUARDRAIL,
        ReasonCode.BELOW_CLIMATOLOGY,
        "No champion yet; the candidate of 2024-01-15 was not promoted: it does not beat climatology on its 1 window (",
    ),
    "figures that are no numbers": (
        change_newest(example_case(BETTER), loss_challenger=(math.nan,) * 7),
        Outcome.REJECTED_BY_GUARDRAIL,
        ReasonCode.NON_FINITE,
        "Rejected the candidate of 2024-03-04; version 1 stays: the window gives no usable figures",
    ),
    "another metric": (
        example_case(BETTER, earlier=(example_window(6, 1.0, metric=Metric.BRIER),)),
        Outcome.REJECTED_BY_GUARDRAIL,
        ReasonCode.NON_FINITE,
        "no usable figures",
    ),
    "no guardrails": (
        example_case(BETTER, guardrails=()),
        Outcome.REJECTED_BY_GUARDRAIL,
        ReasonCode.SCHEMA,
        "no guardrail was looked at",
    ),
    "seen by the candidate": (
        change_newest(example_case(BETTER), challenger_cutoff=example_window(7).window.start - (GAP_DAYS - 1) * DAY),
        Outcome.INCONCLUSIVE,
        ReasonCode.HOLDOUT_OVERLAP,
        "the window does not lie a gap behind both trainings",
    ),
    "seen by the champion": (
        change_champion(example_case(BETTER), training_cutoff=example_window(7).window.start - (GAP_DAYS - 1) * DAY),
        Outcome.INCONCLUSIVE,
        ReasonCode.HOLDOUT_OVERLAP,
        "Inconclusive; version 1 stays: the window does not lie a gap",
    ),
    "champion gone": (
        change_champion(example_case(BETTER), prediction_hash=None),
        Outcome.INCONCLUSIVE,
        ReasonCode.CHAMPION_UNSCORABLE,
        "the champion could not be scored on the window",
    ),
    "the same rows": (
        change_champion(example_case(BETTER), training_hash="a" * 64),
        Outcome.KEPT,
        ReasonCode.NO_NEW_DATA,
        "Kept version 1: it was trained on the champion's own rows",
    ),
    "the same predictions": (
        change_champion(example_case(EQUAL, champion_age_days=400), prediction_hash="b" * 64),
        Outcome.KEPT,
        ReasonCode.IDENTICAL,
        "it predicts exactly what the champion does",
    ),
    "frozen": (
        example_case(BETTER, frozen_until=dt.date(2024, 4, 1)),
        Outcome.KEPT,
        ReasonCode.FROZEN,
        "Kept version 1: promotions are frozen until 2024-04-01; else: it is better by 1.7%",
    ),
    "frozen before the first": (
        inaugural_case([1.0], frozen_until=dt.date(2024, 4, 1)),
        Outcome.KEPT,
        ReasonCode.FROZEN,
        "promotions are frozen until 2024-04-01; else: there was no champion",
    ),
    "quarantined": (
        example_case(BETTER, is_quarantined=True),
        Outcome.KEPT,
        ReasonCode.QUARANTINED,
        "the candidate was rolled back from before; else: it is better by 1.7%",
    ),
    "alias moved by hand": (
        example_case(BETTER, alias_disagrees=True),
        Outcome.KEPT,
        ReasonCode.CHAMPION_CHANGED,
        "the registry's alias does not point at the ledger's champion; else: it is better by 1.7%",
    ),
    **{
        f"guardrail {code}": (
            example_case(BETTER, guardrails=findings(failing=code)),
            Outcome.REJECTED_BY_GUARDRAIL,
            code,
            f"a guardrail fired: {code} 3.5 against 2 (gain +1.7% against version 1, 80% interval",
        )
        for code in GUARDRAIL_CODES
    },
}


@pytest.mark.parametrize(("case", "outcome", "reason", "said"), CASES.values(), ids=CASES.keys())
def test_each_verdict_by_its_minimal_case(case: Case, outcome: Outcome, reason: ReasonCode, said: str) -> None:
    decision = adjudicate(case, RULE)
    assert (decision.outcome, decision.reason_code) == (outcome, reason)
    assert said in decision.sentence


def test_every_outcome_and_every_reason_the_rule_can_give_has_its_case() -> None:
    elsewhere = {ReasonCode.REPLAY, ReasonCode.CANDIDATE_UNSCORABLE}
    assert {reason for _, _, reason, _ in CASES.values()} == set(ReasonCode) - elsewhere
    assert {outcome for _, outcome, _, _ in CASES.values()} == set(Outcome)


@pytest.mark.parametrize("case", [case for case, *_ in CASES.values()], ids=CASES.keys())
def test_the_sentence_counts_the_evidence_and_the_same_case_gives_the_same_decision(case: Case) -> None:
    decision = adjudicate(case, RULE)
    compared = decision.comparison
    plurals = ((compared.n_fires, "fire"), (compared.n_windows, "window"), (compared.n_blocks, "block"))
    fires, windows, blocks = (f"{number} {noun}" + "s" * (number != 1) for number, noun in plurals)
    assert decision.sentence.endswith(f"{fires} in {windows}, {blocks} of 7 days).")
    assert adjudicate(case, RULE).model_dump_json() == decision.model_dump_json()


# ---- the order of the rules: each change is added to what stands before, and then speaks first ----

ORDER: list[tuple[Callable[[Case], Case], ReasonCode]] = [
    (lambda case: case, ReasonCode.SUPERIOR),
    (lambda case: change_ledger(case, is_quarantined=True), ReasonCode.QUARANTINED),
    (lambda case: change_ledger(case, frozen_until=dt.date(2030, 1, 1)), ReasonCode.FROZEN),
    (lambda case: change_ledger(case, alias_disagrees=True), ReasonCode.CHAMPION_CHANGED),
    (lambda case: case.model_copy(update={"guardrails": findings(ReasonCode.RANK_SHIFT)}), ReasonCode.RANK_SHIFT),
    (lambda case: case.model_copy(update={"earlier": case.earlier[-2:]}), ReasonCode.TOO_FEW_POSITIVES),
    (lambda case: change_newest(case, labels_are_suspect=True), ReasonCode.LABELS_SUSPECT),
    (lambda case: change_champion(case, prediction_hash="b" * 64), ReasonCode.IDENTICAL),
    (lambda case: change_champion(case, training_hash="a" * 64), ReasonCode.NO_NEW_DATA),
    (lambda case: change_newest(case, loss_champion=(math.inf,) * 7), ReasonCode.NON_FINITE),
    (lambda case: case.model_copy(update={"guardrails": ()}), ReasonCode.SCHEMA),
    (lambda case: change_champion(case, prediction_hash=None), ReasonCode.CHAMPION_UNSCORABLE),
    (lambda case: case.model_copy(update={"gap_days": GAP_DAYS + 1}), ReasonCode.HOLDOUT_OVERLAP),
]


def test_the_first_rule_that_speaks_decides() -> None:
    case = example_case(BETTER)
    for change, reason in ORDER:
        case = change(case)
        assert adjudicate(case, RULE).reason_code is reason


def test_a_worse_own_window_is_looked_at_before_any_promotion() -> None:
    # Very good for half a year, surely worse for four weeks: superior over all, kept all the same.
    case = example_case(steady_gains(3.0, 26) + steady_gains(-1.2, 4))
    bound = compare(case.used, RULE)[1].lower_bound(RULE.superior_confidence)
    assert bound > 0
    assert adjudicate(case, RULE).reason_code is ReasonCode.OWN_WINDOW_WORSE


def test_the_first_failing_guardrail_gives_the_reason() -> None:
    both = (*findings(ReasonCode.SLICE_REGRESSION), *findings(ReasonCode.SCHEMA))
    assert adjudicate(example_case(BETTER, guardrails=both), RULE).reason_code is ReasonCode.SLICE_REGRESSION


# ---- thresholds ----


def test_a_gain_has_to_matter_as_well_as_to_be_sure() -> None:
    limit = RULE.superior_min_gain * WEEKLY_LOSS
    below = adjudicate(example_case(steady_gains(limit * 0.99, spread=1e-4)), RULE)
    above = adjudicate(example_case(steady_gains(limit * 1.01, spread=1e-4)), RULE)
    assert (below.reason_code, above.reason_code) == (ReasonCode.NOT_SUPERIOR, ReasonCode.SUPERIOR)


def test_a_gain_has_to_be_sure_as_well_as_to_matter() -> None:
    # t(0.85, 7) = 1.119; the sd of ±s over eight weeks is s·sqrt(8/7), so se = s/sqrt(7) and the limit is s = 2.837.
    kept = adjudicate(example_case(steady_gains(1.2, spread=2.85)), RULE)
    promoted = adjudicate(example_case(steady_gains(1.2, spread=2.82)), RULE)
    assert (kept.reason_code, promoted.reason_code) == (ReasonCode.NOT_SUPERIOR, ReasonCode.SUPERIOR)


def test_a_freeze_ends_on_its_day() -> None:
    case = example_case(BETTER)
    assert adjudicate(change_ledger(case, frozen_until=case.as_of), RULE).reason_code is ReasonCode.SUPERIOR
    later = change_ledger(case, frozen_until=case.as_of + DAY)
    assert adjudicate(later, RULE).reason_code is ReasonCode.FROZEN


def test_the_smallest_evidence_that_is_enough() -> None:
    case = example_case(steady_gains(1.2, 4))
    fires = [window.n_fires for window in case.used]
    assert (sum(fires), compare(case.used, RULE)[0].n_blocks) == (28, 4)
    assert adjudicate(case, RULE).reason_code is ReasonCode.SUPERIOR
    for n_fires, reason in ((20, ReasonCode.SUPERIOR), (19, ReasonCode.TOO_FEW_POSITIVES)):
        per_window = (5, 5, 5, n_fires - 15)
        windows = [
            w.model_copy(update={"fires": (count,) + (0,) * 6}) for w, count in zip(case.used, per_window, strict=True)
        ]
        thin = case.model_copy(update={"newest": windows[-1], "earlier": tuple(windows[:-1])})
        assert adjudicate(thin, RULE).reason_code is reason


# ---- what is in use, and what is said of it ----


def test_a_newest_window_that_is_suspect_or_dropped_is_no_evidence() -> None:
    case = example_case(BETTER)
    suspect = change_newest(case, labels_are_suspect=True)
    dropped = case.model_copy(update={"dropped": {case.newest.partition_key: "labels suspect there or next to it"}})
    for left_out in (suspect, dropped):
        assert left_out.used == case.earlier
        assert adjudicate(left_out, RULE).comparison.n_windows == 7
    assert adjudicate(dropped, RULE).reason_code is ReasonCode.SUPERIOR


def test_a_window_on_which_the_champion_was_not_scored_is_not_compared_with_climatology() -> None:
    unscored = example_window(6, 1.0, loss_champion=(), expected_champion=())
    decision = adjudicate(example_case(BETTER, earlier=(*example_case(BETTER).earlier[:-1], unscored)), RULE)
    assert (decision.outcome, decision.reason_code) == (Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.NON_FINITE)


def test_the_comparison_is_paired_per_block_and_relative_to_the_champions_loss() -> None:
    compared, _ = compare(example_case([0.0, 2.0, 1.0, 1.0]).used, RULE)
    assert compared.block_gains == pytest.approx((0.0, 2.0, 1.0, 1.0))
    assert (compared.mean_gain, compared.champion_loss) == (pytest.approx(1.0), WEEKLY_LOSS)
    assert compared.relative_gain == pytest.approx(1 / WEEKLY_LOSS)
    half = 1.6377 * math.sqrt(2 / 3) / 2 / WEEKLY_LOSS  # t(0.90, 3) = 1.6377; sd = sqrt(2/3), n = 4
    assert compared.interval_low == pytest.approx(compared.relative_gain - half, abs=1e-6)
    assert compared.interval_high == pytest.approx(compared.relative_gain + half, abs=1e-6)
    assert compared.bootstrap_low < compared.relative_gain < compared.bootstrap_high
    assert (compared.n_fires, compared.n_blocks, compared.n_windows) == (28, 4, 4)


def test_the_own_gain_is_that_of_the_last_four_weeks() -> None:
    compared, _ = compare(example_case([5.0, 5.0, 1.0, 2.0, 3.0, 4.0]).used, RULE)
    assert compared.own_gain == pytest.approx(2.5)
    assert compared.own_upper > compared.own_gain


def test_without_a_champion_climatology_is_the_opponent() -> None:
    compared, _ = compare([without_champion(example_window(0))], RULE)
    assert compared.relative_gain == pytest.approx(2 / 12)


def test_no_windows_at_all_compare_to_nothing() -> None:
    compared, _ = compare([], RULE)
    assert (compared.n_blocks, compared.n_fires, compared.e_value) == (0, 0, 1.0)
    assert math.isnan(compared.mean_gain)
    assert math.isnan(compared.own_upper)


# ---- the champion ----


def test_without_a_champion_there_is_no_age() -> None:
    assert adjudicate(inaugural_case([1.0]), RULE).champion_age_days is None


def test_a_champion_of_unknown_making_cannot_be_scored_and_blocks_everything() -> None:
    unknown = example_champion(dt.date.min, prediction_hash=None)
    decision = adjudicate(example_case(BETTER, champion=unknown), RULE)
    assert decision.reason_code is ReasonCode.CHAMPION_UNSCORABLE
    assert decision.champion_age_days is not None
