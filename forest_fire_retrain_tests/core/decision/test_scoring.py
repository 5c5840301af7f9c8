"""Losses by hand-worked figures and by scikit-learn's; what people are shown."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from threadpoolctl import threadpool_limits

from forest_fire_retrain.core.decision.scoring import daily_losses, daily_sums, describe_quality
from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.losses import brier_losses, brier_score, clip, log_loss, log_losses


class Sample(NamedTuple):
    """Rows of some days."""

    labels: np.ndarray
    probabilities: np.ndarray
    days: np.ndarray


def draw_rows(n_days: int = 30, n_cells: int = 40, seed: int = 5) -> Sample:
    """Rows of a model that is true."""
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(1, 20, n_days * n_cells)
    labels = (rng.random(n_days * n_cells) < probabilities).astype(np.int8)
    return Sample(labels, probabilities, np.repeat(np.arange(n_days), n_cells))


def test_a_rows_loss_is_minus_the_log_of_what_was_given_to_what_happened() -> None:
    losses = log_losses(np.array([1, 0, 1, 0]), np.array([0.25, 0.25, 1.0, 1.0]))
    assert losses == pytest.approx([-math.log(0.25), -math.log(0.75), -math.log1p(-1e-6), -math.log(1e-6)])


def test_certainty_is_clipped_so_that_no_loss_is_infinite() -> None:
    extremes = np.array([-1.0, 0.0, 1e-9, 0.5, 1.0, 2.0])
    assert clip(extremes).tolist() == [1e-6, 1e-6, 1e-6, 0.5, 1 - 1e-6, 1 - 1e-6]
    assert np.isfinite(log_losses(np.array([1, 1, 1, 0, 0, 0]), extremes)).all()


def test_a_probability_that_is_none_gives_a_loss_that_is_none() -> None:
    assert np.isnan(log_losses(np.array([1, 0]), np.array([np.nan, np.nan]))).all()


def test_means_agree_with_scikit_learn() -> None:
    labels, probabilities, _ = draw_rows()
    assert log_loss(labels, probabilities) == pytest.approx(metrics.log_loss(labels, probabilities))
    assert brier_score(labels, probabilities) == pytest.approx(metrics.brier_score_loss(labels, probabilities))
    assert brier_losses(np.array([1, 0]), np.array([0.2, 0.2])) == pytest.approx([0.64, 0.04])


@pytest.mark.parametrize(("metric", "per_row"), [(Metric.LOG_LOSS, log_losses), (Metric.BRIER, brier_losses)])
def test_proper_losses_add_up_over_the_days(metric: Metric, per_row: object) -> None:
    labels, probabilities, days = draw_rows()
    losses = daily_losses(metric, labels, probabilities, days, 30)
    assert callable(per_row)
    assert losses.sum() == pytest.approx(per_row(labels, probabilities).sum())
    first = days == 0
    assert losses[0] == pytest.approx(per_row(labels[first], probabilities[first]).sum())


@pytest.mark.parametrize(
    ("metric", "score"),
    [(Metric.ROC_AUC, metrics.roc_auc_score), (Metric.AVERAGE_PRECISION, metrics.average_precision_score)],
)
def test_ranking_losses_are_what_the_days_score_lacks_times_its_fires(metric: Metric, score: object) -> None:
    labels, probabilities, days = draw_rows()
    probabilities = np.round(probabilities, 2)  # ties count half
    losses = daily_losses(metric, labels, probabilities, days, 30)
    for day in range(30):
        rows = days == day
        n_fires = labels[rows].sum()
        assert callable(score)
        expected = n_fires * (1 - score(labels[rows], probabilities[rows])) if n_fires else 0.0
        assert losses[day] == pytest.approx(expected)


@pytest.mark.parametrize("metric", [Metric.ROC_AUC, Metric.AVERAGE_PRECISION])
def test_a_day_on_which_everything_burns_cannot_be_misranked(metric: Metric) -> None:
    assert daily_losses(metric, np.ones(3), np.array([0.1, 0.2, 0.3]), np.zeros(3, int), 1).tolist() == [0.0]


@pytest.mark.parametrize("metric", Metric)
def test_days_without_rows_lose_nothing(metric: Metric) -> None:
    losses = daily_losses(metric, np.array([1, 0]), np.array([0.4, 0.6]), np.array([2, 2]), 5)
    assert losses.shape == (5,)
    assert losses[2] > 0
    assert losses.sum() == losses[2]


@pytest.mark.parametrize("metric", Metric)
def test_a_perfect_model_loses_next_to_nothing(metric: Metric) -> None:
    labels, _, days = draw_rows()
    assert daily_losses(metric, labels, labels.astype(float), days, 30).sum() == pytest.approx(0, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(-10, 10)), min_size=1, max_size=30))
def test_daily_sums_lose_and_invent_nothing(rows: list[tuple[int, float]]) -> None:
    days, values = np.array([day for day, _ in rows]), np.array([value for _, value in rows])
    sums = daily_sums(values, days, 7)
    assert sums.shape == (7,)
    assert sums == pytest.approx([values[days == day].sum() for day in range(7)], abs=1e-9)


def test_quality_of_a_true_model_shows_no_bias() -> None:
    sample = draw_rows(n_days=400, n_cells=50)
    figures = describe_quality(sample.labels, sample.probabilities, 0.05)
    assert figures["calibration_intercept"] == pytest.approx(0, abs=0.25)
    assert figures["calibration_slope"] == pytest.approx(1, abs=0.1)
    assert figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(sample.labels, sample.probabilities))
    expected = metrics.average_precision_score(sample.labels, sample.probabilities)
    assert figures["average_precision"] == pytest.approx(expected)
    assert figures["log_loss"] == log_loss(sample.labels, sample.probabilities)


def test_quality_shows_an_intercept_that_is_off_and_a_slope_that_is_too_steep() -> None:
    sample = draw_rows(n_days=400, n_cells=50)
    odds = sample.probabilities / (1 - sample.probabilities)
    too_high = describe_quality(sample.labels, 2 * odds / (1 + 2 * odds), 0.05)
    too_steep = describe_quality(sample.labels, odds**2 / (1 + odds**2), 0.05)
    assert too_high["calibration_intercept"] == pytest.approx(-math.log(2), abs=0.25)
    assert too_steep["calibration_slope"] == pytest.approx(0.5, abs=0.1)


def test_recall_at_the_budget_is_the_share_of_fires_in_the_riskiest_rows() -> None:
    labels = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 1], dtype=np.int8)
    probabilities = np.linspace(0.9, 0.1, 10)
    recalls = [describe_quality(labels, probabilities, share)["recall_at_budget"] for share in (0.1, 0.3, 0.99)]
    assert recalls == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert describe_quality(labels, probabilities, 0.001)["recall_at_budget"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_leaves_out_the_figures_that_need_two(label: int) -> None:
    figures = describe_quality(np.full(20, label, dtype=np.int8), np.linspace(0.01, 0.2, 20), 0.05)
    assert set(figures) == {"log_loss", "brier"}


def test_two_classes_that_are_fully_apart_are_described_without_a_warning() -> None:
    # A quiet week: one fire, and it was the riskiest row. Warnings are errors here.
    for n_rows in (20, 140, 700):
        labels = np.zeros(n_rows, dtype=np.int8)
        labels[0] = 1
        probabilities = np.concatenate([[0.3], np.linspace(0.01, 0.1, n_rows - 1)])
        figures = describe_quality(labels, probabilities, 0.05)
        assert figures["roc_auc"] == 1.0
        assert all(math.isfinite(value) for value in figures.values())


def test_figures_do_not_depend_on_how_many_threads_there_are() -> None:
    rows = draw_rows(n_days=50, n_cells=400)
    described = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            described.append(describe_quality(rows.labels, rows.probabilities, 0.1))
    assert described[0] == described[1]
