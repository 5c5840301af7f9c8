"""A tiny park replayed end to end: the same result every time, from the rows that a retraining would see."""

import datetime as dt

import numpy as np
import pytest

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.simulated_settings import Outage, SimulatorConfig
from forest_fire_retrain.backtest.candidates import (
    choose_recipe,
    days_of,
    fit_climatology_on_panel,
    predict_climatology,
)
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.replaying import StreamResult, replay_stream
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName, StreamPlan, plan_periods
from forest_fire_retrain.backtest.summary import summarise
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.models.climatology import fit_climatology
from forest_fire_retrain.core.models.recipe_choice import InnerRows, score_recipe
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy, midnight

START = dt.date(2022, 1, 3)
SMALL = Recipe(name="small", estimator="gradient_boosting", parameters={"max_iter": 5})
PLAN = StreamPlan(
    source=SimulatorConfig(n_cells=6, fire_rate=0.03),
    scenario=Scenario.BROKEN,
    seed=5,
    cadence=Cadence.MONTHLY,
    span=Interval(start=dt.date(2022, 8, 1), end=dt.date(2023, 4, 1)),
    history_start=START,
    policy=WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=180, min_training_days=180),
    recipes=(SMALL,),
    training_seed=1,
    n_threads=1,
    rule=DecisionRule(),
    rules=tuple(RuleName),
)
N_PERIODS = 7


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_panel(PLAN)


@pytest.fixture(scope="module")
def result() -> StreamResult:
    return replay_stream(PLAN)


def test_the_same_plan_gives_the_same_result_and_reports_every_period(result: StreamResult) -> None:
    heard: list[tuple[int, int]] = []
    assert replay_stream(PLAN, lambda done, total: heard.append((done, total))) == result
    assert heard == [(done, N_PERIODS) for done in range(1, N_PERIODS + 1)]


def test_every_rule_is_measured_over_the_same_days(result: StreamResult) -> None:
    assert [measures.rule for measures in result.rules] == list(RuleName)
    starts = {measures.measured_from for measures in result.rules}
    assert len(starts) == 1
    assert len({measures.climatology_log_loss for measures in result.rules}) == 1
    n_days = (PLAN.span.end - starts.pop()).days
    assert {sum(year.n_days for year in measures.years) for measures in result.rules} == {n_days}
    assert all(measures.regret >= 0 for measures in result.rules)


def test_newest_promotes_at_every_decision_and_frozen_at_none(result: StreamResult) -> None:
    promoted = {measures.rule: len(measures.promotions) for measures in result.rules}
    assert (promoted[RuleName.FROZEN], promoted[RuleName.NEWEST]) == (1, N_PERIODS)


def test_the_product_gives_a_reason_for_every_decision(result: StreamResult) -> None:
    ours = next(measures for measures in result.rules if measures.rule is RuleName.OURS)
    assert sum(ours.reasons.values()) == N_PERIODS
    n_promoted = sum(count for reason, count in ours.reasons.items() if reason.startswith("PROMOTED"))
    assert n_promoted == len(ours.promotions)


def test_labels_as_known_are_those_of_the_product(panel: Panel) -> None:
    source = PLAN.open_source()
    delivered = source.read(panel.days)
    window = Interval(start=dt.date(2022, 6, 1), end=dt.date(2022, 9, 1))
    features = compute_features(
        DuckDbEngine(),
        cells=delivered.cells,
        weather=delivered.weather,
        fires=delivered.fires,
        window=window,
        history_start=PLAN.history_start,
        carried=None,
    )
    known_at = dt.datetime(2022, 9, 1, tzinfo=dt.UTC)
    rows = labelled_rows(DuckDbEngine(), features=features, fires=delivered.fires, known_at=known_at)
    expected = rows["label"].to_numpy().astype(np.int8)
    observed = panel.labels_known_at(dt.date(2022, 9, 1), window)
    assert np.array_equal(observed.ravel(), expected)
    auckland = "Pacific/Auckland"
    earlier = labelled_rows(
        DuckDbEngine(), features=features, fires=delivered.fires, known_at=midnight(dt.date(2022, 9, 1), auckland)
    )
    in_zone = panel._replace(time_zone=auckland).labels_known_at(dt.date(2022, 9, 1), window)
    assert np.array_equal(in_zone.ravel(), earlier["label"].to_numpy().astype(np.int8))
    assert 0 < observed.sum() < panel.happened[panel.places(window)].sum()  # the last fires are not reported yet
    climatology = fit_climatology(rows)
    assert np.array_equal(
        predict_climatology(fit_climatology_on_panel(panel, window, observed), window).ravel(),
        climatology.predict(rows),
    )


def test_what_happened_holds_the_fires_that_an_outage_hid(panel: Panel) -> None:
    dark = Outage(start=dt.date(2022, 6, 1), end=dt.date(2022, 9, 1), share=1.0)
    hidden = load_panel(PLAN._replace(source=PLAN.source.model_copy(update={"outage": dark})))
    window = Interval(start=dark.start, end=dark.end)
    assert hidden.labels_known_at(dt.date(2023, 3, 1), window).sum() == 0
    assert np.array_equal(hidden.happened, panel.happened)
    assert hidden.happened[hidden.places(window)].sum() > 0


def test_fires_come_out_as_often_as_the_truth_expects(panel: Panel) -> None:
    assert panel.truth is not None
    assert panel.happened.sum() == pytest.approx(panel.truth.sum(), abs=4 * np.sqrt(panel.truth.sum()))


def test_periods_end_before_the_span_does() -> None:
    windows = plan_periods(PLAN)
    assert [window.as_of for window in windows][:: len(windows) - 1] == [dt.date(2022, 9, 1), dt.date(2023, 3, 1)]
    with pytest.raises(ConfigurationError, match="no monthly period"):
        plan_periods(PLAN._replace(span=Interval(start=PLAN.span.start, end=dt.date(2022, 8, 20))))


def test_streams_of_a_scenario_are_put_together(result: StreamResult) -> None:
    rows = summarise([result, result])
    assert [row.rule for row in rows] == list(RuleName)
    newest = next(row for row in rows if row.rule is RuleName.NEWEST)
    single = next(measures for measures in result.rules if measures.rule is RuleName.NEWEST)
    assert (newest.n_streams, newest.n_promotions) == (2, 2 * single.n_promotions)
    reference = next(row for row in rows if row.rule is RuleName.ANY_IMPROVEMENT)
    assert (reference.regret_against_any, reference.regret_against_any_error) == (0.0, 0.0)
    assert newest.n_undetected is None  # no drift, nothing to detect


def test_several_recipes_compete_inside_the_training_window(panel: Panel) -> None:
    stump = Recipe(name="stump", estimator="gradient_boosting", parameters={"max_iter": 1, "learning_rate": 0.001})
    windows = plan_periods(PLAN)[3]
    features = panel.feature_rows(windows.training)
    labels = panel.labels_known_at(windows.as_of, windows.training).ravel()
    rows = InnerRows(features, labels, days_of(windows.training).repeat(panel.n_cells))
    losses = {
        recipe.name: score_recipe(recipe, rows, windows, seed=1, n_threads=1).log_loss for recipe in (stump, SMALL)
    }
    assert losses["stump"] != losses["small"]
    for recipes in ((stump, SMALL), (SMALL, stump)):
        chosen = choose_recipe(features, labels, PLAN._replace(recipes=recipes), windows)
        assert chosen.name == min(losses, key=lambda name: losses[name])
