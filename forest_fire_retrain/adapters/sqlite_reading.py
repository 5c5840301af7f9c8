"""Read somebody else's sqlite store without its library: read-only, and only where its tables are as expected.

Rules
-----
- Nothing is written, no table is made, no migration is run.
- A store with other columns than a reader knows is refused: the reader then asks the library that owns it.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

WAIT_SECONDS = 5.0


class UnexpectedStoreError(Exception):
    """A store that cannot be read without its library."""


@contextmanager
def reading(database: Path, columns: Mapping[str, Sequence[str]]) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, to a store that has these columns, by table.

    Raises
    ------
    UnexpectedStoreError
        If the store has other tables or columns, or cannot be read.
    """
    try:
        with closing(_open(database)) as store:
            refuse_other_columns(store, database, columns)
            yield store
    except sqlite3.Error as error:
        msg = f"{database} cannot be read: {error}"
        raise UnexpectedStoreError(msg) from error


def _open(database: Path) -> sqlite3.Connection:
    """A folder that may not be written has no room for the files of sqlite's log; without one nobody writes there."""
    address = f"{database.absolute().as_uri()}?mode=ro"
    store = sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)
    try:
        store.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.OperationalError:
        store.close()
        store = sqlite3.connect(f"{address}&immutable=1", uri=True, timeout=WAIT_SECONDS)
    return store


def refuse_other_columns(store: sqlite3.Connection, database: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Make sure that a store has these columns, by table.

    Raises
    ------
    UnexpectedStoreError
        If it has not.
    """
    for table, wanted in columns.items():
        held = {name for (name,) in store.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        missing = sorted(set(wanted) - held)
        if missing:
            msg = f"table {table} of {database} has no column {', '.join(missing)}"
            raise UnexpectedStoreError(msg)
