"""What is particular to MLflow tracking: nesting, the store's making, tampering, silence."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import mlflow
import numpy as np
import pytest
import skops.io
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from forest_fire_retrain.adapters import mlflow_connection
from forest_fire_retrain.adapters.mlflow_connection import connect, import_sklearn_flavour
from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.core.errors import ArtifactTamperedError, TrackingError
from forest_fire_retrain.core.models.ports import RowsUsed
from forest_fire_retrain_tests.example_models import example_model, example_rows

REPOSITORY = Path(__file__).resolve().parents[2]
TWO_STARTERS = """
import sys
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
with MlflowTracker(sys.argv[1], "candidates", sys.argv[2]).candidate_run("p", {"partition_key": sys.argv[3]}) as run:
    run.log(parameters={"seed": 1}, metrics={"log_loss": 0.1})
"""


@pytest.fixture
def tracker(tracking_uri: str, tmp_path: Path) -> MlflowTracker:
    return MlflowTracker(tracking_uri, "candidates", (tmp_path / "artifacts").as_uri())


@pytest.fixture
def parent_run(tracking_uri: str) -> Iterator[mlflow.ActiveRun]:
    mlflow.set_tracking_uri(tracking_uri)  # the experiment by name: another test's may be MLflow's active one
    experiment = MlflowClient(tracking_uri).get_experiment_by_name("Default")
    with mlflow.start_run(experiment_id=experiment.experiment_id, run_name="dagster") as run:
        yield run


def test_a_candidate_run_is_nested_under_the_active_run_and_leaves_it_open(
    tracker: MlflowTracker, tracking_uri: str, parent_run: mlflow.ActiveRun
) -> None:
    client = MlflowClient(tracking_uri)
    with tracker.candidate_run("child", {}) as run:
        assert client.get_run(run.run_id).data.tags[MLFLOW_PARENT_RUN_ID] == parent_run.info.run_id
    active = mlflow.active_run()
    assert active is not None
    assert active.info.run_id == parent_run.info.run_id
    assert client.get_run(parent_run.info.run_id).info.status == "RUNNING"


def test_a_tracker_for_workers_nests_its_runs_under_the_run_that_was_active_where_it_was_made(
    tracker: MlflowTracker, tracking_uri: str, parent_run: mlflow.ActiveRun
) -> None:
    handed_over = pickle.dumps(tracker.for_workers())

    def work() -> str:
        with pickle.loads(handed_over).candidate_run("child", {}) as run:  # noqa: S301 - our own bytes
            return str(run.run_id)

    with ThreadPoolExecutor(1) as pool:  # no run is active in another thread, as in another process
        child = MlflowClient(tracking_uri).get_run(pool.submit(work).result())
    assert child.data.tags[MLFLOW_PARENT_RUN_ID] == parent_run.info.run_id
    assert child.info.status == "FINISHED"


def test_a_failed_candidate_leaves_the_active_run_open(
    tracker: MlflowTracker, tracking_uri: str, parent_run: mlflow.ActiveRun
) -> None:
    with pytest.raises(ValueError, match="broken"), tracker.candidate_run("child", {}):
        raise ValueError("broken")
    assert MlflowClient(tracking_uri).get_run(parent_run.info.run_id).info.status == "RUNNING"


def test_candidates_of_parallel_threads_are_roots_of_their_own(tracker: MlflowTracker, tracking_uri: str) -> None:
    both_open = Barrier(2, timeout=30)

    def open_run(name: str) -> str:
        with tracker.candidate_run(name, {}) as run:
            both_open.wait()
            run.log(parameters={"name": name}, metrics={})
        return run.run_id

    with ThreadPoolExecutor(2) as pool:
        runs = [MlflowClient(tracking_uri).get_run(run_id) for run_id in pool.map(open_run, ["a", "b"])]
    assert [run.data.params["name"] for run in runs] == ["a", "b"]
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert not any(MLFLOW_PARENT_RUN_ID in run.data.tags for run in runs)


@pytest.mark.slow
def test_two_processes_may_start_on_a_store_that_does_not_exist(tmp_path: Path) -> None:
    uri, artifacts = f"sqlite:///{tmp_path / 'fresh' / 'mlflow.db'}", (tmp_path / "artifacts").as_uri()
    arguments = [[sys.executable, "-c", TWO_STARTERS, uri, artifacts, key] for key in ("a", "b")]
    started = [
        subprocess.Popen(each, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for each in arguments
    ]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert [printed for printed, _ in outputs] == [b"", b""]
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'candidates'")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted((run.data.tags["partition_key"], run.info.status) for run in runs) == [
        ("a", "FINISHED"),
        ("b", "FINISHED"),
    ]


def test_the_experiment_has_an_absolute_artifact_location(
    tracker: MlflowTracker, tracking_uri: str, tmp_path: Path
) -> None:
    with tracker.candidate_run("x", {}):
        pass
    experiment = MlflowClient(tracking_uri).get_experiment_by_name("candidates")
    assert experiment is not None
    assert experiment.artifact_location == (tmp_path / "artifacts").as_uri()


def test_what_was_logged_is_found_at_run_and_model(tracker: MlflowTracker, tracking_uri: str) -> None:
    features, _ = example_rows()
    with tracker.candidate_run("2024-01-01", {"dagster_run_id": "d"}) as run:
        run.log(parameters={"seed": 7, "window": "x" * 9_000}, metrics={"holdout_log_loss": 0.05})
        stored = MlflowModels(tracking_uri).save(run, example_model(), features.head(4))
    client = MlflowClient(tracking_uri)
    logged = client.get_run(run.run_id).data
    assert (logged.metrics["holdout_log_loss"], logged.params["seed"]) == (0.05, "7")
    model = client.get_logged_model(stored.model_uri.removeprefix("models:/"))
    assert model.tags["artifact_sha256"] == stored.artifact_sha256
    assert model.params["min_samples_leaf"] == str(example_model().resolved_parameters["min_samples_leaf"])
    assert model.source_run_id == stored.mlflow_run_id == run.run_id


def test_anyone_with_plain_mlflow_gets_the_same_probabilities(tracker: MlflowTracker, tracking_uri: str) -> None:
    features, _ = example_rows()
    with tracker.candidate_run("x", {}) as run:
        stored = MlflowModels(tracking_uri).save(run, example_model(), features.head(4))
    import_sklearn_flavour()
    served = mlflow.pyfunc.load_model(stored.model_uri).predict(features)
    assert np.array_equal(served, example_model().predict_proba(features))


def test_nothing_is_deserialised_when_the_bytes_changed(
    tracker: MlflowTracker, tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, _ = example_rows()
    with tracker.candidate_run("x", {}) as run:
        stored = MlflowModels(tracking_uri).save(run, example_model(), features.head(4))
    (path,) = (tmp_path / "artifacts").rglob("model.skops")
    path.write_bytes(path.read_bytes() + b"x")
    loads: list[object] = []
    monkeypatch.setattr(skops.io, "load", lambda *given, **_: loads.append(given))
    with pytest.raises(ArtifactTamperedError, match="was not loaded"):
        MlflowModels(tracking_uri).load(stored)
    assert loads == []


def test_a_deleted_artifact_folder_is_a_tracking_error_with_a_next_command(
    tracker: MlflowTracker, tracking_uri: str, tmp_path: Path
) -> None:
    features, _ = example_rows()
    with tracker.candidate_run("x", {}) as run:
        stored = MlflowModels(tracking_uri).save(run, example_model(), features.head(4))
    shutil.rmtree(tmp_path / "artifacts")
    with pytest.raises(TrackingError, match="forest-fire"):
        MlflowModels(tracking_uri).load(stored)


def test_a_parameter_that_changes_its_value_is_refused(tracker: MlflowTracker) -> None:
    with tracker.candidate_run("x", {}) as run:
        run.log(parameters={"seed": 1}, metrics={})
        with pytest.raises(TrackingError, match="logging to run"):
            run.log(parameters={"seed": 2}, metrics={})


def test_an_error_of_the_block_survives_a_store_that_went_away(tracker: MlflowTracker, tmp_path: Path) -> None:
    def lose_the_store() -> None:
        (tmp_path / "mlflow" / "mlflow.db").unlink()
        (tmp_path / "mlflow" / "mlflow.db").mkdir()
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause") as caught, tracker.candidate_run("x", {}):
        lose_the_store()
    assert any("could not be closed" in note for note in caught.value.__notes__)


def test_closing_abandoned_runs_creates_no_store(tmp_path: Path) -> None:
    tracker = MlflowTracker(f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}", "candidates")
    assert tracker.close_abandoned_runs(lambda _: True) == 0
    assert list(tmp_path.iterdir()) == []


def test_all_pages_of_abandoned_runs_are_closed(
    tracker: MlflowTracker, tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracker.candidate_run("x", {}):
        pass
    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name("candidates")
    assert experiment is not None
    for _ in range(5):
        client.create_run(experiment.experiment_id, tags={"dagster_run_id": "over"})
    whole = MlflowClient.search_runs
    monkeypatch.setattr(MlflowClient, "search_runs", lambda *given, **more: whole(*given, max_results=2, **more))
    assert tracker.close_abandoned_runs(lambda _: True) == 5


def test_whoever_may_only_read_the_store_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow_connection.connect(uri)
    (tmp_path / "mlflow.db.lock").unlink(missing_ok=True)
    monkeypatch.setattr(mlflow_connection, "_prepared_stores", {})
    monkeypatch.setattr(mlflow_connection.os, "access", lambda *_: False)
    assert mlflow_connection.connect(uri).search_registered_models() == []
    assert not (tmp_path / "mlflow.db.lock").exists()


def test_the_rows_of_a_candidate_are_its_runs_data_sets_under_our_own_fingerprints(
    tracker: MlflowTracker, tracking_uri: str
) -> None:
    used = RowsUsed("training", "[2023-01-01, 2024-01-01)", "ab" * 32, 900, 7, {"labels": 3}, {"dc": "double"})
    with tracker.candidate_run("x", {}) as run:
        run.log(parameters={}, metrics={}, rows=[used, used._replace(context="holdout", sha256="cd" * 32)])
    logged = MlflowClient(tracking_uri).get_run(run.run_id).inputs.dataset_inputs
    shown = sorted((one.dataset.digest, one.dataset.name, one.tags[0].value) for one in logged)
    assert shown == [
        ("ab" * 16, "training rows [2023-01-01, 2024-01-01)", "training"),
        ("cd" * 16, "holdout rows [2023-01-01, 2024-01-01)", "holdout"),
    ]
    dataset = next(one.dataset for one in logged if one.tags[0].value == "training")
    assert json.loads(dataset.source) == {"sha256": "ab" * 32, "table_versions": {"labels": 3}}
    assert json.loads(dataset.profile) == {"num_rows": 900, "num_fires": 7}
    assert "dc" in dataset.schema
