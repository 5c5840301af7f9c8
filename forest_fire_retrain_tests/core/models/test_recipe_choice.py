"""Recipes compete inside the training window only; ties and windows without fires go to the first."""

import datetime as dt

import numpy as np
import pytest

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.models.recipe_choice import InnerRows, choose_best, score_recipe, split_training
from forest_fire_retrain.core.records import Recipe, RecipeScore
from forest_fire_retrain.core.windows import Interval, RetrainingWindows, WindowPolicy, plan_windows
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING, SMALL_LOGISTIC, example_rows

START = dt.date(2022, 1, 3)


def windows(n_days: int = 300, gap_days: int = 14) -> RetrainingWindows:
    policy = WindowPolicy(
        label_delay_days=gap_days, gap_days=gap_days, training_window_days=n_days, min_training_days=n_days
    )
    start = START + dt.timedelta(days=n_days + 2 * gap_days)
    return plan_windows(Interval(start=start, end=start + dt.timedelta(days=7)), START, policy)


def inner_rows() -> InnerRows:
    features, labels = example_rows(n_rows=1_500)
    days = np.datetime64(START) + np.repeat(np.arange(300), 5)
    return InnerRows(features, labels, days)


def score(name: str, loss: float, n_fires: int = 5) -> RecipeScore:
    recipe = Recipe(name=name, estimator="logistic", parameters={})
    window = Interval(start=START, end=START + dt.timedelta(days=60))
    return RecipeScore(recipe=recipe, window=window, n_fires=n_fires, log_loss=loss)


def test_the_validation_window_ends_with_training_and_lies_a_gap_behind_the_rest() -> None:
    fitting, validation = split_training(windows())
    assert validation.end == windows().training.end
    assert (validation.start - fitting.end).days == 14
    assert validation.n_days == 60


def test_rows_behind_the_training_window_do_not_change_a_score() -> None:
    rows = inner_rows()
    reference = score_recipe(SMALL_LOGISTIC, rows, windows(), seed=1, n_threads=1)
    changed = rows.labels.copy()
    fitting, validation = split_training(windows())
    gap = (rows.dates >= np.datetime64(fitting.end)) & (rows.dates < np.datetime64(validation.start))
    changed[gap] = 1 - changed[gap]
    assert score_recipe(SMALL_LOGISTIC, rows._replace(labels=changed), windows(), seed=1, n_threads=1) == reference
    inside = rows.labels.copy()
    inside[rows.dates >= np.datetime64(validation.start)] = 1
    assert score_recipe(SMALL_LOGISTIC, rows._replace(labels=inside), windows(), seed=1, n_threads=1) != reference


def test_the_same_rows_give_the_same_score() -> None:
    first, second = (score_recipe(SMALL_BOOSTING, inner_rows(), windows(), seed=3, n_threads=1) for _ in range(2))
    assert first == second


def test_the_lowest_loss_wins_and_of_equal_ones_the_first() -> None:
    assert choose_best([score("a", 0.3), score("b", 0.2), score("c", 0.2)]).name == "b"


def test_without_a_fire_the_first_named_is_taken() -> None:
    assert choose_best([score("a", 0.3, n_fires=0), score("b", 0.2, n_fires=0)]).name == "a"


def test_nothing_to_choose_from_and_windows_too_short_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="FOREST_FIRE_RECIPE_NAMES"):
        choose_best([])
    with pytest.raises(ConfigurationError, match="too short"):
        split_training(windows(n_days=15))
