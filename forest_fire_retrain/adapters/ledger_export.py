"""The ledger's lock-free copy: Parquet files and a checkpoint, each written beside and renamed into place.

Rules
-----
- DuckDB alone reads and writes them: whoever only reads waits for no other library.
- The rows come first, what is derived from them after. The reigns say beside which file of rows they were made, so
  that a reader tells those of other rows (`reigns_file`).
- Few rows stand together in a group, so that one row is found without reading its neighbours' payloads.
"""

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
from pydantic import ValidationError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.ledger_schema import COLUMNS, LEDGER_FILE, NAMES, entry_of_row
from forest_fire_retrain.adapters.reigns_file import (
    REIGN_COLUMNS,
    REIGNS_FILE,
    FollowedRows,
    ReignsFile,
    notes_beside,
    row_of,
)
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError, ProofError
from forest_fire_retrain.core.ledger.checkpoints import (
    PublicKey,
    leaves_of,
    read_keys,
    read_notes,
    sign_checkpoint,
    take_checkpoint,
)
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import Ledger, Signer
from forest_fire_retrain.core.ledger.reigns import reigns_of
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.ledger.witnessing import find_contradiction

STATUS_FILE = "registry_status.parquet"
EXPORT = "forest-fire ledger export"
CHECKPOINT_FILE, PUBLIC_KEY_FILE = "checkpoint.txt", "witness.pub"
STATUS_COLUMNS = {
    "model_name": "VARCHAR",
    "production_version": "INTEGER",
    "updated": "BOOLEAN",
    "training_time": "TIMESTAMPTZ",
    "what_happened": "VARCHAR",
    "quarantined_version": "INTEGER",
}
ROWS_TOGETHER = 4096
"""Rows of a group: fewer make the footer long that every reader reads, more make a row slow to find."""
HEXADECIMAL = re.compile(r"[0-9a-f]+")


def export_ledger(
    entries: Sequence[LedgerEntry], folder: Path, signer: Signer | None = None, tree: MerkleTree | None = None
) -> None:
    """Write the rows, and the tables `registry_status` and `reigns` made of them, for reading without a lock.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    folder : Path
        Where to.
    signer : Signer, optional
        Who signs the checkpoint of these rows, which is written beside them with the public key.
    tree : MerkleTree, optional
        The tree over the rows, where it is made already.

    Raises
    ------
    LedgerError
        If the folder cannot be written; the earlier copy stands then. Or if a row does not hold what its kind needs.
    ProofError
        If the checkpoint cannot be signed; the rows are written then.
    """
    retrainings, reigns = list_retrainings(entries), [row_of(reign) for reign in reigns_of(entries)]
    head = entries[-1].entry_hash if entries else GENESIS_HASH
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_beside(folder / LEDGER_FILE) as beside:
            write_rows(beside, COLUMNS, entries, {"head": fingerprint_text(head)})
        with written_beside(folder / STATUS_FILE) as beside:
            write_rows(beside, STATUS_COLUMNS, retrainings, {})
        with written_beside(folder / REIGNS_FILE) as beside:
            write_rows(beside, REIGN_COLUMNS, reigns, notes_beside(folder / LEDGER_FILE))
        for name, text in _make_checkpoint(entries, signer, tree, _find_replaced_keys(folder)).items():
            with written_beside(folder / name) as beside:
                beside.write_text(text, encoding="utf-8", newline="")
    except (OSError, duckdb.Error) as error:
        msg = (
            f"the ledger's copy in {folder} cannot be written: {error}. The ledger itself is complete; free space or "
            "correct the permissions, then run: forest-fire ledger export"
        )
        raise LedgerError(msg) from error


def _make_checkpoint(
    entries: Sequence[LedgerEntry], signer: Signer | None, tree: MerkleTree | None, replaced: Sequence[PublicKey]
) -> dict[str, str]:
    """Name and text of the files that bear witness; none for a ledger without rows, which has no name yet."""
    if signer is None or not entries:
        return {}
    checkpoint = take_checkpoint(entries, tree)
    try:
        note = sign_checkpoint(checkpoint, signer)
    except ProofError as error:
        msg = f"the ledger and its copy are complete, but the copy's checkpoint is not: {error}; then: {EXPORT}"
        raise ProofError(msg) from error
    key = PublicKey(checkpoint.origin, signer.public_key)
    keys = [key, *(other for other in replaced if other.name == key.name and other.key != key.key)]
    return {CHECKPOINT_FILE: note, PUBLIC_KEY_FILE: "".join(f"{one}\n" for one in keys)}


def _find_replaced_keys(folder: Path) -> list[PublicKey]:
    """Keys that are published: what they signed is checked with them after another one takes their place."""
    try:
        return read_public_keys(folder)
    except ProofError:
        return []  # it is damaged: a new one takes its place


def write_rows(path: Path, columns: dict[str, str], rows: Sequence[object], notes: dict[str, str]) -> None:
    """Write the attributes of `rows` that `columns` names, each a list that is handed over at once."""
    kinds = {name: kind.split()[0] for name, kind in columns.items()}
    selected = ", ".join(f'unnest(CAST(? AS {kind}[])) AS "{name}"' for name, kind in kinds.items())
    values = [[getattr(row, name) for row in rows] for name in kinds]
    with closing(_open()) as connection:
        connection.execute(f"COPY (SELECT {selected}) TO '{_quoted(path)}' ({copy_options(notes)})", values)


