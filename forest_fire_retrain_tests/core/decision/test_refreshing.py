"""When an old champion is replaced by a challenger that is not worse."""

import math

import pytest

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain_tests.example_evidence import CHAMPION_LOSS, RULE, change_champion, example_case, steady_gains

EQUAL = steady_gains(0.0)
WEEKLY_LOSS = 7 * CHAMPION_LOSS


@pytest.mark.parametrize(
    ("age_days", "reason"), [(329, ReasonCode.NOT_SUPERIOR), (330, ReasonCode.REFRESH_NON_INFERIOR)]
)
def test_a_refresh_waits_for_the_champion_to_be_old(age_days: int, reason: ReasonCode) -> None:
    assert adjudicate(example_case(EQUAL, champion_age_days=age_days), RULE).reason_code is reason


@pytest.mark.parametrize(
    ("promoted_for", "age_days"),
    [(ReasonCode.SUPERIOR, 182), (ReasonCode.REFRESH_NON_INFERIOR, 330), (ReasonCode.INAUGURAL, 330), (None, 330)],
)
def test_a_champion_that_won_for_being_better_is_refreshed_sooner(
    promoted_for: ReasonCode | None, age_days: int
) -> None:
    for age, reason in ((age_days - 1, ReasonCode.NOT_SUPERIOR), (age_days, ReasonCode.REFRESH_NON_INFERIOR)):
        case = change_champion(example_case(EQUAL, champion_age_days=age), promoted_for=promoted_for)
        assert adjudicate(case, RULE).reason_code is reason


def test_a_champion_that_won_is_refreshed_no_later_than_another() -> None:
    won = change_champion(example_case(EQUAL, champion_age_days=168), promoted_for=ReasonCode.SUPERIOR)
    assert adjudicate(won, RULE.at(Cadence.WEEKLY)).reason_code is ReasonCode.REFRESH_NON_INFERIOR


@pytest.mark.parametrize(
    ("share", "reason"), [(0.99, ReasonCode.REFRESH_NON_INFERIOR), (1.01, ReasonCode.NOT_SUPERIOR)]
)
def test_a_refresh_may_be_worse_by_the_margin_and_no_more(share: float, reason: ReasonCode) -> None:
    # Eight weeks of ±s have se = s/sqrt(7), so the bound at 95 %, t = 1.8946, is -s·1.8946/sqrt(7).
    spread = share * RULE.refresh_margin * WEEKLY_LOSS * math.sqrt(7) / 1.8946
    case = example_case(steady_gains(0.0, spread=spread), champion_age_days=400)
    assert adjudicate(case, RULE).reason_code is reason


@pytest.mark.parametrize(
    ("gain", "reason"), [(0.0001, ReasonCode.REFRESH_NON_INFERIOR), (-0.0001, ReasonCode.NOT_SUPERIOR)]
)
def test_a_refresh_may_not_look_worse(gain: float, reason: ReasonCode) -> None:
    case = example_case(steady_gains(gain * WEEKLY_LOSS, spread=0.5), champion_age_days=400)
    assert adjudicate(case, RULE).reason_code is reason
