"""Fixtures of the adapter tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain_tests.prepared_store import copy_store, prepare_store


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def tracking_uri(store_template: Path, tmp_path: Path) -> Iterator[str]:
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield copy_store(store_template, tmp_path / "mlflow")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    if before is not None:
        os.environ["MLFLOW_TRACKING_URI"] = before
