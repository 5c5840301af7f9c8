"""Verify, repair and publish one installation: for the asset checks, the launchpad's jobs and the command line."""

from forest_fire_retrain.adapters.ledger_export import read_export, refresh_export
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger_entries import LedgerEntry, Stamp
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.comparing_registry import Fault
from forest_fire_retrain.pipeline.promoting import note_alias
from forest_fire_retrain.pipeline.repairing import repair
from forest_fire_retrain.pipeline.verifying import verify


def find_faults(installation: Installation, stamp: Stamp) -> list[Fault]:
    """Every fault of an installation; an alias that was moved by hand is recorded in the ledger as external.

    Raises
    ------
    LedgerLockedError
        If another process holds the ledger too long.
    """
    settings = installation.settings
    faults = verify(
        installation.stores,
        settings.model_name,
        rollback_horizon=settings.rollback_horizon,
        read_copy=lambda: read_export(settings.export_folder),
    )
    if all(fault.repairable or fault.where != "ledger" for fault in faults):
        _note_alias(installation, faults, stamp)
    return faults


def repair_faults(installation: Installation, faults: list[Fault], stamp: Stamp) -> LedgerEntry | None:
    """Carry out what is safe; the ledger row that records it, if there was anything to do."""
    name = installation.settings.model_name
    return repair(installation.stores, name, faults, stamp, rewrite_copy=lambda: publish(installation))


def publish(installation: Installation, *, force: bool = False) -> list[LedgerEntry]:
    """Bring the ledger's exported copy to its present rows, which are returned."""
    return refresh_export(installation.ledger, installation.settings.export_folder, force=force)


def _note_alias(installation: Installation, faults: list[Fault], stamp: Stamp) -> None:
    try:
        noted = note_alias(installation.ledger, installation.registry, installation.settings.model_name, stamp)
    except RegistryError:  # it is among the faults that it cannot be asked
        return
    if noted is not None and not any(fault.where == "copy" for fault in faults):
        publish(installation)
