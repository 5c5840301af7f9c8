"""Do models of young histories predict as many fires as happen? Run it as a module:

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.young_parks [--without NAME]

In each simulated park the default recipe is trained as the product trains it, `--years` years after the history
began, and asked for the year after that, which it has not seen. O are the fires of that year, E is the sum of the
probabilities: O/E below 1 means too many predicted. The true O/E has the sum of the true probabilities in place of O,
which is free of the luck of the draw. Losses are by what happened, per cell and day.

Histories begin in several months: what grows with the history also goes with the season in which it ends.

`--without NAME` (again for more) repeats everything without these features. A feature is emptied, not taken out:
training leaves out what has no value, so nothing here has to know the catalogue.
"""

import argparse
import datetime as dt
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import predict_climatology, train_on_panel
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.streams import StreamPlan, plan_periods
from forest_fire_retrain.core.losses import log_loss
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks.recipes import POLICY, plan_stream

FIRST_YEAR = 2022
JUDGED_DAYS = 365
LEAST_TRAINING_DAYS = 280
ALL_FEATURES = "all features"
EVERY_MONTH = "all"


class YoungModel(NamedTuple):
    """One park's model on the year after its history.

    Attributes
    ----------
    inputs : str
        Which features it was given.
    seed : int
        The park.
    begins : str
        Month in which the history begins, `Oct`.
    training_fires : int
        Fires in the training window.
    observed, true, expected : float
        Fires of the year on different cell-days, their true expectation, and the model's.
    log_loss, climatology_log_loss : float
        Mean losses per cell and day.
    """

    inputs: str
    seed: int
    begins: str
    training_fires: int
    observed: float
    true: float
    expected: float
    log_loss: float
    climatology_log_loss: float


class Pooled(NamedTuple):
    """Several models together: sums over sums, the median and range of O/E over the models, and mean losses."""

    inputs: str
    begins: str
    observed_over_expected: float
    true_over_expected: float
    median: float
    lowest: float
    highest: float
    log_loss: float
    against_climatology: float


def plan_young(park: SimulatorConfig, years: int, month: int) -> StreamPlan:
    """A history of `years` years that begins in `month`, its last month as the only period, and the year after it."""
    start, end = (dt.date(FIRST_YEAR + passed, month, 1) for passed in (0, years))
    last_month = (end - dt.timedelta(days=1)).replace(day=1)
    plan = plan_stream(park, start, Interval(start=last_month, end=end + dt.timedelta(days=1)))
    return plan._replace(policy=POLICY.model_copy(update={"min_training_days": LEAST_TRAINING_DAYS}))


def try_history(park: SimulatorConfig, years: int, month: int, without: Sequence[str]) -> list[YoungModel]:
    """The model with all features, and the one without those named."""
    plan = plan_young(park, years, month)
    panel = load_panel(plan)
    models = [judge(panel, plan, ALL_FEATURES)]
    if without:
        models.append(judge(empty_features(panel, without), plan, f"without {', '.join(without)}"))
    return models


def judge(panel: Panel, plan: StreamPlan, inputs: str) -> YoungModel:
    """Train on what was known at the end of the plan's period, and compare the year after it with what happened."""
    (windows,) = plan_periods(plan)
    candidate = train_on_panel(panel, plan, windows, None)
    year = Interval(start=windows.as_of, end=windows.as_of + dt.timedelta(days=JUDGED_DAYS))
    probabilities, days = candidate.probabilities_on(year), panel.places(year)
    happened = panel.happened[days]
    assert panel.truth is not None
    return YoungModel(
        inputs=inputs,
        seed=plan.seed,
        begins=f"{plan.history_start:%b}",
        training_fires=int(panel.labels_known_at(windows.as_of, windows.training).sum()),
        observed=float(happened.sum()),
        true=float(panel.truth[days].sum()),
        expected=float(probabilities.sum()),
        log_loss=log_loss(happened, probabilities),
        climatology_log_loss=log_loss(happened, predict_climatology(candidate.climatology, year)),
    )


def empty_features(panel: Panel, names: Sequence[str]) -> Panel:
    """The panel with no value in these features.

    Raises
    ------
    SystemExit
        If a name is not among the features; those there are are listed.
    """
    unknown = sorted(set(names) - set(panel.features.columns))
    if unknown:
        raise SystemExit(f"no feature is called {', '.join(unknown)}; there are: {', '.join(panel.features.columns)}")
    return panel._replace(features=panel.features.assign(**dict.fromkeys(names, np.nan)))


