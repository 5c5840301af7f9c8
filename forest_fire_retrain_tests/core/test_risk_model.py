"""The served model: batch independence, prior correction, refusals."""

import copy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.risk_model import MIN_PROBABILITY, RiskModel, RowwiseLogisticRegression, correct_prior
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING, SMALL_LOGISTIC, example_model, example_rows


class Constant:
    """A pipeline that answers as it is told."""

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        return np.tile([1 - self.answer, self.answer], (len(values), 1))


def answering(answer: float, kept_negative_share: float = 1.0) -> RiskModel:
    return RiskModel(Constant(answer), ("dc",), ("dc",), kept_negative_share)


ONE_ROW = pd.DataFrame({"dc": [1.0]})


@pytest.mark.parametrize("recipe", [SMALL_BOOSTING, SMALL_LOGISTIC], ids=lambda recipe: recipe.estimator)
def test_a_row_has_the_same_bits_alone_and_in_a_batch(recipe: Recipe) -> None:
    features, labels = example_rows()
    model = fit(recipe, features, labels, seed=1, n_threads=1)
    whole = model.predict_proba(features)
    rows = range(24, len(features), 25)  # from everywhere in the batch, its last row among them
    alone = np.vstack([model.predict_proba(features.iloc[[row]]) for row in rows])
    assert np.array_equal(alone, whole[rows])
    assert np.array_equal(model.predict_proba(features.iloc[::-1])[::-1], whole)


def test_the_rowwise_logistic_agrees_with_the_plain_one() -> None:
    features, labels = example_rows()
    values = features[["dc", "dmc"]].to_numpy()
    plain, rowwise = LogisticRegression(), RowwiseLogisticRegression()
    expected = plain.fit(values, labels).predict_proba(values)
    assert np.allclose(rowwise.fit(values, labels).predict_proba(values), expected, rtol=1e-12)
    assert np.array_equal(rowwise.predict(values), plain.predict(values))


def test_probabilities_are_finite_clipped_and_sum_to_one() -> None:
    for answer in (0.0, 1e-9, 0.3, 1.0):
        ((none, fire),) = answering(answer).predict_proba(ONE_ROW)
        assert MIN_PROBABILITY <= fire <= 1 - MIN_PROBABILITY
        assert none + fire == 1


@pytest.mark.parametrize("answer", [np.nan, np.inf, -0.1, 1.1])
def test_what_is_no_probability_is_refused(answer: float) -> None:
    with pytest.raises(EvidenceError, match="1 of 1 predictions"):
        answering(answer).predict_proba(ONE_ROW)


def test_prior_correction_restores_the_true_rate() -> None:
    # 10 fires among 1,000 cell-days; one negative in ten was kept, so the pipeline sees 10 among 109.
    ((_, fire),) = answering(10 / 109, kept_negative_share=0.1).predict_proba(ONE_ROW)
    assert fire == pytest.approx(10 / 1_000)


@given(raw=st.floats(1e-6, 1 - 1e-6), share=st.floats(1e-3, 1.0))
def test_prior_correction_shifts_the_log_odds_by_the_offset(raw: float, share: float) -> None:
    corrected = correct_prior(np.array([raw]), share)[0]
    shift = np.log(corrected / (1 - corrected)) - np.log(raw / (1 - raw))
    assert shift == pytest.approx(answering(raw, share).log_odds_offset, abs=1e-6)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["dc", "dmc", "ffmc", "precip_mm", "wind"], "missing: rel_humidity_pct"),
        (["dc", "dmc", "ffmc", "precip_mm", "rel_humidity_pct", "wind", "snow"], "unknown: snow"),
        (["dmc", "dc", "ffmc", "precip_mm", "rel_humidity_pct", "wind"], "another order"),
    ],
)
def test_other_features_than_the_models_are_refused(columns: list[str], said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        example_model().predict_proba(pd.DataFrame(0.0, index=[0], columns=columns))


def test_an_infinite_feature_is_refused() -> None:
    features, _ = example_rows()
    with pytest.raises(EvidenceError, match="infinite"):
        example_model().predict_proba(features.assign(dc=np.inf))


def test_no_rows_give_no_probabilities() -> None:
    features, _ = example_rows()
    assert example_model().predict_proba(features.head(0)).shape == (0, 2)


def test_missing_values_may_come_as_any_kind_of_null() -> None:
    features, _ = example_rows()
    nullable = features.head(5).astype("Float64")
    assert np.array_equal(example_model().predict_proba(nullable), example_model().predict_proba(features.head(5)))


def test_predict_says_whether_a_fire_is_likelier_than_none() -> None:
    assert answering(0.51).predict(ONE_ROW).tolist() == [1]
    assert answering(0.5).predict(ONE_ROW).tolist() == [0]


def test_a_risk_model_counts_as_fitted_and_can_be_copied() -> None:
    features, _ = example_rows()
    assert example_model().__sklearn_is_fitted__()
    twin = copy.deepcopy(example_model())
    assert np.array_equal(twin.predict_proba(features), example_model().predict_proba(features))


def test_resolved_parameters_are_plain_figures() -> None:
    resolved = example_model().resolved_parameters
    assert resolved["max_iter"] == 5
    assert resolved["n_used_features"] == 5
    assert all(isinstance(value, float | int | str | bool | None) for value in resolved.values())
    assert isinstance(example_model().pipeline, Pipeline)
