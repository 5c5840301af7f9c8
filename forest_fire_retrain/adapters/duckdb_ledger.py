"""The ledger in a DuckDB file: appended to under a lock, never updated, never wiped.

Rules
-----
- A connection lives for one operation. A writer holds the lock file beside the database.
- Triggers refuse UPDATE and DELETE; whoever drops them is found by the hash chain.
- A file that is no ledger is an error, never a reason to make a new one: a new ledger is made beside and
  renamed, so a file that is there has always held one.
- Where many rows are appended, they stand in DuckDB's log beside the file until the last of them: each time the file
  is brought up to date, DuckDB writes the newest rows again, whole.
- No row is recorded before the row before it (`core.ledger.clocks`).
- Nothing is appended to a ledger that lost rows which its copy or a checkpoint knows (`ledger_witnesses`).
- A ledger of an older schema is migrated by the next writer, of a newer one refused (`ledger_migrations`).
"""

import datetime as dt
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TypeVar

import duckdb
from filelock import FileLock, Timeout
from pydantic import ValidationError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.ledger_memory import ROWS, LedgerMemory
from forest_fire_retrain.adapters.ledger_migrations import KNOWN_VERSION, Migration, pending_migrations
from forest_fire_retrain.adapters.ledger_schema import COLUMNS, NAMES, SCHEMA, entry_of_row
from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError
from forest_fire_retrain.core.ledger.clocks import follow_clock
from forest_fire_retrain.core.ledger.drafts import draft_migration
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, is_sealed, seal
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.state import LedgerState

OF_ANOTHER_THREAD = ("different configuration than existing connections", "Unique file handle conflict")
"""What DuckDB says where another thread reads or writes, or is about to close the file."""
LOG_OF_MANY = "PRAGMA disable_checkpoint_on_shutdown; SET wal_autocheckpoint = '1MB'"
"""About a hundred decisions; whoever opens the file reads the log."""
Witness = Callable[[Path, Callable[[], KnownHashes]], None]
Answer = TypeVar("Answer")


