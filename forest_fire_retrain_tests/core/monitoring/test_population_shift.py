"""The population stability index is the published one, like is held against like, and only what moved is told."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.population_shift import (
    LEAST_SHARE,
    PopulationShift,
    Sample,
    calendar_weeks,
    describe_shift,
    measure_shift,
    stability_index,
)
from forest_fire_retrain.core.windows import Interval

FIRST = np.datetime64("2018-01-01")
YEAR_DAYS, N_CELLS = 364, 20
RULE = MonitorRule()


def sample(first_day: int, n_days: int, *, seed: int, shift: float = 0.0, season: float = 0.0) -> Sample:
    """Independent values, `N_CELLS` a day, around a season that is at its highest at the end of June."""
    days = (FIRST + np.arange(first_day, first_day + n_days)).repeat(N_CELLS)
    level = -season * np.cos(2 * np.pi * (days - FIRST).astype(np.float64) / 365.2425)
    return Sample(days, level + shift + np.random.default_rng(seed).normal(0, 3, len(days)))


def index_of(newest: Sample, training: Sample | None = None) -> float:
    found = measure_shift("temp_max_c", sample(0, 4 * 365, seed=1) if training is None else training, newest)
    assert found is not None
    return found.index


def test_the_index_is_the_published_sum() -> None:
    assert stability_index([0.5, 0.5], [0.5, 0.5]) == 0
    assert stability_index([0.2, 0.8], [0.4, 0.6]) == pytest.approx(
        (0.2 - 0.4) * math.log(0.2 / 0.4) + (0.8 - 0.6) * math.log(0.8 / 0.6)
    )
    assert stability_index([0.2, 0.8], [0.4, 0.6]) == pytest.approx(stability_index([0.4, 0.6], [0.2, 0.8]))
    assert stability_index([1, 0], [0.5, 0.5]) == pytest.approx(
        0.5 * math.log(2) + (LEAST_SHARE - 0.5) * math.log(LEAST_SHARE / 0.5)
    )


def test_independent_rows_that_have_not_moved_stay_far_below_the_usual_limits() -> None:
    """Without a shift n times the index is about chi-squared (Yurdakul & Naranjo 2020): its mean is 9 / n_rows."""
    found = [index_of(sample(4 * 365, 91, seed=seed)) for seed in range(2, 32)]
    assert np.mean(found) == pytest.approx(9 / (91 * N_CELLS), rel=0.4)
    assert max(found) < 0.03


def test_a_season_is_held_against_the_same_season() -> None:
    training, summer = sample(0, 4 * 365, seed=1, season=12), sample(4 * 365 + 168, 28, seed=3, season=12)
    assert index_of(summer, training) < 0.05
    in_winter = Sample(summer.days - np.timedelta64(182, "D"), summer.values)
    assert index_of(in_winter, training) > 5


def test_a_moved_mean_has_the_index_of_two_normal_distributions() -> None:
    """Of tenths of normal distributions half a standard deviation apart; d itself is uncertain by about 0.02."""
    shares = np.diff([0.0, *ndtr(ndtri(np.arange(1, 10) / 10) - 0.5), 1.0])
    expected = stability_index(shares, np.full(10, 0.1))
    assert expected == pytest.approx(0.238, abs=0.001)
    assert index_of(sample(4 * 365, YEAR_DAYS, seed=4, shift=1.5)) == pytest.approx(expected, abs=0.05)


def test_values_that_are_missing_are_a_place_of_their_own() -> None:
    training, newest = sample(0, 4 * 365, seed=1), sample(4 * 365, 91, seed=5)
    gone = np.where(np.arange(len(newest.values)) % 4 == 0, np.nan, newest.values)
    assert index_of(Sample(newest.days, gone), training) > 0.25 * math.log(0.25 / LEAST_SHARE) * 0.9
    used_to_it = Sample(training.days, np.where(np.arange(len(training.values)) % 4 == 0, np.nan, training.values))
    assert index_of(Sample(newest.days, gone), used_to_it) < 0.03
    nothing = Sample(training.days, np.full(len(training.days), np.nan))
    assert index_of(Sample(newest.days, np.full(len(newest.days), np.nan)), nothing) == 0


def test_a_measure_that_is_mostly_one_value_has_no_shift_by_that() -> None:
    def rain(first_day: int, n_days: int, seed: int) -> Sample:
        dry = sample(first_day, n_days, seed=seed)
        return Sample(dry.days, np.maximum(0.0, np.random.default_rng(seed).normal(-3, 3, len(dry.days))))

    assert index_of(rain(4 * 365, 182, 6), rain(0, 4 * 365, 1)) < 0.02


def test_days_without_training_rows_around_them_are_left_out() -> None:
    spring = sample(60, 28, seed=7)
    assert measure_shift("temp_max_c", spring, sample(365 + 200, 28, seed=8)) is None
    found = measure_shift("temp_max_c", spring, sample(365, YEAR_DAYS, seed=8))
    assert found is not None
    assert found.n_training_rows == 28 * N_CELLS
    assert 28 * N_CELLS < found.n_rows < 70 * N_CELLS


def test_weeks_of_the_year_begin_on_its_first_day_and_are_fifty_two() -> None:
    days = np.array(["2023-01-01", "2023-01-07", "2023-01-08", "2023-12-31", "2024-12-31"], dtype="datetime64[D]")
    assert calendar_weeks(days).tolist() == [0, 0, 1, 51, 51]
    near_the_turn = sample(4 * 365 - 3, 7, seed=9)
    assert index_of(near_the_turn) < 0.2


def described(n_days: int, shift: float) -> PopulationShift:
    start = FIRST + 4 * 365
    window = Interval(start=start.item(), end=(start + n_days).item())
    training = Interval(start=FIRST.item(), end=start.item())
    known = {"wind_speed_kmh": sample(0, 4 * 365, seed=1), "temp_max_c": sample(0, 4 * 365, seed=1)}
    newest = {
        "wind_speed_kmh": sample(4 * 365, n_days, seed=2),
        "temp_max_c": sample(4 * 365, n_days, seed=2, shift=shift),
    }
    return describe_shift(window, training, known, newest, RULE)


def test_only_what_is_beyond_the_limit_has_moved() -> None:
    shift = described(RULE.shift_days, 6.0)
    assert [measure.name for measure in shift.measures] == ["wind_speed_kmh", "temp_max_c"]
    assert [measure.name for measure in shift.moved] == ["temp_max_c"]
    assert "no reason to promote" in str(shift)
    calm = described(RULE.shift_days, 0.0)
    assert calm.moved == ()
    assert str(calm).startswith("nothing beyond")


def test_on_fewer_days_than_the_limit_is_for_nothing_has_moved() -> None:
    early = described(RULE.shift_days - 1, 6.0)
    assert early.measures[1].index > RULE.shift_limit
    assert early.moved == ()
    assert str(early).startswith("too early to tell")
