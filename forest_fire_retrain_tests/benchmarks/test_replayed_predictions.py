"""The proof of the replayed predictions, in a small home."""

from pathlib import Path

import pytest

from forest_fire_retrain_tests.benchmarks.replayed_predictions import make_home, measure


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["gradient_boosting", "logistic"])
def test_logged_predictions_are_said_again_after_the_past_was_corrected(recipe: str, tmp_path: Path) -> None:
    figures = measure(make_home(tmp_path / "home", 3, recipe), n_asked=18, seed=1, n_weeks=3)
    assert (figures.n_asked, figures.n_reigns) == (18, 3)
    assert figures.n_reproduced == figures.n_same_parts == 18
    assert figures.n_other_on_todays_features > 9  # the correction was one
    assert figures.n_weather_rows_added > 100
    assert figures.n_fire_rows_added > 0
