"""The benchmarks of memory and throughput run, at a size that says nothing."""

from pathlib import Path

import pytest

from forest_fire_retrain_tests.benchmarks import cycle, feature_build, flat_costs, scoring

pytestmark = pytest.mark.slow


def test_features_of_every_day_are_built_in_a_process_of_their_own(tmp_path: Path) -> None:
    found = feature_build.measure(n_cells=5, n_days=140, folder=tmp_path / "lake")
    assert found["rows"] == 5 * 140
    assert found["peak, MB"] > 0


def test_rows_are_scored_both_ways(tmp_path: Path) -> None:
    scoring.write_model(tmp_path / "model.skops")
    found = scoring.measure(20_000, tmp_path, 1)
    assert {"raw", "product"} <= found.keys()
    assert found["million rows a second"] > 0  # type: ignore[operator] # a number


def test_training_is_measured_in_every_way(tmp_path: Path) -> None:
    found = flat_costs.measure_memory(20_000, tmp_path)
    assert list(found) == [flat_costs.AS_TABLES, flat_costs.WHOLE, flat_costs.SAMPLED]


def test_by_hand_comes_the_same_model(tmp_path: Path) -> None:
    home = cycle.Home(tmp_path / "home", cycle.CELLS_OF_TINY)
    found = cycle.measure(home, range(1, 2))
    assert found["training rows"] > 0