def copy_options(notes: dict[str, str]) -> str:
    """How a file of the copy is written; `notes` are hexadecimal digits, which stand in its footer."""
    assert all(HEXADECIMAL.fullmatch(value) for value in notes.values())  # noqa: S101 - they become part of a statement
    noted = ", ".join(f"{name}: '{value}'" for name, value in notes.items())
    return f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_TOGETHER}" + (
        f", KV_METADATA {{{noted}}}" if noted else ""
    )


def _quoted(path: Path) -> str:
    """A path between single quotes: COPY takes no parameter there."""
    return str(path).replace("'", "''")


def _open() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def refresh_export(
    ledger: Ledger, folder: Path, *, signer: Signer | None = None, force: bool = False
) -> list[LedgerEntry]:
    """Bring the copy to the ledger's present rows, under its lock; returns them.

    Raises
    ------
    LedgerTamperedError
        If the copy or its checkpoint is of rows that the ledger lacks or has changed, which makes it a witness; `force`
        overrules it.
    LedgerError
        If the ledger cannot be read or the folder cannot be written.
    ProofError
        If the checkpoint cannot be signed.
    """
    with ledger.exclusive():
        entries = ledger.entries()
        tree = MerkleTree(leaves_of(entries))
        if not force:
            _refuse_to_forget(entries, folder)
            _refuse_to_contradict(entries, tree, folder)
        if not entries:
            _forget_checkpoint(folder)
        export_ledger(entries, folder, signer, tree)
    return entries


def _forget_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of rows that are given up: of none, no new one takes its place."""
    try:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    except OSError as error:
        msg = f"{folder / CHECKPOINT_FILE} cannot be removed: {error.strerror}. Move it away, then: {EXPORT}"
        raise LedgerError(msg) from error


def _refuse_to_forget(entries: Sequence[LedgerEntry], folder: Path) -> None:
    """Refuse to write over a sound copy that knows more than the ledger, or something else."""
    try:
        copied = read_export(folder)
    except LedgerError:
        return  # it is damaged: a new one takes its place
    if [row.entry_hash for row in copied] == [entry.entry_hash for entry in entries[: len(copied)]]:
        return
    if find_first_fault(copied) is None:
        msg = (
            f"the copy in {folder} holds {len(copied)} sound rows that the ledger with its {len(entries)} rows does "
            "not continue: rows were removed or replaced. The copy was kept. Run: forest-fire verify; if the ledger is "
            "right all the same: forest-fire ledger export --force"
        )
        raise LedgerTamperedError(msg)


def _refuse_to_contradict(entries: Sequence[LedgerEntry], tree: MerkleTree, folder: Path) -> None:
    """Refuse to sign what the last checkpoint contradicts."""
    try:
        checkpoints = [note.checkpoint for note in read_notes(read_checkpoint(folder) or "")]
    except ProofError:
        return  # it is damaged, or none was written yet: a new one takes its place
    found = next(filter(None, (find_contradiction(entries, checkpoint, tree) for checkpoint in checkpoints)), None)
    if found is not None:
        msg = (
            f"{folder / CHECKPOINT_FILE}: {found}. Nothing was written or signed. Run: forest-fire verify; if the "
            "ledger is right all the same: forest-fire ledger export --force"
        )
        raise LedgerTamperedError(msg)


def read_checkpoint(folder: Path) -> str | None:
    """The signed checkpoint of the copy, if there is one.

    Raises
    ------
    ProofError
        If the file is there and cannot be read.
    """
    return _read_beside(folder / CHECKPOINT_FILE)


def read_public_keys(folder: Path) -> list[PublicKey]:
    """The published keys, the present one first, then those that it replaced; none if nothing was signed yet.

    Raises
    ------
    ProofError
        If the file is there and cannot be read.
    """
    path = folder / PUBLIC_KEY_FILE
    written = _read_beside(path)
    try:
        return [] if written is None else read_keys(written)
    except ProofError as error:
        msg = f"{path}: {error}. Run: {EXPORT}"
        raise ProofError(msg) from error


def _read_beside(path: Path) -> str | None:
    try:
        return path.read_bytes().decode() if path.exists() else None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Move it away, then: {EXPORT}"
        raise ProofError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is no text; run: {EXPORT}"
        raise ProofError(msg) from error


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
        with closing(_open()) as connection:
            return [entry_of_row(row) for row in connection.execute(sql, [str(path)]).fetchall()]
    except (duckdb.Error, ValidationError) as error:
        fault = " ".join(str(error).split("\n")[:2])
        msg = f"the exported ledger {path} cannot be read: {fault}. Run: forest-fire ledger export"
        raise LedgerError(msg) from error


def refuse_missing_copy(ledger_file: Path, folder: Path) -> None:
    """Refuse to answer from a copy that is not there: it would look as if nothing had ever been decided.

    Raises
    ------
    LedgerError
        If there is a ledger and no copy of it.
    """
    if ledger_file.exists() and not (folder / LEDGER_FILE).exists():
        msg = f"the ledger {ledger_file} has no copy for readers in {folder}. Run: {EXPORT}"
        raise LedgerError(msg)


def open_reigns(folder: Path) -> ReignsFile | FollowedRows:
    """Who was in production when, as the copy tells it: from its reigns, or from all its rows where they lack.

    Raises
    ------
    LedgerError
        If the copy cannot be read.
    """
    reigns = ReignsFile(folder)
    try:
        if reigns.is_current():
            return reigns
    except OSError as error:
        msg = f"the exported ledger in {folder} cannot be read: {error}. Correct the permissions, or run: {EXPORT}"
        raise LedgerError(msg) from error
    with reigns:
        return FollowedRows(read_export(folder))
