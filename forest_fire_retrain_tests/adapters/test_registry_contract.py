"""What every `Registry` promises, run on the fake and on MLflow."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.mlflow_connection import connect
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger.ports import Registry
from forest_fire_retrain.core.records import Candidate, StoredModel
from forest_fire_retrain_tests.example_models import example_candidate
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.prepared_store import copy_store

MODEL = "forest_fire_risk"


class Bench(NamedTuple):
    """A registry, and what a person could do behind its back."""

    registry: Registry
    new_candidate: Callable[[], Candidate]
    delete_version: Callable[[int], None]
    drop_alias: Callable[[], None]
    move_alias: Callable[[int], None]
    description_of: Callable[[int], str]
    address_of: Callable[[Candidate], str]


@pytest.fixture(params=["fake", "mlflow"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "fake":
        return fake_bench()
    own = Path(request.getfixturevalue("tracking_uri").removeprefix("sqlite:///"))
    return mlflow_bench(copy_store(own, request.getfixturevalue("tmp_path") / "server"))  # no home's own


def fake_bench() -> Bench:
    registry = FakeRegistry()
    stored = StoredModel(mlflow_run_id="run-1", model_uri="models:/fake-1", artifact_sha256="d" * 64)
    return Bench(
        registry,
        new_candidate=lambda: example_candidate(stored),
        delete_version=lambda version: registry.delete_version_by_hand(MODEL, version),
        drop_alias=lambda: registry.move_alias_by_hand(MODEL, None),
        move_alias=lambda version: registry.move_alias_by_hand(MODEL, version),
        description_of=lambda version: registry.descriptions[MODEL, version],
        address_of=lambda candidate: candidate.stored.model_uri,
    )


def mlflow_bench(tracking_uri: str) -> Bench:
    client: MlflowClient = connect(tracking_uri)

    def new_candidate() -> Candidate:
        run = client.create_run("0")
        model = client.create_logged_model("0", source_run_id=run.info.run_id)
        return example_candidate(
            StoredModel(mlflow_run_id=run.info.run_id, model_uri=f"models:/{model.model_id}", artifact_sha256="d" * 64)
        )

    return Bench(
        MlflowRegistry(tracking_uri),
        new_candidate,
        delete_version=lambda version: client.delete_model_version(MODEL, str(version)),
        drop_alias=lambda: client.delete_registered_model_alias(MODEL, "champion"),
        move_alias=lambda version: client.set_registered_model_alias(MODEL, "champion", str(version)),
        description_of=lambda version: client.get_model_version(MODEL, str(version)).description,
        address_of=lambda candidate: (
            client.get_logged_model(candidate.stored.model_uri.removeprefix("models:/")).artifact_location
        ),
    )


def register(bench: Bench, decision_id: str) -> int:
    return bench.registry.register(MODEL, bench.new_candidate(), decision_id, f"Promoted by {decision_id}")


def test_an_unknown_model_has_no_champion_and_no_versions(bench: Bench) -> None:
    assert bench.registry.champion(MODEL) is None
    assert bench.registry.versions(MODEL) == []


def test_a_registered_version_says_which_decision_and_candidate_it_is(bench: Bench) -> None:
    candidate = bench.new_candidate()
    assert bench.registry.register(MODEL, candidate, "decision-1", "First of its kind") == 1
    (held,) = bench.registry.versions(MODEL)
    assert (held.version, held.mlflow_run_id) == (1, candidate.stored.mlflow_run_id)
    assert bench.description_of(1) == "First of its kind"
    assert held.tags == {
        "decision_id": "decision-1",
        "candidate_id": candidate.candidate_id,
        "partition_key": "2024-01-01",
        "training_cutoff": (dt.date(2024, 1, 1) - dt.timedelta(days=28)).isoformat(),
        "artifact_sha256": "d" * 64,
    }


def test_a_version_leads_to_its_candidates_model(bench: Bench) -> None:
    candidate = bench.new_candidate()
    bench.registry.register(MODEL, candidate, "decision-1", "First of its kind")
    assert bench.registry.address(MODEL, 1) == bench.address_of(candidate)
    with pytest.raises(RegistryError):
        bench.registry.address(MODEL, 2)


def test_registering_moves_no_alias(bench: Bench) -> None:
    register(bench, "decision-1")
    assert bench.registry.champion(MODEL) is None


def test_the_same_decision_twice_gives_one_version(bench: Bench) -> None:
    assert [register(bench, "decision-1"), register(bench, "decision-2"), register(bench, "decision-1")] == [1, 2, 1]
    assert [held.version for held in bench.registry.versions(MODEL)] == [1, 2]


def test_versions_come_oldest_first_beyond_nine(bench: Bench) -> None:
    for number in range(11):
        register(bench, f"decision-{number}")
    assert [held.version for held in bench.registry.versions(MODEL)] == list(range(1, 12))


def test_the_champion_is_the_version_pointed_at_last(bench: Bench) -> None:
    register(bench, "decision-1")
    register(bench, "decision-2")
    for version in (1, 2, 1, 1):
        bench.registry.point_champion(MODEL, version)
        assert bench.registry.champion(MODEL) == version


def test_a_version_that_does_not_exist_cannot_become_champion(bench: Bench) -> None:
    register(bench, "decision-1")
    bench.registry.point_champion(MODEL, 1)
    with pytest.raises(RegistryError):
        bench.registry.point_champion(MODEL, 2)
    assert bench.registry.champion(MODEL) == 1


def test_tags_are_added_to_those_that_stand(bench: Bench) -> None:
    register(bench, "decision-1")
    bench.registry.tag(MODEL, 1, {"status": "archived", "replaced_by": "2"})
    (held,) = bench.registry.versions(MODEL)
    assert (held.tags["status"], held.tags["replaced_by"], held.tags["decision_id"]) == ("archived", "2", "decision-1")


def test_a_version_that_does_not_exist_cannot_be_tagged(bench: Bench) -> None:
    register(bench, "decision-1")
    with pytest.raises(RegistryError):
        bench.registry.tag(MODEL, 7, {"status": "archived"})


def test_deleting_the_champions_version_leaves_no_champion(bench: Bench) -> None:
    register(bench, "decision-1")
    bench.registry.point_champion(MODEL, 1)
    bench.delete_version(1)
    assert bench.registry.champion(MODEL) is None
    assert bench.registry.versions(MODEL) == []


def test_a_deleted_versions_number_is_not_given_again(bench: Bench) -> None:
    register(bench, "decision-1")
    register(bench, "decision-2")
    bench.delete_version(2)
    assert register(bench, "decision-2") == 3


def test_an_alias_moved_or_dropped_by_hand_is_seen(bench: Bench) -> None:
    register(bench, "decision-1")
    register(bench, "decision-2")
    bench.registry.point_champion(MODEL, 1)
    bench.move_alias(2)
    assert bench.registry.champion(MODEL) == 2
    bench.drop_alias()
    assert bench.registry.champion(MODEL) is None


def test_a_version_is_described_anew_and_a_tag_can_be_emptied(bench: Bench) -> None:
    bench.registry.register(MODEL, bench.new_candidate(), "decision-a", "first words")
    assert [held.description for held in bench.registry.versions(MODEL)] == ["first words"]
    bench.registry.describe(MODEL, 1, "other words")
    bench.registry.tag(MODEL, 1, {"quarantined": "2026-03-20"})
    bench.registry.tag(MODEL, 1, {"quarantined": ""})
    (held,) = bench.registry.versions(MODEL)
    assert (held.description, bench.description_of(1), held.tags["quarantined"]) == ("other words", "other words", "")
    with pytest.raises(RegistryError):
        bench.registry.describe(MODEL, 7, "words")


def test_a_version_whose_number_has_not_come_is_put_back_under_it(bench: Bench) -> None:
    candidate = bench.new_candidate()
    assert bench.registry.is_mendable(MODEL, 3)
    bench.registry.reinstate(MODEL, 3, candidate, "decision-3", "Again")
    (held,) = bench.registry.versions(MODEL)
    assert (held.version, held.source, held.stage) == (3, candidate.stored.model_uri, "")
    assert held.tags["decision_id"] == "decision-3"
    assert bench.description_of(3) == "Again"
    assert register(bench, "decision-4") == 4


def test_a_version_whose_number_has_passed_is_not_mendable_where_numbers_are_given_once(bench: Bench) -> None:
    register(bench, "decision-1")
    register(bench, "decision-2")
    bench.delete_version(1)
    assert not bench.registry.is_mendable(MODEL, 1)
    with pytest.raises(RegistryError, match="cannot be registered again"):
        bench.registry.reinstate(MODEL, 1, bench.new_candidate(), "decision-1", "Again")
    assert [held.version for held in bench.registry.versions(MODEL)] == [2]
