"""What the registry shows of a version that was rolled back from, and how it comes off again."""

import pytest

from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.pipeline.custody.comparing_registry import check_versions_known
from forest_fire_retrain.pipeline.custody.promoting import look_at
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    NOON,
    decision_draft,
    rollback_draft,
)
from forest_fire_retrain_tests.pipeline.custody.worlds import (
    cut_at,
    points_of,
    rolled_back,
)


def test_a_version_that_was_rolled_back_from_says_so_in_status_tags_and_description() -> None:
    world = rolled_back()
    card = world.version(2).description
    world.settle()
    held = world.version(2)
    said = "rolled back from this version to version 1: it missed two fires"
    assert {name: held.tags[name] for name in ("status", "quarantined", "reason")} == {
        "status": "quarantined",
        "quarantined": NOON.date().isoformat(),
        "reason": "it missed two fires",
    }
    assert held.description.startswith(f"**Quarantined since {NOON.date()}.** schedule {said} (row 5 of the ledger).")
    assert held.description.endswith(card)
    assert "Quarantined" not in world.version(1).description


@pytest.mark.parametrize("alias", [None, 9])
def test_a_rollback_that_is_abandoned_takes_its_marks_off_again(alias: int | None) -> None:
    for place, point in enumerate(points_of(rolled_back)):
        world = rolled_back()
        card = world.version(2).description
        cut_at(world, place)
        if point in ("after point_champion", "before append", "after append"):
            continue
        world.registry.move_alias_by_hand(MODEL, alias)
        world.settle()
        held = world.version(2)
        assert (held.tags["status"], held.tags.get("quarantined", ""), held.description) == ("production", "", card)


def test_a_version_that_is_taken_back_into_production_is_marked_no_more() -> None:
    world = rolled_back()
    card = world.version(2).description
    world.settle()
    world.decide(rollback_draft(2, 1, number=2))
    held = world.version(2)
    assert (held.tags["status"], held.tags["quarantined"], held.description) == ("production", "", card)
    world.decide(decision_draft(2, before=2))
    assert world.version(2).tags["status"] == "quarantined"


@pytest.mark.parametrize("is_told", [True, False])
def test_a_version_that_an_earlier_release_left_archived_is_no_fault_and_is_marked_by_the_next_writer(
    *, is_told: bool
) -> None:
    world = rolled_back(2 if is_told else None)
    world.settle()
    marked = world.version(2)
    world.registry.describe(MODEL, 2, marked.description.partition("---\n\n")[2])
    world.registry.tag(MODEL, 2, {"status": "archived", "quarantined": "", "reason": ""})
    rows = world.ledger.entries(MODEL)
    faults = check_versions_known(fold(rows), rows, look_at(world.registry, MODEL))
    assert [fault.what for fault in faults if "status" in fault.what] == (
        ["version 2 has the status archived, the ledger says quarantined"] if is_told else []
    )
    world.settle()
    assert world.version(2) == marked


@pytest.mark.parametrize("tags", [{"quarantined": "1999-01-01"}, {"reason": ""}, {"status": "archived"}])
def test_marks_that_were_changed_by_hand_are_a_fault_and_are_put_right(tags: dict[str, str]) -> None:
    world = rolled_back()
    world.settle()
    marked = world.version(2)
    world.registry.tag(MODEL, 2, tags)
    rows = world.ledger.entries(MODEL)
    faults = check_versions_known(fold(rows), rows, look_at(world.registry, MODEL))
    assert any("quarantined" in fault.what and fault.repairable for fault in faults)
    world.settle()
    assert world.version(2) == marked
