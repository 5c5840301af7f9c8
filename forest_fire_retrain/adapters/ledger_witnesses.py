"""Refuse to write a ledger that its exported copy, or the checkpoint beside it, knows more of.

Rules
-----
- The copy's last row and the checkpoint's root are compared with the ledger's row hashes: neither needs a payload.
- What bears witness is read first: rows that are appended and exported meanwhile are no contradiction.
- The end of a copy is read again only when its files look otherwise than they did.
- A copy that is damaged, or older than the ledger, says nothing against it. A checkpoint does, whoever signed it:
  publishing would refuse it too, but only after the row was written.
"""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import duckdb

from forest_fire_retrain.adapters.copied_rows import Head, list_parts, open_memory, read_head
from forest_fire_retrain.adapters.ledger_export import CHECKPOINT_FILE, read_checkpoint, read_export
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError, ProofError
from forest_fire_retrain.core.ledger.checkpoints import Checkpoint, read_notes
from forest_fire_retrain.core.ledger.entries import find_first_fault
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.witnessing import contradiction_of

WAYS_OUT = (
    "Nothing was written. Run: forest-fire verify; put the rows back with: forest-fire ledger restore BACKUP; if the "
    "ledger is right all the same: forest-fire ledger export --force"
)

ReadHashes = Callable[[], KnownHashes]
Looks = tuple[tuple[str, int, int, int], ...]

_heads: dict[Path, tuple[Looks, Head | None]] = {}
"""By the copy's folder: what its files looked like, and its end."""


def witnesses_in(folder: Path) -> Callable[[Path, ReadHashes], None]:
    """What holds a ledger's hashes against the copy in `folder`; see `refuse_lost_rows`."""
    return partial(refuse_lost_rows, folder)


def refuse_lost_rows(folder: Path, ledger_file: Path, read_hashes: ReadHashes) -> None:
    """Refuse a ledger that does not continue its copy and the newest checkpoint.

    Parameters
    ----------
    folder : Path
        Where the copy is.
    ledger_file : Path
        The ledger's file, which the message names.
    read_hashes : callable
        Reads the hashes of the ledger's rows in order; none if there is no ledger.

    Raises
    ------
    LedgerTamperedError
        If rows that were exported or signed are not in the ledger.
    LedgerError
        If the ledger cannot be read.
    """
    head, checkpoints = _read_head(folder), _read_checkpoints(folder)
    if head is None and not checkpoints:
        return
    hashes = read_hashes()
    found = _find_lost(hashes, head, folder) or _find_contradicted(hashes, checkpoints, folder)
    if found is not None:
        gone = "" if ledger_file.exists() else f"the ledger {ledger_file} is gone: "
        msg = f"{gone}{found}. {WAYS_OUT}"
        raise LedgerTamperedError(msg)


def count_copied_rows(folder: Path) -> int:
    """How many rows the copy in `folder` has; 0 where there is none, or none that can be read."""
    head = _read_head(folder)
    return 0 if head is None else head.n_rows


def _read_head(folder: Path) -> Head | None:
    """The end of the copy; `None` where there is none, or none that can be read."""
    looks = _look_at(folder)
    if folder not in _heads or _heads[folder][0] != looks:
        _heads[folder] = looks, _read_head_afresh(folder) if looks else None
    return _heads[folder][1]


def _look_at(folder: Path) -> Looks:
    """What the files of the copy look like before they are read; nothing if there are none."""
    found = []
    for path in (folder / LEDGER_FILE, *(part.path for part in list_parts(folder))):
        with suppress(FileNotFoundError):
            seen = path.stat()
            found.append((path.name, seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(found)


def _read_head_afresh(folder: Path) -> Head | None:
    try:
        with closing(open_memory()) as connection:
            return read_head(connection, folder)
    except (duckdb.Error, LedgerError):
        return None  # it is damaged: a new one takes its place


def _read_checkpoints(folder: Path) -> list[Checkpoint]:
    try:
        return [note.checkpoint for note in read_notes(read_checkpoint(folder) or "")]
    except ProofError:
        return []  # it is damaged, or none was written yet: a new one takes its place


def _find_lost(hashes: Sequence[str], head: Head | None, folder: Path) -> str | None:
    """What the copy holds that the ledger does not, if the copy is sound."""
    if head is None or (head.n_rows <= len(hashes) and hashes[head.n_rows - 1] == head.last_hash):
        return None
    try:
        copied = read_export(folder)
    except LedgerError:
        return None
    if find_first_fault(copied) is not None:
        return None
    known = [row.entry_hash for row in copied]
    place = next((n for n, (one, other) in enumerate(zip(known, hashes, strict=False), start=1) if one != other), None)
    what = f"rows {len(hashes) + 1} to {len(known)} are missing" if place is None else f"it differs from row {place} on"
    return (
        f"the copy in {folder} holds sound rows up to row {len(known)} that the ledger with its {len(hashes)} does "
        f"not continue: {what}"
    )


def _find_contradicted(hashes: KnownHashes, checkpoints: Sequence[Checkpoint], folder: Path) -> str | None:
    if not checkpoints:
        return None
    tree = hashes.tree
    if tree is None:
        return "the ledger holds hashes that are none"
    first = hashes[0] if hashes else None
    found = next(filter(None, (contradiction_of(first, checkpoint, tree) for checkpoint in checkpoints)), None)
    return None if found is None else f"{folder / CHECKPOINT_FILE}: {found}"
