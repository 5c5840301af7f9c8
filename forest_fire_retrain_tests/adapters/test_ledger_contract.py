"""What every `Ledger` promises, run on the fake and on the DuckDB file."""

import datetime as dt
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError
from forest_fire_retrain.core.ledger.checkpoints import leaves_of
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, EntryKind, find_first_fault, is_sealed
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

INSTANT = dt.datetime(2024, 1, 8, 6, 0, 0, 123456, tzinfo=dt.UTC)
FULL = EntryDraft(
    kind=EntryKind.DECISION,
    model_name="forest_fire_risk",
    recorded_at=INSTANT,
    actor="schedule",
    trigger="schedule",
    summary="Promoted: “better” by 0.004; it's 5 % of baseline\n",
    partition_key="2024-01-01",
    as_of=dt.date(2024, 1, 8),
    decision_id="decision-1",
    idempotency_key="key-1",
    outcome=Outcome.PROMOTED,
    reason_code=ReasonCode.SUPERIOR,
    champion_before=1,
    champion_after=1,
    dagster_run_id="run-d",
    mlflow_run_id="run-m",
    payload_json='{"cells":["é","日"],"p":0.1}',
)


class Bench(NamedTuple):
    """A ledger, and what a person with the file can do to it."""

    ledger: Ledger
    edit_summary: Callable[[int, str], None]


