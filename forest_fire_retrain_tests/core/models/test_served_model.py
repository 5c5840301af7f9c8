"""A served model scores tables as they come: other columns, another order, missing values; what is wrong is named."""

import decimal

import numpy as np
import pandas as pd
import pytest

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain_tests.example_models import example_candidate, example_model, example_rows

STORED = StoredModel(mlflow_run_id="run", model_uri="models:/m", artifact_sha256="d" * 64)
SERVED = ServedModel(example_model(), "fires", 7, example_candidate(STORED), "/nowhere")
ROWS = example_rows(200)[0]
EXPECTED = example_model().predict_proba(ROWS)[:, 1]


def test_it_says_what_it_is() -> None:
    assert repr(SERVED) == ("<fires version 7, trained on 2022-01-03 to 2023-12-03, 6 features, SHA-256 dddddddddddd>")
    assert SERVED.feature_names == example_model().feature_names
    assert SERVED.training_window.half_open == "[2022-01-03, 2023-12-04)"


def test_columns_in_any_order_beside_others_give_the_same_bits_with_the_tables_own_index() -> None:
    rows = ROWS[list(reversed(ROWS.columns))].assign(cell_id="c1", label=True)
    rows.index = pd.RangeIndex(1_000, 1_000 + len(rows))
    scored = SERVED.score(rows)
    assert (scored.name, scored.index.tolist()) == ("probability", rows.index.tolist())
    assert np.array_equal(scored.to_numpy(), EXPECTED)
    assert np.array_equal(SERVED.predict_proba(ROWS)[:, 1], EXPECTED)


def test_integers_decimals_nothing_and_pandas_own_missing_values_are_numbers() -> None:
    rows = ROWS.copy()
    rows["rel_humidity_pct"] = None
    rows["wind"] = rows["wind"].astype("Float64")
    rows["dc"] = [decimal.Decimal(value) for value in rows["dc"]]
    assert np.array_equal(SERVED.score(rows).to_numpy(), EXPECTED)
    whole = rows.assign(dc=rows["dc"].astype(float).round().astype(int))
    assert np.isfinite(SERVED.score(whole)).all()


def test_a_table_without_rows_has_no_probabilities() -> None:
    assert SERVED.score(ROWS.iloc[:0]).empty


def test_missing_columns_are_named_all_at_once() -> None:
    with pytest.raises(EvidenceError, match=r"version 7 of fires takes 6 features.*lacks 2 of them: dc, wind\."):
        SERVED.score(ROWS.drop(columns=["wind", "dc"]))


@pytest.mark.parametrize("values", [["1.5"] * 200, [pd.Timestamp("2024-01-01")] * 200, [1.0, "x"] * 100])
def test_what_is_no_number_is_refused_by_name(values: list[object]) -> None:
    with pytest.raises(EvidenceError, match="holds no numbers in: dmc"):
        SERVED.score(ROWS.assign(dmc=values))


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(EvidenceError, match="columns of the same name: dc"):
        SERVED.score(pd.concat([ROWS, ROWS[["dc"]]], axis=1))


def test_an_infinite_value_is_refused() -> None:
    with pytest.raises(EvidenceError, match="infinite"):
        SERVED.score(ROWS.assign(dc=np.inf))
