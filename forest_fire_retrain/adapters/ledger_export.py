"""The ledger's lock-free copy: Parquet files and a checkpoint, each written beside and renamed into place.

Rules
-----
- DuckDB alone reads and writes them: whoever only reads waits for no other library.
- The rows come first, in one file and parts behind it (`copied_rows`), what is derived from them after. The reigns say
  beside which files of rows they were made, so that a reader tells those of other rows (`reigns_file`).
- What a run adds is written, not what is there: whoever wants all of it written again asks for that.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb
from pydantic import ValidationError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.copied_rows import (
    Head,
    append_rows,
    open_memory,
    read_hashes,
    read_head,
    read_rows,
    write_rows,
    write_whole,
)
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.adapters.reigns_file import (
    REIGN_COLUMNS,
    REIGNS_FILE,
    FollowedRows,
    ReignsFile,
    notes_beside,
    read_again,
    row_of,
)
from forest_fire_retrain.adapters.status_file import STATUS_FILE, plan_status, write_status
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError, ProofError
from forest_fire_retrain.core.ledger.checkpoints import (
    PublicKey,
    leaves_of,
    read_keys,
    read_notes,
    sign_checkpoint,
    take_checkpoint,
)
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import Ledger, Signer
from forest_fire_retrain.core.ledger.reigns import MOVING, Reign, reigns_of
from forest_fire_retrain.core.ledger.witnessing import find_contradiction

EXPORT = "forest-fire ledger export"
CHECKPOINT_FILE, PUBLIC_KEY_FILE = "checkpoint.txt", "witness.pub"


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
    reigns = reigns_of(entries)
    with closing(open_memory()) as connection:
        write_copy(connection, folder, entries, reigns, sign=lambda: _make_checkpoint(entries, signer, tree, folder))


def write_copy(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    entries: Sequence[LedgerEntry],
    reigns: Sequence[Reign],
    *,
    sign: Callable[[], dict[str, str]],
    head: Head | None = None,
) -> None:
    """Write the files of the copy, the rows first; those behind `head` alone, where the copy ends there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status = plan_status(connection, folder / STATUS_FILE, entries, is_new=head is None)
        is_moved = head is None or any(entry.kind in MOVING for entry in entries[head.last :])
        kept = "" if is_moved else read_again(connection, folder)
        if head is None:
            write_whole(connection, folder, entries)
        elif head.last < len(entries):
            append_rows(connection, folder, entries, head)
        write_status(connection, folder / STATUS_FILE, status)
        with written_beside(folder / REIGNS_FILE) as beside:
            rows = [] if kept else [row_of(reign) for reign in reigns]
            notes = notes_beside(folder / LEDGER_FILE)
            write_rows(connection, beside, REIGN_COLUMNS, rows, notes=notes, before=kept)
        for name, text in sign().items():
            with written_beside(folder / name) as beside:
                beside.write_text(text, encoding="utf-8", newline="")
    except (OSError, duckdb.Error) as error:
        msg = (
            f"the ledger's copy in {folder} cannot be written: {error}. The ledger itself is complete; free space or "
            "correct the permissions, then run: forest-fire ledger export"
        )
        raise LedgerError(msg) from error


def _make_checkpoint(
    entries: Sequence[LedgerEntry], signer: Signer | None, tree: MerkleTree | None, folder: Path
) -> dict[str, str]:
    """Name and text of the files that bear witness; none for a ledger without rows, which has no name yet."""
    if signer is None or not entries:
        return {}
    replaced = _find_replaced_keys(folder)
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


def refresh_export(
    ledger: Ledger, folder: Path, *, signer: Signer | None = None, force: bool = False, is_whole: bool = False
) -> list[LedgerEntry]:
    """Bring the copy to the ledger's present rows, under its lock; returns them.

    Parameters
    ----------
    ledger : Ledger
        Whose rows.
    folder : Path
        Where to.
    signer : Signer, optional
        Who signs the checkpoint.
    force : bool
        Write although the copy knows rows that the ledger lacks.
    is_whole : bool
        Write all rows again, into one file, and not only those that the copy lacks.

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
    with ledger.exclusive(), closing(open_memory()) as connection:
        entries, hashes, head = ledger.entries(), ledger.hashes(), None
        tree = hashes.tree or MerkleTree(leaves_of(entries))
        if not force:
            head = _refuse_to_forget(connection, entries, hashes, folder)
            _refuse_to_contradict(entries, tree, folder)
        if not entries:
            _forget_checkpoint(folder)
        if is_whole or not entries or (entries[0].sequence, entries[-1].sequence) != (1, len(entries)):
            head = None  # rows that are not numbered from 1 on are told by the chain, not by the names of files
        names = sorted({entry.model_name for entry in entries})
        reigns = [reign for name in names for reign in ledger.state(name).succession.reigns_with_sightings()]
        sign = partial(_make_checkpoint, entries, signer, tree, folder)
        write_copy(connection, folder, entries, reigns, sign=sign, head=head)
    return entries


def _forget_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of rows that are given up: of none, no new one takes its place."""
    try:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    except OSError as error:
        msg = f"{folder / CHECKPOINT_FILE} cannot be removed: {error.strerror}. Move it away, then: {EXPORT}"
        raise LedgerError(msg) from error


def _refuse_to_forget(
    connection: duckdb.DuckDBPyConnection, entries: Sequence[LedgerEntry], hashes: KnownHashes, folder: Path
) -> Head | None:
    """Refuse to write over a sound copy that knows more than the ledger, or something else.

    Returns
    -------
    Head, optional
        The end of the copy, which the ledger continues; `None` where all of it has to be written.
    """
    try:
        head = read_head(connection, folder)
        if head is None or (
            head.n_rows == head.last and read_hashes(connection, folder, head) == hashes[: head.n_rows]
        ):
            return head
        copied = read_export(folder)
    except (LedgerError, duckdb.Error):
        return None  # it is damaged: a new one takes its place
    is_continued = [row.entry_hash for row in copied] == hashes[: len(copied)]
    if not is_continued and find_first_fault(copied) is None:
        msg = (
            f"the copy in {folder} holds {len(copied)} sound rows that the ledger with its {len(entries)} rows does "
            "not continue: rows were removed or replaced. The copy was kept. Run: forest-fire verify; if the ledger is "
            "right all the same: forest-fire ledger export --force"
        )
        raise LedgerTamperedError(msg)
    return None


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


def read_export(folder: Path, known: Sequence[LedgerEntry] = ()) -> list[LedgerEntry]:
    """All exported rows in order, of the first file and its parts; none if nothing was exported yet.

    Parameters
    ----------
    folder : Path
        The copy's folder.
    known : sequence of LedgerEntry
        Rows that may be the same; those that are, are these, and cost less.

    Raises
    ------
    LedgerError
        If a file is there and cannot be read, or rows are missing between them.
    """
    try:
        with closing(open_memory()) as connection:
            return read_rows(connection, folder, known)
    except (duckdb.Error, ValidationError) as error:
        fault = " ".join(str(error).split("\n")[:2])
        msg = f"the exported ledger {folder / LEDGER_FILE} cannot be read: {fault}. Run: forest-fire ledger export"
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
