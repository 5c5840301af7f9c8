"""`forest-fire ledger`: the ledger as files: backup, restore, the copy for readers."""

from pathlib import Path

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_backup import back_up, read_backup, restore
from forest_fire_retrain.adapters.ledger_export import read_export, refresh_export
from forest_fire_retrain.cli.console import out, stamp_now
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError
from forest_fire_retrain.core.ledger.drafts import draft_restoration
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import RestorationPayload
from forest_fire_retrain.installation import build_signer
from forest_fire_retrain.settings import Settings


def back_ledger_up(settings: Settings, target: Path) -> None:
    """Write a consistent copy of the ledger, and verify it."""
    n_rows = back_up(_open_file(settings), target.resolve())
    out.print(f"{counted(n_rows, 'row')} backed up in {target}, the chain verified.", markup=False)


def restore_ledger(settings: Settings, backup: Path, *, force: bool) -> None:
    """Put a backup in the ledger's place, and write into it that this was done; ordered again, it stays done."""
    ledger, stamp = _open_file(settings), stamp_now()
    keep_as = ledger.path.with_name(f"{ledger.path.name}.replaced-{stamp.recorded_at:%Y%m%dT%H%M%SZ}")
    with ledger.exclusive():
        row = _find_restoration(ledger, backup.resolve())
        if row is not None:
            refresh_export(ledger, settings.export_folder, signer=build_signer(settings), force=force)
            out.print(
                f"The ledger is restored already, row {row.sequence} says so. Run: forest-fire verify", markup=False
            )
            return
        done = restore(
            ledger,
            backup.resolve(),
            keep_as=keep_as,
            read_copy=lambda: read_export(settings.export_folder),
            force=force,
        )
        kept_as = None if done.kept_as is None else done.kept_as.name
        payload = RestorationPayload(
            backup=backup.name, rows=done.n_rows, rows_before=done.n_rows_before, kept_as=kept_as
        )
        champion = ledger.state(settings.model_name).champion
        ledger.append(draft_restoration(payload, model_name=settings.model_name, champion=champion, stamp=stamp))
        refresh_export(ledger, settings.export_folder, signer=build_signer(settings), force=force)
    kept = "" if kept_as is None else f" What was there before is kept as {kept_as}."
    out.print(
        f"The ledger holds the {counted(done.n_rows, 'row')} of the backup.{kept} Run: forest-fire verify", markup=False
    )


def export_copy(settings: Settings, *, force: bool) -> None:
    """Write the lock-free copy again."""
    signer = build_signer(settings)
    rows = refresh_export(_open_file(settings), settings.export_folder, signer=signer, force=force, is_whole=True)
    out.print(f"{counted(len(rows), 'row')} exported to {settings.export_folder}.", markup=False)


def _find_restoration(ledger: DuckDbLedger, backup: Path) -> LedgerEntry | None:
    """The row of a restoration from this backup, if nothing was written after it."""
    try:
        rows = ledger.entries()
    except LedgerLockedError:
        raise
    except LedgerError:  # it cannot be read, which is what a backup is for
        return None
    last = rows[-1] if rows else None
    if last is None or last.kind is not EntryKind.REPAIR or f"from the backup {backup.name} with" not in last.summary:
        return None
    restored = read_backup(backup)
    behind = [row for row in rows[len(restored) :] if row.kind is not EntryKind.MIGRATION]
    return last if behind == [last] and rows[: len(restored)] == restored else None


def _open_file(settings: Settings) -> DuckDbLedger:
    """The ledger as the file it is: a backup is a copy of that file."""
    return DuckDbLedger(settings.ledger_file, patience_seconds=settings.ledger_patience_seconds)
