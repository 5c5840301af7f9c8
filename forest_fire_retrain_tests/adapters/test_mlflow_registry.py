"""What is particular to MLflow's registry: descriptions, aliases by name, refusals."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.mlflow_connection import connect
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain_tests.example_models import example_candidate

MODEL = "forest_fire_risk"


def stored_example(client: MlflowClient) -> StoredModel:
    run = client.create_run("0")
    model = client.create_logged_model("0", source_run_id=run.info.run_id)
    return StoredModel(mlflow_run_id=run.info.run_id, model_uri=f"models:/{model.model_id}", artifact_sha256="d" * 64)


def test_the_registered_model_says_what_it_is_and_who_moves_its_alias(tracking_uri: str) -> None:
    client = connect(tracking_uri)
    MlflowRegistry(tracking_uri).register(MODEL, example_candidate(stored_example(client)), "d-1", "first")
    model = client.get_registered_model(MODEL)
    assert "forest-fire history" in model.description
    assert model.latest_versions[0].current_stage == "None"


def test_a_version_points_at_the_candidates_logged_model(tracking_uri: str) -> None:
    client = connect(tracking_uri)
    stored = stored_example(client)
    MlflowRegistry(tracking_uri).register(MODEL, example_candidate(stored), "d-1", "first")
    version = client.get_model_version(MODEL, "1")
    assert (version.source, version.run_id, version.status) == (stored.model_uri, stored.mlflow_run_id, "READY")


def test_a_registered_model_made_by_hand_is_used_as_it_is(tracking_uri: str) -> None:
    client = connect(tracking_uri)
    client.create_registered_model(MODEL, description="ours")
    assert MlflowRegistry(tracking_uri).register(MODEL, example_candidate(stored_example(client)), "d-1", "first") == 1
    assert client.get_registered_model(MODEL).description == "ours"


def test_two_versions_of_one_decision_are_named_and_refused(tracking_uri: str) -> None:
    client, registry = connect(tracking_uri), MlflowRegistry(tracking_uri)
    candidate = example_candidate(stored_example(client))
    registry.register(MODEL, candidate, "d-1", "first")
    client.create_model_version(MODEL, candidate.stored.model_uri, tags={"decision_id": "d-1"})
    with pytest.raises(RegistryError, match=r"2 versions for decision d-1 \(1, 2\)"):
        registry.register(MODEL, candidate, "d-1", "first")


def test_a_candidate_whose_model_is_gone_is_refused_and_leaves_no_version(tracking_uri: str) -> None:
    gone = StoredModel(mlflow_run_id="0" * 32, model_uri="models:/m-" + "0" * 32, artifact_sha256="d" * 64)
    registry = MlflowRegistry(tracking_uri)
    with pytest.raises(RegistryError, match="forest-fire"):
        registry.register(MODEL, example_candidate(gone), "d-1", "first")
    assert registry.versions(MODEL) == []


def test_an_alias_that_does_not_stay_where_it_was_put_is_reported(
    tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, registry = connect(tracking_uri), MlflowRegistry(tracking_uri)
    for decision in ("d-1", "d-2"):
        registry.register(MODEL, example_candidate(stored_example(client)), decision, "x")
    registry.point_champion(MODEL, 1)
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: None)
    with pytest.raises(RegistryError, match="points at version 1 after it was moved to 2"):
        registry.point_champion(MODEL, 2)


def test_a_decision_id_cannot_break_out_of_the_search(tracking_uri: str) -> None:
    candidate = example_candidate(stored_example(connect(tracking_uri)))
    with pytest.raises(RegistryError, match="holds a quote"):
        MlflowRegistry(tracking_uri).register(MODEL, candidate, "x' OR name LIKE '%", "x")


def test_reading_a_registry_that_does_not_exist_creates_none(tmp_path: Path) -> None:
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}")
    assert (registry.champion(MODEL), registry.versions(MODEL)) == (None, [])
    assert list(tmp_path.iterdir()) == []


def test_every_version_is_listed_when_the_answer_has_pages(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, registry = connect(tracking_uri), MlflowRegistry(tracking_uri)
    for number in range(5):
        registry.register(MODEL, example_candidate(stored_example(client)), f"d-{number}", "x")
    whole = MlflowClient.search_model_versions
    monkeypatch.setattr(
        MlflowClient, "search_model_versions", lambda *given, **more: whole(*given, max_results=2, **more)
    )
    assert [held.version for held in registry.versions(MODEL)] == [1, 2, 3, 4, 5]


def test_in_a_homes_own_store_a_version_is_put_back_whatever_was_done_to_it(tracking_uri: str) -> None:
    client, registry = connect(tracking_uri), MlflowRegistry(tracking_uri)
    candidates = [example_candidate(stored_example(client)) for _ in range(2)]
    for number, candidate in enumerate(candidates, start=1):
        registry.register(MODEL, candidate, f"d-{number}", "first")
    before, addresses = registry.versions(MODEL), [registry.address(MODEL, version) for version in (1, 2)]
    client.delete_model_version(MODEL, "1")
    edit_version(tracking_uri, "source = 'models:/mine', storage_location = '/mine', run_id = 'mine'", 2)
    for number, candidate in enumerate(candidates, start=1):
        assert registry.is_mendable(MODEL, number)
        registry.reinstate(MODEL, number, candidate, f"d-{number}", "first")
    assert registry.versions(MODEL) == before
    assert [registry.address(MODEL, version) for version in (1, 2)] == addresses
    client.delete_registered_model(MODEL)
    registry.reinstate(MODEL, 2, candidates[1], "d-2", "first")
    assert [held._replace(created_at=None) for held in registry.versions(MODEL)] == [
        before[1]._replace(created_at=None)
    ]
    assert registry.address(MODEL, 2) == addresses[1]
    registry.point_champion(MODEL, 2)
    assert registry.register(MODEL, candidates[0], "d-3", "next") == 3


def test_a_stage_that_somebody_set_shows_and_is_taken_back(tracking_uri: str) -> None:
    client, registry = connect(tracking_uri), MlflowRegistry(tracking_uri)
    candidate = example_candidate(stored_example(client))
    registry.register(MODEL, candidate, "d-1", "first")
    edit_version(tracking_uri, "current_stage = 'Archived'", 1)
    assert [held.stage for held in registry.versions(MODEL)] == ["Archived"]
    registry.reinstate(MODEL, 1, candidate, "d-1", "first")
    assert [held.stage for held in registry.versions(MODEL)] == [""]


def test_a_version_of_a_model_that_is_gone_is_not_put_back(tracking_uri: str) -> None:
    connect(tracking_uri)
    gone = StoredModel(mlflow_run_id="r", model_uri="models:/m-none", artifact_sha256="d" * 64)
    with pytest.raises(RegistryError, match="putting back version 1"):
        MlflowRegistry(tracking_uri).reinstate(MODEL, 1, example_candidate(gone), "d-1", "again")


def edit_version(uri: str, assignments: str, version: int) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store, store:
        store.execute(f"UPDATE model_versions SET {assignments} WHERE version = {version}")  # noqa: S608 - of this file
