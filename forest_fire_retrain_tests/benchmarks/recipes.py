"""What recipes learn and cost, side by side: `python -m forest_fire_retrain_tests.benchmarks.recipes`.

Simulated parks: two years of training, judged on the next two by expected log loss under the truth. A folder
(`--folder`, real data): every twelfth month from six years on, judged on the next 365 days by what happened.
"""

import argparse
import datetime as dt
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.backtest.candidates import fit_climatology_on_panel, predict_climatology
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import FolderPlan, RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=3653, min_training_days=730)
PERIODS_APART = 12
SIMULATED_START, SIMULATED_SPAN = dt.date(2022, 1, 3), Interval(start=dt.date(2024, 3, 1), end=dt.date(2024, 5, 1))
FOLDER_START, FOLDER_SPAN = dt.date(1984, 1, 1), Interval(start=dt.date(1990, 1, 1), end=dt.date(2016, 10, 1))


def variant(name: str, **changes: float) -> Recipe:
    """The default gradient boosting with other parameters."""
    default = find_recipe("gradient_boosting")
    return default.model_copy(update={"name": name, "parameters": {**default.parameters, **changes}})


RECIPES = (
    find_recipe("gradient_boosting"),
    variant("150 trees of 15 leaves", max_iter=150, learning_rate=0.05, max_leaf_nodes=15),
    variant("75 trees of 15 leaves", max_leaf_nodes=15),
    variant("100 trees of 6 leaves", max_iter=100, learning_rate=0.08, max_leaf_nodes=6),
    variant("ten negatives per positive", negatives_per_positive=10.0),
    find_recipe("logistic"),
)


class Trial(NamedTuple):
    """One recipe on one training window: its loss relative to climatology's, and the processor time of its fit."""

    recipe: str
    against_climatology: float
    seconds: float


def plan_stream(source: SimulatorConfig | FolderPlan, start: dt.date, span: Interval) -> StreamPlan:
    """A monthly history without anything going wrong."""
    return StreamPlan(
        source=source,
        scenario=Scenario.NONE,
        seed=source.seed if isinstance(source, SimulatorConfig) else 1,
        cadence=Cadence.MONTHLY,
        span=span,
        history_start=start,
        policy=POLICY,
        recipes=RECIPES[:1],
        training_seed=1,
        n_threads=1,
        rule=DecisionRule(),
        rules=(RuleName.OURS,),
    )


def try_recipes(plan: StreamPlan, judged_days: int, *, with_truth_itself: bool) -> Iterator[Trial]:
    """Every recipe on every twelfth period of a history."""
    panel = load_panel(plan)
    for windows in plan_periods(plan)[::PERIODS_APART]:
        known = panel.labels_known_at(windows.as_of, windows.training)
        start = windows.holdout.start
        judged = Interval(start=start, end=min(start + dt.timedelta(days=judged_days), panel.days.end))
        climatology = predict_climatology(fit_climatology_on_panel(panel, windows.training, known), judged)
        base = mean_loss(panel, judged, climatology.ravel())
        if with_truth_itself and panel.truth is not None:
            truth = panel.truth[panel.places(judged)].ravel()
            yield Trial("the true probability", mean_loss(panel, judged, truth) / base - 1, 0.0)
        for recipe in RECIPES:
            began = time.process_time()
            model = fit(recipe, panel.feature_rows(windows.training), known.ravel(), seed=1, n_threads=1)
            seconds = time.process_time() - began
            probabilities = model.predict_proba(panel.feature_rows(judged))[:, 1]
            yield Trial(recipe.name, mean_loss(panel, judged, probabilities) / base - 1, seconds)


def mean_loss(panel: Panel, window: Interval, probabilities: np.ndarray) -> float:
    """Mean log loss per cell-day: expected under the truth where it is known, else by what happened."""
    labels = panel.happened if panel.truth is None else panel.truth
    expected = labels[panel.places(window)].ravel()
    return float(-(expected * np.log(probabilities) + (1 - expected) * np.log1p(-probabilities)).mean())


def describe(trials: list[Trial]) -> pd.DataFrame:
    """One row per recipe: mean and range over trials, and the time of a fit relative to the default's."""
    by_recipe = {name: [t for t in trials if t.recipe == name] for name in dict.fromkeys(t.recipe for t in trials)}
    unit = statistics.median(t.seconds for t in by_recipe[RECIPES[0].name])
    return pd.DataFrame(
        [
            {
                "recipe": name,
                "trials": len(column),
                "loss against climatology": f"{statistics.mean(t.against_climatology for t in column):+.1%}",
                "from": f"{min(t.against_climatology for t in column):+.1%}",
                "to": f"{max(t.against_climatology for t in column):+.1%}",
                "fit time / default's": round(statistics.median(t.seconds for t in column) / unit, 2),
            }
            for name, column in by_recipe.items()
        ]
    )


def main() -> None:
    """Try all recipes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="simulated parks")
    parser.add_argument("--folder", type=Path, help="real data in the contract's form, in place of the parks")
    asked = parser.parse_args()
    if asked.folder is not None:
        source = FolderPlan(asked.folder, assumed_report_lag_days=2, today=FOLDER_SPAN.end + dt.timedelta(days=3653))
        trials = list(try_recipes(plan_stream(source, FOLDER_START, FOLDER_SPAN), 365, with_truth_itself=False))
    else:
        parks = [SimulatorConfig(seed=seed) for seed in range(201, 201 + asked.seeds)]
        streams = [plan_stream(park, SIMULATED_START, SIMULATED_SPAN) for park in parks]
        trials = [trial for plan in streams for trial in try_recipes(plan, 730, with_truth_itself=True)]
    print(describe(trials).to_string(index=False))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
