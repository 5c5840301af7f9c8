"""A park whose truth changes while a champion stays: the look at its predictions raises an alarm that is real.

It is retrained once a month. The champion was trained before fires began to follow from weather in another way.
"""

import copy
import datetime as dt
from dataclasses import replace
from functools import lru_cache

from forest_fire_retrain import watching
from forest_fire_retrain.adapters.simulated_settings import Drift, SimulatorConfig
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.adjudicating import adjudicate_partition
from forest_fire_retrain.pipeline.retraining.judging import Question
from forest_fire_retrain_tests.example_installation import example_installation, throwaway_home
from forest_fire_retrain_tests.example_reigns import EASY, ingest, train

MONTHS = ("2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01", "2025-06-01")
NEXT_MONTH = "2025-07-01"
LOOKED = dt.datetime(2025, 7, 14, 8, 30, tzinfo=dt.UTC)
ASKED = "2025-07-14+active"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PARK: dict[str, object] = {
    "cadence": "monthly",
    "active": "retrain",
    "start_date": dt.date(2023, 1, 1),
    "min_training_days": 365,
    "training_window_days": 800,
    "simulator": SimulatorConfig(
        n_cells=6, fire_rate=0.06, seed=8, drift=Drift(kind="sudden", start=dt.date(2025, 5, 1), strength=2.0)
    ),
}


def alarmed_park(rule: DecisionRule | None = None) -> Installation:
    """A copy of its own for each caller, an hour after the look; under `rule` from then on, if there is one."""
    made = _retrain_and_look()
    names = ("lake", "records", "tracker", "models", "registry", "ledger")
    stores = copy.deepcopy({name: getattr(made, name) for name in names})
    settings = made.settings if rule is None else made.settings.model_copy(update={"adjudication": rule})
    copied = replace(made, **stores, settings=settings.model_copy(update={"home": throwaway_home()}))
    copied.__dict__["environment"] = made.environment
    return copied


def later(installation: Installation, now: dt.datetime) -> Installation:
    """The same stores at another time."""
    copied = replace(installation, clock=lambda: now)
    copied.__dict__["environment"] = installation.environment
    return copied


@lru_cache
def _retrain_and_look() -> Installation:
    """Every month was decided when it was over, the last one a fortnight before the look."""
    made = later(example_installation(throwaway_home(), **PARK), LOOKED + HOUR)
    ingest(made, MONTHS)
    settings = made.settings
    for key in MONTHS:
        holdout, candidate = train(made, key, Knowledge.LIVE)
        question = Question(settings.model_name, holdout, candidate, settings.decision_rule)
        stamp = Stamp(midnight(holdout.windows.as_of) + 6 * HOUR, "schedule", "schedule")
        adjudicate_partition(made.stores, question, stamp)
    watching.look_at_quality(made, LOOKED)
    return made


__all__ = ["ASKED", "DAY", "EASY", "HOUR", "LOOKED", "MONTHS", "NEXT_MONTH", "PARK", "alarmed_park", "later"]
