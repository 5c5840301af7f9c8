"""The ledger as files: backups are whole, restores forget nothing unasked, old schemas are brought up to date."""

import datetime as dt
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from forest_fire_retrain.adapters import ledger_backup
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_backup import Restoration, back_up, read_backup, restore
from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, export_ledger, read_export, refresh_export
from forest_fire_retrain.adapters.ledger_migrations import KNOWN_VERSION, MIGRATIONS
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError, RefusedRequestError
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry, find_first_fault

PATIENCE_SECONDS = 0.4
INSTANT = dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC)


def draft(summary: str) -> EntryDraft:
    kind, model = EntryKind.UNFREEZE, "forest_fire_risk"
    return EntryDraft(kind=kind, model_name=model, recorded_at=INSTANT, actor="ada", trigger="cli", summary=summary)


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(duckdb.connect(path)) as connection:
        for statement in statements:
            result = connection.execute(statement).fetchall()
    return result


def tamper(path: Path, sequence: int = 2) -> None:
    update = f"UPDATE ledger SET summary = 'better' WHERE sequence = {sequence}"  # noqa: S608 - the test's own words
    run_sql(path, "DROP TRIGGER ledger_refuses_update ON ledger", update)


@pytest.fixture(scope="module")
def three_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file that tests copy."""
    made = DuckDbLedger(tmp_path_factory.mktemp("three_rows") / "ledger.duckdb", patience_seconds=PATIENCE_SECONDS)
    for number in range(3):
        made.append(draft(f"row {number}"))
    return made.path


@pytest.fixture
def ledger(three_rows: Path, tmp_path: Path) -> DuckDbLedger:
    path = Path(shutil.copy(three_rows, tmp_path / "ledger.duckdb"))
    return DuckDbLedger(path, patience_seconds=PATIENCE_SECONDS)


@pytest.fixture
def backup(ledger: DuckDbLedger, tmp_path: Path) -> Path:
    target = tmp_path / "backup.duckdb"
    assert back_up(ledger, target) == 3
    return target


def put_back(ledger: DuckDbLedger, backup: Path, *, force: bool = False, copy: object = ()) -> Restoration:
    kept = ledger.path.with_name("kept.duckdb")
    return restore(ledger, backup, keep_as=kept, read_copy=lambda: list(copy), force=force)  # type: ignore[call-overload] # rows


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"ledger.duckdb.lock", "ledger.duckdb.holder"}


def test_a_backup_holds_every_row_and_leaves_nothing_beside(ledger: DuckDbLedger, backup: Path) -> None:
    assert read_backup(backup) == ledger.entries()
    assert names_in(backup.parent) == {"ledger.duckdb", "backup.duckdb"}
    assert ledger.append(draft("after")).sequence == 4
    assert len(read_backup(backup)) == 3


def test_a_backup_is_a_ledger_that_refuses_changes_too(backup: Path) -> None:
    with pytest.raises(duckdb.Error, match="append-only"):
        run_sql(backup, "DELETE FROM ledger")


def test_rows_that_a_killed_writer_left_in_the_log_are_in_the_backup(ledger: DuckDbLedger, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    with closing(duckdb.connect(ledger.path)) as writer:
        writer.execute("PRAGMA disable_checkpoint_on_shutdown")
        writer.execute("CREATE TABLE note (n INTEGER)")
        writer.execute("INSERT INTO note VALUES (7)")
        for path in tmp_path.glob("ledger.duckdb*"):
            (folder / path.name).write_bytes(path.read_bytes())
    assert (folder / "ledger.duckdb.wal").exists()
    back_up(DuckDbLedger(folder / "ledger.duckdb", patience_seconds=1), folder / "backup.duckdb")
    assert run_sql(folder / "backup.duckdb", "SELECT n FROM note") == [(7,)]


def test_a_backup_is_never_written_over(ledger: DuckDbLedger, backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(RefusedRequestError, match="is there already"):
        back_up(ledger, backup)
    assert backup.read_bytes() == before


def test_a_backup_makes_no_folder_where_the_disk_is_not_mounted(ledger: DuckDbLedger, tmp_path: Path) -> None:
    with pytest.raises(RefusedRequestError, match=r"there is no folder .*; make it, or mount what it lies on"):
        back_up(ledger, tmp_path / "vault" / "ledger.backup")
    assert not (tmp_path / "vault").exists()


def test_what_cannot_be_backed_up_leaves_no_file(ledger: DuckDbLedger, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at"):
        back_up(DuckDbLedger(tmp_path / "none.duckdb", patience_seconds=1), tmp_path / "b")
    tamper(ledger.path)
    with pytest.raises(LedgerTamperedError, match="row 2: its content does not match"):
        back_up(ledger, tmp_path / "b")
    assert names_in(tmp_path) == {"ledger.duckdb", "none.duckdb.lock", "none.duckdb.holder"}


def test_a_backup_that_continues_the_ledger_is_restored_and_the_old_one_kept(
    ledger: DuckDbLedger, backup: Path
) -> None:
    before = ledger.entries()
    done = put_back(ledger, backup)
    assert (done.n_rows, done.n_rows_before, done.kept_as) == (3, 3, ledger.path.with_name("kept.duckdb"))
    assert ledger.entries() == before
    assert read_backup(ledger.path.with_name("kept.duckdb")) == before
    assert ledger.append(draft("after")).sequence == 4


def test_a_backup_that_would_forget_rows_needs_force(ledger: DuckDbLedger, backup: Path) -> None:
    ledger.append(draft("after"))
    with pytest.raises(RefusedRequestError, match="ends at row 3, but 4 rows are known; nothing was changed"):
        put_back(ledger, backup)
    assert len(ledger.entries()) == 4
    assert put_back(ledger, backup, force=True).n_rows_before == 4
    assert [len(ledger.entries()), len(read_backup(ledger.path.with_name("kept.duckdb")))] == [3, 4]


def test_a_backup_of_another_history_needs_force(ledger: DuckDbLedger, tmp_path: Path) -> None:
    other = DuckDbLedger(tmp_path / "other.duckdb", patience_seconds=1)
    for number in (0, 5, 6, 7):
        other.append(draft(f"row {number}"))
    with pytest.raises(RefusedRequestError, match="differs from row 2 on"):
        put_back(ledger, other.path)
    put_back(ledger, other.path, force=True)
    assert ledger.entries() == other.entries()


def test_a_backup_that_was_tampered_with_is_never_restored(ledger: DuckDbLedger, backup: Path) -> None:
    before = ledger.entries()
    tamper(backup)
    with pytest.raises(LedgerTamperedError, match=r"backup\.duckdb: row 2: .*nothing was written"):
        put_back(ledger, backup, force=True)
    assert ledger.entries() == before


def test_a_backup_that_is_missing_or_no_ledger_is_an_error(ledger: DuckDbLedger, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no backup at"):
        put_back(ledger, tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no ledger")
    with pytest.raises(LedgerError, match="cannot be used"):
        put_back(ledger, tmp_path / "notes.txt", force=True)
    assert len(ledger.entries()) == 3


@pytest.mark.parametrize(
    "spoil", [lambda p: p.write_bytes(b"broken" * 2_000), lambda p: p.unlink()], ids=["broken", "gone"]
)
def test_where_the_ledger_cannot_be_read_its_copy_says_what_was_known(
    ledger: DuckDbLedger, backup: Path, spoil: Callable[[Path], object]
) -> None:
    ledger.append(draft("after"))
    known = ledger.entries()
    spoil(ledger.path)
    (ledger.path.with_name("ledger.duckdb.wal")).write_bytes(b"of the broken file")
    with pytest.raises(RefusedRequestError, match="ends at row 3, but 4 rows are known"):
        put_back(ledger, backup, copy=known)
    put_back(ledger, backup, copy=known[:3])
    assert ledger.entries() == known[:3]
    assert find_first_fault([*ledger.entries(), ledger.append(draft("next"))]) is None


def test_a_restore_that_is_cut_leaves_the_rows_of_a_killed_writer_in_their_place(
    ledger: DuckDbLedger, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.many_appends():
        ledger.append(draft("in the log"))
        known = ledger.entries()
        left = {path: path.read_bytes() for path in backup.parent.glob("ledger.duckdb*")}
    for path, held in left.items():
        path.write_bytes(held)
    assert ledger.path.with_name("ledger.duckdb.wal").exists()
    keep = ledger_backup._keep

    def keep_and_cut(path: Path, keep_as: Path) -> bool:
        keep(path, keep_as)
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger_backup, "_keep", keep_and_cut)
    with pytest.raises(KeyboardInterrupt):
        put_back(ledger, backup, force=True)
    assert ledger.read_afresh() == known
    assert DuckDbLedger(backup.parent / "kept.duckdb", patience_seconds=1).entries() == known


OLD_SCHEMA = (
    "ALTER TABLE schema_version DROP COLUMN applied_at",
    "DELETE FROM schema_version",
    "INSERT INTO schema_version VALUES (1)",
)


def test_an_older_schema_is_read_as_it_is_and_migrated_by_the_next_writer(ledger: DuckDbLedger) -> None:
    run_sql(ledger.path, *OLD_SCHEMA)
    before = ledger.entries()
    assert run_sql(ledger.path, "SELECT max(version) FROM schema_version") == [(1,)]
    ledger.append(draft("after"))
    entries = ledger.entries()
    assert entries[:3] == before
    assert [entry.kind for entry in entries[3:]] == [*(EntryKind.MIGRATION for _ in MIGRATIONS), EntryKind.UNFREEZE]
    assert "version 2" in entries[3].summary
    assert find_first_fault(entries) is None
    held = run_sql(ledger.path, "SET TimeZone = 'UTC'", "SELECT * FROM schema_version ORDER BY version")
    assert held == [(1, None), *((migration.version, INSTANT) for migration in MIGRATIONS)]
    assert ledger.append(draft("once")).sequence == len(entries) + 1


def test_a_new_ledger_is_of_the_known_schema_and_says_since_when(ledger: DuckDbLedger) -> None:
    held = run_sql(ledger.path, "SET TimeZone = 'UTC'", "SELECT * FROM schema_version")
    assert held == [(KNOWN_VERSION, INSTANT)]


def test_a_newer_schema_is_refused_by_readers_and_writers(ledger: DuckDbLedger) -> None:
    newer = f"INSERT INTO schema_version VALUES ({KNOWN_VERSION + 1}, now())"  # noqa: S608 - a number of ours
    run_sql(ledger.path, newer)
    for use in (ledger.entries, lambda: ledger.append(draft("after"))):
        with pytest.raises(LedgerError, match=rf"schema version {KNOWN_VERSION + 1}, .*a newer one wrote it"):
            use()


def test_a_copy_is_brought_up_to_date_and_a_damaged_one_replaced(ledger: DuckDbLedger, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    assert refresh_export(ledger, folder) == ledger.entries()
    ledger.append(draft("after"))
    refresh_export(ledger, folder)
    assert read_export(folder) == ledger.entries()
    (folder / LEDGER_FILE).write_bytes(b"broken")
    refresh_export(ledger, folder)
    assert read_export(folder) == ledger.entries()


def test_a_sound_copy_that_knows_more_than_the_ledger_is_kept_as_a_witness(
    ledger: DuckDbLedger, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    refresh_export(ledger, folder)
    run_sql(ledger.path, "DROP TRIGGER ledger_refuses_delete ON ledger", "DELETE FROM ledger WHERE sequence = 3")
    with pytest.raises(LedgerTamperedError, match=r"holds 3 sound rows .* its 2 rows .*The copy was kept"):
        refresh_export(ledger, folder)
    assert len(read_export(folder)) == 3
    assert len(refresh_export(ledger, folder, force=True)) == 2
    assert len(read_export(folder)) == 2


def test_a_copy_that_was_edited_is_no_witness(ledger: DuckDbLedger, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    rows: list[LedgerEntry] = ledger.entries()
    export_ledger([rows[0], rows[1].model_copy(update={"entry_hash": "f" * 64}), rows[2]], folder)
    refresh_export(ledger, folder)
    assert read_export(folder) == rows
