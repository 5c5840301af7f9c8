"""Other thresholds of the rule on simulated parks: each period's candidate is trained once, and every variant decides.

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.thresholds --scenario none --seeds 811 812 \\
        --variant refresh_min_gain=0.0025 --variant refresh_min_gain=0,refresh_age_days=147

prints, for the rule as it is and each variant, what the tables of docs/thresholds.md hold: regret above promoting on
any improvement (mean over parks and its standard error, points), promotions a year, truly worse promotions a year.
With `--data FOLDER` the same is measured on California's record, of which nobody knows the truth.
"""

import argparse
import datetime as dt
import json
import sys
from functools import partial
from math import nan, sqrt
from pathlib import Path
from statistics import mean, stdev

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.measures import RuleMeasures, find_common_start, measure_rule
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.rules import replay_rule
from forest_fire_retrain.backtest.scenarios import Scenario, change_date
from forest_fire_retrain.backtest.score_table import Scorekeeper
from forest_fire_retrain.backtest.streams import FolderPlan, RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.windows import Cadence, Interval
from forest_fire_retrain_tests.benchmarks.silence import HISTORY_START, POLICY

ANY, AS_IT_IS = "any improvement", "the rule as it is"
END = {Scenario.NONE: dt.date(2026, 2, 15)}
LATER_END = dt.date(2028, 2, 15)
Variant = dict[str, float]
Figures = dict[str, float]


def plan_park(scenario: Scenario, cadence: Cadence, seed: int) -> StreamPlan:
    """One park of 36 cells with 3 % fires a cell-day."""
    return StreamPlan(
        source=SimulatorConfig(n_cells=36, fire_rate=0.03),
        scenario=scenario,
        seed=seed,
        cadence=cadence,
        span=Interval(start=dt.date(2024, 2, 1), end=END.get(scenario, LATER_END)),
        history_start=HISTORY_START,
        policy=POLICY,
        recipes=(find_recipe("gradient_boosting"),),
        training_seed=20260101,
        n_threads=1,
        rule=DecisionRule().at(cadence),
        rules=(RuleName.ANY_IMPROVEMENT, RuleName.OURS),
    )


def plan_record(folder: Path, cadence: Cadence) -> StreamPlan:
    """California's record, decided from 1990 to 2017."""
    span = Interval(start=dt.date(1990, 1, 1), end=dt.date(2017, 9, 30))
    source = FolderPlan(folder, assumed_report_lag_days=2, today=dt.date(2018, 12, 31))
    return plan_park(Scenario.NONE, cadence, 1)._replace(source=source, span=span, history_start=dt.date(1984, 1, 1))


def measure(plan: StreamPlan, variants: dict[str, Variant]) -> dict[str, Figures]:
    """Figures of every variant on one history, over the same days."""
    scenario, rule = plan.scenario, plan.rule
    periods, panel = plan_periods(plan), load_panel(plan)
    scores = Scorekeeper(panel, periods, plan.span.end)
    products = {
        name: ProductRule(panel, DecisionRule.model_validate({**rule.model_dump(), **changes}))
        for name, changes in variants.items()
    }
    for place, windows in enumerate(periods):
        candidate = train_on_panel(panel, plan, windows, None)
        scores.add(place, candidate)
        for product in products.values():
            product.decide(place, candidate)
    table = scores.table()
    promotions = {ANY: replay_rule(RuleName.ANY_IMPROVEMENT, table.holdout)}
    promotions |= {name: product.promotions for name, product in products.items()}
    since = find_common_start(list(promotions.values()))
    drift_start = change_date(plan.span) if scenario.drifts else None
    return {
        name: _figures_of(measure_rule(RuleName.OURS, made, table, since=since, drift_start=drift_start, reasons=()))
        for name, made in promotions.items()
    }


def _figures_of(measured: RuleMeasures) -> Figures:
    return {
        "log_loss": measured.log_loss,
        "n_promotions": measured.n_promotions,
        "n_worse": nan if measured.truth is None else measured.truth.n_worse_promotions,
        "n_years": measured.n_years,
    }


def pool(parks: list[dict[str, Figures]], name: str) -> Figures:
    """Figures of one variant over all parks."""
    regrets = [100 * (park[name]["log_loss"] / park[ANY]["log_loss"] - 1) for park in parks]
    n_years = sum(park[name]["n_years"] for park in parks)
    return {
        "regret": mean(regrets),
        "regret_error": stdev(regrets) / sqrt(len(regrets)) if len(regrets) > 1 else nan,
        "promotions_per_year": sum(park[name]["n_promotions"] for park in parks) / n_years,
        "worse_per_year": sum(park[name]["n_worse"] for park in parks) / n_years,
    }


def read_variant(text: str) -> tuple[str, Variant]:
    """`name=value,name=value`; refused where the rule has no such threshold."""
    changes = {name: float(value) for name, value in (part.split("=") for part in text.split(","))}
    unknown = sorted(changes.keys() - DecisionRule.model_fields.keys())
    if unknown:
        msg = f"no such threshold: {', '.join(unknown)}"
        raise argparse.ArgumentTypeError(msg)
    return text, changes


def main() -> None:
    """Print a line per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Scenario, default=Scenario.NONE)
    parser.add_argument("--cadence", type=Cadence, default=Cadence.WEEKLY)
    parser.add_argument("--seeds", type=int, nargs="+", default=[811, 812])
    parser.add_argument("--data", type=Path, help="California's record in place of the parks")
    parser.add_argument("--variant", type=read_variant, action="append", default=[])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    variants = {AS_IT_IS: {}, **dict(asked.variant)}
    plans = [plan_park(asked.scenario, asked.cadence, seed) for seed in asked.seeds]
    if asked.data is not None:
        plans = [plan_record(asked.data, asked.cadence)]
    tasks = [partial(measure, plan, variants) for plan in plans]
    parks = []
    for park in run_tasks(tasks, len(tasks), n_processes=asked.processes):
        parks.append(park)
        print(f"{len(parks)} of {len(tasks)} histories", file=sys.stderr)  # noqa: T201 - progress
    pooled = {name: pool(parks, name) for name in (ANY, *variants)}
    if asked.json:
        print(json.dumps(pooled, indent=2))  # noqa: T201 - a report
        return
    for name, figures in pooled.items():
        print(  # noqa: T201 - a report
            f"{name}: regret {figures['regret']:+.2f} ± {figures['regret_error']:.2f} points, "
            f"{figures['promotions_per_year']:.2f} promotions a year, {figures['worse_per_year']:.2f} truly worse"
        )


if __name__ == "__main__":
    main()
