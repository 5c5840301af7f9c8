"""The ledger in a DuckDB file: appended to under a lock, never updated, never wiped.

Rules
-----
- A connection lives for one operation. A writer holds the lock file beside the database.
- Triggers refuse UPDATE and DELETE; whoever drops them is found by the hash chain.
- A file that is no ledger is an error, never a reason to make a new one.
"""

import datetime as dt
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError
from forest_fire_retrain.core.ledger_entries import GENESIS_HASH, EntryDraft, LedgerEntry, seal

SCHEMA_VERSION = 1
COLUMNS = {
    "sequence": "BIGINT PRIMARY KEY",
    "kind": "VARCHAR NOT NULL",
    "model_name": "VARCHAR NOT NULL",
    "recorded_at": "TIMESTAMPTZ NOT NULL",
    "actor": "VARCHAR NOT NULL",
    "trigger": "VARCHAR NOT NULL",
    "summary": "VARCHAR NOT NULL",
    "partition_key": "VARCHAR",
    "as_of": "DATE",
    "decision_id": "VARCHAR",
    "idempotency_key": "VARCHAR",
    "outcome": "VARCHAR",
    "reason_code": "VARCHAR",
    "champion_before": "INTEGER",
    "champion_after": "INTEGER",
    "dagster_run_id": "VARCHAR",
    "mlflow_run_id": "VARCHAR",
    "payload_json": "VARCHAR NOT NULL",
    "previous_hash": "VARCHAR NOT NULL",
    "entry_hash": "VARCHAR NOT NULL",
}
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)

# One row per scheduled retraining, also when nothing changed (replays and rollbacks are not retrainings).
REGISTRY_STATUS = """
SELECT d.model_name, coalesce(c.champion_after, d.champion_before) AS production_version,
       c.champion_after IS NOT NULL AS updated, d.recorded_at AS training_time
FROM ledger d LEFT JOIN ledger c ON c.kind = 'confirmation' AND c.decision_id = d.decision_id
WHERE d.kind = 'decision' ORDER BY d.sequence
"""

SCHEMA = f"""
CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
INSERT INTO schema_version VALUES ({SCHEMA_VERSION});
CREATE TABLE ledger ({", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())});
CREATE TABLE ledger_guard (refusal VARCHAR);
CREATE TRIGGER ledger_refuses_update BEFORE UPDATE ON ledger FOR EACH STATEMENT
    INSERT INTO ledger_guard SELECT error('the ledger is append-only');
CREATE TRIGGER ledger_refuses_delete BEFORE DELETE ON ledger FOR EACH STATEMENT
    INSERT INTO ledger_guard SELECT error('the ledger is append-only');
CREATE VIEW registry_status AS {REGISTRY_STATUS};
"""


class DuckDbLedger:
    """The append-only record of every decision and registry change.

    Parameters
    ----------
    path : Path
        The database file; created with the first row.
    patience_seconds : float
        How long to wait for another process.
    """

    def __init__(self, path: Path, *, patience_seconds: float) -> None:
        self._path = path
        self._patience_seconds = patience_seconds
        self._holder = path.with_suffix(path.suffix + ".holder")
        self._lock = FileLock(path.with_suffix(path.suffix + ".lock"), timeout=patience_seconds)

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
            self._holder.write_text(str(os.getpid()))
            yield
        finally:
            self._lock.release()

    def append(self, draft: EntryDraft) -> LedgerEntry:
        """Seal `draft` behind the last row and write it in one transaction."""
        if draft.recorded_at.utcoffset() is None:
            msg = f"recorded_at {draft.recorded_at} has no time zone; nothing was written"
            raise LedgerError(msg)
        with self.exclusive(), closing(self._connect(read_only=False)) as connection:
            try:
                last = connection.execute(
                    f"SELECT {NAMES} FROM ledger ORDER BY sequence DESC LIMIT 1"  # noqa: S608 - constant names
                ).fetchall()
                entry = _seal_behind(draft, _entry(last[0]) if last else None)
                values = [getattr(entry, name) for name in COLUMNS]
                marks = ", ".join("?" for _ in COLUMNS)
                connection.execute("BEGIN")
                connection.execute(f"INSERT INTO ledger ({NAMES}) VALUES ({marks})", values)  # noqa: S608 - as above
                connection.execute("COMMIT")
            except duckdb.Error as error:
                raise self._unreadable(error) from error
        return entry

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        """Rows in order of their sequence, of one model or of all; none if the ledger does not exist yet."""
        if not self._path.exists():
            return []
        condition, parameters = ("", []) if model_name is None else ("WHERE model_name = ?", [model_name])
        sql = f"SELECT {NAMES} FROM ledger {condition} ORDER BY sequence"  # noqa: S608 - constant names
        with closing(self._connect(read_only=True)) as connection:
            try:
                return [_entry(row) for row in connection.execute(sql, parameters).fetchall()]
            except duckdb.Error as error:
                raise self._unreadable(error) from error

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open the file, giving way to other processes until patience ends."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                connection = duckdb.connect(self._path, read_only=read_only)
                connection.execute("SET TimeZone = 'UTC'")
                if not read_only:
                    _create_schema_if_new(connection)
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise self._unreadable(error) from error
                if time.monotonic() > deadline:
                    raise self._locked(_pid_in(str(error))) from error
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
            except duckdb.Error as error:
                raise self._unreadable(error) from error
            else:
                return connection

    def _read_holder(self) -> str:
        return self._holder.read_text() if self._holder.exists() else "unknown"

    def _locked(self, holder: str) -> LedgerLockedError:
        return LedgerLockedError(
            f"the ledger {self._path} has been held for more than {self._patience_seconds:g} s by process {holder}; "
            "nothing was written. Close that process (a notebook, another run), then run the same command again."
        )

    def _unreadable(self, error: Exception) -> LedgerError:
        return LedgerError(
            f"the ledger {self._path} cannot be used: {error}. It was left as it is; restore it from a backup or "
            "point FOREST_FIRE_LEDGER_PATH at the right file."
        )






def _pid_in(message: str) -> str:
    """The process id that DuckDB's own lock message carries."""
    words = message.replace(")", " ").replace(".", " ").split()
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "(PID"), "unknown")


def _create_schema_if_new(connection: duckdb.DuckDBPyConnection) -> None:
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        connection.execute(f"BEGIN; {SCHEMA} COMMIT;")


def _seal_behind(draft: EntryDraft, last: LedgerEntry | None) -> LedgerEntry:
    if last is None:
        return seal(draft, 1, GENESIS_HASH)
    resealed = seal(last, last.sequence, last.previous_hash)
    if resealed.entry_hash != last.entry_hash:
        msg = (
            f"row {last.sequence} of the ledger does not match its hash; nothing is appended to a tampered chain. "
            "Run: forest-fire verify"
        )
        raise LedgerTamperedError(msg)
    return seal(draft, last.sequence + 1, last.entry_hash)


def _entry(row: tuple[object, ...]) -> LedgerEntry:
    fields = dict(zip(COLUMNS, row, strict=True))
    recorded_at = fields["recorded_at"]
    if isinstance(recorded_at, dt.datetime):
        fields["recorded_at"] = recorded_at.astimezone(dt.UTC)
    return LedgerEntry.model_validate(fields)
