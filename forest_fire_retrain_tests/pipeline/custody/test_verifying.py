"""Verify names every disagreement between the stores in one line, and repair does what is safe and says so."""

import datetime as dt
from collections.abc import Callable

import pytest

from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError, RegistryError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, seal
from forest_fire_retrain.core.ledger.reigns import reigns_of
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.promoting import note_alias
from forest_fire_retrain.pipeline.custody.repairing import repair
from forest_fire_retrain.pipeline.custody.rolling_back import roll_back
from forest_fire_retrain.pipeline.custody.standing_orders import freeze
from forest_fire_retrain_tests.example_bench import MODEL, Bench
from forest_fire_retrain_tests.example_reigns import stamp_at, three_reigns

pytestmark = pytest.mark.slow


@pytest.fixture
def bench() -> Bench:
    reigns = three_reigns()
    return Bench(reigns, list(reigns.ledger.rows), reigns_of(reigns.ledger.rows))


def the_fault(bench: Bench) -> Fault:
    (fault,) = bench.verify()
    assert "\n" not in str(fault)
    return fault


def test_a_history_that_is_as_it_was_written_has_no_fault(bench: Bench) -> None:
    assert bench.verify() == []
    assert bench.repair() is None
    assert len(bench.reigns.ledger.rows) == 6


def test_nothing_at_all_has_no_fault(bench: Bench) -> None:
    bench.reigns.ledger.rows.clear()
    bench.copy.clear()
    bench.exported.clear()
    bench.reigns.registry.models.clear()
    bench.reigns.registry.aliases.clear()
    assert bench.verify() == []


def test_a_rolled_back_history_has_no_fault(bench: Bench) -> None:
    stores, stamp = bench.reigns.installation.stores, stamp_at(bench.reigns.installation)
    roll_back(stores, MODEL, to_version=1, reason="drift", freeze_until=None, stamp=stamp)
    bench.rewrite_copy()
    assert bench.verify() == []


