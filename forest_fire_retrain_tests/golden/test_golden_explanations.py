"""What models of an earlier release predict, on features of an earlier version, is explained as what it is."""

import datetime as dt
import math
from pathlib import Path

import pytest

from forest_fire_retrain import investigate
from forest_fire_retrain.core.rows.feature_catalogue import INPUTS
from forest_fire_retrain.core.serving.contributions import MAX_DEVIATION
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.golden.unpacking import ARCHIVE, HERE, settings_of, unpack

pytestmark = pytest.mark.slow

DAY = dt.date(2024, 8, 24)


@pytest.fixture
def golden(tmp_path: Path) -> Installation:
    return build_installation(settings_of(unpack(HERE / ARCHIVE, tmp_path / "home")))


def test_a_prediction_on_features_of_the_first_version_adds_up(golden: Installation) -> None:
    rows = log_predictions(golden, [DAY])
    assert set(rows["feature_version"].to_pylist()) == {1}
    for cell in rows["cell_id"].to_pylist():
        answer = investigate.explain(cell, DAY, installation=golden)
        chance = answer.prediction.probability
        assert answer.breakdown.log_odds == pytest.approx(math.log(chance / (1 - chance)), abs=1e-9)
        assert answer.breakdown.deviation <= MAX_DEVIATION
        assert {feature.name for feature in answer.features} <= set(INPUTS[1])
        assert any("cell_fires_365d" in line.features for line in answer.breakdown.lines)
        assert answer.champion_now is not None
        assert answer.champion_now.difference is not None


def test_old_decisions_are_explained_on_their_own_rows(golden: Installation) -> None:
    answer = investigate.explain_decision("2024-07-29", installation=golden)
    added = answer.general_level.log_odds + sum(feature.mean for feature in answer.features)
    assert added == pytest.approx(answer.whole.mean, abs=1e-9)
    assert answer.champion_version == 2
