"""A table of features is read as the version it was written under, and a model is given what it was trained on."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.models.model_rows import feature_frame, null_shares, predict
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_VERSION, FEATURES_SCHEMA, INPUTS, feature_version
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING

FIRST_INPUTS = (
    *("latitude", "longitude", "season_sin", "season_cos", "temp_max_c", "temp_min_c", "rel_humidity_pct"),
    *("wind_speed_kmh", "precip_mm", "vapour_pressure_deficit_kpa", "precip_7d_mm", "precip_30d_mm", "precip_90d_mm"),
    *("temp_max_7d_c", "temp_max_anomaly_c", "dry_spell_days", "ffmc", "dmc", "dc", "isi", "bui", "fwi"),
    *("cell_fires_7d", "cell_fires_30d", "cell_fires_365d", "cell_fires_1825d", "park_fires_7d", "park_fires_30d"),
)


def table_of(version: int) -> pa.Table:
    """Rows as code of that feature version wrote them."""
    rng = np.random.default_rng(8)
    names = FIRST_INPUTS if version == 1 else FEATURES_SCHEMA.names[2:]
    return pa.table({name: rng.normal(size=300) for name in names})


def model_of(version: int) -> RiskModel:
    frame = feature_frame(table_of(version))
    return fit(SMALL_BOOSTING, frame, (frame["fwi"] > 1).to_numpy().astype(np.int8), seed=1, n_threads=1)


def test_the_inputs_of_the_first_version_never_change() -> None:
    assert INPUTS[1] == FIRST_INPUTS
    assert set(FIRST_INPUTS) < set(FEATURES_SCHEMA.names)


def test_no_input_is_a_count_over_days_that_may_not_have_been_observed() -> None:
    assert FEATURE_VERSION == 2
    assert {name for name in INPUTS[1] if name not in INPUTS[2]} == {n for n in FIRST_INPUTS if "_fires_" in n}
    assert not any(name.endswith("_carried") for name in INPUTS[2])


@pytest.mark.parametrize("version", [1, 2])
def test_a_table_is_of_the_newest_version_whose_inputs_it_has(version: int) -> None:
    rows = table_of(version)
    assert feature_version(rows.column_names) == version
    assert tuple(feature_frame(rows).columns) == INPUTS[version] == tuple(null_shares(rows))


def test_a_table_of_no_version_is_refused_with_what_is_missing() -> None:
    with pytest.raises(EvidenceError, match=r"no feature version; missing: .*fwi"):
        feature_frame(table_of(1).drop(["fwi"]))


def test_a_model_of_the_first_version_scores_a_table_of_today_by_its_own_inputs() -> None:
    model, rows = model_of(1), table_of(2)
    own: pd.DataFrame = rows.select(list(FIRST_INPUTS)).to_pandas()
    assert np.array_equal(predict(model, rows), model.predict_proba(own)[:, 1])


def test_a_model_of_today_cannot_score_a_table_of_the_first_version() -> None:
    with pytest.raises(EvidenceError, match=r"missing: .*cell_fires_per_year_1825d"):
        predict(model_of(2), table_of(1))
