"""The mixture is fixed share by the published formulas: worked by hand, and as a bound that must hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.routing.mixture import MixtureRule, WeightReason, mix, weigh, weigh_evenly

RULE = MixtureRule()
NO_SHARE = MixtureRule(share=0.0)


def weights_of(losses: list[list[float]], rule: MixtureRule = RULE, tainted: list[bool] | None = None) -> list[float]:
    table = np.array(losses, dtype=np.float64).reshape(len(losses), -1)
    return [held.weight for held in weigh(table, tainted or [False] * table.shape[1], rule)]


def test_one_week_is_bayes_rule_and_then_the_share() -> None:
    odds = math.exp(-1.0) / (math.exp(-1.0) + math.exp(-3.0))
    assert weights_of([[1.0, 3.0]]) == pytest.approx([0.98 * odds + 0.01, 0.98 * (1 - odds) + 0.01])


def test_without_share_the_weights_are_the_posterior_of_all_weeks() -> None:
    rng = np.random.default_rng(1)
    losses = rng.random((30, 4))
    posterior = np.exp(-losses.sum(axis=0))
    assert weights_of(losses.tolist(), NO_SHARE) == pytest.approx((posterior / posterior.sum()).tolist())


def test_a_model_that_was_bad_for_years_comes_back_within_weeks() -> None:
    years = [[1.0, 6.0]] * 150
    assert weights_of(years)[1] < 0.02
    assert weights_of(years + [[6.0, 1.0]] * 3)[1] > 0.9
    assert weights_of(years + [[6.0, 1.0]] * 3, NO_SHARE)[1] < 1e-6


def test_who_sleeps_keeps_its_weight_and_those_awake_share_theirs() -> None:
    one, two, asleep = weights_of([[1.0, 2.0, math.nan]], NO_SHARE)
    assert asleep == pytest.approx(1 / 3)
    assert one / two == pytest.approx(math.e)


def test_a_tainted_model_has_no_weight_and_the_others_are_weighed_without_it() -> None:
    losses = np.array([[1.0, 0.1, 2.0], [1.0, 0.1, 2.0]])
    held = weigh(losses, [False, True, False], RULE)
    assert held[1].weight == 0.0
    assert held[1].reason is WeightReason.TAINTED
    assert [held[0].weight, held[2].weight] == weights_of([[1.0, 2.0], [1.0, 2.0]])


def test_where_all_are_tainted_nothing_is_mixed() -> None:
    held = weigh(np.array([[1.0, 2.0]]), [True, True], RULE)
    assert [one.weight for one in held] == [0.0, 0.0]
    with pytest.raises(ValueError, match="let the champion answer"):
        mix([np.array([0.1]), np.array([0.2])], held)


def test_before_the_first_matured_week_all_are_alike() -> None:
    held = weigh(np.empty((0, 2)), [False, False], RULE)
    assert [one.weight for one in held] == pytest.approx([0.5, 0.5])
    assert {one.reason for one in held} == {WeightReason.UNSEEN}


def test_a_mixture_is_the_weighted_mean() -> None:
    held = weigh(np.array([[1.0, 3.0]]), [False, False], RULE)
    mixed = mix([np.array([[0.1, 0.2]]), np.array([[0.3, 0.4]])], held)
    assert mixed == pytest.approx(held[0].weight * np.array([[0.1, 0.2]]) + held[1].weight * np.array([[0.3, 0.4]]))


def test_an_even_mean_leaves_out_who_is_tainted() -> None:
    held = weigh_evenly(weigh(np.array([[1.0, 0.1, 2.0]]), [False, True, False], RULE))
    assert [one.weight for one in held] == [0.5, 0.0, 0.5]


def test_models_without_a_column_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 3 models"):
        weigh(np.array([[1.0, 2.0]]), [False] * 3, RULE)


@given(st.lists(st.lists(st.floats(0, 20), min_size=3, max_size=3), min_size=1, max_size=40))
def test_the_loss_of_the_mixture_is_within_the_published_bound(weeks: list[list[float]]) -> None:
    """Herbster and Warmuth, no switch: at most the best model's, plus log n, plus -log(1 - share (n-1)/n) a week."""
    n_models = 3
    losses = np.array(weeks)
    suffered = 0.0
    for place in range(len(losses)):
        before = weights_of(losses[:place].tolist()) if place else [1 / n_models] * n_models
        suffered -= math.log(math.fsum(w * math.exp(-loss) for w, loss in zip(before, losses[place], strict=True)))
    a_week = -math.log(1 - RULE.share * (n_models - 1) / n_models)
    assert suffered <= losses.sum(axis=0).min() + math.log(n_models) + a_week * len(losses) + 1e-6