@pytest.fixture(params=["fake", "duckdb"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "fake":
        fake = FakeLedger()
        return Bench(fake, lambda sequence, text: fake.edit_by_hand(sequence, summary=text))
    path = tmp_path / "home" / "ledger.duckdb"

    def edit_summary(sequence: int, text: str) -> None:
        with closing(duckdb.connect(path)) as connection:
            connection.execute("DROP TRIGGER ledger_refuses_update ON ledger")
            connection.execute("UPDATE ledger SET summary = ? WHERE sequence = ?", [text, sequence])

    return Bench(DuckDbLedger(path, patience_seconds=5), edit_summary)


def draft(summary: str = "Kept version 1", **fields: object) -> EntryDraft:
    plain = {"kind": "decision", "model_name": "forest_fire_risk", "recorded_at": INSTANT, "actor": "a", "trigger": "t"}
    return EntryDraft.model_validate({**plain, "summary": summary, **fields})


def test_a_ledger_that_was_never_written_has_no_rows(bench: Bench) -> None:
    assert bench.ledger.entries() == []
    assert bench.ledger.entries("forest_fire_risk") == []


def test_a_row_comes_back_as_it_was_appended_and_sealed(bench: Bench) -> None:
    appended = [bench.ledger.append(FULL), bench.ledger.append(draft())]
    assert appended[0].model_dump(include=set(EntryDraft.model_fields)) == FULL.model_dump()
    assert bench.ledger.entries() == appended
    assert (appended[0].sequence, appended[0].previous_hash) == (1, GENESIS_HASH)
    assert (appended[1].sequence, appended[1].previous_hash) == (2, appended[0].entry_hash)


def test_rows_make_an_intact_chain_in_order_of_their_sequence(bench: Bench) -> None:
    for number in range(12):
        bench.ledger.append(draft(f"row {number}"))
    entries = bench.ledger.entries()
    assert [entry.summary for entry in entries] == [f"row {number}" for number in range(12)]
    assert find_first_fault(entries) is None


def test_an_instant_of_another_zone_leaves_the_chain_intact(bench: Bench) -> None:
    elsewhere = INSTANT.astimezone(dt.timezone(dt.timedelta(hours=-7)))
    appended = bench.ledger.append(draft(recorded_at=elsewhere))
    assert bench.ledger.entries() == [appended]
    assert appended.recorded_at == INSTANT
    assert find_first_fault(bench.ledger.entries()) is None
    assert bench.ledger.append(draft()).sequence == 2


def test_an_instant_without_a_zone_is_refused_and_nothing_is_written(bench: Bench) -> None:
    with pytest.raises(LedgerError, match="no time zone; nothing was written"):
        bench.ledger.append(draft(recorded_at=INSTANT.replace(tzinfo=None)))
    assert bench.ledger.entries() == []


def test_rows_of_one_model_are_told_apart_within_one_chain(bench: Bench) -> None:
    for name in ("forest_fire_risk", "grass_fire_risk", "forest_fire_risk"):
        bench.ledger.append(draft(model_name=name))
    assert [entry.sequence for entry in bench.ledger.entries("forest_fire_risk")] == [1, 3]
    assert [entry.sequence for entry in bench.ledger.entries()] == [1, 2, 3]
    assert bench.ledger.entries("unknown") == []


def test_the_only_writer_can_append_and_read_and_enter_again(bench: Bench) -> None:
    with bench.ledger.exclusive(), bench.ledger.exclusive():
        bench.ledger.append(draft())
        assert len(bench.ledger.entries()) == 1
    with bench.ledger.exclusive():
        bench.ledger.append(draft())
    assert len(bench.ledger.entries()) == 2


def test_a_block_that_fails_gives_the_ledger_free(bench: Bench) -> None:
    with pytest.raises(KeyError), bench.ledger.exclusive():
        raise KeyError
    assert bench.ledger.append(draft()).sequence == 1


def test_nothing_is_appended_behind_a_row_that_was_edited(bench: Bench) -> None:
    for number in range(2):
        bench.ledger.append(draft(f"row {number}"))
    bench.edit_summary(2, "what I would rather have")
    with pytest.raises(LedgerTamperedError, match="row 2 of the ledger does not match its hash"):
        bench.ledger.append(draft())
    assert len(bench.ledger.entries()) == 2
    assert "row 2" in (find_first_fault(bench.ledger.entries()) or "")


def test_a_row_of_a_release_that_kept_words_now_taken_for_secrets_stays_whole_and_is_built_upon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("forest_fire_retrain.core.ledger.entries.redact", lambda text: text)
        old = bench.ledger.append(draft("Rolled back: see http://ada:hunter22@park.example, token=abcd1234"))
    assert is_sealed(old)
    assert not is_sealed(old.model_copy(update={"summary": "Rolled back."}))
    bench.ledger.append(draft("the next row"))
    assert bench.ledger.entries()[0] == old
    assert find_first_fault(bench.ledger.entries()) is None


def test_the_state_is_the_fold_of_the_rows_of_one_model_however_often_it_is_asked_for(bench: Bench) -> None:
    assert bench.ledger.state("forest_fire_risk") == LedgerState()
    for number, name in enumerate(("forest_fire_risk", "grass_fire_risk", "forest_fire_risk")):
        bench.ledger.append(draft(model_name=name, partition_key=f"2024-01-0{number + 1}"))
        for model in ("forest_fire_risk", "grass_fire_risk"):
            assert bench.ledger.state(model) == fold(bench.ledger.entries(model))
    assert list(bench.ledger.state("forest_fire_risk").decisions) == ["2024-01-01", "2024-01-03"]


def test_rows_are_read_afresh_and_their_hashes_are_those_of_all_models(bench: Bench) -> None:
    assert bench.ledger.read_afresh() == []
    assert list(bench.ledger.hashes()) == []
    rows = [bench.ledger.append(draft(model_name=name)) for name in ("forest_fire_risk", "grass_fire_risk")]
    assert bench.ledger.entries() == bench.ledger.read_afresh() == rows
    assert bench.ledger.read_afresh("grass_fire_risk") == rows[1:]
    hashes = bench.ledger.hashes()
    assert list(hashes) == [row.entry_hash for row in rows]
    assert hashes.tree is not None
    assert hashes.tree.root() == MerkleTree(leaves_of(rows)).root()
    bench.edit_summary(1, "edited by hand")
    assert bench.ledger.read_afresh()[0].summary == "edited by hand"
