"""What holds for every evidence: equality and doubt never promote, sides are symmetric, harm never helps."""

import datetime as dt
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.adjudication import adjudicate, compare
from forest_fire_retrain.core.decision.case import Case, Decision
from forest_fire_retrain.core.decision.evidence_pool import pool_windows
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain_tests.example_evidence import (
    GUARDRAIL_CODES,
    RULE,
    example_case,
    findings,
    inaugural_case,
    without_champion,
)

GAINS = st.lists(st.floats(-5, 5).map(lambda gain: round(gain, 3)), min_size=1, max_size=60)
AGES = st.sampled_from([50, 329, 330, 700, 1_500])
HARM = st.floats(0, 10)
NOT_FINITE = st.sampled_from([math.nan, math.inf, -math.inf])
SERIES = st.sampled_from(
    [
        "expected_challenger",
        "expected_champion",
        "expected_climatology",
        "loss_challenger",
        "loss_champion",
        "loss_climatology",
    ]
)


def decide(gains: Sequence[float], age_days: int = 100, **changes: object) -> Decision:
    return adjudicate(example_case(gains, champion_age_days=age_days, **changes), RULE)


def is_promotion(decision: Decision) -> bool:
    return decision.outcome is Outcome.PROMOTED


def swap(window: WindowEvidence) -> WindowEvidence:
    """Champion and challenger in each other's place."""
    pairs = (("loss_challenger", "loss_champion"), ("expected_challenger", "expected_champion"))
    swapped = {one: getattr(window, other) for pair in pairs for one, other in (pair, pair[::-1])}
    return window.model_copy(update=swapped)


def replace_window(case: Case, place: int, **changes: object) -> Case:
    """The case with one of its windows, counted from the oldest, changed."""
    windows = [*case.earlier, case.newest]
    windows[place] = windows[place].model_copy(update=changes)
    return case.model_copy(update={"earlier": tuple(windows[:-1]), "newest": windows[-1]})


def break_in(case: Case, data: st.DataObject, changes: dict[str, object]) -> Case:
    """The case with one of its windows, any of them, changed."""
    return replace_window(case, data.draw(st.integers(0, len(case.used) - 1)), **changes)


@given(n_weeks=st.integers(1, 60), age_days=AGES)
def test_equal_models_never_promote(n_weeks: int, age_days: int) -> None:
    """Equal in every prediction: kept at any age. Equal in losses only: kept while the champion is young."""
    same = example_case([0.0] * n_weeks, champion_age_days=age_days)
    assert same.champion is not None
    decision = decide([0.0] * n_weeks, age_days, prediction_hash=same.champion.prediction_hash)
    assert (decision.outcome, decision.reason_code) == (Outcome.KEPT, ReasonCode.IDENTICAL)
    assert not is_promotion(decide([0.0] * n_weeks, min(age_days, RULE.refresh_age_days - 1)))


@given(n_weeks=st.integers(1, 60))
def test_a_first_model_equal_to_climatology_is_not_promoted(n_weeks: int) -> None:
    assert not is_promotion(adjudicate(inaugural_case([0.0] * n_weeks), RULE))


@given(GAINS)
def test_swapping_champion_and_challenger_flips_the_sign_of_the_gain(gains: list[float]) -> None:
    windows = example_case(gains).used
    (one, _), (other, _) = compare(windows, RULE), compare([swap(window) for window in windows], RULE)
    assert other.mean_gain == -one.mean_gain
    assert other.own_gain == -one.own_gain
    assert other.block_gains == tuple(-gain for gain in one.block_gains)


@given(GAINS)
def test_two_models_are_never_both_superior_to_each_other(gains: list[float]) -> None:
    case = example_case(gains)
    windows = [swap(window) for window in case.used]
    mirrored = case.model_copy(update={"newest": windows[-1], "earlier": tuple(windows[:-1])})
    assert not (is_promotion(adjudicate(case, RULE)) and is_promotion(adjudicate(mirrored, RULE)))


@given(GAINS, st.randoms(use_true_random=False))
def test_the_order_in_which_windows_are_pooled_is_irrelevant(gains: list[float], random: object) -> None:
    case = example_case(gains)
    shuffled = list(case.earlier)
    assert hasattr(random, "shuffle")
    random.shuffle(shuffled)
    pooled = pool_windows(case.newest, shuffled, [], RULE)
    in_order = pool_windows(case.newest, case.earlier, [], RULE)
    assert pooled == in_order
    decisions = [adjudicate(case.model_copy(update={"earlier": pool.used}), RULE) for pool in (pooled, in_order)]
    assert decisions[0].model_dump_json() == decisions[1].model_dump_json()


