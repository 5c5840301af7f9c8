"""The ledger file keeps its rows against people, other processes and broken disks."""

import datetime as dt
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import duckdb
import pyarrow.parquet as pq
import pytest

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, STATUS_FILE, export_ledger, read_export
from forest_fire_retrain.adapters.reigns_file import REIGNS_FILE
from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError
from forest_fire_retrain.core.ledger.entries import EntryDraft, find_first_fault

PATIENCE_SECONDS = 0.4
SLACK_SECONDS = 2.0
MODEL = "forest_fire_risk"
WITH_CONNECTION = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
"""
WITH_LOCK_FILE = """
import sys
from pathlib import Path
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
block = DuckDbLedger(Path(sys.argv[1]), patience_seconds=9).exclusive()
block.__enter__()
"""
UNTIL_TOLD = """
print("held", flush=True)
sys.stdin.read()
"""


def draft(summary: str = "Kept version 1", **fields: object) -> EntryDraft:
    instant = dt.datetime(2024, 1, 8, 6, tzinfo=dt.UTC)
    plain = {"kind": "decision", "model_name": MODEL, "recorded_at": instant, "actor": "schedule", "trigger": "t"}
    return EntryDraft.model_validate({**plain, "summary": summary, **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture(scope="module")
def two_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file that tests copy."""
    made = DuckDbLedger(tmp_path_factory.mktemp("two_rows") / "ledger.duckdb", patience_seconds=PATIENCE_SECONDS)
    for number in range(2):
        made.append(draft(f"row {number}"))
    return made.path


@pytest.fixture
def ledger(two_rows: Path, path: Path) -> DuckDbLedger:
    return DuckDbLedger(Path(shutil.copy(two_rows, path)), patience_seconds=PATIENCE_SECONDS)


