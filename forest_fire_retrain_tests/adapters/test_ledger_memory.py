"""A process that has read a ledger reads what is new; whatever was done to the file behind its back, it sees."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings

from forest_fire_retrain.adapters import duckdb_ledger
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_memory import LedgerMemory
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.state import LedgerState, carry_on, fold
from forest_fire_retrain_tests.example_evidence import MODEL, confirmation_draft, decision_draft, draft
from forest_fire_retrain_tests.example_ledgers import MODELS, ledgers
from forest_fire_retrain_tests.example_long_ledgers import insert_rows, write_long_ledger

N_ROWS = 6


def open_ledger(path: Path) -> DuckDbLedger:
    return DuckDbLedger(path, patience_seconds=1)


def append_three_weeks(ledger: DuckDbLedger) -> None:
    for week in range(3):
        before = week or None
        decided = ledger.append(decision_draft(week, before=before))
        ledger.append(confirmation_draft(str(decided.decision_id), week + 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger.duckdb"
    append_three_weeks(open_ledger(made))
    return made


@pytest.fixture
def known(path: Path) -> DuckDbLedger:
    """A ledger whose rows this process has read."""
    ledger = open_ledger(path)
    assert ledger.state(MODEL).champion == 3
    return ledger


def run_sql(path: Path, *statements: str) -> None:
    with closing(duckdb.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def change(path: Path, column: str) -> None:
    update = f"UPDATE ledger SET {column} WHERE sequence = 2"  # noqa: S608 - the test's own words
    run_sql(path, "DROP TRIGGER IF EXISTS ledger_refuses_update ON ledger", update)


def append_elsewhere(path: Path) -> None:
    open_ledger(path).append(decision_draft(3, before=3))


def cut(path: Path) -> None:
    run_sql(path, "DROP TRIGGER ledger_refuses_delete ON ledger", "DELETE FROM ledger WHERE sequence > 4")


def put_another_in_place(path: Path) -> None:
    path.unlink()
    other = open_ledger(path)
    for week in range(N_ROWS + 1):
        other.append(decision_draft(week + 10))


def put_back_older(path: Path) -> None:
    """A backup, with the instants that it had."""
    other = path.with_name("older.duckdb")
    ledger = open_ledger(other)
    ledger.append(decision_draft(0))
    shutil.copy2(path, path.with_name("kept.duckdb"))
    other.replace(path)
    seen = path.with_name("kept.duckdb").stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def edit_same_size_and_instant(path: Path) -> None:
    seen = path.stat()
    change(path, "summary = 'Another.'")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def insert_unlinked(path: Path) -> None:
    first = open_ledger(path).entries()[0]
    with closing(duckdb.connect(path)) as connection:
        insert_rows(connection, [first.model_copy(update={"sequence": N_ROWS + 1})])


def remove(path: Path) -> None:
    path.unlink()


BEHIND = [
    append_elsewhere,
    cut,
    put_another_in_place,
    put_back_older,
    edit_same_size_and_instant,
    insert_unlinked,
    remove,
    lambda path: change(path, "summary = 'Another.'"),
    lambda path: change(path, "payload_json = '[]'"),
    lambda path: change(path, "champion_after = 9"),
    lambda path: change(path, "sequence = -1"),
]


@pytest.mark.parametrize("behind", BEHIND)
def test_what_is_done_to_the_file_meanwhile_is_seen(
    known: DuckDbLedger, path: Path, behind: Callable[[Path], None]
) -> None:
    before = known.entries()
    behind(path)
    fresh = open_ledger(path)
    assert fresh.entries() != before
    assert known.entries() == fresh.entries()
    assert known.state(MODEL) == fold(fresh.entries(MODEL))
    assert known.read_afresh() == fresh.entries()


def test_a_row_that_no_ledger_writes_is_an_error_each_time(known: DuckDbLedger, path: Path) -> None:
    change(path, "kind = 'guess'")
    for use in (known.entries, known.entries, lambda: known.state(MODEL), known.read_afresh):
        with pytest.raises(LedgerTamperedError, match=r"row 2 .*in: kind"):
            use()
    change(path, "kind = 'confirmation'")
    assert known.state(MODEL).champion == 3


def test_a_row_that_cannot_be_taken_in_is_an_error_each_time(known: DuckDbLedger) -> None:
    known.append(draft(EntryKind.FREEZE, payload={"until": None}))
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"row 7 .*until"):
            known.state(MODEL)
    assert len(known.entries()) == N_ROWS + 1


def test_a_log_that_a_killed_writer_left_is_read(known: DuckDbLedger, path: Path, tmp_path: Path) -> None:
    """Rows that are committed and not yet in the file: another process finds them in the log beside."""
    kept = tmp_path / "kept.wal"
    with closing(duckdb.connect(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET checkpoint_threshold = '1GB'; BEGIN")
        other = tmp_path / "other.duckdb"
        shutil.copy(path, other)
        row = open_ledger(other).append(decision_draft(3, before=3))
        insert_rows(connection, [row])
        connection.execute("COMMIT")
        shutil.copy(path.with_name(f"{path.name}.wal"), kept)
        shutil.copy(path, tmp_path / "without.duckdb")
    shutil.copy(tmp_path / "without.duckdb", path)
    shutil.copy(kept, path.with_name(f"{path.name}.wal"))
    assert known.entries()[-1] == row
    assert known.state(MODEL) == fold(open_ledger(path).entries(MODEL))


def test_a_file_that_looks_as_it_did_is_not_opened(known: DuckDbLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    known.append(decision_draft(3, before=3))
    rows = known.entries()
    monkeypatch.setattr(duckdb_ledger.duckdb, "connect", None)
    assert known.entries() == rows
    assert known.state(MODEL) == fold(rows)
    assert len(rows) == N_ROWS + 1


def test_rows_of_another_process_are_read_and_no_others(
    known: DuckDbLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen = LedgerMemory._read, list[int]()

    def count(
        memory: LedgerMemory, connection: duckdb.DuckDBPyConnection, condition: str
    ) -> tuple[list[LedgerEntry], int]:
        rows, digest = read(memory, connection, condition)
        seen.append(len(rows))
        return rows, digest

    append_elsewhere(path)
    monkeypatch.setattr(LedgerMemory, "_read", count)
    assert len(known.entries()) == N_ROWS + 1
    assert seen == [1]


def test_hashes_that_were_cut_while_they_were_taken_in_are_taken_in_again(
    known: DuckDbLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known.hashes().tree is not None
    open_ledger(path).append(decision_draft(4, before=3))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MerkleTree, "extend", stop)
        with pytest.raises(KeyboardInterrupt):
            known.hashes()
    hashes = known.hashes()
    assert list(hashes) == [row.entry_hash for row in known.entries()]
    assert hashes.tree is not None
    assert hashes.tree.size == N_ROWS + 1


def test_a_state_is_the_callers_own(known: DuckDbLedger) -> None:
    held = known.state(MODEL)
    before = held.copy()
    known.append(decision_draft(3, before=3))
    later = known.state(MODEL)
    assert held == before != later
    for name, value in vars(held).items():
        if not isinstance(value, LedgerEntry | str | dt.date | None):
            assert value is not vars(held.copy())[name]
    for name, value in vars(held.succession).items():
        if isinstance(value, list | dict | set):
            assert value is not vars(held.succession.copy())[name]


def test_a_ledger_that_lost_rows_refuses_although_its_process_knows_them(path: Path) -> None:
    """The last row is taken from the file, never from what is remembered."""
    known = open_ledger(path)
    known.entries()
    change(path, "summary = summary")
    run_sql(path, "UPDATE ledger SET summary = 'Another.' WHERE sequence = 6")
    with pytest.raises(LedgerTamperedError, match=r"row 6 .*does not match its hash"):
        known.append(decision_draft(3, before=3))


@settings(max_examples=15, deadline=None)
@given(ledgers(10))
def test_a_fold_that_continues_is_the_fold_of_all_rows(rows: list[LedgerEntry]) -> None:
    states = {name: LedgerState() for name in MODELS}
    for place, row in enumerate(rows, start=1):
        carry_on(states[row.model_name], [row])
        copied = states[row.model_name].copy()
        decided = [(one.as_of or dt.date.min, key) for key, one in copied.decisions.items()]
        assert copied.newest_partition == max(decided, default=(None, None))[1]
        assert copied == fold([one for one in rows[:place] if one.model_name == row.model_name])


def test_a_long_ledger_is_continued_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    last = write_long_ledger(path, 40)
    ledger = open_ledger(path)
    assert ledger.state(MODEL).champion == 4
    later = EntryDraft.model_validate({**dict(decision_draft(41, before=4)), "recorded_at": last.recorded_at})
    assert ledger.append(later).sequence == last.sequence + 1
    assert ledger.entries() == open_ledger(path).entries()
