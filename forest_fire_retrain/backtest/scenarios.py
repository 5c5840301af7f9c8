"""What goes wrong in a simulated history, and when: one switch of the park, or broken retrains.

Rules
-----
- A scenario sets one switch on top of the park as it is configured; `none` leaves it as it is.
- The change comes a third into the decisions. `sudden-half` is the sudden drift at half its strength.
  Gradual drift takes two years, the change of climate one. The outage starts on the first 1 June from
  there and loses 85 % of the fires of 140 days, with `silent-reports` all of them. From the change on, late
  reports come 30 days later than promised. The weather feed is silent for 30 days.
- `broken` breaks retrains, not the park: each after the first with a chance of 10 %, one of three faults
  with equal chances, drawn from the stream's seed. Nothing tells a promotion rule.
"""

import datetime as dt
from enum import StrEnum

import numpy as np

from forest_fire_retrain.adapters.simulated_settings import (
    Drift,
    DriftKind,
    LateReports,
    Outage,
    Silence,
    SimulatorConfig,
)
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.windows import Interval

BROKEN_SHARE = 0.10
LOG_ODDS_SHIFT = 0.5
HALF_STRENGTH = 0.5
GRADUAL_RAMP_DAYS = 730
OUTAGE_DAYS, OUTAGE_SHARE, OUTAGE_MONTH = 140, 0.85, 6
EXTRA_DELAY_DAYS = 30
SILENCE_DAYS = 30
FAULT_STREAM = 71


class Scenario(StrEnum):
    """What a history goes through."""

    NONE = "none"
    GRADUAL = "gradual"
    SUDDEN = "sudden"
    SUDDEN_HALF = "sudden-half"
    COVARIATE = "covariate"
    OUTAGE = "outage"
    BROKEN = "broken"
    SILENT_REPORTS = "silent-reports"
    LABEL_DELAY = "label-delay"
    SILENCE = "silence"

    @property
    def needs_simulator(self) -> bool:
        """Whether it changes the park itself."""
        return self not in (Scenario.NONE, Scenario.BROKEN)

    @property
    def drifts(self) -> bool:
        """Whether fires follow otherwise from weather afterwards, so that old models are worse."""
        return self in (Scenario.GRADUAL, Scenario.SUDDEN, Scenario.SUDDEN_HALF)


class Breakage(StrEnum):
    """How a retrain is broken."""

    SHUFFLED_LABELS = "labels shuffled"
    HALF_THE_FIRES = "half of the fires dropped"
    SHIFTED_INTERCEPT = "log odds shifted by +0.5"


def change_date(span: Interval) -> dt.date:
    """The day on which a scenario's change comes, a third into `span`."""
    return span.start + dt.timedelta(days=span.n_days // 3)


def apply_scenario(config: SimulatorConfig, scenario: Scenario, span: Interval) -> SimulatorConfig:
    """The park of `scenario`, `span` being the days of the backtest's decisions.

    Raises
    ------
    ConfigurationError
        If the outage does not fit into the span.
    """
    start = change_date(span)
    match scenario:
        case Scenario.NONE | Scenario.BROKEN:
            return config
        case Scenario.GRADUAL | Scenario.SUDDEN | Scenario.SUDDEN_HALF | Scenario.COVARIATE:
            return config.model_copy(update={"drift": _plan_drift(scenario, start)})
        case Scenario.OUTAGE:
            return config.model_copy(update={"outage": _plan_outage(start, span, OUTAGE_SHARE)})
        case Scenario.SILENT_REPORTS:
            return config.model_copy(update={"outage": _plan_outage(start, span, share=1.0)})
        case Scenario.LABEL_DELAY:
            return config.model_copy(update={"label_delay": LateReports(start=start, extra_days=EXTRA_DELAY_DAYS)})
        case Scenario.SILENCE:
            end = start + dt.timedelta(days=SILENCE_DAYS)
            return config.model_copy(update={"silence": Silence(start=start, end=end)})


def _plan_drift(scenario: Scenario, start: dt.date) -> Drift:
    if scenario is Scenario.GRADUAL:
        return Drift(kind=DriftKind.GRADUAL, start=start, ramp_days=GRADUAL_RAMP_DAYS)
    if scenario is Scenario.SUDDEN_HALF:
        return Drift(kind=DriftKind.SUDDEN, start=start, strength=HALF_STRENGTH)
    return Drift(kind=DriftKind(scenario.value), start=start)


def plan_faults(seed: int, n_periods: int) -> list[Breakage | None]:
    """Which retrains are broken, and how; the first one never is."""
    rng = np.random.default_rng((seed, FAULT_STREAM))
    broken = rng.random(n_periods) < BROKEN_SHARE
    kinds = rng.integers(len(Breakage), size=n_periods)
    faults = tuple(Breakage)
    return [faults[kinds[place]] if place > 0 and broken[place] else None for place in range(n_periods)]


def break_labels(labels: np.ndarray, fault: Breakage | None, seed: int) -> np.ndarray:
    """Training labels as a broken retrain sees them; a whole one sees them as they are."""
    rng = np.random.default_rng((seed, FAULT_STREAM))
    if fault is Breakage.SHUFFLED_LABELS:
        return rng.permutation(labels)
    if fault is Breakage.HALF_THE_FIRES:
        fires = np.flatnonzero(labels)
        kept = labels.copy()
        kept[rng.choice(fires, size=len(fires) // 2, replace=False)] = 0
        return kept
    return labels


def break_probabilities(probabilities: np.ndarray, fault: Breakage | None) -> np.ndarray:
    """Probabilities as a broken retrain's model gives them."""
    if fault is not Breakage.SHIFTED_INTERCEPT:
        return probabilities
    odds = probabilities / (1 - probabilities) * np.exp(LOG_ODDS_SHIFT)
    return odds / (1 + odds)


def _plan_outage(start: dt.date, span: Interval, share: float) -> Outage:
    june = dt.date(start.year, OUTAGE_MONTH, 1)
    first = june if june >= start else june.replace(year=start.year + 1)
    end = first + dt.timedelta(days=OUTAGE_DAYS)
    if end > span.end:
        msg = (
            f"the outage would last from {first} to {end}, but the backtest ends on {span.end}; "
            "choose a later --to, or another --scenario"
        )
        raise ConfigurationError(msg)
    return Outage(start=first, end=end, share=share)
