"""A history with several reigns: every period is promoted by a rule that a candidate cannot but pass."""

import copy
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.records import Candidate, HoldoutSet, Knowledge
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.ingestion import intake_of
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain.pipeline.preparing.holding_out import set_holdout_apart
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.pipeline.preparing.snapshots import original_decision, take_snapshot
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudicate_partition
from forest_fire_retrain.pipeline.retraining.judging import Question
from forest_fire_retrain.pipeline.retraining.training_candidates import train_candidate
from forest_fire_retrain_tests.example_installation import NOW, example_installation, throwaway_home
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

WEEKS = ("2025-07-07", "2025-07-14", "2025-07-21")
NEXT_WEEK = "2025-07-28"
AS_OF = dt.date(2025, 7, 28)
PARK = SimulatorConfig(n_cells=6, fire_rate=0.05, seed=8)  # its candidates beat climatology in all these weeks
EASY = DecisionRule(
    block_days=1,
    min_fires=1,
    min_blocks=2,
    refresh_age_days=1,
    refresh_confidence=0.01,
    refresh_margin=100.0,
    refresh_min_gain=-1.0,
    own_window_confidence=0.9999,
    suspect_min_expected=1e9,
    calibration_z=1e3,
    prediction_ratio_min=0.001,
    prediction_ratio_max=1e3,
    prediction_jump_max=1e3,
    rank_shift_max=1e3,
    slice_p_max=1e-9,
    climatology_confidence=0.9999,
)


class Reigns(NamedTuple):
    """An installation on fakes in which versions 1, 2 and 3 were champion, one period each."""

    installation: Installation
    lake: FakeLake
    tracker: FakeTracker
    registry: FakeRegistry
    ledger: FakeLedger

    @property
    def state(self) -> LedgerState:
        return fold(self.ledger.entries())


def three_reigns() -> Reigns:
    """A copy of its own for each caller: training the three takes two seconds."""
    made = _train_three_reigns()
    names = ("lake", "records", "tracker", "models", "registry", "ledger")
    stores = copy.deepcopy({name: getattr(made, name) for name in names})
    copied = replace(made, **stores)
    copied.__dict__["environment"] = made.environment  # code that is edited while tests run is no other code to them
    return Reigns(copied, stores["lake"], stores["tracker"], stores["registry"], stores["ledger"])


@lru_cache
def _train_three_reigns() -> Installation:
    installation = example_installation(throwaway_home(), adjudication=EASY, simulator=PARK)
    retrain(installation, WEEKS)
    return installation


def retrain(installation: Installation, keys: Sequence[str]) -> list[Adjudication]:
    """Decide the periods in their order, as the assets do, a minute apart."""
    ingest(installation, keys)
    return [decide(installation, key) for key in keys]


def ingest(installation: Installation, keys: Sequence[str]) -> None:
    """Everything recorded up to the end of the last period, and its features."""
    settings, lake = installation.settings, installation.lake
    first, last = (installation.settings.periods.windows_of(key).partition for key in (keys[0], keys[-1]))
    window = Interval(start=first.start, end=last.end)
    ingest_weather(intake_of(installation), window)
    ingest_fire_reports(intake_of(installation), window)
    build_features(lake, installation.engine, window, settings.calendar)


def decide(installation: Installation, key: str, knowledge: Knowledge = Knowledge.AS_CORRECTED) -> Adjudication:
    """Hold out, train, adjudicate."""
    settings = installation.settings
    holdout, candidate = train(installation, key, knowledge)
    question = Question(settings.model_name, holdout, candidate, settings.decision_rule)
    return adjudicate_partition(installation.stores, question, stamp_at(installation))


def train(installation: Installation, key: str, knowledge: Knowledge) -> tuple[HoldoutSet, Candidate]:
    settings, lake = installation.settings, installation.lake
    windows = installation.settings.periods.windows_of(key)
    entries = installation.ledger.entries(settings.model_name)
    snapshot = take_snapshot(lake, windows, original_decision(entries, key), knowledge)
    holdout = set_holdout_apart(lake, installation.engine, installation.records, windows, snapshot)
    candidate = train_candidate(
        installation.workshop,
        holdout=holdout,
        recipe=find_recipe(settings.recipe_names[0]),
        seed=settings.seed,
        environment=installation.environment,
        tags={},
    )
    return holdout, candidate


def stamp_at(installation: Installation, actor: str = "ada") -> Stamp:
    """A minute later than the last row."""
    entries = installation.ledger.entries()
    last = entries[-1].recorded_at if entries else NOW
    return Stamp(last + dt.timedelta(minutes=1), actor, "cli")
