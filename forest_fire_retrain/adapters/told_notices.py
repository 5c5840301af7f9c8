"""What each channel was told, in a small sqlite file of the home.

Rules
-----
- A row is written after a channel took a notice, in a transaction that is on the disk when it ends.
- Only one process tells at a time; another one that comes meanwhile leaves it to that one.
- The file is made when there is first something to note. It has a version, and one of a later release is not written.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.core.notices.notice import Baseline, Notice, Told

VERSION = 1
PRIVATE = 0o600
PATIENCE_SECONDS = 5.0
TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS home (name TEXT NOT NULL);
INSERT INTO home SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM home);
CREATE TABLE IF NOT EXISTS channels (
    name TEXT PRIMARY KEY, began_at TEXT, n_rows INTEGER, failed_at TEXT, failure TEXT
);
CREATE TABLE IF NOT EXISTS told (
    number INTEGER PRIMARY KEY, channel TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, matter TEXT,
    is_over INTEGER NOT NULL, sentence TEXT NOT NULL, told_at TEXT NOT NULL, UNIQUE (channel, key)
);
PRAGMA user_version = 1;
COMMIT;
"""


class Failure(NamedTuple):
    """Why a channel does not take notices, and since when the last attempt was made."""

    channel: str
    failed_at: dt.datetime
    why: str

    def __str__(self) -> str:
        """As one line."""
        return f"{self.channel}, tried last on {self.failed_at.isoformat(timespec='seconds')}: {self.why}"


class ToldNotices:
    """Implements `NoticeMemory` in a file.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Be the only one who tells until the block ends; false, at once, if another process is telling."""
        lock = FileLock(f"{self._path}.lock", timeout=0, mode=PRIVATE)
        try:
            yield self._acquire(lock)
        finally:
            lock.release()

    def _acquire(self, lock: FileLock) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            msg = f"{self._path}.lock cannot be written: {error.strerror}. Correct the permissions"
            raise HomeError(msg) from error
        return True

    @cached_property
    def home(self) -> str:
        """A name of this installation, drawn when the file was made."""
        with self._open() as connection:
            (name,) = connection.execute("SELECT name FROM home").fetchone()
        return str(name)

    def baseline(self, channel: str) -> Baseline | None:
        """From where on the channel is told; `None` of one that is new."""
        with self._open() as connection:
            row = connection.execute("SELECT began_at, n_rows FROM channels WHERE name = ?", [channel]).fetchone()
        return None if row is None or row[0] is None else Baseline(dt.datetime.fromisoformat(row[0]), int(row[1]))

    def begin(self, channel: str, baseline: Baseline) -> None:
        """Note from where on a new channel is told."""
        with self._open() as connection:
            self._name(connection, channel)
            connection.execute(
                "UPDATE channels SET began_at = ?, n_rows = ? WHERE name = ?",
                [baseline.began_at.isoformat(), baseline.n_rows, channel],
            )

    def told(self, channel: str) -> list[Told]:
        """What the channel was told, in its order."""
        sql = "SELECT kind, key, matter, is_over, sentence FROM told WHERE channel = ? ORDER BY number"
        with self._open() as connection:
            rows = connection.execute(sql, [channel]).fetchall()
        return [Told(kind, key, matter, bool(is_over), sentence) for kind, key, matter, is_over, sentence in rows]

    def note_told(self, channel: str, notice: Notice, now: dt.datetime) -> None:
        """Note that the channel took a notice, and that it does not fail."""
        sql = (
            "INSERT OR IGNORE INTO told (channel, key, kind, matter, is_over, sentence, told_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        about = (channel, notice.key, str(notice.kind), notice.matter, int(notice.is_over), notice.sentence)
        with self._open() as connection:
            self._name(connection, channel)
            connection.execute(sql, [*about, now.isoformat()])
            connection.execute("UPDATE channels SET failed_at = NULL, failure = NULL WHERE name = ?", [channel])

    def note_failure(self, channel: str, why: str, now: dt.datetime) -> None:
        """Note why the channel did not take a notice, in place of what was noted before."""
        with self._open() as connection:
            self._name(connection, channel)
            connection.execute(
                "UPDATE channels SET failed_at = ?, failure = ? WHERE name = ?", [now.isoformat(), why, channel]
            )

    def failures(self) -> list[Failure]:
        """Channels whose last attempt failed; none where nothing was ever told."""
        if not self._path.exists():
            return []
        sql = "SELECT name, failed_at, failure FROM channels WHERE failure IS NOT NULL ORDER BY name"
        with self._open() as connection:
            rows = connection.execute(sql).fetchall()
        return [Failure(name, dt.datetime.fromisoformat(at), why) for name, at, why in rows]

    def _name(self, connection: sqlite3.Connection, channel: str) -> None:
        connection.execute("INSERT OR IGNORE INTO channels (name) VALUES (?)", [channel])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are committed at the end of the block."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                self._path.touch(mode=PRIVATE)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE_SECONDS)) as connection:
                self._prepare(connection)
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            msg = (
                f"{self._path}, which holds what was told, cannot be used: {error}. Correct the permissions, or move "
                "it away: then only what happens from now on is told"
            )
            raise HomeError(msg) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            msg = f"{self._path} was written by a later release; run that one"
            raise HomeError(msg)
        if version == 0:
            connection.executescript(TABLES)
