"""Blocks, bounds and e-value: by hand, against scipy, and by simulation with fixed seeds."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, ttest_1samp
from scipy.stats import t as student_t

from forest_fire_retrain.core.decision.block_statistics import (
    BlockStatistics,
    DayBlocks,
    bootstrap_interval,
    describe_blocks,
    e_value,
    find_quantiles,
    sum_blocks,
)
from forest_fire_retrain.core.decision.window_sums import day_numbers
from forest_fire_retrain_tests.example_evidence import RULE

YEAR_DAYS, YEAR_BLOCKS = 364, 52


def draw_null_years(n_years: int, seed: int, n_days: int = YEAR_DAYS) -> np.ndarray:
    """Daily differences of two exchangeable models, shape (n_years, n_days).

    Heavy-tailed (Student's t with three degrees of freedom), the days of a week pulling together, and no two
    weeks equally loud.
    """
    rng = np.random.default_rng(seed)
    n_weeks = n_days // 7
    loudness = np.exp(rng.normal(0, 0.4, size=(n_years, n_weeks)))
    shared = loudness * rng.standard_t(3, size=(n_years, n_weeks))
    daily = rng.standard_t(3, size=(n_years, n_days)) + np.repeat(shared, 7, axis=1)
    return np.asarray(daily)


def test_blocks_are_counted_back_from_the_newest_day() -> None:
    days = np.arange(100, 117)  # 17 days: the three oldest make no block
    sums = sum_blocks(days, np.arange(17.0), 7)
    assert sums.tolist() == [sum(range(3, 10)), sum(range(10, 17))]


def test_a_block_with_a_day_missing_is_left_out() -> None:
    days = np.array([day for day in range(28) if day != 10])
    sums = sum_blocks(days, np.ones(27), 7)
    assert sums.tolist() == [7.0, 7.0, 7.0]
    assert sum_blocks(days[-6:], np.ones(6), 7).tolist() == []


def test_windows_far_apart_keep_their_places() -> None:
    days = np.concatenate([np.arange(7), np.arange(21, 28)])
    assert sum_blocks(days, np.arange(14.0), 7).tolist() == [21.0, 70.0]


@given(st.permutations(range(21)))
def test_the_order_of_the_days_is_irrelevant(order: list[int]) -> None:
    values = np.array([0.1 * day**2 for day in range(21)])
    shuffled = sum_blocks(np.array(order), values[order], 7)
    assert shuffled.tolist() == sum_blocks(np.arange(21), values, 7).tolist()


def test_no_days_make_no_blocks() -> None:
    assert sum_blocks(np.empty(0, int), np.empty(0), 7).tolist() == []
    assert sum_blocks(day_numbers([]), np.empty(0), 7).tolist() == []


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 9), st.integers(1, 40))
def test_blocks_within_the_newest_days_are_those_of_these_days_alone(
    days: set[int], block_days: int, newest_days: int
) -> None:
    held = np.array(sorted(days))
    values = np.random.default_rng(len(days)).normal(size=len(days))
    recent = held > held.max() - newest_days
    alone = sum_blocks(held[recent], values[recent], block_days)
    assert DayBlocks(held, block_days).sums(values, newest_days).tobytes() == alone.tobytes()


def test_bounds_are_students_t() -> None:
    sums = np.random.default_rng(1).standard_t(3, 52)
    statistics = describe_blocks(sums)
    for confidence in (0.8, 0.9, 0.95):
        lower = ttest_1samp(sums, 0, alternative="greater").confidence_interval(confidence).low
        upper = ttest_1samp(sums, 0, alternative="less").confidence_interval(confidence).high
        assert statistics.lower_bound(confidence) == pytest.approx(lower)
        assert statistics.upper_bound(confidence) == pytest.approx(upper)
    assert statistics == BlockStatistics(52, sums.mean(), sums.std(ddof=1) / math.sqrt(52))


@pytest.mark.parametrize("sums", [[], [3.0]])
def test_fewer_than_two_blocks_have_no_bounds_and_pass_no_test(sums: list[float]) -> None:
    statistics = describe_blocks(np.array(sums))
    assert statistics.n_blocks == len(sums)
    assert math.isnan(statistics.lower_bound(0.9))
    assert math.isnan(statistics.upper_bound(0.9))
    assert all(math.isnan(limit) for limit in bootstrap_interval(np.array(sums), 0.8))
    assert e_value(np.array(sums), np.ones(len(sums))) == 1.0


def test_the_bootstrap_gives_the_same_interval_for_the_same_blocks() -> None:
    sums = np.random.default_rng(2).normal(1.0, 2.0, 52)
    low, high = bootstrap_interval(sums, 0.8)
    assert bootstrap_interval(sums.copy(), 0.8) == (low, high)
    statistics = describe_blocks(sums)
    # Close to Student's t where blocks are normal; 2,000 draws leave about 3 % of the width to chance.
    assert low == pytest.approx(statistics.lower_bound(0.9), abs=0.1 * statistics.standard_error)
    assert high == pytest.approx(statistics.upper_bound(0.9), abs=0.1 * statistics.standard_error)


# ---- e-value ----


def test_the_e_value_is_the_mixture_it_claims_to_be() -> None:
    gains, losses = np.array([9.0, 0.3, -0.1, 0.4, 0.2]), np.array([4.0, 1.0, 1.0, 1.0, 1.0])
    scale = 1 / (0.1 * losses[0])
    total, square = gains[1:].sum(), (gains[1:] ** 2).sum()

    def weighted(rate: float) -> float:
        return float(2 * norm.pdf(rate, scale=scale) * math.exp(rate * total - rate**2 * square / 2))

    assert e_value(gains, losses) == pytest.approx(quad(weighted, 0, np.inf)[0])


def test_the_first_block_sets_the_scale_and_is_not_counted() -> None:
    losses = np.ones(10)
    first = [np.concatenate([[gain], np.full(9, 0.05)]) for gain in (-5.0, 0.0, 5.0)]
    assert len({e_value(gains, losses) for gains in first}) == 1


def test_the_e_value_grows_with_evidence_and_shrinks_with_harm() -> None:
    losses = np.ones(52)
    e_values = [e_value(np.full(n, 0.02), losses[:n]) for n in (2, 10, 30, 52)]
    assert e_values == sorted(e_values)
    assert e_values[-1] > 10
    assert e_value(np.full(52, -0.02), losses) < 0.2


@pytest.mark.parametrize("first_loss", [0.0, -1.0, math.nan])
def test_without_a_scale_the_e_value_says_nothing(first_loss: float) -> None:
    assert e_value(np.ones(5), np.array([first_loss, 1, 1, 1, 1])) == 1.0


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_gains_that_are_no_numbers_are_no_evidence(figure: float) -> None:
    assert e_value(np.array([1.0, 1.0, figure, 1.0]), np.ones(4)) == 1.0


def test_overwhelming_evidence_stays_finite() -> None:
    assert math.isfinite(e_value(np.full(52, 1e-3) + np.arange(52) * 1e-12, np.full(52, 1e-6)))
    assert math.isfinite(e_value(np.full(5_000, 1.0), np.full(5_000, 1.0)))


# ---- calibration ----


def test_the_superior_test_errs_in_about_fifteen_percent_of_null_years() -> None:
    """Exact null, one look a year: 3,000 years, standard error of the level 0.65 points."""
    years = draw_null_years(3_000, seed=11)
    days = np.arange(YEAR_DAYS)
    statistics = [describe_blocks(sum_blocks(days, year, RULE.block_days)) for year in years]
    assert {found.n_blocks for found in statistics} == {YEAR_BLOCKS}
    means = np.array([found.mean for found in statistics])
    errors = np.array([found.standard_error for found in statistics])
    passes = means - student_t.ppf(RULE.superior_confidence, YEAR_BLOCKS - 1) * errors > 0
    assert passes[:20].tolist() == [found.lower_bound(RULE.superior_confidence) > 0 for found in statistics[:20]]
    assert 0.12 <= passes.mean() <= 0.18


def test_days_as_the_sample_would_err_more_often() -> None:
    """The reason for blocks: the same years, every day a sample of its own, err in far more than 18 %."""
    years = draw_null_years(1_000, seed=12)
    means, errors = years.mean(axis=1), years.std(axis=1, ddof=1) / math.sqrt(YEAR_DAYS)
    assert (means - student_t.ppf(RULE.superior_confidence, YEAR_DAYS - 1) * errors > 0).mean() > 0.25


@pytest.mark.slow
def test_the_e_value_exceeds_ten_in_at_most_a_tenth_of_null_streams_looked_at_every_week() -> None:
    """Ville's inequality: P(sup e >= 10) <= 1/10 under the null, however often it is looked at."""
    n_streams = 2_000
    streams = draw_null_years(n_streams, seed=13).reshape(n_streams, YEAR_BLOCKS, 7).sum(axis=2)
    losses = np.full(YEAR_BLOCKS, 200.0)  # the champion loses ten or twenty times what two models differ by
    highest = [max(e_value(gains[:n], losses[:n]) for n in range(2, YEAR_BLOCKS + 1)) for gains in streams]
    share = np.mean(np.array(highest) >= 10)
    assert 0.005 < share <= 0.10
    better = [e_value(gains + 8.0, losses) for gains in streams[:200]]
    assert np.mean(np.array(better) >= 10) > 0.5


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60), st.booleans())
def test_mean_and_error_are_numpys_to_the_bit(values: list[float], is_reversed: bool) -> None:  # noqa: FBT001 - drawn
    sums = np.array(values)[::-1] if is_reversed else np.array(values)
    expected = (float(sums.mean()), float(sums.std(ddof=1) / np.sqrt(len(sums))))
    assert describe_blocks(sums)[1:] == expected


