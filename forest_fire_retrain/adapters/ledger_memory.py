"""What a process has read of a ledger's file, so that a further use reads the rows behind the last one it saw.

Rules
-----
- A file that looks as it did (place on the disk, size, instants of both its last changes, and those of DuckDB's
  log beside it) is not opened. Whoever writes holds the ledger's lock and closes the file before he lets go, so
  that the look taken under the lock is that of the rows.
- A file that looks otherwise is asked for a digest over every column of the rows that are known. If they are the same,
  the rows behind them are read and their seals and links checked; if anything differs, all is read again.
- The digest guards against what happens, not against whoever forges it: what has to prove something reads every row
  again (`Ledger.read_afresh`).
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import duckdb

from forest_fire_retrain.adapters.ledger_schema import NAMES, collector_at_rest, fetched
from forest_fire_retrain.core.ledger.entries import LedgerEntry, is_sealed
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.state import LedgerState, carry_on

DIGEST = f"SELECT count(*), coalesce(bit_xor(hash({NAMES})), 0) FROM ledger"  # noqa: S608 - constant names
ROWS = f"SELECT {NAMES} FROM ledger"  # noqa: S608 - as above
ReadRow = Callable[[tuple[object, ...]], LedgerEntry]


class Look(NamedTuple):
    """How a file looks from outside; no write leaves all of it as it was."""

    device: int
    number: int
    n_bytes: int
    written_ns: int
    changed_ns: int


Looks = tuple[Look | None, Look | None]
"""Of the database, and of the log beside it that a writer of many rows, or one that was killed, leaves."""


def look_at_file(path: Path) -> Looks:
    """How the database looks, and the log beside it; `None` for what is not there."""
    return _look(path), _look(path.with_name(f"{path.name}.wal"))


def _look(path: Path) -> Look | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return Look(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


class LedgerMemory:
    """The rows of one file as this process read them last, and what they come to.

    Whoever calls `catch_up` or `add` has the file open, so that nobody else writes it.

    Parameters
    ----------
    path : Path
        The database file.
    read_row : callable
        Turns a row of all columns into an entry, or says that no ledger writes it.

    Attributes
    ----------
    lock : RLock
        Held by a thread from the look that it takes until it has what it asked for; nobody waits for a file with it.
    """

    def __init__(self, path: Path, read_row: ReadRow) -> None:
        self._path, self._read_row = path, read_row
        self.lock = RLock()
        self._forget()

    def _forget(self) -> None:
        self._looks: Looks | None = None
        self._rows = list[LedgerEntry]()
        self._digest = 0
        self._hashes: KnownHashes | None = None
        self._states: dict[str, tuple[int, LedgerState]] = {}

    def is_current(self) -> bool:
        """Whether the file looks as it did when its rows were read."""
        with self.lock:
            return self._looks is not None and self._looks == look_at_file(self._path)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read yet."""
        return self._looks is None

    def entries(self, model_name: str | None) -> list[LedgerEntry]:
        """The rows that are known, of one model or of all."""
        with self.lock:
            return [row for row in self._rows if model_name in (None, row.model_name)]

    def state(self, model_name: str) -> LedgerState:
        """What the rows of a model come to; the fold goes on where it stood."""
        with self.lock:
            n_known, state = self._states.pop(model_name, (0, LedgerState()))  # gone if a row cannot be taken in
            carry_on(state, (row for row in self._rows[n_known:] if row.model_name == model_name))
            self._states[model_name] = (len(self._rows), state)
            return state.copy()

    def hashes(self) -> KnownHashes:
        """The hashes of the rows that are known."""
        with self.lock:
            known, self._hashes = KnownHashes() if self._hashes is None else self._hashes, None  # gone if it is cut
            known.extend(row.entry_hash for row in self._rows[len(known) :])
            self._hashes = known
            return known

    def catch_up(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read what is behind the rows that are known, or all of them if these are not as they were."""
        with self.lock:
            looks = look_at_file(self._path)
            if self._looks is None or not self._continue(connection):
                self._forget()
                self._take(*self._read(connection, ""))
            self._looks = looks

    def read_afresh(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read every row, whatever is known."""
        with self.lock:
            self._forget()
            self.catch_up(connection)

    def add(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[LedgerEntry]) -> None:
        """Take in rows that were just committed behind those that are known."""
        with self.lock:
            try:
                if self._looks is not None and rows:
                    first, last = rows[0].sequence, rows[-1].sequence
                    self._take(rows, self._ask_digest(connection, f"WHERE sequence BETWEEN {first:d} AND {last:d}")[1])
            except duckdb.Error:  # they are written all the same
                self._forget()

    def note_look(self) -> None:
        """The file is written and closed, and nobody else may write yet: it looks as it does with these rows."""
        with self.lock:
            if self._looks is not None:
                self._looks = look_at_file(self._path)

    def _continue(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Take in what is behind the rows that are known; whether these are as they were, and it continues them."""
        last = self._rows[-1].sequence if self._rows else 0
        if self._ask_digest(connection, f"WHERE sequence <= {last:d}") != (len(self._rows), self._digest):
            return False
        rows, digest = self._read(connection, f"WHERE sequence > {last:d}")
        if not _follow(self._rows[-1:], rows):
            return False
        self._take(rows, digest)
        return True

    def _read(self, connection: duckdb.DuckDBPyConnection, condition: str) -> tuple[list[LedgerEntry], int]:
        """Rows in their order, and the digest over them, which DuckDB finds in the same pass."""
        connection.execute(f"SELECT {NAMES}, hash({NAMES}) FROM ledger {condition}")  # noqa: S608 - constant names
        rows, digest = list[LedgerEntry](), 0
        with collector_at_rest():
            for *row, hashed in fetched(connection):
                rows.append(self._read_row(tuple(row)))
                digest ^= hashed
        rows.sort(key=attrgetter("sequence"))
        return rows, digest

    def _take(self, rows: Sequence[LedgerEntry], digest: int) -> None:
        self._digest ^= digest
        self._rows += rows

    def _ask_digest(self, connection: duckdb.DuckDBPyConnection, condition: str) -> tuple[int, int]:
        n_rows, digest = connection.execute(f"{DIGEST} {condition}").fetchall()[0]
        return int(n_rows), int(digest)


def _follow(before: Sequence[LedgerEntry], rows: Iterable[LedgerEntry]) -> bool:
    """Whether rows continue the chain behind `before`."""
    last = before[-1] if before else None
    for row in rows:
        place = (1, None) if last is None else (last.sequence + 1, last.entry_hash)
        if row.sequence != place[0] or (place[1] is not None and row.previous_hash != place[1]) or not is_sealed(row):
            return False
        last = row
    return True
