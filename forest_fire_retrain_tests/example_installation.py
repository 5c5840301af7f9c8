"""A small simulated park on fakes: what shell tests retrain without files, MLflow or a clock."""

import atexit
import datetime as dt
import shutil
import tempfile
from pathlib import Path

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.settings import Settings
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.records import FakeRecordStore
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

NOW = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)


def throwaway_home() -> Path:
    """A home for what is made once and shared by many tests; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="throwaway-home-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def example_settings(home: Path, **changes: object) -> Settings:
    """A park of six cells with many fires, whose first period is in the summer of 2024."""
    given: dict[str, object] = {
        "home": home,
        "start_date": dt.date(2024, 1, 1),
        "min_training_days": 180,
        "training_window_days": 400,
        "recipe_names": ("logistic",),
        "up_periods": 1_000,  # every period that is over is a partition, also before anything is decided
        "simulator": SimulatorConfig(n_cells=6, fire_rate=0.05, seed=8),
        "warm_days": 0,  # the log holds what is served, unless a test is about shadows
    }
    return Settings(**{**given, **changes})  # type: ignore[arg-type] # validated by pydantic


def example_installation(home: Path, **changes: object) -> Installation:
    """An installation on fakes; only the query engine and the simulated park are the real ones."""
    settings, tracker = example_settings(home, **changes), FakeTracker()
    return Installation(
        settings=settings,
        source=Simulator(settings.simulator, settings.start_date),
        lake=FakeLake(),
        engine=DuckDbEngine(),
        records=FakeRecordStore(),
        tracker=tracker,
        models=tracker,
        registry=FakeRegistry(),
        ledger=FakeLedger(),
        clock=lambda: NOW,
    )
