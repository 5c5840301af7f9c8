"""Settling brings the registry to what the ledger says, wherever it was cut and whoever meddled."""

from collections.abc import Callable

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.errors import LedgerLockedError, RegistryError
from forest_fire_retrain.core.ledger.entries import EntryKind, find_first_fault
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.promotion import ORIGIN_TAGS
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.pipeline.custody.promoting import Settlement, look_at, settle
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    NOON,
    STAMP,
    candidate_of_week,
    draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.pipeline.custody.worlds import (
    World,
    cut_at,
    inaugural,
    points_of,
    rolled_back,
    succession,
)

WORLDS: list[Callable[[], World]] = [inaugural, succession, rolled_back]
CHAMPIONS = {inaugural: 1, succession: 2, rolled_back: 1}
by_name = pytest.mark.parametrize("build", WORLDS, ids=lambda build: build.__name__)


def assert_settled(world: World, champion: int) -> None:
    """One version per decision, one confirmation per intent, alias and tags as the ledger says, nothing left over."""
    rows, versions = world.ledger.rows, world.registry.versions(MODEL)
    decided = [row.decision_id for row in rows if row.kind is EntryKind.DECISION]
    intents = [row.decision_id for row in rows if row.kind in (EntryKind.DECISION, EntryKind.ROLLBACK)]
    assert [held.tags["decision_id"] for held in versions] == decided
    assert [row.decision_id for row in rows if row.kind is EntryKind.CONFIRMATION] == intents
    assert world.registry.champion(MODEL) == champion == world.last_confirmed()
    left = fold(rows).quarantines
    assert world.statuses() == {
        held.version: "production"
        if held.version == champion
        else "quarantined"
        if held.version in left
        else "archived"
        for held in versions
    }
    assert [bool(held.tags.get("quarantined")) for held in versions] == [held.version in left for held in versions]
    assert [held.description.count("**Quarantined since") for held in versions] == [
        int(held.version in left) for held in versions
    ]
    assert all(held.tags.keys() >= set(ORIGIN_TAGS) for held in versions)
    assert find_first_fault(rows) is None


@by_name
def test_an_undisturbed_walk_ends_settled_and_again_writes_nothing(build: Callable[[], World]) -> None:
    world = build()
    settlement = world.settle()
    assert_settled(world, CHAMPIONS[build])
    assert settlement.state == fold(world.ledger.rows)
    assert [row.kind for row in settlement.written] == [EntryKind.CONFIRMATION]
    seen: list[str] = []
    with world.watched(seen.append):
        assert world.settle() == Settlement(settlement.state, (), settlement.view)
    assert seen == []


def test_the_walks_can_be_cut_before_and_after_every_write() -> None:
    around = [f"{when} {what}" for what in ("register", "tag", "tag", "tag", "point_champion", "append")
              for when in ("before", "after")]  # fmt: skip
    assert points_of(succession) == around
    assert points_of(inaugural) == around[:4] + around[6:]
    marking = [f"{when} {what}" for what in ("describe", "tag", "tag") for when in ("before", "after")]
    assert points_of(rolled_back) == around[4:6] + marking + around[8:]


@by_name
def test_a_walk_cut_anywhere_is_finished_by_the_next(build: Callable[[], World]) -> None:
    undisturbed = build()
    undisturbed.settle()
    for place in range(len(points_of(build))):
        world = build()
        assert cut_at(world, place)
        world.settle()
        assert_settled(world, CHAMPIONS[build])
        assert world == undisturbed, place


@by_name
def test_a_walk_cut_twice_is_finished_as_well(build: Callable[[], World]) -> None:
    n_points = len(points_of(build))
    for first in range(n_points):
        for second in range(n_points):
            world = build()
            cut_at(world, first)
            cut_at(world, second)
            world.settle()
            assert_settled(world, CHAMPIONS[build])


@by_name
def test_whatever_was_cut_the_alias_never_points_at_a_version_without_its_tags(build: Callable[[], World]) -> None:
    for place in range(len(points_of(build))):
        world = build()
        cut_at(world, place)
        alias = world.registry.champion(MODEL)
        if alias is not None:
            assert world.version(alias).tags.keys() >= {*ORIGIN_TAGS, "status", "artifact_sha256"}