Spoil = Callable[[Bench], object]
FAULTS: dict[str, tuple[Spoil, str, str, str, bool]] = {
    "edited row": (
        lambda b: b.reigns.ledger.edit_by_hand(3, summary="better"),
        "ledger",
        "row 3: its content does not match its hash",
        "forest-fire ledger restore BACKUP",
        False,
    ),
    "moved alias": (
        lambda b: b.reigns.registry.move_alias_by_hand(MODEL, 1),
        "registry",
        "the alias champion points at version 1, the ledger's champion is version 3",
        "forest-fire verify --repair",
        True,
    ),
    "dropped alias": (
        lambda b: b.reigns.registry.move_alias_by_hand(MODEL, None),
        "registry",
        "the alias champion points at nothing",
        "forest-fire verify --repair",
        True,
    ),
    "status": (
        lambda b: b.reigns.registry.tag(MODEL, 2, {"status": "production"}),
        "registry",
        "version 2 has the status production, the ledger says archived",
        "forest-fire verify --repair",
        True,
    ),
    "tag of the decision": (
        lambda b: b.reigns.registry.tag(MODEL, 2, {"decision_id": "mine"}),
        "registry",
        "version 2 has other tags than the ledger says: decision_id",
        "forest-fire verify --repair",
        True,
    ),
    "tag of the bytes": (
        lambda b: b.reigns.registry.tag(MODEL, 3, {"artifact_sha256": "0" * 64}),
        "registry",
        "version 3 has other tags than the ledger says: artifact_sha256",
        "forest-fire verify --repair",
        True,
    ),
    "deleted version": (
        lambda b: b.reigns.registry.delete_version_by_hand(MODEL, 2),
        "registry",
        "version 2, which was champion, is not in the registry",
        "restore MLflow's store from a backup",
        False,
    ),
    "version of no decision": (
        lambda b: register_by_hand(b, "mine"),
        "registry",
        "version 4 names the decision mine, which is unknown in the ledger",
        "left alone; delete it in MLflow",
        False,
    ),
    "version without a decision": (
        lambda b: register_by_hand(b, None),
        "registry",
        "version 4 has no decision in the ledger",
        "left alone; delete it in MLflow",
        False,
    ),
    "copy that is behind": (
        lambda b: b.copy.pop(),
        "copy",
        "row 6 is in the ledger and not yet in its copy, which ends at row 5",
        "forest-fire verify --repair",
        True,
    ),
    "copy that was edited": (
        lambda b: edit_copy(b, 4),
        "copy",
        "the copy was changed at row 4",
        "forest-fire verify --repair",
        True,
    ),
    "reign of the copy that was edited": (
        lambda b: edit_reign(b, 1, version=7),
        "copy",
        "reign 2 of the copy does not follow from its rows: it is version 7 of forest_fire_risk from ",
        "forest-fire verify --repair",
        True,
    ),
    "reign that the copy lacks": (
        lambda b: b.exported.pop(),
        "copy",
        "reign 3 of the copy does not follow from its rows: it is none, not version 3 ",
        "forest-fire verify --repair",
        True,
    ),
    "rows removed from the end": (
        lambda b: b.copy.append(seal(b.copy[-1], 7, b.copy[-1].entry_hash)),
        "ledger",
        "row 7 is in the copy and not in the ledger",
        "forest-fire ledger restore BACKUP",
        False,
    ),
    "tampered artifact": (
        lambda b: b.reigns.tracker.tamper(b.reigns.state.candidates[1].stored),
        "model",
        "version 1 (decision of 2025-07-07, artifact ",
        "restore it from a backup",
        False,
    ),
    "another file beside the model": (
        lambda b: b.reigns.tracker.other_files.update({b.reigns.state.candidates[2].stored.model_uri: ["MLmodel"]}),
        "model",
        "version 2 has 1 file beside the model not as recorded: MLmodel",
        "restore it from a backup",
        False,
    ),
    "version that leads elsewhere": (
        lambda b: b.reigns.registry.addresses.update({(MODEL, 3): "models:/mine"}),
        "registry",
        "version 3 leads whoever loads it from the registry to models:/mine, not to the ledger's model",
        "forest-fire rollback --to VERSION",
        False,
    ),
    "champion that is lost": (
        lambda b: b.reigns.tracker.forget(b.reigns.state.candidates[3].stored),
        "model",
        "version 3 (decision of 2025-07-21, artifact ",
        "forest-fire rollback --to VERSION",
        False,
    ),
    "lost table version": (
        lambda b: b.reigns.lake.lose("weather", pinned(b, "weather")),
        "lake",
        "weather at version 0, pinned by 2025-07-07 first, cannot be read",
        "restore the lake",
        False,
    ),
    "decision with another outcome": (
        lambda b: forge_decision(b, 1, '"outcome":"KEPT"'),
        "decision",
        "the decision of 2025-07-07 in row 1 is PROMOTED, its payload says KEPT",
        "forest-fire history --events",
        False,
    ),
}


def register_by_hand(bench: Bench, decision_id: str | None) -> None:
    registry = bench.reigns.registry
    version = registry.register(MODEL, bench.reigns.state.candidates[1], decision_id or "none", "what I tried")
    if decision_id is None:
        held = registry.models[MODEL][version]
        registry.models[MODEL][version] = held._replace(tags={})


def edit_copy(bench: Bench, sequence: int) -> None:
    bench.copy[sequence - 1] = bench.copy[sequence - 1].model_copy(update={"summary": "better"})


def edit_reign(bench: Bench, place: int, **changes: object) -> None:
    bench.exported[place] = bench.exported[place]._replace(**changes)  # type: ignore[arg-type] # as its fields are


def pinned(bench: Bench, table: str) -> int:
    return bench.reigns.state.candidates[1].snapshot.table_versions[table]


def forge_decision(bench: Bench, sequence: int, outcome: str) -> None:
    """Seal the whole chain anew over an edited payload, as only the program itself could."""
    rows = bench.reigns.ledger.rows
    edited = rows[sequence - 1].payload_json.replace('"outcome":"PROMOTED"', outcome)
    assert edited != rows[sequence - 1].payload_json
    reseal(bench, sequence, payload_json=edited)