def pool(models: Sequence[YoungModel], begins: str) -> Pooled:
    """The models together; all of them have the same inputs."""
    expected = sum(model.expected for model in models)
    each = [model.observed / model.expected for model in models]
    loss = statistics.mean(model.log_loss for model in models)
    return Pooled(
        inputs=models[0].inputs,
        begins=begins,
        observed_over_expected=sum(model.observed for model in models) / expected,
        true_over_expected=sum(model.true for model in models) / expected,
        median=statistics.median(each),
        lowest=min(each),
        highest=max(each),
        log_loss=loss,
        against_climatology=loss / statistics.mean(model.climatology_log_loss for model in models) - 1,
    )


def pool_all(models: Sequence[YoungModel]) -> list[Pooled]:
    """Per choice of inputs one row for each month in which histories begin, and one for all of them."""
    rows: list[Pooled] = []
    for inputs in dict.fromkeys(model.inputs for model in models):
        mine = [model for model in models if model.inputs == inputs]
        months = dict.fromkeys(model.begins for model in mine)
        rows += [pool([model for model in mine if model.begins == month], month) for month in months]
        rows.append(pool(mine, EVERY_MONTH))
    return rows


def measure_parks(
    parks: Sequence[SimulatorConfig], years: int, months: Sequence[int], without: Sequence[str], *, n_processes: int
) -> Iterator[list[YoungModel]]:
    """The models of each history, park by park."""
    tasks = [partial(try_history, park, years, month, tuple(without)) for park in parks for month in months]
    yield from run_tasks(tasks, len(tasks), n_processes=n_processes)


def describe_parks(models: Sequence[YoungModel]) -> pd.DataFrame:
    """One row per choice of inputs and park: sums over its histories, and O/E of each."""
    rows = []
    for inputs, seed in dict.fromkeys((model.inputs, model.seed) for model in sorted(models, key=lambda m: m.inputs)):
        mine = [model for model in models if (model.inputs, model.seed) == (inputs, seed)]
        observed, expected, true = (sum(getattr(m, name) for m in mine) for name in ("observed", "expected", "true"))
        rows.append(
            {
                "inputs": inputs,
                "seed": seed,
                "O": f"{observed:.0f}",
                "E": f"{expected:.0f}",
                "O/E": f"{observed / expected:.2f}",
                "true O/E": f"{true / expected:.2f}",
                **{f"O/E {model.begins}": f"{model.observed / model.expected:.2f}" for model in mine},
                "log loss": f"{statistics.mean(model.log_loss for model in mine):.5f}",
            }
        )
    return pd.DataFrame(rows)


def describe_pooled(rows: Sequence[Pooled]) -> pd.DataFrame:
    """One row per choice of inputs and month in which histories begin."""
    return pd.DataFrame(
        [
            {
                "inputs": row.inputs,
                "begins": row.begins,
                "pooled O/E": f"{row.observed_over_expected:.3f}",
                "true O/E": f"{row.true_over_expected:.3f}",
                "median O/E": f"{row.median:.2f}",
                "range": f"{row.lowest:.2f} to {row.highest:.2f}",
                "log loss": f"{row.log_loss:.5f}",
                "against climatology": f"{row.against_climatology:+.1%}",
            }
            for row in rows
        ]
    )


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parks", type=int, default=8, help="simulated parks, one seed each")
    parser.add_argument("--first-seed", type=int, default=801, help="seed of the first park")
    parser.add_argument("--years", type=int, default=3, help="years of history before the year that is judged")
    parser.add_argument("--months", type=int, nargs="+", default=[1, 4, 7, 10], help="months in which histories begin")
    parser.add_argument("--cells", type=int, default=36, help="cells of a park")
    parser.add_argument("--fire-rate", type=float, default=0.03, help="fire starts per cell and day")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="also without this feature")
    parser.add_argument("--processes", type=int, default=2, help="histories at a time")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Try all parks and print two tables, or JSON; progress goes to the error stream."""
    asked, began = parse_arguments(), time.perf_counter()
    seeds = range(asked.first_seed, asked.first_seed + asked.parks)
    parks = [SimulatorConfig(seed=seed, n_cells=asked.cells, fire_rate=asked.fire_rate) for seed in seeds]
    n_histories, models = len(parks) * len(asked.months), list[YoungModel]()
    found = measure_parks(parks, asked.years, asked.months, asked.without, n_processes=asked.processes)
    for n_done, several in enumerate(found, 1):
        models += several
        passed = time.perf_counter() - began
        print(f"{n_done} of {n_histories} histories, {passed:.0f} s", file=sys.stderr, flush=True)  # noqa: T201 - progress
    pooled = pool_all(models)
    if asked.json:
        content = {"models": [model._asdict() for model in models], "pooled": [row._asdict() for row in pooled]}
        print(json.dumps(content, indent=2))  # noqa: T201 - a report
        return
    print(describe_parks(models).to_string(index=False), end="\n\n")  # noqa: T201 - a report
    print(describe_pooled(pooled).to_string(index=False))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
