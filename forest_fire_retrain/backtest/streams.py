"""One history to replay: which source, cadence and seed, which periods, which rules; plain data that can be sent."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain.adapters.folder_source import FolderSource
from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.backtest.scenarios import Scenario, apply_scenario
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.periods import align_to_cadence, period_starting
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.windows import UTC, Cadence, Interval, RetrainingWindows, WindowPolicy, plan_windows

TRUTH_DAYS = 364
"""Days over which the truth says whether one model is better than another."""


class RuleName(StrEnum):
    """A promotion rule."""

    FROZEN = "frozen"
    NEWEST = "newest"
    ANY_IMPROVEMENT = "any-improvement"
    MARGIN = "margin"
    LISTING3 = "listing3"
    OURS = "ours"


class FolderPlan(NamedTuple):
    """A folder of real data.

    Attributes
    ----------
    folder : Path
        Holds the tables.
    assumed_report_lag_days : int
        Days from a fire to its report where the files do not say.
    today : datetime.date
        Last day that is not in the future.
    """

    folder: Path
    assumed_report_lag_days: int
    today: dt.date


class StreamPlan(NamedTuple):
    """One history, from first to last decision.

    Attributes
    ----------
    source : SimulatorConfig or FolderPlan
        Where rows come from.
    scenario : Scenario
        What the history goes through.
    seed : int
        Seed of the park and of broken retrains.
    cadence : Cadence
        Length of a period.
    span : Interval
        The first period starts in it, and it ends where production is last scored.
    history_start : datetime.date
        First day of the data to use.
    policy : WindowPolicy
        How windows follow from a period.
    recipes : tuple of Recipe
        Among which each period chooses, as the retraining does; one is taken as it is.
    training_seed, n_threads : int, int
        How candidates are trained.
    rule : DecisionRule
        Thresholds of the product's own rule.
    rules : tuple of RuleName
        The rules to replay.
    time_zone : str
        IANA name of the zone whose days dates are.
    """

    source: SimulatorConfig | FolderPlan
    scenario: Scenario
    seed: int
    cadence: Cadence
    span: Interval
    history_start: dt.date
    policy: WindowPolicy
    recipes: tuple[Recipe, ...]
    training_seed: int
    n_threads: int
    rule: DecisionRule
    rules: tuple[RuleName, ...]
    time_zone: str = UTC

    @property
    def label(self) -> str:
        """Names the stream for people."""
        origin = f"seed {self.seed}" if isinstance(self.source, SimulatorConfig) else "folder"
        return f"{self.scenario} {self.cadence} {origin}"

    @property
    def park(self) -> SimulatorConfig | None:
        """The park of the scenario; `None` for a folder."""
        if not isinstance(self.source, SimulatorConfig):
            return None
        return apply_scenario(self.source.model_copy(update={"seed": self.seed}), self.scenario, self.span)

    @property
    def horizon(self) -> dt.date:
        """End of the days that are predicted: the truth is known beyond the last decision."""
        return self.span.end + dt.timedelta(days=TRUTH_DAYS if self.park else 0)

    def open_source(self) -> Simulator | FolderSource:
        """What the department is delivered."""
        if isinstance(self.source, FolderPlan):
            return FolderSource(
                self.source.folder,
                history_start=self.history_start,
                assumed_report_lag_days=self.source.assumed_report_lag_days,
                today=self.source.today,
                time_zone=self.time_zone,
            )
        return Simulator(self.park or self.source, self.history_start, self.time_zone)


def plan_periods(plan: StreamPlan) -> list[RetrainingWindows]:
    """Windows of every period that starts in the span and is decided before its end, oldest first.

    Raises
    ------
    ConfigurationError
        If there is none, or the first has too little history to train on.
    """
    windows = []
    start = align_to_cadence(plan.span.start, plan.cadence)
    while (partition := period_starting(start, plan.cadence)).end < plan.span.end:
        windows.append(plan_windows(partition, plan.history_start, plan.policy))
        start = partition.end
    if not windows:
        msg = f"no {plan.cadence} period lies within {plan.span}, a backtest needs at least one; choose a later --to"
        raise ConfigurationError(msg)
    return windows


def serving_interval(windows: list[RetrainingWindows], place: int, end: dt.date) -> Interval:
    """The days served by whoever is champion after the decision at `place`."""
    until = windows[place + 1].as_of if place + 1 < len(windows) else end
    return Interval(start=windows[place].as_of, end=until)
