"""What the ledger lost or rewrote is found by what else knows: registry, tracking runs, lake, its own payloads."""

import datetime as dt
from collections.abc import Callable

import pytest

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError, RegistryError
from forest_fire_retrain.core.ledger.checkpoints import SignedNote, take_checkpoint
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.drafts import draft_restoration
from forest_fire_retrain.core.ledger.entries import EntryKind, seal
from forest_fire_retrain.core.ledger.payloads import RestorationPayload
from forest_fire_retrain.core.ledger.reigns import reigns_of
from forest_fire_retrain.core.ledger.replays import describe_replay_of_old
from forest_fire_retrain.pipeline.custody.asking_runs import CHECKPOINT_TAG, RunsBearWitness
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.custody.rolling_back import roll_back
from forest_fire_retrain.pipeline.custody.standing_orders import freeze
from forest_fire_retrain_tests.example_bench import MODEL, Bench
from forest_fire_retrain_tests.example_reigns import WEEKS, decide, stamp_at, three_reigns

pytestmark = pytest.mark.slow


@pytest.fixture
def bench() -> Bench:
    reigns = three_reigns()
    return Bench(reigns, list(reigns.ledger.rows), reigns_of(reigns.ledger.rows))


def truncate(bench: Bench, n_rows: int) -> None:
    """Take ledger and copy back to their first rows."""
    del bench.reigns.ledger.rows[n_rows:]
    bench.rewrite_copy()


def rewrite(bench: Bench, sequence: int, **changes: object) -> None:
    """Change a row of ledger and copy, and compute the chain anew."""
    rows = bench.reigns.ledger.rows
    rows[sequence - 1] = rows[sequence - 1].model_copy(update=changes)
    for place in range(sequence - 1, len(rows)):
        rows[place] = seal(rows[place], place + 1, rows[place - 1].entry_hash if place else "0" * 64)
    bench.rewrite_copy()


def rewrite_payload(bench: Bench, sequence: int, before: str, after: str) -> None:
    text = bench.reigns.ledger.rows[sequence - 1].payload_json
    assert before in text
    rewrite(bench, sequence, payload_json=text.replace(before, after))


def tag_newest_run(bench: Bench) -> None:
    checkpoint = take_checkpoint(bench.reigns.ledger.rows)
    bench.reigns.tracker.runs[-1].tags[CHECKPOINT_TAG] = str(SignedNote(checkpoint.text, ("— ledger abcd\n",)))


def ledger_faults(bench: Bench) -> list[Fault]:
    return [fault for fault in bench.verify() if fault.where == "ledger"]


def test_ledger_and_copy_that_are_both_older_than_the_registry_are_found_and_nothing_is_moved(bench: Bench) -> None:
    truncate(bench, 4)
    (fault,) = ledger_faults(bench)
    assert fault.what.startswith("the ledger lost rows: the registry holds version 3 of decision ")
    assert fault.repair.startswith("forest-fire ledger restore BACKUP")
    with pytest.raises(LedgerTamperedError, match=r"lost rows.*nothing was repaired\. Restore the ledger first"):
        bench.repair()
    assert bench.reigns.registry.champion(MODEL) == 3
    assert len(bench.reigns.ledger.rows) == 4


def test_nothing_is_settled_on_the_word_of_a_ledger_that_is_behind_the_registry(bench: Bench) -> None:
    truncate(bench, 4)
    stamp = stamp_at(bench.reigns.installation)
    with pytest.raises(LedgerTamperedError, match="Nothing was written"):
        settle(bench.reigns.ledger, bench.reigns.registry, MODEL, stamp)
    assert (len(bench.reigns.ledger.rows), bench.reigns.registry.champion(MODEL)) == (4, 3)


@pytest.mark.parametrize("version", [1, 3])
def test_a_decision_that_was_edited_into_a_known_version_is_put_right_and_is_no_lost_row(
    bench: Bench, version: int
) -> None:
    bench.reigns.registry.tag(MODEL, version, {"decision_id": "0123456789abcdef"})
    (fault,) = bench.verify()
    assert fault.what == f"version {version} has other tags than the ledger says: decision_id"
    assert fault.repairable
    settle(bench.reigns.ledger, bench.reigns.registry, MODEL, stamp_at(bench.reigns.installation))
    assert bench.repair() is not None
    assert bench.verify() == []
    assert bench.reigns.registry.champion(MODEL) == 3


