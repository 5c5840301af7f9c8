"""Commands that a person intervenes with; each writes a ledger row and then the copy that readers see."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import refresh_export
from forest_fire_retrain.cli.console import out, print_json, stamp_now
from forest_fire_retrain.core.errors import ForestFireRetrainError, LedgerError
from forest_fire_retrain.core.ports import Ledger
from forest_fire_retrain.pipeline.freezing import clear_labels, freeze, unfreeze, window_of_days
from forest_fire_retrain.settings import Settings


def roll_champion_back(settings: Settings, to_version: int | None, reason: str, freeze_until: dt.date | None) -> None:
    """Take an earlier version back into production.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; the message says whether anything was changed.
    """
    from forest_fire_retrain.installation import build_installation  # noqa: PLC0415 - imports every adapter
    from forest_fire_retrain.pipeline.rolling_back import roll_back  # noqa: PLC0415 - imports scikit-learn

    installation = build_installation(settings)
    with _shown_to_readers(settings, installation.ledger):
        done = roll_back(
            installation.stores,
            settings.model_name,
            to_version=to_version,
            reason=reason,
            freeze_until=freeze_until,
            stamp=stamp_now(),
        )
    out.print(f"Version {done.to_version} is champion, version {done.from_version} is quarantined.", markup=False)
    if done.frozen_until is None:
        out.print("Promotions are not frozen: a later candidate may win again. See: forest-fire freeze")
    else:
        out.print(f"Promotions are frozen until {done.frozen_until}.")


def freeze_promotions(settings: Settings, until: dt.date, reason: str) -> None:
    """Keep the champion until a day."""
    ledger = open_ledger(settings)
    with _shown_to_readers(settings, ledger):
        entry = freeze(ledger, settings.model_name, until=until, reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def unfreeze_promotions(settings: Settings, reason: str) -> None:
    """Lift the freeze."""
    ledger = open_ledger(settings)
    with _shown_to_readers(settings, ledger):
        entry = unfreeze(ledger, settings.model_name, reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def clear_suspect_labels(settings: Settings, first: dt.date, last: dt.date, reason: str) -> None:
    """Vouch for the fire reports from `first` to `last`, both included."""
    ledger, window = open_ledger(settings), window_of_days(first, last)
    with _shown_to_readers(settings, ledger):
        entry = clear_labels(ledger, settings.model_name, window=window, reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def verify_all(settings: Settings, *, with_repair: bool, as_json: bool) -> None:
    """Print every fault, one line each; exit code 1 if one remains.

    Raises
    ------
    typer.Exit
        With code 1, if a fault remains.
    """
    from forest_fire_retrain.defs.inspecting import find_faults, repair_faults  # noqa: PLC0415 - imports scikit-learn
    from forest_fire_retrain.installation import build_installation  # noqa: PLC0415 - imports every adapter

    installation, stamp = build_installation(settings), stamp_now()
    faults = find_faults(installation, stamp)
    repaired = repair_faults(installation, faults, stamp) if with_repair else None
    if repaired is not None:
        faults = find_faults(installation, stamp)
    if as_json:
        done = None if repaired is None else repaired.summary
        print_json({"faults": [fault._asdict() for fault in faults], "repaired": done})
    else:
        for line in [repaired.summary] if repaired is not None else []:
            out.print(line, markup=False)
        for fault in faults:
            out.print(str(fault), markup=False)
        if not faults:
            out.print("No fault: ledger, registry, copy, models and lake agree.")
    if faults:
        raise typer.Exit(1)


def open_ledger(settings: Settings) -> DuckDbLedger:
    """The installation's ledger alone, without the rest of it."""
    return DuckDbLedger(settings.ledger_file, patience_seconds=settings.ledger_patience_seconds)


@contextmanager
def _shown_to_readers(settings: Settings, ledger: Ledger) -> Iterator[None]:
    """Write the copy at the end, also if the command failed half-way; not if the ledger itself is the fault."""
    try:
        yield
    except LedgerError:
        raise
    except ForestFireRetrainError:
        refresh_export(ledger, settings.export_folder)
        raise
    refresh_export(ledger, settings.export_folder)
