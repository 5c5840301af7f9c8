"""What every `Tracker` and `ModelStore` promises, run on the fake and on MLflow."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.core.errors import ArtifactTamperedError, TrackingError
from forest_fire_retrain.core.models.ports import ModelStore, Tracker
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain_tests.example_models import example_model, example_rows
from forest_fire_retrain_tests.fakes.tracker import FakeRun, FakeTracker

OURS = {"dagster_run_id": "dagster-1", "partition_key": "2024-01-01"}


class Bench(NamedTuple):
    """A tracker, and what a person or a crash could do behind its back."""

    tracker: Tracker
    models: ModelStore
    status_of: Callable[[str], str]
    tags_of: Callable[[str], dict[str, str]]
    name_of: Callable[[str], str | None]
    leave_running: Callable[[dict[str, str]], str]
    tamper: Callable[[StoredModel], None]
    forget: Callable[[StoredModel], None]
    change_loader: Callable[[StoredModel], None]
    delete_run: Callable[[str], None]


@pytest.fixture(params=["fake", "mlflow"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "fake":
        return fake_bench()
    return mlflow_bench(request.getfixturevalue("tracking_uri"), request.getfixturevalue("tmp_path") / "artifacts")


def fake_bench() -> Bench:
    tracker = FakeTracker()

    def leave_running(tags: dict[str, str]) -> str:
        tracker.runs.append(FakeRun(f"left-{len(tracker.runs)}", "left", dict(tags)))
        return tracker.runs[-1].run_id

    def tags_of(run_id: str) -> dict[str, str]:
        return next(run.tags for run in tracker.runs if run.run_id == run_id)

    def change_loader(stored: StoredModel) -> None:
        tracker.other_files[stored.model_uri] = ["MLmodel"]

    def name_of(run_id: str) -> str:
        return next(run.name for run in tracker.runs if run.run_id == run_id)

    held = (
        tracker.status_of,
        tags_of,
        name_of,
        leave_running,
        tracker.tamper,
        tracker.forget,
        change_loader,
        tracker.deleted_runs.add,
    )
    return Bench(tracker, tracker, *held)


def mlflow_bench(tracking_uri: str, artifacts: Path) -> Bench:
    tracker = MlflowTracker(tracking_uri, "candidates", artifacts.as_uri())
    with tracker.candidate_run("first", {}):
        pass
    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name("candidates")
    assert experiment is not None

    def model_file(stored: StoredModel) -> Path:
        return next((artifacts / "models" / stored.model_uri.removeprefix("models:/")).rglob("model.skops"))

    def tamper(stored: StoredModel) -> None:
        content = bytearray(model_file(stored).read_bytes())
        content[len(content) // 2] ^= 1
        model_file(stored).write_bytes(content)

    def change_text(path: Path) -> None:
        path.write_text(path.read_text().replace("mlflow.sklearn", "evil"))

    return Bench(
        tracker,
        MlflowModels(tracking_uri),
        status_of=lambda run_id: client.get_run(run_id).info.status,
        tags_of=lambda run_id: client.get_run(run_id).data.tags,
        name_of=lambda run_id: client.get_run(run_id).info.run_name,
        leave_running=lambda tags: client.create_run(experiment.experiment_id, tags=tags).info.run_id,
        tamper=tamper,
        forget=lambda stored: model_file(stored).unlink(),
        change_loader=lambda stored: change_text(model_file(stored).with_name("MLmodel")),
        delete_run=client.delete_run,
    )


def store_example(bench: Bench) -> StoredModel:
    features, _ = example_rows()
    with bench.tracker.candidate_run("2024-01-01 small", OURS) as run:
        return bench.models.save(run, example_model(), features.head(8))


def test_a_run_that_completes_ends_finished_with_the_callers_tags(bench: Bench) -> None:
    with bench.tracker.candidate_run("2024-01-01 small", OURS) as run:
        run.log(parameters={"seed": 1, "nothing": None}, metrics={"log_loss": 0.05})
        assert bench.status_of(run.run_id) == "RUNNING"
    assert bench.status_of(run.run_id) == "FINISHED"
    assert OURS.items() <= bench.tags_of(run.run_id).items()


def test_a_run_can_be_tagged_when_it_is_over_and_one_that_is_not_there_cannot(bench: Bench) -> None:
    with bench.tracker.candidate_run("2024-01-01 small", OURS) as run:
        pass
    bench.tracker.tag_run(run.run_id, "ledger_checkpoint", "origin\n7\nroot\n\n\u2014 origin signature\n")
    assert bench.tags_of(run.run_id)["ledger_checkpoint"] == "origin\n7\nroot\n\n\u2014 origin signature\n"
    assert bench.status_of(run.run_id) == "FINISHED"
    with pytest.raises(TrackingError):
        bench.tracker.tag_run("0" * 32, "ledger_checkpoint", "x")


def test_a_run_is_renamed_and_tagged_when_it_is_over_and_one_that_is_not_there_cannot(bench: Bench) -> None:
    with bench.tracker.candidate_run("2024-01-01 small", OURS) as run:
        pass
    bench.tracker.name_run(run.run_id, "2024-01-01 promoted", {"outcome": "PROMOTED", "mlflow.note.content": "why"})
    assert bench.name_of(run.run_id) == "2024-01-01 promoted"
    assert {**OURS, "outcome": "PROMOTED"}.items() <= bench.tags_of(run.run_id).items()
    assert bench.status_of(run.run_id) == "FINISHED"
    with pytest.raises(TrackingError):
        bench.tracker.name_run("0" * 32, "x", {})


def test_a_run_whose_block_raises_ends_failed(bench: Bench) -> None:
    with pytest.raises(ValueError, match="one class"), bench.tracker.candidate_run("x", OURS) as run:
        raise ValueError("one class")
    assert bench.status_of(run.run_id) == "FAILED"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_interrupted_ends_killed(bench: Bench, interrupt: type[BaseException]) -> None:
    with pytest.raises(interrupt), bench.tracker.candidate_run("x", OURS) as run:
        raise interrupt
    assert bench.status_of(run.run_id) == "KILLED"


def test_a_stored_model_comes_back_with_the_same_prediction_bits(bench: Bench) -> None:
    features, _ = example_rows()
    restored = bench.models.load(store_example(bench))
    assert np.array_equal(restored.predict_proba(features), example_model().predict_proba(features))


def test_a_model_whose_bytes_changed_is_refused(bench: Bench) -> None:
    stored = store_example(bench)
    bench.tamper(stored)
    with pytest.raises(ArtifactTamperedError, match="SHA-256"):
        bench.models.load(stored)


def test_a_loader_that_changed_beside_a_model_is_named(bench: Bench) -> None:
    stored = store_example(bench)
    assert bench.models.find_other_files(stored) == []
    bench.change_loader(stored)
    assert bench.models.find_other_files(stored) == ["MLmodel"]
    bench.models.load(stored)  # it is not asked how to load


def test_the_address_of_a_model_is_known_as_long_as_the_model_is(bench: Bench) -> None:
    stored = store_example(bench)
    assert bench.models.address(stored)
    with pytest.raises(TrackingError):
        bench.models.address(stored.model_copy(update={"model_uri": "models:/m-00000000000000000000000000000000"}))


def test_a_model_that_is_gone_is_a_tracking_error(bench: Bench) -> None:
    stored = store_example(bench)
    bench.forget(stored)
    with pytest.raises(TrackingError):
        bench.models.load(stored)


def test_a_model_that_never_was_is_a_tracking_error(bench: Bench) -> None:
    stored = store_example(bench).model_copy(update={"model_uri": "models:/m-00000000000000000000000000000000"})
    with pytest.raises(TrackingError):
        bench.models.load(stored)


def test_only_running_runs_whose_dagster_run_is_over_are_closed(bench: Bench) -> None:
    over = bench.leave_running({"dagster_run_id": "over"})
    alive = bench.leave_running({"dagster_run_id": "alive"})
    foreign = bench.leave_running({})
    with bench.tracker.candidate_run("done", {"dagster_run_id": "over"}) as done:
        pass
    assert bench.tracker.close_abandoned_runs(lambda run_id: run_id == "over") == 1
    statuses = [bench.status_of(run_id) for run_id in (over, alive, foreign, done.run_id)]
    assert statuses == ["FAILED", "RUNNING", "RUNNING", "FINISHED"]
    assert bench.tracker.close_abandoned_runs(lambda run_id: run_id == "over") == 0


def test_the_newest_runs_with_a_tag_are_listed_the_newest_first(bench: Bench) -> None:
    assert bench.tracker.list_tagged_runs("ledger_checkpoint", limit=2) == []
    run_ids = []
    for number in range(3):
        with bench.tracker.candidate_run(f"run {number}", OURS) as run:
            run_ids.append(run.run_id)
        bench.tracker.tag_run(run.run_id, "ledger_checkpoint", f"origin\n{number}\nroot\n")
        time.sleep(0.002)  # runs are started in different milliseconds
    with bench.tracker.candidate_run("without", OURS):
        pass
    found = bench.tracker.list_tagged_runs("ledger_checkpoint", limit=2)
    assert [(run.run_id, run.value) for run in found] == [
        (run_ids[2], "origin\n2\nroot\n"),
        (run_ids[1], "origin\n1\nroot\n"),
    ]
    bench.delete_run(run_ids[2])
    assert len(bench.tracker.list_tagged_runs("ledger_checkpoint", limit=9)) == 3


def test_the_run_of_a_model_is_kept_until_somebody_deletes_it(bench: Bench) -> None:
    stored = store_example(bench)
    assert bench.models.find_run_fault(stored) is None
    bench.delete_run(stored.mlflow_run_id)
    fault = bench.models.find_run_fault(stored)
    assert fault is not None
    assert f"its run {stored.mlflow_run_id} was deleted" in fault
