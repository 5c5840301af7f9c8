"""Skill against climatology, with an interval on blocks where there are two and on days where there are not."""

import math

import numpy as np
import pytest
from scipy.stats import t as student_t

from forest_fire_retrain.core.decision.skill import skill_against_climatology
from forest_fire_retrain_tests.example_evidence import example_window


def test_a_week_is_taken_day_by_day() -> None:
    losses = (8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 7.0)
    found = skill_against_climatology(example_window(loss_challenger=losses), 7)
    gains = 12 - np.array(losses)
    half = student_t.ppf(0.975, 6) * gains.std(ddof=1) / np.sqrt(7)
    assert (found.n_blocks, found.block_days) == (7, 1)
    assert found.value == pytest.approx(gains.sum() / 84)
    assert (found.low, found.high) == pytest.approx(((gains.mean() - half) / 12, (gains.mean() + half) / 12))


def test_a_month_is_taken_in_blocks() -> None:
    losses = tuple(float(8 + day // 7) for day in range(28))
    found = skill_against_climatology(example_window(n_days=28, loss_challenger=losses), 7)
    assert (found.n_blocks, found.block_days) == (4, 7)
    assert found.value == pytest.approx(1 - sum(losses) / (28 * 12))
    assert found.low < found.value < found.high


def test_of_climatology_without_a_loss_nothing_is_said() -> None:
    found = skill_against_climatology(example_window(loss_climatology=(0.0,) * 7), 7)
    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_worse_than_climatology_is_below_zero() -> None:
    assert skill_against_climatology(example_window(loss_challenger=(13.0,) * 7), 7).value == pytest.approx(-1 / 12)
