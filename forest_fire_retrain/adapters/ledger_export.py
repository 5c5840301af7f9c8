"""Write the ledger's lock-free copy: Parquet files, each written beside and renamed into place."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.exported_ledger import LEDGER_FILE, read_export
from forest_fire_retrain.adapters.ledger_schema import COLUMNS
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.rows.tables import UTC_INSTANT

STATUS_FILE = "registry_status.parquet"
ARROW_TYPES = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "TIMESTAMPTZ": UTC_INSTANT, "DATE": pa.date32()}
STATUS_SCHEMA = pa.schema(
    [
        ("model_name", pa.string()),
        ("production_version", pa.int32()),
        ("updated", pa.bool_()),
        ("training_time", UTC_INSTANT),
    ]
)
LEDGER_SCHEMA = pa.schema([(name, ARROW_TYPES.get(kind.split()[0], pa.string())) for name, kind in COLUMNS.items()])


def export_ledger(entries: Sequence[LedgerEntry], folder: Path) -> None:
    """Write the rows, and the table `registry_status` made of them, for reading without a lock.

    Raises
    ------
    LedgerError
        If the folder cannot be written; the earlier copy stands then.
    """
    rows = [{name: getattr(entry, name) for name in COLUMNS} for entry in entries]
    ledger = pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)
    retrainings = [retraining._asdict() for retraining in list_retrainings(entries)]
    status = pa.Table.from_pylist(retrainings, schema=STATUS_SCHEMA)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in ((LEDGER_FILE, ledger), (STATUS_FILE, status)):
            with written_beside(folder / name) as beside:
                pq.write_table(table, beside)
    except OSError as error:
        msg = (
            f"the ledger's copy in {folder} cannot be written: {error}. The ledger itself is complete; free space or "
            "mend the rights, then run: forest-fire ledger export"
        )
        raise LedgerError(msg) from error


def refresh_export(ledger: Ledger, folder: Path, *, force: bool = False) -> list[LedgerEntry]:
    """Bring the copy to the ledger's present rows, under its lock; returns them.

    Raises
    ------
    LedgerTamperedError
        If the copy holds rows that the ledger lacks or has changed, which makes it a witness; `force` overrules it.
    LedgerError
        If the ledger cannot be read or the folder cannot be written.
    """
    with ledger.exclusive():
        entries = ledger.entries()
        if not force:
            _refuse_to_forget(entries, folder)
        export_ledger(entries, folder)
    return entries


def _refuse_to_forget(entries: Sequence[LedgerEntry], folder: Path) -> None:
    """Refuse to write over a sound copy that knows more than the ledger, or something else."""
    try:
        hashes = pq.read_table(folder / LEDGER_FILE, columns=["entry_hash"])["entry_hash"].to_pylist()
        if hashes == [entry.entry_hash for entry in entries[: len(hashes)]]:
            return
        copied = read_export(folder)
    except (OSError, pa.ArrowException, LedgerError):
        return  # there is none yet, or it is damaged: a new one takes its place
    if find_first_fault(copied) is None:
        msg = (
            f"the copy in {folder} holds {len(copied)} sound rows that the ledger with its {len(entries)} rows does "
            "not continue: rows were removed or replaced. The copy was kept. Run: forest-fire verify; if the ledger is "
            "right all the same: forest-fire ledger export --force"
        )
        raise LedgerTamperedError(msg)