def reseal(bench: Bench, sequence: int, **changes: object) -> None:
    rows = bench.reigns.ledger.rows
    rows[sequence - 1] = rows[sequence - 1].model_copy(update=changes)
    for place in range(sequence - 1, len(rows)):
        before = rows[place - 1].entry_hash if place else "0" * 64
        rows[place] = seal(rows[place], place + 1, before)
    bench.rewrite_copy()


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_line_that_names_its_place_and_its_repair(bench: Bench, name: str) -> None:
    spoil, where, what, remedy, repairable = FAULTS[name]
    spoil(bench)
    found = bench.verify()
    assert all("\n" not in str(fault) for fault in found)
    named = [fault for fault in found if what in fault.what]
    assert [(fault.where, fault.repairable) for fault in named] == [(where, repairable)]
    assert remedy in named[0].repair


@pytest.mark.parametrize("name", [name for name in FAULTS if FAULTS[name][-1]])
def test_what_is_repairable_is_repaired_recorded_and_gone(bench: Bench, name: str) -> None:
    FAULTS[name][0](bench)
    (fault,) = bench.verify()
    row = bench.repair()
    assert row is not None
    assert row.kind is EntryKind.REPAIR
    assert fault.what in row.summary
    assert bench.verify() == []
    assert bench.reigns.registry.champion(MODEL) == 3
    assert bench.reigns.state.meddling is None


@pytest.mark.parametrize("name", [name for name in FAULTS if not FAULTS[name][-1]])
def test_what_is_not_repairable_is_left_alone(bench: Bench, name: str) -> None:
    FAULTS[name][0](bench)
    before = bench.verify()
    assert bench.repair() is None
    assert bench.verify() == before


def test_a_deleted_champion_is_reported_and_only_a_rollback_mends_it(bench: Bench) -> None:
    bench.reigns.registry.delete_version_by_hand(MODEL, 3)
    faults = bench.verify()
    assert [fault.what for fault in faults] == [
        "the alias champion points at nothing, the ledger's champion is version 3",
        "version 3, which was champion, is not in the registry",
    ]
    assert not any(fault.repairable for fault in faults)
    assert all("forest-fire rollback --to VERSION" in fault.repair for fault in faults)


def test_a_decision_whose_figures_do_not_follow_from_its_rows_is_named(bench: Bench) -> None:
    payload = bench.reigns.ledger.rows[2].payload_json
    text = payload.replace('"min_fires":1,', '"min_fires":900,')
    assert text != payload
    reseal(bench, 3, payload_json=text)
    assert "taken again from the same rows it is INCONCLUSIVE TOO_FEW_POSITIVES" in the_fault(bench).what


def test_only_versions_within_the_rollback_horizon_are_loaded(bench: Bench) -> None:
    bench.reigns.tracker.forget(bench.reigns.state.candidates[1].stored)
    assert bench.verify(rollback_horizon=2) == []
    assert len(bench.verify(rollback_horizon=3)) == 1


def test_a_promotion_that_was_cut_is_named_and_finished(bench: Bench) -> None:
    bench.reigns.ledger.rows.pop()
    bench.rewrite_copy()
    bench.reigns.registry.move_alias_by_hand(MODEL, 2)
    fault = the_fault(bench)
    assert fault.what.startswith("the decision ")
    assert fault.what.endswith("of row 5 was begun and not finished")
    assert bench.repair() is not None
    assert (bench.reigns.state.champion, bench.reigns.registry.champion(MODEL)) == (3, 3)
    assert bench.verify() == []


