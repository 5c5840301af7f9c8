"""The MLflow run of a Dagster run ends as the Dagster run did, and none stays RUNNING past the next start."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.prepared_store import copy_store, prepare_store

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WEEK = "2025-07-07"


@pytest.fixture
def installation(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    base = tmp_path_factory.getbasetemp()
    uri = copy_store(
        prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base), tmp_path / "home" / "mlflow"
    )
    built = example_installation(tmp_path / "home")
    tracker = MlflowTracker(uri, built.settings.model_name, built.settings.artifact_location)
    yield replace(built, tracker=tracker, models=MlflowModels(uri))
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def run(installation: Installation, instance: dg.DagsterInstance, *, fails: bool = False) -> str:
    """Run a week; returns the Dagster run's id."""
    job = build_definitions(installation.settings, {"installation": installation}).resolve_job_def(JOB_NAME)
    result = job.execute_in_process(run_config=QUIET, instance=instance, partition_key=WEEK, raise_on_error=False)
    assert result.success is not fails
    return result.run_id


def statuses(installation: Installation) -> list[tuple[str, str]]:
    """Kind and status of every MLflow run, oldest first."""
    client = MlflowClient(installation.settings.tracking_uri)
    experiment = client.get_experiment_by_name(installation.settings.model_name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    return [(run.data.tags.get("kind", "candidate"), run.info.status) for run in runs]


def test_the_candidate_is_nested_under_the_run_that_dagster_mlflow_opened(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    dagster_run_id = run(installation, instance)
    client = MlflowClient(installation.settings.tracking_uri)
    experiment = client.get_experiment_by_name(installation.settings.model_name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{dagster_run_id}'")
    parent = next(found_run for found_run in found if found_run.data.tags.get("kind") == "dagster_run")
    candidate = next(found_run for found_run in found if found_run.data.tags.get("asset") == "candidate_model")
    assert candidate.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert candidate.data.tags["partition"] == WEEK
    assert {parent.info.status, candidate.info.status} == {"FINISHED"}


def test_the_parent_run_names_its_dagster_run_before_dagster_mlflow_tags_it(
    installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two must leave nothing that the next start does not close."""
    monkeypatch.setattr("dagster_mlflow.resources.MlFlow._set_all_tags", lambda _self: None)
    dagster_run_id = run(installation, instance)
    client = MlflowClient(installation.settings.tracking_uri)
    experiment = client.get_experiment_by_name(installation.settings.model_name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{dagster_run_id}'")
    assert [tagged.info.run_name for tagged in found if "asset" not in tagged.data.tags] == [WEEK]


def test_a_run_that_fails_after_training_leaves_its_parent_failed(
    installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise LakeError("the disk is full")

    monkeypatch.setattr(installation.registry, "register", refuse)
    run(installation, instance, fails=True)
    assert statuses(installation) == [("dagster_run", "FAILED"), ("candidate", "FINISHED")]


def test_what_a_killed_process_left_running_is_closed_by_the_next_start(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    installation.tracker.prepare()
    client = MlflowClient(installation.settings.tracking_uri)
    experiment = client.get_experiment_by_name(installation.settings.model_name)
    assert experiment is not None
    left = client.create_run(experiment.experiment_id, tags={"dagster_run_id": "gone", "kind": "dagster_run"})
    assert client.get_run(left.info.run_id).info.status == "RUNNING"
    run(installation, instance)
    assert client.get_run(left.info.run_id).info.status == "FAILED"
    assert all(status != "RUNNING" for _, status in statuses(installation))
