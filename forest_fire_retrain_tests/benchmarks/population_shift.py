"""How often the inputs and predictions of one champion lie beyond the limit: without drift, and in a new climate.

`python -m forest_fire_retrain_tests.benchmarks.population_shift` prints one line per scenario and length of training.
One champion is trained per park and kept for four and a half years; every fourth Monday its newest days are held
against its training as `prediction_quality` does. Monitoring looks four times as often and sees the same episodes.
"""

import argparse
import datetime as dt
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import days_of
from forest_fire_retrain.backtest.monitors import find_change
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.monitoring.calendar_weeks import next_monday
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.population_shift import PREDICTIONS, PopulationShift, Sample, describe_shift
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy

DAYS_PER_YEAR = 365.25
YEARS_KEPT = 4
STEP = dt.timedelta(weeks=4)
POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=3653, min_training_days=365)


class Park(NamedTuple):
    """One park, and how many years its champion was trained on."""

    scenario: Scenario
    seed: int
    n_years: int


class Watched(NamedTuple):
    """What was seen of a park, and the day of its change."""

    change: dt.date | None
    shifts: tuple[PopulationShift, ...]


def plan_of(park: Park, n_cells: int) -> StreamPlan:
    """The park's history: its training, then the years in which the champion is kept."""
    start = dt.date(2016 + park.n_years, 3, 1)
    return StreamPlan(
        source=SimulatorConfig(n_cells=n_cells),
        scenario=park.scenario,
        seed=park.seed,
        cadence=Cadence.MONTHLY,
        span=Interval(start=start, end=dt.date(start.year + YEARS_KEPT, 9, 1)),
        history_start=dt.date(2016, 1, 4),
        policy=POLICY,
        recipes=(find_recipe("gradient_boosting"),),
        training_seed=20260101,
        n_threads=1,
        rule=DecisionRule().at(Cadence.MONTHLY),
        rules=(RuleName.OURS,),
    )


def watch(park: Park, n_cells: int, rule: MonitorRule) -> Watched:
    """Every look at the champion of the park's first period."""
    plan = plan_of(park, n_cells)
    panel, windows = load_panel(plan), plan_periods(plan)[0]
    training = windows.training
    labels = panel.labels_known_at(windows.as_of, training).ravel()
    model = fit(plan.recipes[0], panel.feature_rows(training), labels, seed=plan.training_seed, n_threads=1)

    def read(window: Interval) -> dict[str, Sample]:
        rows, days = panel.feature_rows(window), days_of(window).repeat(panel.n_cells)
        values = {name: rows[name].to_numpy() for name in RAW_MEASURES}
        values[PREDICTIONS] = model.predict_proba(rows)[:, 1]
        return {name: Sample(days, column) for name, column in values.items()}

    known, shifts = read(training), []
    day = next_monday(training.end + dt.timedelta(days=rule.shift_days))
    while day <= plan.span.end:
        window = Interval(start=day - dt.timedelta(days=rule.shift_days), end=day)
        shifts.append(describe_shift(window, training, known, read(window), rule))
        day += STEP
    return Watched(find_change(plan), tuple(shifts))


def describe(watched: Sequence[Watched]) -> str:
    """What a person wants to know of many parks: before the change, and after it."""
    clean = [[shift for shift in park.shifts if _is_before(shift, park.change)] for park in watched]
    n_looks, n_beyond = (sum(map(len, looks)) for looks in (clean, [[s for s in c if s.moved] for c in clean]))
    n_begun = sum(_count_begun(looks) for looks in clean)
    years = n_looks * STEP.days / DAYS_PER_YEAR
    raw = [_largest(shift, RAW_MEASURES) for looks in clean for shift in looks]
    said = [_largest(shift, (PREDICTIONS,)) for looks in clean for shift in looks]
    parts = [
        f"{n_looks} looks in {years:.1f} years without change, {n_beyond / max(n_looks, 1):.1%} beyond the limit",
        f"{n_begun} times begun, {n_begun / max(years, 1):.2f} a year",
        f"raw measures: median {np.median(raw):.2f}, 95 % {np.quantile(raw, 0.95):.2f}",
        f"predictions: median {np.median(said):.2f}, 95 % {np.quantile(said, 0.95):.2f}",
    ]
    changed = [park for park in watched if park.change is not None]
    if changed:
        parts.append(f"days from the change to the first look beyond it: {[_delay(park) for park in changed]}")
    return "; ".join(parts)


def _is_before(shift: PopulationShift, change: dt.date | None) -> bool:
    return change is None or shift.window.end <= change


def _largest(shift: PopulationShift, names: Sequence[str]) -> float:
    return max(measure.index for measure in shift.measures if measure.name in names)


def _count_begun(looks: Sequence[PopulationShift]) -> int:
    firsts = [bool(looks[0].moved)] if looks else []
    return sum([*firsts, *(bool(later.moved) and not before.moved for before, later in pairwise(looks))])


def _delay(park: Watched) -> int | None:
    assert park.change is not None
    beyond = [shift.window.end for shift in park.shifts if shift.moved and shift.window.end > park.change]
    return (beyond[0] - park.change).days if beyond else None


def main() -> None:
    """Watch every park, and print a line per scenario and length of training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=Scenario, nargs="+", default=[Scenario.NONE, Scenario.COVARIATE])
    parser.add_argument("--seeds", type=int, nargs="+", default=[921, 922, 923, 924, 925, 926])
    parser.add_argument("--years", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--days", type=int, default=MonitorRule().shift_days)
    parser.add_argument("--limit", type=float, default=MonitorRule().shift_limit)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    rule = MonitorRule(shift_days=arguments.days, shift_limit=arguments.limit)
    groups = [(scenario, years) for scenario in arguments.scenarios for years in arguments.years]
    parks = [Park(scenario, seed, years) for scenario, years in groups for seed in arguments.seeds]
    tasks = [partial(watch, park, arguments.cells, rule) for park in parks]
    seen = list(run_tasks(tasks, len(tasks), n_processes=arguments.processes))
    for scenario, years in groups:
        held = [
            one for park, one in zip(parks, seen, strict=True) if (park.scenario, park.n_years) == (scenario, years)
        ]
        print(f"{scenario}, {years} years of training: {describe(held)}", flush=True)  # noqa: T201 - a report


if __name__ == "__main__":
    main()
