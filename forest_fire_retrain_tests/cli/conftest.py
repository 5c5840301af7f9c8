"""The command, run in this process on a home of its own."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from forest_fire_retrain.cli import main
from forest_fire_retrain_tests.prepared_store import copy_store, prepare_store


class Answer(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home; no setting of the person who runs the tests leaks in."""
    for name in [name for name in os.environ if name.startswith("FOREST_FIRE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("FOREST_FIRE_HOME", str(folder))
    monkeypatch.setenv("FOREST_FIRE_LEDGER_PATIENCE_SECONDS", "1")
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    return folder


@pytest.fixture
def small_park(home: Path, monkeypatch: pytest.MonkeyPatch, store_template: Path) -> Path:
    """Settings of a park that is retrained in seconds, with MLflow's store prepared."""
    for name, value in {
        "START_DATE": "2024-01-01",
        "MIN_TRAINING_DAYS": "180",
        "TRAINING_WINDOW_DAYS": "400",
        "RECIPE_NAMES": '["logistic"]',
        "SIMULATOR__N_CELLS": "6",
        "SIMULATOR__FIRE_RATE": "0.05",
    }.items():
        monkeypatch.setenv(f"FOREST_FIRE_{name}", value)
    copy_store(store_template, home / "mlflow")
    return home


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def forest_fire(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `forest-fire` with the given words."""

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["forest-fire", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    yield run
    os.environ.pop("MLFLOW_TRACKING_URI", None)
