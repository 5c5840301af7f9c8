"""Contributions add up to what is served, to 1e-9, on both recipes; what does not add up is not handed out."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator

from forest_fire_retrain.adapters.shap_explainer import ShapExplainer, import_shap
from forest_fire_retrain.core.errors import EvidenceError, NotReproducedError
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.serving.contributions import MAX_DEVIATION, Contributions, difference, explain_rows
from forest_fire_retrain.core.serving.ports import TreeShares

N_ROWS = 2_000
RECIPES = ("gradient_boosting", "logistic")
SHAP = ShapExplainer()


class Liar:
    """Takes trees apart a little wrong."""

    def take_apart(self, estimator: BaseEstimator, values: np.ndarray) -> TreeShares:
        told = SHAP.take_apart(estimator, values)
        return TreeShares(told.by_column + 1e-8, told.base)


class HeldAgainstOthers:
    """The variant of shap that is wrong here, with its own check switched off."""

    def take_apart(self, estimator: BaseEstimator, values: np.ndarray) -> TreeShares:
        explainer = import_shap().TreeExplainer(estimator, values[:50], feature_perturbation="interventional")
        shares = explainer.shap_values(values, check_additivity=False)
        return TreeShares(np.asarray(shares), float(np.ravel(explainer.expected_value)[0]))


def rows_with_gaps(n_rows: int = N_ROWS, seed: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Values with two decimals, as measures have them, a fifth of them missing; a column without any."""
    rng = np.random.default_rng(seed)
    names = ["dc", "dmc", "precip_mm", "rel_humidity_pct", "temp_max_c", "wind_speed_kmh"]
    features = pd.DataFrame(rng.normal(10, 4, size=(n_rows, 6)).round(2), columns=names)
    odds = 0.4 * features["dc"] - 0.2 * features["precip_mm"] + 0.1 * features["wind_speed_kmh"] - 6
    labels = (rng.random(n_rows) < expit(odds.to_numpy())).astype(np.int8)
    for name in ("dc", "precip_mm", "wind_speed_kmh"):
        features.loc[rng.random(n_rows) < 0.2, name] = np.nan
    features["rel_humidity_pct"] = np.nan
    return features, labels


def fitted(name: str, seed: int = 4, *, per_positive: float | None = None) -> RiskModel:
    recipe = find_recipe(name)
    changed = recipe.model_copy(update={"parameters": {**recipe.parameters, "negatives_per_positive": per_positive}})
    features, labels = rows_with_gaps(4_000, seed)
    return fit(changed, features, labels, seed=1, n_threads=1)


def served_log_odds(model: RiskModel, features: pd.DataFrame) -> np.ndarray:
    chances = model.predict_proba(features)[:, 1]
    return np.log(chances) - np.log1p(-chances)


@pytest.mark.parametrize("per_positive", [None, 1.0], ids=["all-rows", "one-negative-per-fire"])
@pytest.mark.parametrize("name", RECIPES)
def test_general_level_and_contributions_add_up_to_what_is_served(name: str, per_positive: float | None) -> None:
    model, (features, _) = fitted(name, per_positive=per_positive), rows_with_gaps()
    found = explain_rows(model, features, SHAP)
    added = found.general_level + found.by_feature.sum(axis=1)
    assert np.abs(added - served_log_odds(model, features)).max() <= MAX_DEVIATION
    assert found.feature_names == tuple(name for name in features if name != "rel_humidity_pct")
    assert np.abs(found.by_feature).max(axis=0).min() > 0.001  # each of them says something
    assert (model.kept_negative_share < 1) == (per_positive is not None)