def test_a_restoration_that_the_ledger_holds_explains_what_was_known_before_it(bench: Bench) -> None:
    tag_newest_run(bench)
    truncate(bench, 4)
    payload = RestorationPayload(backup="old.duckdb", rows=4, rows_before=6, kept_as=None)
    stamp = stamp_at(bench.reigns.installation)
    bench.reigns.ledger.append(draft_restoration(payload, model_name=MODEL, champion=2, stamp=stamp))
    bench.rewrite_copy()
    assert ledger_faults(bench) == []
    assert bench.repair() is not None
    assert bench.reigns.registry.champion(MODEL) == 2
    bench.reigns.tracker.runs[-1].started_at = stamp.recorded_at + dt.timedelta(days=1)
    assert len(ledger_faults(bench)) == 1


def test_a_run_keeps_what_ledger_and_copy_lost_together(bench: Bench) -> None:
    freeze(bench.reigns.ledger, MODEL, until=dt.date(2030, 1, 1), reason="x", stamp=stamp_at(bench.reigns.installation))
    tag_newest_run(bench)
    assert bench.repair() is not None
    truncate(bench, 6)
    (fault,) = ledger_faults(bench)
    assert fault.what.startswith("the ledger lost rows: it does not continue the checkpoint of 7 rows")
    assert "run-0003" in fault.what


def test_a_run_refuses_the_next_row_of_a_ledger_that_was_rewritten(bench: Bench) -> None:
    tag_newest_run(bench)
    ledger = bench.reigns.ledger
    sound = RunsBearWitness(bench.reigns.tracker, ledger.entries)
    sound("ledger", lambda: [row.entry_hash for row in ledger.rows])
    rewrite(bench, 1, actor="nobody")
    witness = RunsBearWitness(bench.reigns.tracker, ledger.entries)
    with pytest.raises(LedgerTamperedError, match=r"holds other rows than it did.*Nothing was written"):
        witness("ledger", lambda: [row.entry_hash for row in ledger.rows])


