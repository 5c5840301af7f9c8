"""Copy the ledger to a file and take a copy back: whole, verified, and never over what knows more.

Rules
-----
- A backup is taken while nobody writes, and its chain is recomputed before it gets its name.
- A backup whose chain is broken is never restored. One that does not continue what the ledger (or, where
  that cannot be read, its exported copy) holds is restored by force only.
- The ledger that is replaced is kept beside; until the very end it is also in its place, with the rows that a killed
  writer left in the log beside it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError, RefusedRequestError
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault, first_difference

PATIENCE_SECONDS = 5.0


class Restoration(NamedTuple):
    """What a restore did.

    Attributes
    ----------
    n_rows, n_rows_before : int
        Rows now, and rows that could be read before.
    kept_as : Path, optional
        The replaced ledger; `None` if there was none.
    """

    n_rows: int
    n_rows_before: int
    kept_as: Path | None


def back_up(ledger: DuckDbLedger, target: Path) -> int:
    """Write a consistent, verified copy of the ledger to `target`; returns its number of rows.

    Raises
    ------
    RefusedRequestError
        If `target` is there already, or its folder is not.
    LedgerTamperedError
        If the ledger's chain is broken.
    LedgerError
        If there is no ledger, or the copy cannot be written.
    """
    if target.exists():
        msg = f"{target} is there already; nothing was written. Choose another name"
        raise RefusedRequestError(msg)
    if not target.parent.is_dir():
        msg = f"{target} cannot be written: there is no folder {target.parent}; make it, or mount what it lies on"
        raise RefusedRequestError(msg)
    with ledger.at_rest() as path, _placed(target) as beside:
        entries = ledger.read_afresh()
        _refuse_broken(entries, path)
        shutil.copyfile(path, beside)
        if read_backup(beside) != entries:
            msg = f"the copy of {path} does not read back as it was written; it was removed. Check the disk"
            raise LedgerError(msg)
    return len(entries)


def read_backup(backup: Path) -> list[LedgerEntry]:
    """All rows of a backup.

    Raises
    ------
    LedgerError
        If there is no such file, or it is no ledger.
    """
    if not backup.is_file():
        msg = f"there is no backup at {backup}; nothing was changed"
        raise LedgerError(msg)
    return DuckDbLedger(backup, patience_seconds=PATIENCE_SECONDS).entries()


def restore(
    ledger: DuckDbLedger,
    backup: Path,
    *,
    keep_as: Path,
    read_copy: Callable[[], list[LedgerEntry]],
    force: bool,
) -> Restoration:
    """Put a backup in the ledger's place, keeping what was there beside.

    Parameters
    ----------
    ledger : DuckDbLedger
        The ledger to replace.
    backup : Path
        A file that `back_up` wrote.
    keep_as : Path
        Name for the replaced ledger.
    read_copy : callable
        Reads the exported copy, which says what was known where the ledger itself cannot be read.
    force : bool
        Restore even what does not continue the rows that are known.

    Raises
    ------
    RefusedRequestError
        If the backup does not continue the known rows and `force` is not given.
    LedgerTamperedError
        If the backup's chain is broken.
    LedgerError
        If a file cannot be read or written.
    """
    rows = read_backup(backup)
    _refuse_broken(rows, backup)
    with ledger.exclusive(), _placed(ledger.path) as beside:
        known = _known_rows(ledger, list if force else read_copy)
        if not force:
            _refuse_other(rows, known, backup)
        shutil.copyfile(backup, beside)
        with suppress(LedgerError), ledger.at_rest():
            pass  # its log goes into it, where it can be read: `_keep` moves the log before the file is replaced
        is_kept = _keep(ledger.path, keep_as)
    return Restoration(len(rows), len(known), keep_as if is_kept else None)


def _known_rows(ledger: DuckDbLedger, read_copy: Callable[[], list[LedgerEntry]]) -> list[LedgerEntry]:
    """Rows of the ledger, or of its copy where the ledger cannot be read, is not there, or lost its newest rows."""
    try:
        rows = ledger.entries()
    except LedgerLockedError:
        raise
    except LedgerError:
        rows = []
    if not rows:
        return read_copy()
    try:
        copied = read_copy()
    except LedgerError:
        return rows
    has_more = len(copied) > len(rows) and copied[: len(rows)] == rows and find_first_fault(copied) is None
    return copied if has_more else rows


def _keep(path: Path, keep_as: Path) -> bool:
    """Copy the ledger, and move its write-ahead log away: it must not be applied to another file."""
    if not path.exists():
        return False
    with written_beside(keep_as) as beside:
        shutil.copyfile(path, beside)
    log = path.with_name(path.name + ".wal")
    if log.exists():
        log.replace(keep_as.with_name(keep_as.name + ".wal"))
    return True


def _refuse_broken(rows: Sequence[LedgerEntry], path: Path) -> None:
    fault = find_first_fault(rows)
    if fault is not None:
        msg = f"{path}: {fault}; nothing was written. Run: forest-fire verify"
        raise LedgerTamperedError(msg)


def _refuse_other(rows: Sequence[LedgerEntry], known: Sequence[LedgerEntry], backup: Path) -> None:
    other = first_difference(rows[: len(known)], known)
    if other is None:
        return
    is_short = other > len(rows)
    what = f"ends at row {len(rows)}, but {len(known)} rows are known" if is_short else f"differs from row {other} on"
    msg = f"the backup {backup} {what}; nothing was changed. If it is right nevertheless, add: --force"
    raise RefusedRequestError(msg)


@contextmanager
def _placed(target: Path) -> Iterator[Path]:
    """A name to write `target` under; a disk's refusal is a ledger's error."""
    try:
        with written_beside(target) as beside:
            yield beside
    except OSError as error:
        msg = f"{target} cannot be written: {error}. Nothing was changed; free disk space or correct the permissions"
        raise LedgerError(msg) from error
