"""Recipes: the same bits for the same rows, sensible leaves at any size, refusals that say what is allowed."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from forest_fire_retrain.core.errors import ConfigurationError, EvidenceError
from forest_fire_retrain.core.models.training import (
    DEFAULT_RECIPES,
    PARAMETERS,
    choose_rows,
    find_recipe,
    fit,
    resolve_parameters,
)
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING, SMALL_LOGISTIC, example_rows
from forest_fire_retrain_tests.property_examples import examples

REPOSITORY = Path(__file__).resolve().parents[3]
BOTH = [find_recipe("gradient_boosting"), find_recipe("logistic")]


def change(recipe: Recipe, **parameters: float | str | bool | None) -> Recipe:
    return recipe.model_copy(update={"parameters": {**recipe.parameters, **parameters}})


def hash_of_predictions(recipe: Recipe, n_threads: int = 1) -> str:
    features, labels = example_rows()
    model = fit(change(recipe, negatives_per_positive=8), features, labels, seed=5, n_threads=n_threads)
    return hashlib.sha256(model.predict_proba(features)[:, 1].tobytes()).hexdigest()


@pytest.mark.parametrize("recipe", BOTH, ids=lambda recipe: recipe.name)
def test_fitting_twice_gives_the_same_prediction_bits(recipe: Recipe) -> None:
    assert hash_of_predictions(recipe) == hash_of_predictions(recipe)


@pytest.mark.slow
def test_fitting_in_another_process_gives_the_same_prediction_bits() -> None:
    code = (
        "from forest_fire_retrain_tests.core.models.test_training import *\n"
        "print(*(hash_of_predictions(recipe) for recipe in BOTH))"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert printed.stdout.split() == [hash_of_predictions(recipe) for recipe in BOTH]


@pytest.mark.slow
def test_gradient_boosting_has_the_same_bits_on_one_and_two_threads() -> None:
    assert hash_of_predictions(BOTH[0], n_threads=1) == hash_of_predictions(BOTH[0], n_threads=2)


def test_pinned_threads_are_given_back_afterwards() -> None:
    with threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpool_info()]
        hash_of_predictions(SMALL_LOGISTIC)
        assert [pool["num_threads"] for pool in threadpool_info()] == before
    assert 2 in before


@pytest.mark.parametrize("recipe", BOTH, ids=lambda recipe: recipe.name)
def test_a_model_separates_what_is_separable_and_hits_the_rate(recipe: Recipe) -> None:
    features, labels = example_rows(6_000)
    fire = fit(recipe, features, labels, seed=1, n_threads=1).predict_proba(features)[:, 1]
    assert fire[labels == 1].mean() > 2 * fire[labels == 0].mean()
    assert fire.mean() == pytest.approx(labels.mean(), rel=0.05)


@pytest.mark.parametrize("recipe", BOTH, ids=lambda recipe: recipe.name)
def test_leaving_negatives_out_keeps_the_rate(recipe: Recipe) -> None:
    features, labels = example_rows(20_000)
    model = fit(change(recipe, negatives_per_positive=4), features, labels, seed=1, n_threads=1)
    assert model.kept_negative_share == pytest.approx(4 * labels.sum() / (labels == 0).sum(), rel=0.01)
    # The kept negatives are a random share: their count is exact, what they look like is not.
    assert model.predict_proba(features)[:, 1].mean() == pytest.approx(labels.mean(), rel=0.1)


@pytest.mark.parametrize("recipe", [SMALL_BOOSTING, SMALL_LOGISTIC], ids=lambda recipe: recipe.estimator)
def test_a_feature_never_observed_in_training_is_ignored_also_when_it_is_observed_later(recipe: Recipe) -> None:
    features, labels = example_rows()
    model = fit(recipe, features, labels, seed=1, n_threads=1)
    assert "rel_humidity_pct" not in model.used_features
    assert "rel_humidity_pct" in model.feature_names
    observed = features.assign(rel_humidity_pct=55.0)
    assert np.array_equal(model.predict_proba(observed), model.predict_proba(features))


@pytest.mark.parametrize("recipe", [SMALL_BOOSTING, SMALL_LOGISTIC], ids=lambda recipe: recipe.estimator)
def test_a_feature_complete_in_training_may_be_missing_later(recipe: Recipe) -> None:
    features, labels = example_rows()
    model = fit(recipe, features, labels, seed=1, n_threads=1)
    assert np.isfinite(model.predict_proba(features.assign(dc=np.nan))).all()


@pytest.mark.parametrize(("n_rows", "rate"), [(20_000, 0.01), (50_000, 0.01), (400_000, 0.001)])
def test_leaves_hold_the_same_number_of_expected_fires_at_any_size(n_rows: int, rate: float) -> None:
    rng = np.random.default_rng(1)
    features = pd.DataFrame({"dc": rng.normal(size=n_rows)})
    labels = (rng.random(n_rows) < rate).astype(np.int8)
    model = fit(change(SMALL_BOOSTING, max_iter=1, min_fires_per_leaf=10), features, labels, seed=1, n_threads=1)
    leaf_rows = model.resolved_parameters["min_samples_leaf"]
    assert isinstance(leaf_rows, int)
    assert leaf_rows * labels.mean() == pytest.approx(10, abs=0.02)
    assert leaf_rows < n_rows / 10


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_no_evidence(label: int) -> None:
    features, labels = example_rows()
    with pytest.raises(EvidenceError, match="both kinds"):
        fit(SMALL_LOGISTIC, features, np.full_like(labels, label), seed=1, n_threads=1)


def test_rows_without_any_value_are_no_evidence() -> None:
    features, labels = example_rows()
    with pytest.raises(EvidenceError, match="none of the 6 features"):
        fit(SMALL_LOGISTIC, features * np.nan, labels, seed=1, n_threads=1)


def test_infinite_features_are_refused_by_name() -> None:
    features, labels = example_rows()
    features.loc[3, "dmc"] = np.inf
    with pytest.raises(EvidenceError, match=r"infinite feature values: 1, .*dmc"):
        fit(SMALL_BOOSTING, features, labels, seed=1, n_threads=1)


@pytest.mark.parametrize("labels", [np.zeros(3), np.full(1_500, 2), np.full(1_500, np.nan)])
def test_malformed_labels_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        fit(SMALL_BOOSTING, example_rows()[0], labels, seed=1, n_threads=1)


def test_an_unknown_estimator_is_refused_with_those_allowed() -> None:
    with pytest.raises(ConfigurationError, match="'forest'; allowed are: gradient_boosting, logistic"):
        resolve_parameters(Recipe(name="x", estimator="forest", parameters={}))


def test_all_faults_of_a_recipe_are_listed_together_with_what_is_allowed() -> None:
    wrong = {"max_iter": 1.5, "learning_rate": -1, "depth": 3, "max_bins": "many", "max_leaf_nodes": None}
    with pytest.raises(ConfigurationError) as refused:
        resolve_parameters(Recipe(name="x", estimator="gradient_boosting", parameters=wrong))
    assert "wrong parameters:" in str(refused.value)
    for said in (*wrong, "max_leaf_nodes: may not be none", "whole number", "min_fires_per_leaf [0 to"):
        assert said in str(refused.value)


def test_not_a_number_is_no_parameter() -> None:
    with pytest.raises(ConfigurationError, match="learning_rate"):
        resolve_parameters(change(SMALL_BOOSTING, learning_rate=float("nan")))


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="gradient_boosting, logistic"):
        find_recipe("best")


def test_default_recipes_spell_every_parameter_out() -> None:
    for name, recipe in DEFAULT_RECIPES.items():
        assert set(recipe.parameters) == set(PARAMETERS[name])
        assert resolve_parameters(recipe) == recipe.parameters


@examples(100)
@given(
    positive=st.lists(st.booleans(), min_size=1, max_size=200).map(lambda drawn: np.array(drawn, dtype=bool)),
    per_positive=st.none() | st.floats(1, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_positive_and_the_asked_share_of_negatives_is_kept_in_order(
    positive: np.ndarray, per_positive: float | None, seed: int
) -> None:
    rows, share = choose_rows(positive, per_positive, seed)
    n_negatives = np.count_nonzero(~positive)
    assert (np.diff(rows) > 0).all()
    assert np.count_nonzero(positive[rows]) == np.count_nonzero(positive)
    assert np.count_nonzero(~positive[rows]) == pytest.approx(share * n_negatives)
    assert np.array_equal(rows, choose_rows(positive, per_positive, seed)[0])