def test_a_version_says_which_decision_it_comes_from() -> None:
    world = inaugural()
    world.settle()
    held = world.version(1)
    candidate = candidate_of_week(0)
    (decision,) = (row for row in world.ledger.entries(MODEL) if row.kind is EntryKind.DECISION)
    assert world.registry.descriptions[MODEL, 1] == model_card(decision)
    assert held.tags == {
        "decision_id": "decision-0",
        "candidate_id": candidate.candidate_id,
        "partition_key": "2024-01-15",
        "training_cutoff": "2023-12-18",
        "artifact_sha256": candidate.stored.artifact_sha256,
        "outcome": "PROMOTED",
        "reason_code": "SUPERIOR",
        "as_of": "2024-01-22",
        "recipe": "small",
        "status": "production",
    }


def test_the_confirmation_says_who_when_and_in_whose_place() -> None:
    world = succession()
    (confirmation,) = world.settle().written
    assert confirmation.summary == "Version 2 is champion of forest_fire_risk in place of version 1."
    assert (confirmation.champion_before, confirmation.champion_after) == (1, 2)
    assert (confirmation.decision_id, confirmation.partition_key) == ("decision-1", "2024-01-22")
    assert (confirmation.recorded_at, confirmation.actor, confirmation.dagster_run_id) == (NOON, "schedule", "run-a")
    assert "in place of nothing" in world.ledger.rows[1].summary


# ---- people ----


@pytest.mark.parametrize("alias", [None, 9])
def test_an_alias_moved_before_the_walk_abandons_the_intent_and_registers_nothing(alias: int | None) -> None:
    world = succession()
    world.registry.move_alias_by_hand(MODEL, alias)
    world.settle()
    abandonment, external = world.ledger.rows[-2:]
    assert (abandonment.kind, abandonment.reason_code) == (EntryKind.ABANDONMENT, ReasonCode.CHAMPION_CHANGED)
    assert (abandonment.champion_before, abandonment.champion_after) == (1, 1)
    assert abandonment.summary.startswith("The decision decision-1 was not carried out: the alias points at")
    assert external.payload == {"observed": alias, "expected": 1}
    assert world.statuses() == {1: "production"}
    assert (world.registry.champion(MODEL), fold(world.ledger.rows).champion) == (alias, 1)
    n_rows = len(world.ledger.rows)
    assert world.settle().written == ()
    assert len(world.ledger.rows) == n_rows


@pytest.mark.parametrize("build", [succession, rolled_back], ids=lambda build: build.__name__)
def test_an_alias_moved_during_the_walk_is_never_overrun(build: Callable[[], World]) -> None:
    """A hand moves the alias to version 9 at any one point before the alias's own step."""
    points = points_of(build)
    for place in range(points.index("before point_champion")):
        world = build()
        assert cut_at(world, place)
        world.registry.move_alias_by_hand(MODEL, 9)
        champion = fold(world.ledger.rows).champion
        written = [row.kind for row in world.settle().written]
        assert written == [EntryKind.ABANDONMENT, EntryKind.EXTERNAL]
        assert world.registry.champion(MODEL) == 9
        statuses = world.statuses()
        assert statuses.pop(champion or 0) == "production"
        assert set(statuses.values()) <= {"archived", "abandoned"}
        assert world.settle().written == ()


def test_an_alias_moved_after_its_step_is_noted_once_the_intent_is_closed() -> None:
    world = succession()
    cut_at(world, points_of(succession).index("before append"))
    world.registry.move_alias_by_hand(MODEL, 1)
    world.settle()  # back at version 1, where the walk may go on from
    assert_settled(world, 2)
    world.registry.move_alias_by_hand(MODEL, 1)
    assert [row.kind for row in world.settle().written] == [EntryKind.EXTERNAL]


def test_an_alias_that_comes_back_is_recorded_as_agreeing() -> None:
    world = succession()
    world.settle()
    for alias, summary in (
        (1, "points at version 1, the ledger says version 2: somebody moved it."),
        (None, "points at nothing, the ledger says version 2"),
        (2, "points at version 2 again, as the ledger says."),
    ):
        world.registry.move_alias_by_hand(MODEL, alias)
        (external,) = world.settle().written
        assert external.kind is EntryKind.EXTERNAL
        assert summary in external.summary
        assert (external.champion_before, external.champion_after) == (2, 2)
        assert world.settle().written == ()
    assert fold(world.ledger.rows).meddling is None