REWRITTEN: dict[str, tuple[Callable[[Bench], None], str]] = {
    "summary of a decision": (lambda b: rewrite(b, 1, summary="Kept."), "does not follow from its payload: summary"),
    "summary of a confirmation": (lambda b: rewrite(b, 2, summary="Version 7."), "row 2 does not follow"),
    "period of a decision": (lambda b: rewrite(b, 5, as_of=dt.date(2024, 1, 1)), "its payload: as_of"),
    "version of a confirmation": (lambda b: rewrite(b, 6, champion_after=2), "row 6 does not follow"),
    "run of a decision": (lambda b: rewrite(b, 3, mlflow_run_id="another"), "its payload: mlflow_run_id"),
    "training hash of the champion": (
        lambda b: rewrite_payload(b, 5, b.reigns.state.candidates[3].training_hash, "f" * 64),
        "the training rows at the pinned table versions are",
    ),
    "row count of the champion": (
        lambda b: rewrite_payload(b, 5, f'"n_rows":{b.reigns.state.candidates[3].n_rows},', '"n_rows":7,'),
        "recorded are 7 with",
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_row_that_was_rewritten_with_its_chain_and_copy_is_found(bench: Bench, name: str) -> None:
    spoil, what = REWRITTEN[name]
    spoil(bench)
    assert any(what in fault.what for fault in bench.verify())


def test_the_sentence_of_a_replay_is_todays_or_that_of_earlier_releases(bench: Bench) -> None:
    row = decide(bench.reigns.installation, WEEKS[0]).entry
    bench.rewrite_copy()
    assert (row.kind, ledger_faults(bench)) == (EntryKind.REPLAY, [])
    rewrite(bench, row.sequence, summary=f"{row.summary} Version 1 was better.")
    (fault,) = ledger_faults(bench)
    assert f"the replay in row {row.sequence} does not follow from its payload: summary" in fault.what
    rewrite(bench, row.sequence, summary=describe_replay_of_old(read_payload(row)))
    assert ledger_faults(bench) == []


def test_every_kind_of_order_follows_from_its_payload_until_its_sentence_is_rewritten(bench: Bench) -> None:
    stores, installation = bench.reigns.installation.stores, bench.reigns.installation
    roll_back(stores, MODEL, to_version=1, reason="drift", freeze_until=None, stamp=stamp_at(installation))
    freeze(stores.ledger, MODEL, until=dt.date(2030, 1, 1), reason="fires", stamp=stamp_at(installation))
    bench.rewrite_copy()
    assert bench.verify() == []
    for row in bench.reigns.ledger.rows[6:]:
        held = row.summary
        rewrite(bench, row.sequence, summary=f"{held} Really.")
        assert any(f"row {row.sequence} does not follow" in fault.what for fault in bench.verify()), row.kind
        rewrite(bench, row.sequence, summary=held)
    assert bench.verify() == []


def test_an_edited_source_run_or_stage_of_a_version_is_found_and_put_right(bench: Bench) -> None:
    registry = bench.reigns.registry
    registry.mends_all = True
    held = registry.models[MODEL][3]
    for changes in ({"source": "models:/mine"}, {"mlflow_run_id": "mine"}, {"stage": "Archived"}):
        registry.models[MODEL][3] = registry.models[MODEL][3]._replace(**changes)
        (fault,) = bench.verify()
        assert fault.repairable
        assert "version 3 is registered with the " in fault.what
        assert bench.repair() is not None
        assert bench.verify() == []
        assert registry.models[MODEL][3] == held


@pytest.mark.parametrize("gone", [(3,), (2,), (1, 2, 3)], ids=["champion", "earlier", "all"])
def test_versions_that_are_gone_are_registered_again_under_their_numbers(bench: Bench, gone: tuple[int, ...]) -> None:
    registry = bench.reigns.registry
    registry.mends_all = True
    before = dict(registry.models[MODEL])
    for version in gone:
        registry.delete_version_by_hand(MODEL, version)
    assert bench.repair() is not None
    assert bench.verify() == []
    assert registry.models[MODEL] == before
    assert registry.champion(MODEL) == 3


def test_a_registry_that_gives_no_number_twice_is_said_so_and_a_lost_model_brings_no_version_back(bench: Bench) -> None:
    registry = bench.reigns.registry
    registry.delete_version_by_hand(MODEL, 2)
    (fault,) = bench.verify()
    assert not fault.repairable
    with pytest.raises(RegistryError):
        registry.reinstate(MODEL, 2, bench.reigns.state.candidates[2], "id", "words")
    registry.mends_all = True
    bench.reigns.tracker.forget(bench.reigns.state.candidates[2].stored)
    assert not any(fault.repairable for fault in bench.verify())


def test_a_deleted_run_of_a_version_is_found(bench: Bench) -> None:
    bench.reigns.tracker.deleted_runs.add(bench.reigns.state.candidates[3].stored.mlflow_run_id)
    (fault,) = bench.verify()
    assert (fault.where, fault.repairable) == ("model", False)
    assert "was deleted in MLflow" in fault.what


def test_a_damaged_page_beside_the_rows_of_reigns_is_found_by_reading_all(bench: Bench) -> None:
    said: list[str] = []
    assert bench.verify(tell=said.append) == []
    assert any("decision or verdict 3 of 3" in sentence for sentence in said)
    bench.reigns.lake.damage("weather", bench.reigns.state.candidates[1].snapshot.table_versions["weather"])
    assert bench.verify() == []
    assert [fault.where for fault in bench.verify(tell=said.append)] == ["lake"]


def test_models_beyond_the_horizon_are_read_by_the_deep_one(bench: Bench) -> None:
    bench.reigns.tracker.tamper(bench.reigns.state.candidates[1].stored)
    assert bench.verify(rollback_horizon=1) == []
    found = bench.verify(rollback_horizon=1, tell=lambda _: None)
    assert [fault.where for fault in found] == ["model"]


def test_a_clock_that_was_set_back_writes_nothing_and_a_small_step_waits(bench: Bench) -> None:
    ledger, stamp = bench.reigns.ledger, stamp_at(bench.reigns.installation)
    newest = ledger.rows[-1].recorded_at
    with pytest.raises(LedgerError, match=r"clock says .* UTC, but row 6 of the ledger was recorded at .* UTC"):
        freeze(
            ledger,
            MODEL,
            until=dt.date(2030, 1, 1),
            reason="x",
            stamp=stamp._replace(recorded_at=newest - dt.timedelta(hours=1)),
        )
    assert len(ledger.rows) == 6
    row = freeze(
        ledger,
        MODEL,
        until=dt.date(2030, 1, 1),
        reason="x",
        stamp=stamp._replace(recorded_at=newest - dt.timedelta(seconds=2)),
    )
    assert row.recorded_at == newest


def test_old_rows_that_go_backwards_are_no_fault_and_answer_who_reigned(bench: Bench) -> None:
    rows = bench.reigns.ledger.rows
    rewrite(bench, 6, recorded_at=rows[4].recorded_at - dt.timedelta(days=1))
    assert bench.verify() == []
    state = bench.reigns.state
    assert state.champion_on(rows[4].recorded_at) == state.reigns[-1]


def test_a_payload_without_its_fields_is_named(bench: Bench) -> None:
    stamp = stamp_at(bench.reigns.installation)
    row = freeze(bench.reigns.ledger, MODEL, until=dt.date(2030, 1, 1), reason="x", stamp=stamp)
    assert row.kind is EntryKind.FREEZE
    rewrite(bench, row.sequence, payload_json=canonical_json({"until": "2031-01-01", "reason": "x"}))
    assert any(f"row {row.sequence} does not follow" in fault.what for fault in bench.verify())
