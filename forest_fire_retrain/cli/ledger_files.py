"""`forest-fire ledger`: the ledger as files: backup, restore, the copy for readers."""

from pathlib import Path

from forest_fire_retrain.adapters.ledger_backup import Restoration, back_up, restore
from forest_fire_retrain.adapters.ledger_export import read_export, refresh_export
from forest_fire_retrain.cli.console import out, stamp_now
from forest_fire_retrain.cli.repairing import open_ledger
from forest_fire_retrain.core.fingerprints import canonical_json
from forest_fire_retrain.core.ledger_entries import EntryDraft, EntryKind, Stamp
from forest_fire_retrain.core.ledger_state import fold
from forest_fire_retrain.settings import Settings


def back_ledger_up(settings: Settings, target: Path) -> None:
    """Write a consistent copy of the ledger, and verify it."""
    n_rows = back_up(open_ledger(settings), target.resolve())
    out.print(f"{n_rows} row(s) are backed up in {target}, their chain verified.", markup=False)


def restore_ledger(settings: Settings, backup: Path, *, force: bool) -> None:
    """Put a backup in the ledger's place, and write into it that this was done."""
    ledger, stamp = open_ledger(settings), stamp_now()
    keep_as = ledger.path.with_name(f"{ledger.path.name}.replaced-{stamp.recorded_at:%Y%m%dT%H%M%SZ}")
    with ledger.exclusive():
        done = restore(
            ledger,
            backup.resolve(),
            keep_as=keep_as,
            read_copy=lambda: read_export(settings.export_folder),
            force=force,
        )
        champion = fold(ledger.entries(settings.model_name)).champion
        ledger.append(_draft(done, champion, backup.name, settings.model_name, stamp))
        refresh_export(ledger, settings.export_folder, force=force)
    kept = "" if done.kept_as is None else f" What was there before is kept as {done.kept_as.name}."
    out.print(f"The ledger holds the {done.n_rows} row(s) of the backup.{kept} Run: forest-fire verify", markup=False)


def export_copy(settings: Settings, *, force: bool) -> None:
    """Write the lock-free copy again."""
    n_rows = len(refresh_export(open_ledger(settings), settings.export_folder, force=force))
    out.print(f"{n_rows} row(s) are exported to {settings.export_folder}.", markup=False)


def _draft(done: Restoration, champion: int | None, backup: str, model_name: str, stamp: Stamp) -> EntryDraft:
    kept = None if done.kept_as is None else done.kept_as.name
    payload = {"backup": backup, "rows": done.n_rows, "rows_before": done.n_rows_before, "kept_as": kept}
    return EntryDraft(
        kind=EntryKind.REPAIR,
        model_name=model_name,
        summary=f"The ledger was restored from the backup {backup} with its {done.n_rows} row(s); "
        f"{done.n_rows_before} could be read before.",
        champion_before=champion,
        champion_after=champion,
        payload_json=canonical_json(payload),
        **stamp._asdict(),
    )