@given(GAINS, AGES, HARM)
def test_the_same_harm_on_every_block_never_promotes(gains: list[float], age_days: int, harm: float) -> None:
    if not is_promotion(decide(gains, age_days)):
        assert not is_promotion(decide([gain - harm for gain in gains], age_days))


@given(GAINS, AGES, HARM)
def test_harm_on_the_worst_block_never_promotes_what_was_not_superior(
    gains: list[float], age_days: int, harm: float
) -> None:
    if decide(gains, age_days).reason_code is ReasonCode.NOT_SUPERIOR:
        worst = gains.index(min(gains))
        assert not is_promotion(decide([gain - harm * (n == worst) for n, gain in enumerate(gains)], age_days))


@given(GAINS, AGES)
def test_an_empty_list_of_guardrails_never_promotes(gains: list[float], age_days: int) -> None:
    assert not is_promotion(decide(gains, age_days, guardrails=()))
    assert not is_promotion(adjudicate(inaugural_case(gains, guardrails=()), RULE))


@given(GAINS, AGES, st.sampled_from(GUARDRAIL_CODES))
def test_a_failing_guardrail_never_promotes(gains: list[float], age_days: int, code: ReasonCode) -> None:
    assert not is_promotion(decide(gains, age_days, guardrails=findings(code)))
    assert not is_promotion(adjudicate(inaugural_case(gains, guardrails=findings(code)), RULE))


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf is the point here
@given(data=st.data(), gains=GAINS, age_days=AGES, figure=NOT_FINITE, series=SERIES, day=st.integers(0, 6))
def test_a_figure_that_is_no_number_never_promotes(
    *, data: st.DataObject, gains: list[float], age_days: int, figure: float, series: str, day: int
) -> None:
    case = example_case([3.0 + gain / 10 for gain in gains], champion_age_days=age_days)
    place = data.draw(st.integers(0, len(gains) - 1))
    held = list(getattr(case.used[place], series))
    held[day] = figure
    broken = replace_window(case, place, **{series: tuple(held)})
    decision = adjudicate(broken, RULE)
    assert (decision.outcome, decision.reason_code) == (Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.NON_FINITE)


@given(data=st.data(), n_weeks=st.integers(4, 30), age_days=AGES)
def test_windows_without_rows_or_with_one_class_only_never_promote(
    data: st.DataObject, n_weeks: int, age_days: int
) -> None:
    case = example_case([3.0] * n_weeks, champion_age_days=age_days)
    assert is_promotion(adjudicate(case, RULE))
    nothing = {"n_rows": 0, "fires": (0,) * 7}
    everything_burns = {"fires": (100,) * 7}
    assert not is_promotion(adjudicate(break_in(case, data, nothing), RULE))
    assert not is_promotion(adjudicate(break_in(case, data, everything_burns), RULE))
    fireless = [window.model_copy(update={"fires": (0,) * 7}) for window in case.used]
    quiet = case.model_copy(update={"newest": fireless[-1], "earlier": tuple(fireless[:-1])})
    assert adjudicate(quiet, RULE).reason_code is ReasonCode.TOO_FEW_POSITIVES
    bare = [without_champion(window) for window in fireless]
    first = case.model_copy(update={"newest": bare[-1], "earlier": tuple(bare[:-1]), "champion": None})
    assert not is_promotion(adjudicate(first, RULE))


@given(GAINS, AGES, st.sampled_from(["alias_disagrees", "is_quarantined"]))
def test_what_holds_promotions_back_changes_no_other_verdict(gains: list[float], age_days: int, flag: str) -> None:
    free, held = decide(gains, age_days), decide(gains, age_days, **{flag: True})
    assert not is_promotion(held)
    if not is_promotion(free):
        assert held.model_dump_json() == free.model_dump_json()


@given(GAINS, AGES, st.integers(1, 400))
def test_a_freeze_holds_every_promotion_back(gains: list[float], age_days: int, n_days: int) -> None:
    until = example_case(gains).as_of + dt.timedelta(days=n_days)
    assert not is_promotion(decide(gains, age_days, frozen_until=until))


@given(GAINS, AGES)
def test_a_decision_is_self_consistent(gains: list[float], age_days: int) -> None:
    case = example_case(gains, champion_age_days=age_days)
    decision = adjudicate(case, RULE)
    compared = decision.comparison
    assert decision.sentence
    assert compared.n_blocks == len(compared.block_gains) == len(gains)
    assert compared.e_value >= 0
    if decision.reason_code is ReasonCode.SUPERIOR:
        assert compared.mean_gain > 0
        assert compared.relative_gain > RULE.superior_min_gain
        assert min(compared.n_fires / RULE.min_fires, compared.n_blocks / RULE.min_blocks) >= 1
    if decision.reason_code is ReasonCode.REFRESH_NON_INFERIOR:
        assert age_days >= RULE.refresh_age_days
        assert compared.relative_gain > -RULE.refresh_margin