def test_a_broken_chain_is_compared_with_its_copy_and_nothing_is_repaired_in_it(bench: Bench) -> None:
    bench.reigns.registry.move_alias_by_hand(MODEL, 1)
    moved = bench.verify()
    bench.reigns.ledger.edit_by_hand(6, summary="better")
    assert [fault.where for fault in bench.verify()] == ["ledger", "ledger"]
    assert all("row 6" in fault.what for fault in bench.verify())
    stamp, stores = stamp_at(bench.reigns.installation), bench.reigns.installation.stores
    with pytest.raises(LedgerTamperedError, match=r"row 6: .*; nothing was repaired"):
        repair(stores, MODEL, moved, stamp, rewrite_copy=bench.rewrite_copy)
    assert bench.reigns.registry.champion(MODEL) == 1


@pytest.mark.parametrize("point", ["after append", "before point_champion", "after point_champion"])
def test_a_repair_that_is_cut_is_finished_by_the_next_one(bench: Bench, point: str) -> None:
    def cut(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    bench.reigns.registry.move_alias_by_hand(MODEL, 1)
    bench.reigns.ledger.interrupt = bench.reigns.registry.interrupt = cut
    with pytest.raises(KeyboardInterrupt):
        bench.repair()
    bench.reigns.ledger.interrupt = bench.reigns.registry.interrupt = lambda _point: None
    bench.repair()
    assert bench.verify() == []
    assert (bench.reigns.registry.champion(MODEL), bench.reigns.state.meddling) == (3, None)


def test_a_ledger_that_lost_rows_is_not_built_upon(bench: Bench) -> None:
    del bench.reigns.ledger.rows[4:]
    assert {fault.where for fault in bench.verify()} == {"ledger", "registry"}
    with pytest.raises(LedgerTamperedError, match="row 5 is in the copy and not in the ledger"):
        bench.repair()
    assert len(bench.reigns.ledger.rows) == 4
    assert bench.reigns.registry.champion(MODEL) == 3


def test_a_store_that_cannot_be_asked_is_a_fault_and_hides_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_model_name: str) -> int:
        msg = "MLflow does not answer"
        raise RegistryError(msg)

    bench.copy.pop()
    monkeypatch.setattr(bench.reigns.registry, "champion", refuse)
    faults = bench.verify()
    assert [fault.where for fault in faults] == ["copy", "registry"]
    assert "could not be checked: MLflow does not answer" in faults[1].what


def test_a_ledger_that_cannot_be_read_is_a_fault_and_one_that_is_held_is_said_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.reigns.ledger.held_elsewhere = True
    with pytest.raises(LedgerLockedError):
        bench.verify()
    bench.reigns.ledger.held_elsewhere = False

    def refuse(_model_name: str | None = None) -> list[LedgerEntry]:
        msg = "row 2 of the ledger\nholds values"
        raise LedgerError(msg)

    monkeypatch.setattr(bench.reigns.ledger, "entries", refuse)
    assert the_fault(bench).what == "row 2 of the ledger holds values"


def test_a_moved_alias_is_recorded_once_per_observation_and_not_moved(bench: Bench) -> None:
    ledger, registry = bench.reigns.ledger, bench.reigns.registry

    def note() -> LedgerEntry | None:
        return note_alias(ledger, registry, MODEL, stamp_at(bench.reigns.installation))

    assert note() is None
    registry.move_alias_by_hand(MODEL, 1)
    row = note()
    assert row is not None
    assert row.kind is EntryKind.EXTERNAL
    assert note() is None
    assert registry.champion(MODEL) == 1
    registry.move_alias_by_hand(MODEL, 3)
    assert note() is not None
    assert bench.reigns.state.meddling is None


def test_a_row_that_lacks_what_its_kind_needs_is_named(bench: Bench) -> None:
    stamp, ledger = stamp_at(bench.reigns.installation), bench.reigns.installation.stores.ledger
    freeze(ledger, MODEL, until=dt.date(2030, 1, 1), reason="fire season", stamp=stamp)
    reseal(bench, 7, payload_json='{"until":"2030-01-01"}')
    bench.rewrite_copy()
    fault = the_fault(bench)
    assert (fault.where, fault.repairable) == ("ledger", False)
    assert fault.what.startswith("row 7 (freeze): reason: field required")