@contextmanager
def held_by_another_process(source: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A real process that holds the ledger until the block ends."""
    command = [sys.executable, "-c", source + UNTIL_TOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """What a person with the file can do."""
    with closing(duckdb.connect(path)) as connection:
        for statement in statements:
            result = connection.execute(statement).fetchall()
    return result


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET summary = 'better'",
        "UPDATE ledger SET champion_after = 9 WHERE sequence = 2",
        "DELETE FROM ledger WHERE sequence = 2",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "INSERT OR REPLACE INTO ledger SELECT * REPLACE ('better' AS summary) FROM ledger",
        "MERGE INTO ledger USING (SELECT 2 AS n) ON sequence = n WHEN MATCHED THEN DELETE",
    ],
)
def test_the_file_itself_refuses_to_change_or_delete_rows(ledger: DuckDbLedger, path: Path, statement: str) -> None:
    before = ledger.entries()
    with pytest.raises(duckdb.Error, match=r"the ledger is append-only|not supported on tables with triggers"):
        run_sql(path, statement)
    assert ledger.entries() == before


@pytest.mark.parametrize("source", [WITH_CONNECTION, WITH_LOCK_FILE], ids=["connection", "lock file"])
def test_a_ledger_held_by_another_process_names_it_in_time_and_is_not_written(
    ledger: DuckDbLedger, path: Path, source: str
) -> None:
    before = ledger.entries()
    with held_by_another_process(source, path) as process:
        started = time.monotonic()
        with pytest.raises(LedgerLockedError, match=rf"by process {process.pid}; nothing was written"):
            ledger.append(draft("too much"))
        assert PATIENCE_SECONDS <= time.monotonic() - started < PATIENCE_SECONDS + SLACK_SECONDS
    assert ledger.entries() == before


def test_reading_a_ledger_held_by_a_connection_names_its_process(ledger: DuckDbLedger, path: Path) -> None:
    with (
        held_by_another_process(WITH_CONNECTION, path) as process,
        pytest.raises(LedgerLockedError, match=rf"by process {process.pid};"),
    ):
        ledger.entries()


def test_a_row_is_written_once_the_other_process_lets_go_in_time(ledger: DuckDbLedger, path: Path) -> None:
    patient = DuckDbLedger(path, patience_seconds=20)
    with held_by_another_process(WITH_CONNECTION, path) as process:
        appending = Thread(target=patient.append, args=[draft("waited")])
        appending.start()
        time.sleep(0.3)
        assert appending.is_alive()
        process.kill()
        appending.join(20)
    assert [entry.summary for entry in ledger.entries()] == ["row 0", "row 1", "waited"]


def test_a_writer_killed_while_it_holds_the_lock_does_not_keep_it(ledger: DuckDbLedger, path: Path) -> None:
    with held_by_another_process(WITH_LOCK_FILE, path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
        assert ledger.append(draft()).sequence == 3


def log_of(path: Path) -> Path:
    """Where DuckDB keeps what is not in the file yet."""
    return path.with_name(f"{path.name}.wal")


def summaries_in(path: Path) -> list[str]:
    """What a process reads that has the file before it for the first time."""
    return [row.summary for row in DuckDbLedger(path, patience_seconds=PATIENCE_SECONDS).entries()]


def test_many_rows_are_read_at_once_and_stand_in_the_file_at_the_end(ledger: DuckDbLedger, path: Path) -> None:
    before = path.read_bytes()
    with ledger.many_appends():
        for number in range(3):
            ledger.append(draft(f"of many {number}"))
            assert summaries_in(path)[2:] == [f"of many {place}" for place in range(number + 1)]
        assert path.read_bytes() == before
    assert not log_of(path).exists()
    assert summaries_in(path)[2:] == ["of many 0", "of many 1", "of many 2"]
    ledger.append(draft("of one"))
    assert not log_of(path).exists()


KILLED_AMONG_MANY = """
import os, sys
from pathlib import Path
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain_tests.adapters.test_duckdb_ledger import draft
ledger = DuckDbLedger(Path(sys.argv[1]), patience_seconds=9)
with ledger.many_appends():
    for number in range(3):
        ledger.append(draft(f"of many {number}"))
    os._exit(9)
"""


@pytest.fixture
def killed_among_many(ledger: DuckDbLedger, path: Path) -> Path:
    """A ledger of two rows behind which a writer of three more was killed."""
    assert len(ledger.entries()) == 2
    subprocess.run([sys.executable, "-c", KILLED_AMONG_MANY, path], check=False)
    assert log_of(path).exists()
    return path


def test_rows_of_a_writer_killed_among_many_are_there_and_the_next_row_follows_them(killed_among_many: Path) -> None:
    ledger = DuckDbLedger(killed_among_many, patience_seconds=PATIENCE_SECONDS)
    assert [row.sequence for row in ledger.entries()] == [1, 2, 3, 4, 5]
    ledger.append(draft("the next"))
    assert not log_of(killed_among_many).exists()
    assert find_first_fault(ledger.read_afresh()) is None
    assert summaries_in(killed_among_many)[2:] == ["of many 0", "of many 1", "of many 2", "the next"]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.99])
def test_a_log_that_lost_its_end_gives_the_first_of_its_rows(killed_among_many: Path, share: float) -> None:
    log = log_of(killed_among_many)
    os.truncate(log, int(share * log.stat().st_size))
    found = summaries_in(killed_among_many)
    assert found[2:] == [f"of many {number}" for number in range(len(found) - 2)]
    assert len(found) < 5


def test_many_appends_that_nobody_makes_make_no_file(path: Path) -> None:
    with DuckDbLedger(path, patience_seconds=PATIENCE_SECONDS).many_appends():
        pass
    assert not path.exists()


def test_threads_of_one_process_append_one_after_the_other_and_read_meanwhile(path: Path) -> None:
    faults: list[BaseException] = []

    def work(number: int) -> None:
        own = DuckDbLedger(path, patience_seconds=20)
        try:
            for step in range(4):
                own.append(draft(f"{number}.{step}"))
                own.entries()
        except LedgerError as fault:
            faults.append(fault)

    threads = [Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    entries = DuckDbLedger(path, patience_seconds=1).entries()
    assert (faults, len(entries), find_first_fault(entries)) == ([], 12, None)


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))  # noqa: S311 - a fixed nonsense


def nothing_at_all(path: Path) -> None:
    path.touch()


def damaged_blocks(path: Path) -> None:
    for number in range(3):
        DuckDbLedger(path, patience_seconds=1).append(draft(f"row {number}"))
    content = bytearray(path.read_bytes())
    content[4096 * 3 :: 512] = bytes(byte ^ 0xFF for byte in content[4096 * 3 :: 512])
    path.write_bytes(content)


def another_database(path: Path) -> None:
    run_sql(path, "CREATE TABLE trees (name VARCHAR)")


def dropped_tables(path: Path) -> None:
    DuckDbLedger(path, patience_seconds=1).append(draft())
    run_sql(
        path, "DROP VIEW registry_status", "DROP TABLE ledger", "DROP TABLE ledger_guard", "DROP TABLE schema_version"
    )


@pytest.mark.parametrize("spoil", [random_bytes, nothing_at_all, damaged_blocks, another_database, dropped_tables])
def test_a_file_that_is_no_ledger_is_an_error_and_is_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "a lock, a block and a clock"  # words of the lock message must not be looked for in paths
    folder.mkdir()
    path = folder / "ledger.duckdb"
    spoil(path)
    before, ledger = digest(path), DuckDbLedger(path, patience_seconds=30)
    for use in (ledger.entries, lambda: ledger.append(draft())):
        with pytest.raises(LedgerError, match=r"cannot be used: .*left as it is") as caught:
            use()
        assert caught.type is LedgerError
        assert str(path) in str(caught.value)
    assert digest(path) == before


def test_a_ledger_whose_folder_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the place of the folder")
    with pytest.raises(LedgerError, match="cannot be used"):
        DuckDbLedger(tmp_path / "home" / "ledger.duckdb", patience_seconds=1).append(draft())


def test_a_link_in_the_place_of_the_holders_name_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    path.with_suffix(path.suffix + ".holder").symlink_to(mine)
    with pytest.raises(LedgerError, match="cannot be used"):
        DuckDbLedger(path, patience_seconds=1).append(draft())
    assert mine.read_text() == "precious"


def test_what_a_cut_left_of_a_new_ledger_does_not_stand_in_the_way(path: Path) -> None:
    random_bytes(path.with_name("ledger.duckdb.4194303.part"))
    random_bytes(path.with_name("ledger.duckdb.4194303.part.wal"))
    ledger = DuckDbLedger(path, patience_seconds=1)
    assert ledger.append(draft()).sequence == 1
    assert not list(path.parent.glob("*.part*"))


def tamper(path: Path, change: str) -> None:
    update = f"UPDATE ledger SET {change} WHERE sequence = 2"  # noqa: S608 - the test's own words
    run_sql(path, "DROP TRIGGER ledger_refuses_update ON ledger", update)


@pytest.mark.parametrize(
    "change",
    [
        "summary = 'better'",
        "champion_after = 7",
        "recorded_at = recorded_at + INTERVAL 1 SECOND",
        "payload_json = '[]'",
    ],
)
def test_a_tampered_last_row_refuses_further_rows(ledger: DuckDbLedger, path: Path, change: str) -> None:
    tamper(path, change)
    with pytest.raises(LedgerTamperedError, match=r"row 2 .*does not match its hash.*forest-fire verify"):
        ledger.append(draft())
    assert len(ledger.entries()) == 2


@pytest.mark.parametrize("change", ["kind = 'guess'", "reason_code = 'BECAUSE'"])
def test_a_row_with_impossible_values_is_named_as_tampered(ledger: DuckDbLedger, path: Path, change: str) -> None:
    tamper(path, change)
    for use in (ledger.entries, lambda: ledger.append(draft())):
        with pytest.raises(LedgerTamperedError, match=rf"row 2 .*in: {change.partition(' ')[0]}\..*forest-fire verify"):
            use()


def test_reading_makes_no_file(path: Path) -> None:
    assert DuckDbLedger(path, patience_seconds=1).entries() == []
    assert list(path.parent.iterdir()) == []


def test_an_exported_ledger_reads_back_as_it_was_also_while_it_is_locked(
    ledger: DuckDbLedger, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    entries = ledger.entries()
    assert read_export(folder) == []
    export_ledger(entries, folder)
    with held_by_another_process(WITH_CONNECTION, path):
        assert read_export(folder) == entries
    assert find_first_fault(read_export(folder)) is None


def test_an_export_replaces_the_earlier_one_and_leaves_nothing_beside_it(ledger: DuckDbLedger, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_ledger([], folder)
    assert pq.read_table(folder / STATUS_FILE).num_rows == 0
    export_ledger(ledger.entries(), folder)
    assert read_export(folder) == ledger.entries()
    assert {file.name for file in folder.iterdir()} == {LEDGER_FILE, STATUS_FILE, REIGNS_FILE}


def test_an_export_that_cannot_be_written_says_that_the_ledger_is_complete(
    ledger: DuckDbLedger, tmp_path: Path
) -> None:
    (tmp_path / "export").write_text("a file in the place of the folder")
    with pytest.raises(LedgerError, match=r"cannot be written: .*The ledger itself is complete"):
        export_ledger(ledger.entries(), tmp_path / "export")


def test_an_export_that_is_broken_or_edited_beyond_sense_is_an_error(ledger: DuckDbLedger, tmp_path: Path) -> None:
    export_ledger(ledger.entries(), tmp_path)
    table = pq.read_table(tmp_path / LEDGER_FILE)
    pq.write_table(table.drop(["entry_hash"]), tmp_path / LEDGER_FILE)
    with pytest.raises(LedgerError, match=r"cannot be read: .*forest-fire ledger export"):
        read_export(tmp_path)
    random_bytes(tmp_path / LEDGER_FILE)
    with pytest.raises(LedgerError, match=r"cannot be read: .*forest-fire ledger export"):
        read_export(tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        "Connection Error: Can't open a connection to it with a different configuration than existing connections",
        'Resource In Use Error: Unique file handle conflict: Cannot attach "ledger" - the file is already attached',
    ],
)
def test_a_file_that_another_thread_opens_or_closes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    ledger = DuckDbLedger(tmp_path / "ledger.duckdb", patience_seconds=5)
    written = ledger.append(draft())
    connect, n_asked = duckdb.connect, 0

    def connect_later(*asked: object, **options: object) -> duckdb.DuckDBPyConnection:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 1:
            raise duckdb.Error(fault)
        return connect(*asked, **options)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(duckdb, "connect", connect_later)
    assert ledger.read_afresh() == [written]
    assert n_asked > 1