class DuckDbLedger:
    """The append-only record of every decision and registry change.

    Parameters
    ----------
    path : Path
        The database file; created with the first row.
    patience_seconds : float
        How long to wait for another process.
    witnesses : sequence of callable
        Each refuses the file if the hashes of its rows, which it is given the means to read, lack what it knows.
    """

    def __init__(self, path: Path, *, patience_seconds: float, witnesses: Sequence[Witness] = ()) -> None:
        self._path = path
        self._witnesses = witnesses
        self._patience_seconds = patience_seconds
        self._holder = path.with_suffix(path.suffix + ".holder")
        self._lock = FileLock(path.with_suffix(path.suffix + ".lock"), timeout=patience_seconds)
        self._memory = LedgerMemory(path, _entry)
        self._is_one_of_many = False

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the only writer until the block ends; re-entrant."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            raise self._locked(self._read_holder()) from error
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._name_holder()
            yield
        finally:
            self._lock.release()

    def append(self, draft: EntryDraft) -> LedgerEntry:
        """Seal `draft` behind the last row and write it in one transaction."""
        if draft.recorded_at.utcoffset() is None:
            msg = f"recorded_at {draft.recorded_at} has no time zone; nothing was written"
            raise LedgerError(msg)
        with self.exclusive():
            with closing(self._open_to_append(draft)) as connection:
                try:
                    entry = self._append(connection, draft)
                except duckdb.Error as error:
                    raise self._unreadable(error) from error
            self._memory.note_look()
        return entry

    @contextmanager
    def many_appends(self) -> Iterator[None]:
        """Within the block rows are committed to DuckDB's log; at its end, or with the next row, the file has them."""
        self._is_one_of_many = True
        try:
            yield
        finally:
            self._is_one_of_many = False
            if self._path.exists():
                with suppress(LedgerError), self.exclusive(), closing(self._connect(for_writing=True)):
                    pass  # whoever closes the file last brings it up to date

    def _append(self, connection: duckdb.DuckDBPyConnection, draft: EntryDraft) -> LedgerEntry:
        if not self._memory.is_empty and not self._memory.is_current():
            self._memory.catch_up(connection)
        last = connection.execute(f"{ROWS} WHERE sequence = (SELECT max(sequence) FROM ledger)").fetchall()  # noqa: S608 - constant
        connection.execute("BEGIN")
        before, written = _entry(last[0]) if last else None, list[LedgerEntry]()
        draft = follow_clock(draft, before)
        for new in chain(self._migrate(connection, draft), [draft]):
            before = _insert(connection, _seal_behind(new, before))
            written.append(before)
        connection.execute("COMMIT")
        self._memory.add(connection, written)
        return written[-1]

    def refuse_lost_rows(self) -> None:
        """Refuse to go on if the witnesses know rows that the file lacks; it needs no lock."""
        for witness in self._witnesses:
            witness(self._path, self.hashes)

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        """Rows in order of their sequence, of one model or of all; none if the ledger does not exist yet."""
        return [] if not self._path.exists() else self._ask(lambda memory: memory.entries(model_name))

    def state(self, model_name: str) -> LedgerState:
        """What the rows of a model come to; rows that this process took in before are not read again."""
        return LedgerState() if not self._path.exists() else self._ask(lambda memory: memory.state(model_name))

    def read_afresh(self, model_name: str | None = None) -> list[LedgerEntry]:
        """As `entries`, from the file as it is now, whatever this process knows of it."""
        if not self._path.exists():
            return []
        with self._open_to_read() as connection, self._memory.lock:
            self._memory.read_afresh(connection)
            return self._memory.entries(model_name)

    def _ask(self, question: Callable[[LedgerMemory], Answer]) -> Answer:
        """Ask what this process remembers, brought to the file's present rows if the file looks otherwise."""
        with self._memory.lock:
            if self._memory.is_current():
                return question(self._memory)
        with self._open_to_read() as connection, self._memory.lock:
            self._memory.catch_up(connection)
            return question(self._memory)

    @contextmanager
    def _open_to_read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with closing(self._connect()) as connection:
            try:
                self._pending(connection)
                yield connection
            except duckdb.Error as error:
                raise self._unreadable(error) from error

    @contextmanager
    def at_rest(self) -> Iterator[Path]:
        """The database file, complete in itself, with no process writing to it until the block ends.

        Raises
        ------
        LedgerError
            If there is no ledger yet, or it cannot be used.
        """
        with self.exclusive():
            if not self._path.exists():
                msg = f"there is no ledger at {self._path} yet. Start with: forest-fire up"
                raise LedgerError(msg)
            with closing(self._connect(for_writing=True)) as connection:
                try:
                    connection.execute("CHECKPOINT")
                except duckdb.Error as error:
                    raise self._unreadable(error) from error
            with closing(self._connect()):
                yield self._path

    def _open_to_append(self, draft: EntryDraft) -> duckdb.DuckDBPyConnection:
        """Open the file to write `draft`, unless it lost rows; make it if there never was one."""
        self.refuse_lost_rows()
        connection = self._connect(created_at=draft.recorded_at)
        if self._is_one_of_many:
            connection.execute(LOG_OF_MANY)
        return connection

    def hashes(self) -> KnownHashes:
        """The hashes of all rows in order, as they are written; none if the ledger does not exist."""
        if not self._path.exists():
            return KnownHashes()
        if not self._memory.is_empty:
            return self._ask(LedgerMemory.hashes)
        with closing(self._connect()) as connection:
            try:
                rows = connection.execute("SELECT CAST(entry_hash AS VARCHAR) FROM ledger ORDER BY sequence").fetchall()
            except duckdb.Error as error:
                raise self._unreadable(error) from error
        return KnownHashes(row[0] for row in rows)

    def _migrate(self, connection: duckdb.DuckDBPyConnection, draft: EntryDraft) -> Iterator[EntryDraft]:
        """Bring an older schema up to date; each step comes back as a row to write before `draft`."""
        for migration in self._pending(connection):
            connection.execute(migration.statements)
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", [migration.version, draft.recorded_at])
            yield draft_migration(migration.version, migration.summary, draft)

    def _pending(self, connection: duckdb.DuckDBPyConnection) -> tuple[Migration, ...]:
        """Migrations that the file still lacks; a file that is ahead of this code is refused."""
        held = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchall()[0][0]
        if held > KNOWN_VERSION:
            msg = (
                f"the ledger {self._path} has the schema version {held}, this installation knows up to "
                f"{KNOWN_VERSION}: a newer one wrote it. Nothing was changed; install that release or a later one."
            )
            raise LedgerError(msg)
        return pending_migrations(held)

    def _connect(
        self, *, for_writing: bool = False, created_at: dt.datetime | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Open the file, giving way to other processes until patience ends; `created_at` allows to make it."""
        read_only = not for_writing and created_at is None
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                if created_at is not None and not self._path.exists():
                    self._create(created_at)
                connection = duckdb.connect(self._path, read_only=read_only)
            except (duckdb.Error, OSError) as error:
                holder = _holder_in(str(error))
                if holder is None:
                    raise self._unreadable(error) from error
                if time.monotonic() > deadline:
                    raise self._locked(holder) from error
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
            else:
                connection.execute("SET TimeZone = 'UTC'")
                return connection

    def _create(self, created_at: dt.datetime) -> None:
        """Make an empty ledger beside and rename it, so that a cut leaves either none or a whole one."""
        with written_beside(self._path) as beside, closing(duckdb.connect(beside)) as connection:
            connection.execute(f"BEGIN; {SCHEMA}")
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", [KNOWN_VERSION, created_at])
            connection.execute("COMMIT")
            connection.execute("CHECKPOINT")  # closing does it too, but says nothing when the disk is full

    def _name_holder(self) -> None:
        try:
            with open(self._holder, "w", encoding="ascii", opener=_open_no_link) as holder:
                holder.write(str(os.getpid()))
        except OSError as error:
            raise self._unreadable(error) from error

    def _read_holder(self) -> str:
        return self._holder.read_text() if self._holder.exists() else "unknown"

    def _locked(self, holder: str) -> LedgerLockedError:
        return LedgerLockedError(
            f"the ledger {self._path} has been held for more than {self._patience_seconds:g} s by process {holder}; "
            "nothing was written. Close that process (a notebook, another run), then run the same command again."
        )

    def _unreadable(self, error: Exception) -> LedgerError:
        first_line = str(error).partition("\n")[0].rstrip(".")
        return LedgerError(
            f"the ledger {self._path} cannot be used: {first_line}. It was left as it is; restore it from a backup or "
            "point FOREST_FIRE_LEDGER_PATH at the right file."
        )


def _open_no_link(path: str, flags: int) -> int:
    """Open a file, never what a link leads to: whoever shares a home could have another file overwritten."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _holder_in(message: str) -> str | None:
    """The process that keeps the file locked, from DuckDB's message; `None` if that is not the fault."""
    if any(fault in message for fault in OF_ANOTHER_THREAD):
        return str(os.getpid())
    if not message.startswith("IO Error: Could not set lock on file"):
        return None
    named = re.search(r"\(PID (\d+)\)", message)
    return named.group(1) if named else "unknown"


def _seal_behind(draft: EntryDraft, last: LedgerEntry | None) -> LedgerEntry:
    if last is None:
        return seal(draft, 1, GENESIS_HASH)
    if not is_sealed(last):
        msg = (
            f"row {last.sequence} of the ledger does not match its hash; nothing is appended to a tampered chain. "
            "Run: forest-fire verify"
        )
        raise LedgerTamperedError(msg)
    return seal(draft, last.sequence + 1, last.entry_hash)


def _insert(connection: duckdb.DuckDBPyConnection, entry: LedgerEntry) -> LedgerEntry:
    values = [getattr(entry, name) for name in COLUMNS]
    marks = ", ".join("?" for _ in COLUMNS)
    connection.execute(f"INSERT INTO ledger ({NAMES}) VALUES ({marks})", values)  # noqa: S608 - constant names
    return entry


def _entry(row: tuple[object, ...]) -> LedgerEntry:
    try:
        return entry_of_row(row)
    except ValidationError as error:
        names = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        msg = f"row {row[0]} of the ledger holds values that no ledger writes, in: {names}. Run: forest-fire verify"
        raise LedgerTamperedError(msg) from error
