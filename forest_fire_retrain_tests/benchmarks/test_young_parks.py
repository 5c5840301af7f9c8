"""The figures of the benchmark of young parks are of a year that the model has not seen, and say what they mean."""

import datetime as dt

import pytest

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.streams import StreamPlan, plan_periods
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks.young_parks import (
    ALL_FEATURES,
    EVERY_MONTH,
    YoungModel,
    empty_features,
    judge,
    plan_young,
    pool_all,
)

PARK = SimulatorConfig(seed=3, n_cells=8, fire_rate=0.05)


@pytest.fixture(scope="module")
def plan() -> StreamPlan:
    return plan_young(PARK, 1, 10)


@pytest.fixture(scope="module")
def panel(plan: StreamPlan) -> Panel:
    return load_panel(plan)


def test_the_model_is_judged_on_the_whole_year_after_its_history(plan: StreamPlan, panel: Panel) -> None:
    (windows,) = plan_periods(plan)
    found = judge(panel, plan, ALL_FEATURES)
    year = Interval(start=dt.date(2023, 10, 1), end=dt.date(2024, 9, 30))
    assert windows.training.start == dt.date(2022, 10, 1)
    assert windows.training.end < windows.as_of == year.start
    truth = Simulator(PARK, plan.history_start).true_probability(year)["probability"].to_numpy()
    assert found.true == pytest.approx(truth.sum())
    assert abs(found.observed - found.true) < 4 * found.true**0.5
    assert found.begins == "Oct"


def test_an_emptied_feature_plays_no_part(plan: StreamPlan, panel: Panel) -> None:
    everything = judge(panel, plan, ALL_FEATURES)
    without = judge(empty_features(panel, ["fwi", "isi"]), plan, "less")
    assert without.expected != everything.expected
    assert (without.observed, without.training_fires) == (everything.observed, everything.training_fires)
    left = empty_features(panel, FEATURE_NAMES[1:])
    assert left.features.notna().any().sum() == 1
    assert panel.features["fwi"].notna().any()


def test_a_feature_that_is_not_there_is_refused_by_name(panel: Panel) -> None:
    with pytest.raises(SystemExit, match="no feature is called rain_of_frogs; there are: latitude"):
        empty_features(panel, ["rain_of_frogs", "fwi"])


def test_parks_are_pooled_by_their_sums() -> None:
    first = YoungModel("in", 1, "Jan", 100, observed=10, true=30, expected=20, log_loss=0.1, climatology_log_loss=0.2)
    second = first._replace(begins="Oct", observed=90, expected=60, log_loss=0.2, climatology_log_loss=0.3)
    january, october, every = pool_all([first, second])
    assert (january.begins, january.observed_over_expected) == ("Jan", 0.5)
    assert (october.begins, october.observed_over_expected) == ("Oct", 1.5)
    assert (every.begins, every.observed_over_expected, every.true_over_expected) == (EVERY_MONTH, 100 / 80, 60 / 80)
    assert (every.median, every.lowest, every.highest) == (1.0, 0.5, 1.5)
    assert every.log_loss == pytest.approx(0.15)
    assert every.against_climatology == pytest.approx(0.15 / 0.25 - 1)
