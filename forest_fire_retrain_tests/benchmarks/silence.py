"""A month without weather at weekly cadence: when promotions resume, and which alerts are there meanwhile.

`python -m forest_fire_retrain_tests.benchmarks.silence` prints one line per park, with and without the silence.
"""

import argparse
import datetime as dt
import re
from collections import Counter
from functools import partial
from typing import NamedTuple

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.decision.case import Decision
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy

HISTORY_START = dt.date(2022, 1, 3)
SPAN = Interval(start=dt.date(2024, 2, 5), end=dt.date(2025, 8, 4))
POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=3653, min_training_days=730)


class Decided(NamedTuple):
    """A period's decision and its day."""

    as_of: dt.date
    decision: Decision


def replay(scenario: Scenario, seed: int) -> list[Decided]:
    """Every decision of the product's rule on a park of 36 cells with 3 % fires a cell-day."""
    plan = StreamPlan(
        source=SimulatorConfig(n_cells=36, fire_rate=0.03),
        scenario=scenario,
        seed=seed,
        cadence=Cadence.WEEKLY,
        span=SPAN,
        history_start=HISTORY_START,
        policy=POLICY,
        recipes=(find_recipe("gradient_boosting"),),
        training_seed=20260101,
        n_threads=1,
        rule=DecisionRule().at(Cadence.WEEKLY),
        rules=(RuleName.OURS,),
    )
    panel = load_panel(plan)
    product = ProductRule(panel, plan.rule)
    periods = plan_periods(plan)
    for place, windows in enumerate(periods):
        product.decide(place, train_on_panel(panel, plan, windows, None))
    return [Decided(period.as_of, decision) for period, decision in zip(periods, product.decisions, strict=True)]


def describe(decided: list[Decided], silence: Interval) -> str:
    """What a person wants to know of a park's decisions, on one line; the days of the silence also without one."""
    blocked = [day for day, decision in decided if decision.reason_code is ReasonCode.SCHEMA]
    promoted = [day for day, decision in decided if decision.outcome is Outcome.PROMOTED]
    free = next(day for day, _ in decided if day > max([*blocked, silence.end]))
    told = [day for day, decision in decided if any("feed is silent" in alert for alert in decision.alerts)]
    others = Counter(re.sub(r"[0-9]+", "#", alert)[:40] for _, d in decided for alert in d.alerts)
    next_promotion = next((day for day in promoted if day >= silence.end), None)
    parts = (
        f"{len(promoted)} promotions in {len(decided)} decisions",
        f"{len(blocked)} rejected for SCHEMA",
        f"free of it {_days(free, silence.end)} after {silence.end}",
        f"next promotion {_days(next_promotion, silence.end)} after that day",
        f"{len(told)} alerts of a silent feed, first {_days(min(told, default=None), silence.start)} after its death",
        f"alerts {dict(others)}",
    )
    return "; ".join(parts)


def _days(day: dt.date | None, since: dt.date) -> str:
    return "never" if day is None else f"{(day - since).days} days"


def main() -> None:
    """Replay each park with and without the silence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[801, 802])
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    start = SPAN.start + dt.timedelta(days=SPAN.n_days // 3)
    silence = Interval(start=start, end=start + dt.timedelta(days=30))
    runs = [(scenario, seed) for seed in arguments.seeds for scenario in (Scenario.NONE, Scenario.SILENCE)]
    tasks = [partial(replay, *run) for run in runs]
    for (scenario, seed), decided in zip(
        runs, run_tasks(tasks, len(tasks), n_processes=arguments.processes), strict=True
    ):
        print(f"seed {seed}, {scenario}: {describe(decided, silence)}", flush=True)  # noqa: T201 - a report


if __name__ == "__main__":
    main()
