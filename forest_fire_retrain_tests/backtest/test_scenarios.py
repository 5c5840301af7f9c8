"""What scenarios do to a park, and how retrains are broken."""

import datetime as dt

import numpy as np
import pytest

from forest_fire_retrain.adapters.simulated_settings import DriftKind, SimulatorConfig
from forest_fire_retrain.backtest.scenarios import (
    BROKEN_SHARE,
    Breakage,
    Scenario,
    apply_scenario,
    break_labels,
    break_probabilities,
    change_date,
    plan_faults,
)
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.windows import Interval

SPAN = Interval(start=dt.date(2024, 2, 1), end=dt.date(2027, 2, 1))
PARK = SimulatorConfig(seed=3)


@pytest.mark.parametrize("scenario", [Scenario.NONE, Scenario.BROKEN])
def test_the_park_stays_as_configured_where_only_retrains_break(scenario: Scenario) -> None:
    assert apply_scenario(PARK, scenario, SPAN) == PARK


@pytest.mark.parametrize("scenario", [Scenario.GRADUAL, Scenario.SUDDEN, Scenario.COVARIATE])
def test_a_drift_begins_a_third_into_the_decisions(scenario: Scenario) -> None:
    drift = apply_scenario(PARK, scenario, SPAN).drift
    assert (drift.kind, drift.start) == (DriftKind(scenario.value), change_date(SPAN))
    assert change_date(SPAN) == dt.date(2025, 1, 31)


def test_the_outage_falls_into_the_fire_season() -> None:
    outage = apply_scenario(PARK, Scenario.OUTAGE, SPAN).outage
    assert outage is not None
    assert (outage.start, outage.end, outage.share) == (dt.date(2025, 6, 1), dt.date(2025, 10, 19), 0.85)


def test_the_weather_feed_is_silent_for_a_month() -> None:
    silence = apply_scenario(PARK, Scenario.SILENCE, SPAN).silence
    assert silence is not None
    assert (silence.start, silence.end) == (dt.date(2025, 1, 31), dt.date(2025, 3, 2))


def test_an_outage_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose a later --to"):
        apply_scenario(PARK, Scenario.OUTAGE, Interval(start=SPAN.start, end=dt.date(2024, 9, 1)))


def test_faults_hang_on_the_seed_and_spare_the_first_retrain() -> None:
    faults = plan_faults(5, 400)
    assert faults == plan_faults(5, 400)
    assert faults != plan_faults(6, 400)
    assert all(plan_faults(seed, 3)[0] is None for seed in range(60))
    share = sum(fault is not None for fault in faults) / 400
    assert share == pytest.approx(BROKEN_SHARE, abs=0.05)
    assert {fault for fault in faults if fault} == set(Breakage)


def test_each_fault_breaks_what_it_says() -> None:
    labels = np.array([1] * 10 + [0] * 90, dtype=np.int8)
    shuffled = break_labels(labels, Breakage.SHUFFLED_LABELS, 1)
    assert shuffled.sum() == 10
    assert not np.array_equal(shuffled, labels)
    halved = break_labels(labels, Breakage.HALF_THE_FIRES, 1)
    assert halved.sum() == 5
    assert (halved <= labels).all()
    assert break_labels(labels, Breakage.SHIFTED_INTERCEPT, 1) is labels
    shifted = break_probabilities(np.array([0.01]), Breakage.SHIFTED_INTERCEPT)
    assert np.log(shifted / (1 - shifted))[0] == pytest.approx(np.log(0.01 / 0.99) + 0.5)
    assert break_probabilities(labels, None) is labels