def test_a_deleted_champion_is_recorded_once_and_nothing_takes_its_place() -> None:
    world = succession()
    world.settle()
    world.registry.delete_version_by_hand(MODEL, 2)
    (external,) = world.settle().written
    assert external.payload == {"observed": None, "expected": 2}
    assert world.settle().written == ()
    assert (world.registry.champion(MODEL), world.statuses()) == (None, {1: "archived"})


def test_a_champion_deleted_under_an_open_intent_abandons_it_without_an_orphan() -> None:
    world = succession()
    world.registry.delete_version_by_hand(MODEL, 1)
    assert [row.kind for row in world.settle().written] == [EntryKind.ABANDONMENT, EntryKind.EXTERNAL]
    assert world.registry.versions(MODEL) == []


def test_a_rollback_to_a_deleted_version_is_abandoned() -> None:
    world = rolled_back()
    world.registry.delete_version_by_hand(MODEL, 1)
    (abandonment,) = world.settle().written
    assert abandonment.kind is EntryKind.ABANDONMENT
    assert abandonment.summary == "The rollback rollback-1 was not carried out: version 1 is not in the registry."
    assert (world.registry.champion(MODEL), world.statuses()) == (2, {2: "production"})


def test_a_candidate_deleted_in_the_middle_of_its_promotion_is_registered_again() -> None:
    world = succession()
    cut_at(world, points_of(succession).index("before point_champion"))
    world.registry.delete_version_by_hand(MODEL, 2)
    world.settle()
    assert (world.registry.champion(MODEL), world.statuses()) == (3, {1: "archived", 3: "production"})


def test_tags_changed_by_hand_are_mended_without_a_row() -> None:
    world = succession()
    world.settle()
    world.registry.tag(MODEL, 1, {"status": "production"})
    world.registry.tag(MODEL, 2, {"status": "archived"})
    assert world.settle().written == ()
    assert world.statuses() == {1: "archived", 2: "production"}


# ---- refusals ----


def test_a_registry_that_loses_alias_moves_is_an_error_and_nothing_is_confirmed() -> None:
    world = succession()
    world.registry.loses_alias_moves = True
    with pytest.raises(RegistryError, match="points at 1, expected 2"):
        world.settle()
    assert fold(world.ledger.rows).champion == 1
    world.registry.loses_alias_moves = False
    world.settle()
    assert_settled(world, 2)


def test_a_registry_that_forgets_its_tags_does_not_keep_settling_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    world = succession()
    monkeypatch.setattr("forest_fire_retrain.pipeline.custody.promoting.MAX_STEPS", 20)
    monkeypatch.setattr(world.registry, "tag", lambda *_args: None)
    with pytest.raises(RegistryError, match=r"did not end after 20 steps.*forest-fire verify"):
        world.settle()
    assert world.registry.champion(MODEL) == 1


def test_a_promotion_whose_row_embeds_no_candidate_is_an_error() -> None:
    world = World(FakeLedger(), FakeRegistry())
    world.ledger.append(draft(EntryKind.DECISION, decision_id="d", outcome=Outcome.PROMOTED, partition_key="p"))
    with pytest.raises(RegistryError, match="decision d promotes, but its row embeds no candidate"):
        world.settle()
    assert look_at(world.registry, MODEL).versions == ()


def test_while_another_process_writes_nothing_is_settled() -> None:
    world = succession()
    world.ledger.held_elsewhere = True
    with pytest.raises(LedgerLockedError):
        world.settle()
    assert world.statuses() == {1: "production"}


def test_models_do_not_settle_each_other() -> None:
    world = succession()
    settlement = settle(world.ledger, world.registry, "another_model", STAMP)
    assert settlement.written == ()
    assert settlement.state.champion is None
    assert world.kinds() == [EntryKind.DECISION, EntryKind.CONFIRMATION, EntryKind.DECISION]
