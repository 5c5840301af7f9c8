"""A long range trains and draws in worker processes: the same candidates, decisions and pictures as in one process."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import candidate_of
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs import early_workers
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.prepared_store import copy_store, prepare_store

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WEEKS = ("2025-07-07", "2025-07-14", "2025-07-21")
PICTURES = ("evidence", "reliability")


class Range(NamedTuple):
    """What a range left behind, in the order of its periods."""

    installation: Installation
    predictions: list[str]
    decisions: list[str]
    pictures: list[str]


@pytest.fixture
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.getbasetemp()
    yield prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def decide(home: Path, template: Path, n_processes: int) -> Range:
    """Decide the weeks with so many processes; whatever a worker has to reach lies in files."""
    uri, fakes = copy_store(template, home / "mlflow"), example_installation(home, n_processes=n_processes)
    installation = replace(
        fakes,
        lake=DeltaLake(fakes.settings.lake_root),
        records=RecordFiles(home / "records"),
        tracker=MlflowTracker(uri, fakes.settings.model_name, fakes.settings.artifact_location),
        models=MlflowModels(uri),
    )
    job = build_definitions(installation.settings, {"installation": installation}).resolve_job_def(JOB_NAME)
    span = {"dagster/asset_partition_range_start": WEEKS[0], "dagster/asset_partition_range_end": WEEKS[-1]}
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(run_config=QUIET, instance=instance, tags=span).success
        pictures = [picture for week in WEEKS for picture in pictures_of(instance, week)]
    decided = [row for row in installation.ledger.entries() if row.kind is EntryKind.DECISION]
    candidates = [candidate_of(row) for row in decided]
    predictions = [candidate.prediction_hash for candidate in candidates if candidate is not None]
    return Range(installation, predictions, [row.summary for row in decided], pictures)


def pictures_of(instance: dg.DagsterInstance, week: str) -> list[str]:
    of_week = dg.AssetRecordsFilter(dg.AssetKey("adjudication_decision"), asset_partitions=[week])
    materialization = instance.fetch_materializations(of_week, limit=1).records[0].asset_materialization
    assert materialization is not None
    return [str(materialization.metadata[name].value) for name in PICTURES]


def test_candidates_decisions_and_pictures_are_those_of_one_process(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = decide(tmp_path / "alone", template, n_processes=1)
    monkeypatch.setattr(early_workers, "PERIODS_WORTH_A_PROCESS", 1)
    together = decide(tmp_path / "together", template, n_processes=2)
    assert len(together.predictions) == len(WEEKS)
    assert together[1:] == alone[1:]

    settings = together.installation.settings
    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(settings.model_name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run.info.run_id for run in runs if run.data.tags.get("kind") == "dagster_run"]
    nested = [run.data.tags["mlflow.parentRunId"] for run in runs if run.data.tags.get("asset") == "candidate_model"]
    assert nested == parents * len(WEEKS)
    assert {run.info.status for run in runs} == {"FINISHED"}