@pytest.mark.parametrize("name", RECIPES)
def test_a_row_alone_has_the_bits_that_it_has_in_a_batch(name: str) -> None:
    model, (features, _) = fitted(name), rows_with_gaps()
    batch = explain_rows(model, features, SHAP)
    for place in (0, 7, 1_999):
        alone = explain_rows(model, features.iloc[[place]], SHAP)
        assert alone.by_feature[0].tobytes() == batch.by_feature[place].tobytes()
        assert (alone.general_level, alone.log_odds[0]) == (batch.general_level, batch.log_odds[place])


def test_a_chance_at_its_limit_is_explained_beyond_it() -> None:
    model = fitted("logistic")
    far = rows_with_gaps(1)[0].assign(dc=-2_000.0)
    found = explain_rows(model, far, SHAP)
    assert model.predict_proba(far)[0, 1] == 1e-6
    assert found.log_odds[0] < -20
    assert found.deviation <= MAX_DEVIATION


@pytest.mark.parametrize("name", ["dc", "precip_mm", "wind_speed_kmh"])
def test_what_a_missing_value_adds_belongs_to_its_feature(name: str) -> None:
    model, (features, _) = fitted("logistic"), rows_with_gaps()
    known, gone = features.iloc[[0]].assign(**{name: 12.0}), features.iloc[[0]].assign(**{name: np.nan})
    moved = difference(explain_rows(model, known, SHAP), explain_rows(model, gone, SHAP))
    parts = dict(zip(moved.feature_names, moved.by_feature[0], strict=True))
    assert parts[name] == pytest.approx(moved.log_odds[0], abs=1e-12)
    assert {other for other, part in parts.items() if part} == {name}


@pytest.mark.parametrize("other", RECIPES)
def test_the_difference_of_two_models_is_exact_with_the_general_level_on_its_own(other: str) -> None:
    features, _ = rows_with_gaps()
    first, second = fitted("gradient_boosting"), fitted(other, seed=5, per_positive=2)
    moved = difference(explain_rows(first, features, SHAP), explain_rows(second, features, SHAP))
    served = served_log_odds(second, features) - served_log_odds(first, features)
    assert np.abs(moved.general_level + moved.by_feature.sum(axis=1) - served).max() <= MAX_DEVIATION
    assert moved.general_level != 0


def test_a_feature_that_only_one_model_looks_at_moves_by_all_that_it_adds() -> None:
    first = Contributions(("dc", "dmc"), np.array([[0.5, 0.25]]), -3.0, np.array([-2.25]))
    second = Contributions(("dc", "fwi"), np.array([[0.25, 1.0]]), -2.0, np.array([-0.75]))
    moved = difference(first, second)
    assert moved.feature_names == ("dc", "dmc", "fwi")
    assert moved.by_feature.tolist() == [[-0.25, -0.25, 1.0]]
    assert (moved.general_level, moved.deviation) == (1.0, 0.0)


def test_what_does_not_add_up_is_not_handed_out() -> None:
    with pytest.raises(NotReproducedError, match="add up to something else"):
        explain_rows(fitted("gradient_boosting"), rows_with_gaps(20)[0], Liar())


def test_the_variant_of_shap_that_is_wrong_here_is_found_out() -> None:
    with pytest.raises(NotReproducedError, match="add up to something else"):
        explain_rows(fitted("gradient_boosting"), rows_with_gaps()[0], HeldAgainstOthers())


def test_log_odds_that_belong_to_other_chances_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("logistic")
    serve = model.predict_proba
    monkeypatch.setattr(model, "predict_proba", lambda features: serve(features) * 0.999)
    with pytest.raises(NotReproducedError, match="belong to other chances"):
        explain_rows(model, rows_with_gaps(20)[0], SHAP)


def test_rows_of_another_model_are_refused_and_no_rows_are_no_fault() -> None:
    model, (features, _) = fitted("logistic"), rows_with_gaps(20)
    with pytest.raises(EvidenceError, match="missing: dc"):
        explain_rows(model, features.drop(columns="dc"), SHAP)
    assert explain_rows(model, features.iloc[:0], SHAP).by_feature.shape == (0, 5)
