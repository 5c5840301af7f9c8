"""A week's figures are the textbook's, and its z is a standard score where the model is right."""

import datetime as dt
import math

import numpy as np
import pytest

from forest_fire_retrain.core.monitoring.week_quality import ALTERNATIVES, measure_week
from forest_fire_retrain.core.windows import Interval

WEEK = Interval(start=dt.date(2024, 1, 1), end=dt.date(2024, 1, 8))
RATES = np.full(2, 0.1)


def test_figures_of_two_rows_by_hand() -> None:
    found = measure_week(WEEK, np.array([1, 0], dtype=np.int8), np.array([0.2, 0.5]), RATES)
    assert (found.n_rows, found.n_fires) == (2, 1)
    assert found.expected_fires == pytest.approx(0.7)
    assert found.variance_of_fires == pytest.approx(0.2 * 0.8 + 0.25)
    assert found.loss == pytest.approx(-math.log(0.2) - math.log(0.5))
    assert found.climatology_loss == pytest.approx(-math.log(0.1) - math.log(0.9))
    assert found.expected_loss == pytest.approx(-(0.2 * math.log(0.2) + 0.8 * math.log(0.8)) + math.log(2))
    assert found.variance_of_loss == pytest.approx(0.16 * math.log(0.25) ** 2)  # logit(0.5) is 0
    assert found.z == pytest.approx((found.loss - found.expected_loss) / math.sqrt(found.variance_of_loss))


def test_a_ratio_is_the_likelihood_under_shifted_odds_over_the_models() -> None:
    found = measure_week(WEEK, np.array([1, 0], dtype=np.int8), np.array([0.2, 0.2]), RATES)
    shifted = 1 / (1 + math.exp(-(math.log(0.25) + ALTERNATIVES[0].shift)))
    assert found.log_ratios[0] == pytest.approx(math.log(shifted / 0.2) + math.log((1 - shifted) / 0.8))


def test_slopes_leave_rows_at_the_centre_alone() -> None:
    drawn_together = next(place for place, other in enumerate(ALTERNATIVES) if other.shift == 0)
    found = measure_week(WEEK, np.array([1, 0], dtype=np.int8), np.array([0.2, 0.2]), RATES)
    assert found.log_ratios[drawn_together] == pytest.approx(0.0, abs=1e-12)


def test_z_of_a_right_model_has_mean_zero_and_unit_variance_and_that_of_a_wrong_one_lies_above() -> None:
    rng = np.random.default_rng(3)
    chances = rng.beta(1, 40, size=700)
    odds = np.log(chances) - np.log1p(-chances)
    more = 1 / (1 + np.exp(-(odds + 0.8)))
    rates = np.full(700, 0.02)
    right = [measure_week(WEEK, _draw(rng, chances), chances, rates).z for _ in range(400)]
    wrong = [measure_week(WEEK, _draw(rng, more), chances, rates).z for _ in range(400)]
    assert abs(np.mean(right)) < 4 / math.sqrt(400)
    assert np.std(right) == pytest.approx(1.0, abs=0.15)
    assert np.mean(wrong) > 1


def test_the_mean_of_a_likelihood_ratio_is_one_where_the_model_is_right() -> None:
    rng = np.random.default_rng(4)
    chances = np.full(100, 0.05)
    weeks = [measure_week(WEEK, _draw(rng, chances), chances, chances) for _ in range(4000)]
    ratios = np.exp([week.log_ratios for week in weeks])
    assert np.allclose(ratios.mean(axis=0), 1.0, atol=0.15)


def test_a_week_in_which_nothing_could_vary_says_nothing() -> None:
    empty = measure_week(WEEK, np.empty(0, dtype=np.int8), np.empty(0), np.empty(0))
    assert (empty.z, empty.n_rows, empty.loss) == (0.0, 0, 0.0)


def _draw(rng: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    return (rng.random(len(chances)) < chances).astype(np.int8)
