"""The table `registry_status` in the ledger's copy: one line per retraining or rollback.

Rules
-----
- It is derived. The file says of how many rows it was made, and of which: where the ledger continues these, the lines
  before the first one that new rows touch are taken from the file, and only the others are made.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import duckdb

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.copied_rows import open_memory, write_rows
from forest_fire_retrain.adapters.duckdb_paths import only, quoted
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, LedgerEntry
from forest_fire_retrain.core.ledger.retrainings import LISTED, Retraining, list_retrainings

STATUS_FILE = "registry_status.parquet"
STATUS_COLUMNS = {
    "model_name": "VARCHAR",
    "production_version": "INTEGER",
    "updated": "BOOLEAN",
    "training_time": "TIMESTAMPTZ",
    "what_happened": "VARCHAR",
    "quarantined_version": "INTEGER",
}
STATUS_NAMES = ", ".join(f'"{name}"' for name in STATUS_COLUMNS)
MADE_OF, LAST_OF_THEM = "made_of_rows", "last_of_them"


class Status(NamedTuple):
    """What is written: lines that stay, by their number, then lines that are made; and of which rows."""

    n_kept: int
    made: list[Retraining]
    notes: dict[str, str]


def plan_status(
    connection: duckdb.DuckDBPyConnection, path: Path, entries: Sequence[LedgerEntry], *, is_new: bool
) -> Status:
    """Which lines have to be made.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        What reads.
    path : Path
        The file as it is, or is not yet.
    entries : sequence of LedgerEntry
        All rows.
    is_new : bool
        Whether all lines are made again.
    """
    n_known = 0 if is_new else _count_known(connection, path, entries)
    notes = {MADE_OF: str(len(entries)), LAST_OF_THEM: _note(entries)}
    touched = {entry.decision_id for entry in entries[n_known:]}
    n_kept, first = 0, 0
    for place, entry in enumerate(entries):
        first = place
        if place >= n_known or (entry.kind in LISTED and entry.decision_id in touched):
            break
        n_kept += entry.kind in LISTED
    else:
        first = len(entries)
    return Status(n_kept, list_retrainings(entries[first:]), notes)


def read_status(folder: Path) -> list[tuple[object, ...]] | None:
    """The lines of the table; `None` where there is none, or an earlier release's, which does not say of which rows.

    Raises
    ------
    LedgerError
        If the file cannot be read.
    """
    path = folder / STATUS_FILE
    if not path.exists():
        return None
    sql = f"SELECT {STATUS_NAMES} FROM read_parquet(?)"  # noqa: S608 - constant names
    try:
        with closing(open_memory()) as connection:
            if MADE_OF not in _read_notes(connection, path):
                return None
            return connection.execute(sql, [only(path)]).fetchall()
    except duckdb.Error as error:
        msg = f"the exported table {path} cannot be read: {' '.join(str(error).split())}"
        raise LedgerError(msg) from error


def write_status(connection: duckdb.DuckDBPyConnection, path: Path, status: Status) -> None:
    """Write the file, beside and renamed."""
    kept = f"(SELECT {STATUS_NAMES} FROM read_parquet('{quoted(only(path))}') LIMIT {status.n_kept:d})"  # noqa: S608 - a number
    with written_beside(path) as beside:
        before = kept if status.n_kept else ""
        write_rows(connection, beside, STATUS_COLUMNS, status.made, notes=status.notes, before=before)


def _count_known(connection: duckdb.DuckDBPyConnection, path: Path, entries: Sequence[LedgerEntry]) -> int:
    """Of how many of these rows the file was made; 0 where it is of others, or does not say so."""
    try:
        found = _read_notes(connection, path)
    except duckdb.Error:
        return 0
    n_rows = int(found[MADE_OF]) if found.get(MADE_OF, "").isdecimal() else 0
    return n_rows if n_rows <= len(entries) and found.get(LAST_OF_THEM) == _note(entries[:n_rows]) else 0


def _read_notes(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    sql = "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?) WHERE key IN (?, ?)"
    return dict(connection.execute(sql, [only(path), MADE_OF, LAST_OF_THEM]).fetchall())


def _note(entries: Sequence[LedgerEntry]) -> str:
    return fingerprint_text(entries[-1].entry_hash if entries else GENESIS_HASH)