def bits(values: Sequence[float]) -> list[str]:
    """Numbers that are the same have the same; 0.0 and -0.0 have not, any two that are none have."""
    return [value.hex() for value in values]


@given(
    st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, math.inf, math.nan]), min_size=1, max_size=40),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_quantiles_are_numpys_to_the_bit(values: list[float], shares: tuple[float, float]) -> None:
    with np.errstate(invalid="ignore"):
        expected = np.quantile(np.array(values), shares).tolist()
    assert bits(find_quantiles(np.array(values), shares)) == bits(expected)


@given(st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, math.nan]), min_size=2, max_size=17))
def test_the_bootstrap_is_numpys_to_the_bit(values: list[float]) -> None:
    sums, n_blocks = np.array(values), len(values)
    drawn = np.random.Generator(np.random.Philox(20_260_101)).integers(0, n_blocks, size=(1_000, n_blocks))
    expected = np.quantile(sums[drawn].mean(axis=1), [(1 - 0.8) / 2, 1 - (1 - 0.8) / 2])
    assert bits(bootstrap_interval(sums, 0.8)) == bits(expected.tolist())


@pytest.mark.parametrize("n_blocks", [2, 3, 13, 52])
def test_quantiles_and_resamples_that_are_kept_are_those_that_would_be_drawn(n_blocks: int) -> None:
    sums = np.random.default_rng(n_blocks).normal(size=n_blocks)
    generator = np.random.Generator(np.random.Philox(20_260_101))
    means = sums[generator.integers(0, n_blocks, size=(1_000, n_blocks))].mean(axis=1)
    low, high = np.quantile(means, [(1 - 0.8) / 2, 1 - (1 - 0.8) / 2])
    described = describe_blocks(sums)
    for _ in range(2):
        assert bootstrap_interval(sums, 0.8) == (low, high)
        margin = float(student_t.ppf(0.9, n_blocks - 1)) * described.standard_error
        assert described.lower_bound(0.9) == described.mean - margin
        assert described.upper_bound(0.9) == described.mean + margin
