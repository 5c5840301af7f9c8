"""A ledger is only written if it continues what was exported and signed, which a few hashes tell."""

import datetime as dt
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from forest_fire_retrain.adapters import ledger_witnesses
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import (
    CHECKPOINT_FILE,
    LEDGER_FILE,
    export_ledger,
    read_export,
    refresh_export,
)
from forest_fire_retrain.adapters.ledger_witnesses import witnesses_in
from forest_fire_retrain.adapters.witness_key import WitnessKey
from forest_fire_retrain.core.errors import LedgerTamperedError
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry

INSTANT = dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC)


def draft(summary: str) -> EntryDraft:
    kind, model = EntryKind.UNFREEZE, "forest_fire_risk"
    return EntryDraft(kind=kind, model_name=model, recorded_at=INSTANT, actor="ada", trigger="cli", summary=summary)


def open_ledger(home: Path) -> DuckDbLedger:
    return DuckDbLedger(home / "ledger.duckdb", patience_seconds=1, witnesses=[witnesses_in(home / "export")])


@pytest.fixture
def ledger(tmp_path: Path) -> DuckDbLedger:
    """Three rows, exported and signed."""
    made = open_ledger(tmp_path)
    for number in range(3):
        made.append(draft(f"row {number}"))
    publish(made, tmp_path)
    return made


def publish(ledger: DuckDbLedger, home: Path) -> None:
    refresh_export(ledger, home / "export", signer=WitnessKey(home / "witness.key", is_made=True))


def cut_to(home: Path, n_rows: int) -> None:
    with closing(duckdb.connect(home / "ledger.duckdb")) as connection:
        connection.execute("DROP TRIGGER ledger_refuses_delete ON ledger")
        connection.execute("DELETE FROM ledger WHERE sequence > ?", [n_rows])


def begin_anew(home: Path, *summaries: str) -> list[LedgerEntry]:
    """What somebody does who makes another ledger in the place of the one that was there."""
    (home / "ledger.duckdb").unlink()
    made = DuckDbLedger(home / "ledger.duckdb", patience_seconds=1)
    return [made.append(draft(summary)) for summary in summaries]


def test_a_ledger_continues_a_copy_that_is_as_long_or_older_or_not_there(ledger: DuckDbLedger, tmp_path: Path) -> None:
    ledger.append(draft("after an export"))
    assert ledger.append(draft("killed before the export")).sequence == 5
    assert len(read_export(tmp_path / "export")) == 3
    publish(ledger, tmp_path)
    assert ledger.append(draft("as long")).sequence == 6


@pytest.mark.parametrize("n_left", [0, 1, 2])
@pytest.mark.parametrize("witness", [LEDGER_FILE, CHECKPOINT_FILE])
def test_rows_that_were_cut_off_are_known_by_the_copy_and_by_the_checkpoint(
    ledger: DuckDbLedger, tmp_path: Path, n_left: int, witness: str
) -> None:
    other = LEDGER_FILE if witness == CHECKPOINT_FILE else CHECKPOINT_FILE
    (tmp_path / "export" / other).unlink()
    cut_to(tmp_path, n_left)
    with pytest.raises(LedgerTamperedError, match=rf"(?s)its {n_left}.*Nothing was written.*forest-fire verify"):
        ledger.append(draft("a second decision"))
    assert len(ledger.entries()) == n_left


def test_no_new_ledger_is_begun_where_an_old_one_is_known(ledger: DuckDbLedger, tmp_path: Path) -> None:
    ledger.path.unlink()
    with pytest.raises(LedgerTamperedError, match=r"ledger\.duckdb is gone: the copy in .* rows 1 to 3 are missing"):
        open_ledger(tmp_path).append(draft("genesis"))
    assert not ledger.path.exists()


def test_another_ledger_that_is_longer_does_not_continue_either(ledger: DuckDbLedger, tmp_path: Path) -> None:
    rows = begin_anew(tmp_path, "row 0", "another", "row 2", "row 3")
    with pytest.raises(LedgerTamperedError, match="it differs from row 2 on"):
        ledger.append(draft("after"))
    export_ledger(rows, tmp_path / "export")  # the copy is rewritten too, the checkpoint is not
    with pytest.raises(LedgerTamperedError, match=r"checkpoint\.txt: the checkpoint of 3 rows"):
        ledger.append(draft("after"))


@pytest.mark.parametrize("spoil", ["bytes", "hash"])
def test_a_copy_that_is_damaged_says_nothing_against_the_ledger(
    ledger: DuckDbLedger, tmp_path: Path, spoil: str
) -> None:
    folder, rows = tmp_path / "export", ledger.entries()
    if spoil == "bytes":
        (folder / LEDGER_FILE).write_bytes(b"broken")
    else:
        export_ledger([*rows[:2], rows[2].model_copy(update={"entry_hash": "f" * 64})], folder)
    (folder / CHECKPOINT_FILE).write_text("no checkpoint")
    assert ledger.append(draft("after")).sequence == 4


def test_force_gives_up_what_was_known_also_where_nothing_is_left(ledger: DuckDbLedger, tmp_path: Path) -> None:
    ledger.path.unlink()
    signer = WitnessKey(tmp_path / "witness.key", is_made=True)
    refresh_export(DuckDbLedger(ledger.path, patience_seconds=1), tmp_path / "export", signer=signer, force=True)
    assert ledger.append(draft("genesis")).sequence == 1


def test_a_copy_is_read_again_only_when_it_looks_otherwise(
    ledger: DuckDbLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    read = ledger_witnesses.read_head
    monkeypatch.setattr(
        ledger_witnesses, "read_head", lambda connection, folder: looked.append(folder) or read(connection, folder)
    )
    for _ in range(3):
        ledger.refuse_lost_rows()
    assert len(looked) == 1
    ledger.append(draft("row 3"))
    publish(ledger, tmp_path)
    ledger.refuse_lost_rows()
    assert len(looked) == 2
    cut_to(tmp_path, 3)
    with pytest.raises(LedgerTamperedError, match="the copy in"):
        open_ledger(tmp_path).refuse_lost_rows()
