"""What was trained on suspect labels: never refreshed, and superior only by far."""

import pytest

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain_tests.example_evidence import (
    CHAMPION_LOSS,
    RULE,
    change_champion,
    change_newest,
    example_case,
    steady_gains,
)

WEEKLY_LOSS = 7 * CHAMPION_LOSS


def test_a_tainted_lineage_is_never_refreshed() -> None:
    case = example_case(steady_gains(0.0), champion_age_days=400)
    assert adjudicate(case, RULE).reason_code is ReasonCode.REFRESH_NON_INFERIOR
    for changed in (change_newest(case, challenger_is_tainted=True), change_champion(case, is_tainted=True)):
        assert adjudicate(changed, RULE).reason_code is ReasonCode.NOT_SUPERIOR


@pytest.mark.parametrize(("gain", "reason"), [(0.031, ReasonCode.SUPERIOR), (0.029, ReasonCode.NOT_SUPERIOR)])
def test_a_tainted_challenger_is_superior_only_with_three_times_the_gain(gain: float, reason: ReasonCode) -> None:
    case = example_case(steady_gains(gain * WEEKLY_LOSS, n_weeks=39))
    assert adjudicate(case, RULE).reason_code is ReasonCode.SUPERIOR
    assert adjudicate(change_newest(case, challenger_is_tainted=True), RULE).reason_code is reason
    tainted_champion = change_champion(case, is_tainted=True)
    assert adjudicate(tainted_champion, RULE).reason_code is ReasonCode.SUPERIOR


@pytest.mark.parametrize(("n_blocks", "reason"), [(39, ReasonCode.SUPERIOR), (38, ReasonCode.NOT_SUPERIOR)])
def test_a_tainted_challenger_is_superior_only_when_seen_through_three_seasons(
    n_blocks: int, reason: ReasonCode
) -> None:
    case = example_case(steady_gains(0.5 * WEEKLY_LOSS, n_weeks=n_blocks))
    assert adjudicate(case, RULE).reason_code is ReasonCode.SUPERIOR
    tainted = change_newest(case, challenger_is_tainted=True)
    decision = adjudicate(tainted, RULE)
    assert decision.reason_code is reason
    assert ("(needed: 39)" in decision.sentence) is (reason is ReasonCode.NOT_SUPERIOR)
    before = DecisionRule.model_validate({**RULE.model_dump(exclude={"tainted_min_blocks"}), "version": "5"})
    assert adjudicate(tainted, before).reason_code is ReasonCode.SUPERIOR
