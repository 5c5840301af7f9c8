"""The search starts from what is known to be good, stays within its bounds, and repeats itself."""

import datetime as dt

from forest_fire_retrain.adapters.optuna_search import SPACES, OptunaSearch
from forest_fire_retrain.core.models.training import find_recipe, resolve_parameters
from forest_fire_retrain.core.records import Recipe, RecipeScore
from forest_fire_retrain.core.windows import Interval

WINDOW = Interval(start=dt.date(2024, 1, 1), end=dt.date(2024, 3, 1))


def judge(recipe: Recipe) -> RecipeScore:
    """A made-up loss with its optimum at C = 0.01."""
    c = float(str(recipe.parameters["C"]))
    return RecipeScore(recipe=recipe, window=WINDOW, n_fires=5, log_loss=abs(c - 0.01))


def test_the_first_trial_is_the_last_known_good_recipe() -> None:
    start = find_recipe("logistic")
    assert OptunaSearch().run(start, judge, n_trials=3, seed=1)[0].recipe == start


def test_the_same_seed_proposes_the_same_and_trials_are_bounded() -> None:
    start = find_recipe("logistic")
    first, second = (OptunaSearch().run(start, judge, n_trials=8, seed=4) for _ in range(2))
    assert first == second
    assert len(first) == 8
    assert len({score.recipe.name for score in first}) == 8


def test_proposed_parameters_are_ones_that_training_takes() -> None:
    start = find_recipe("gradient_boosting")
    seen: list[Recipe] = []

    def look(recipe: Recipe) -> RecipeScore:
        seen.append(recipe)
        return RecipeScore(recipe=recipe, window=WINDOW, n_fires=1, log_loss=1.0)

    OptunaSearch().run(start, look, n_trials=12, seed=2)
    for recipe in seen:
        resolved = resolve_parameters(recipe)
        assert set(SPACES["gradient_boosting"]) <= set(resolved)
