"""The ledger's lock-free copy: Parquet files, each written beside and renamed into place."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from forest_fire_retrain.adapters.duckdb_ledger import COLUMNS, REGISTRY_STATUS
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger_entries import LedgerEntry
from forest_fire_retrain.core.tables import UTC_INSTANT

LEDGER_FILE = "ledger.parquet"
STATUS_FILE = "registry_status.parquet"
ARROW_TYPES = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "TIMESTAMPTZ": UTC_INSTANT, "DATE": pa.date32()}
LEDGER_SCHEMA = pa.schema([(name, ARROW_TYPES.get(kind.split()[0], pa.string())) for name, kind in COLUMNS.items()])


def export_ledger(entries: Sequence[LedgerEntry], folder: Path) -> None:
    """Write the rows, and the table `registry_status` made of them, for reading without a lock."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{name: getattr(entry, name) for name in COLUMNS} for entry in entries]
    ledger = pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("ledger", ledger)
        status = connection.sql(REGISTRY_STATUS).to_arrow_table()
    for name, table in ((LEDGER_FILE, ledger), (STATUS_FILE, status)):
        beside = folder / f".{name}.part"
        pq.write_table(table, beside)
        beside.replace(folder / name)


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
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        msg = f"the exported ledger {path} cannot be read: {error}. Run: forest-fire ledger export"
        raise LedgerError(msg) from error
    return [LedgerEntry.model_validate(row) for row in rows]
