"""Read the ledger's lock-free copy, by DuckDB alone: whoever only reads waits for no other library."""

from contextlib import closing
from pathlib import Path

import duckdb
from pydantic import ValidationError

from forest_fire_retrain.adapters.ledger_schema import NAMES, entry_of_row
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import LedgerEntry

LEDGER_FILE = "ledger.parquet"


def read_export(folder: Path) -> list[LedgerEntry]:
    """All exported rows in order; none if nothing was exported yet.

    Raises
    ------
    LedgerError
        If the file is there and cannot be read.
    """
    path = folder / LEDGER_FILE
    if not path.exists():
        return []
    sql = f"SELECT {NAMES} FROM read_parquet(?)"  # noqa: S608 - constant names
    try:
        with closing(duckdb.connect(":memory:", config={"threads": 1})) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return [entry_of_row(row) for row in connection.execute(sql, [str(path)]).fetchall()]
    except (duckdb.Error, ValidationError) as error:
        fault = " ".join(str(error).split("\n")[:2])
        msg = f"the exported ledger {path} cannot be read: {fault}. Run: forest-fire ledger export"
        raise LedgerError(msg) from error
