"""The command, run in this process on a home of its own."""

import datetime as dt
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from forest_fire_retrain.adapters.simulator import WEATHER_RECORDED_SECOND
from forest_fire_retrain.cli import main
from forest_fire_retrain_tests.prepared_store import copy_store, prepare_store


class Answer(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]
SMALL_PARK = {
    "START_DATE": "2024-01-01",
    "MIN_TRAINING_DAYS": "180",
    "TRAINING_WINDOW_DAYS": "400",
    "RECIPE_NAMES": '["logistic"]',
    "SIMULATOR__N_CELLS": "6",
    "SIMULATOR__FIRE_RATE": "0.05",
    "SIMULATOR__SEED": "8",
}
"""Settings of a park that is retrained in seconds."""


def weather_is_in() -> bool:
    """Whether the simulated feed has delivered today's weather; predictions before that hour go without, and say so."""
    now = dt.datetime.now(dt.UTC)
    return now.hour * 3600 + now.minute * 60 + now.second >= WEATHER_RECORDED_SECOND


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home; no setting of the person who runs the tests leaks in."""
    return settle_in(tmp_path / "home", monkeypatch)


@pytest.fixture
def small_park(home: Path, monkeypatch: pytest.MonkeyPatch, store_template: Path) -> Path:
    """The home of a small park, with MLflow's store prepared."""
    furnish(home, monkeypatch, store_template)
    return home


def settle_in(home: Path, environment: pytest.MonkeyPatch) -> Path:
    """Point the environment at `home`, and at nothing else."""
    for name in [name for name in os.environ if name.startswith("FOREST_FIRE_")]:
        environment.delenv(name)
    environment.setenv("FOREST_FIRE_HOME", str(home))
    environment.setenv("FOREST_FIRE_LEDGER_PATIENCE_SECONDS", "1")
    environment.setenv("DAGSTER_HOME", str(home / "dagster"))
    return home


def furnish(home: Path, environment: pytest.MonkeyPatch, store_template: Path) -> None:
    """Make it the home of a small park."""
    for name, value in SMALL_PARK.items():
        environment.setenv(f"FOREST_FIRE_{name}", value)
    copy_store(store_template, home / "mlflow")


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def forest_fire(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `forest-fire` with the given words."""

    def run(*words: str) -> Answer:
        code = run_command(monkeypatch, *words)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    umask = os.umask(0o022)
    os.umask(umask)
    yield run
    os.umask(umask)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def run_command(environment: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of `forest-fire` with these words."""
    environment.setattr(sys, "argv", ["forest-fire", *words])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
