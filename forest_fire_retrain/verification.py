"""Verify an installation, repair what is safe, and note what was found; whoever asks comes through here.

Rules
-----
- Faults are found by the pure comparisons of `pipeline/custody`; here are the places that they compare.
- What a verification found is noted beside the ledger's copy, where `status` reads it; it is no row of the ledger.
"""

from collections.abc import Callable, Sequence
from functools import partial

from forest_fire_retrain.adapters.ledger_export import (
    EXPORT,
    read_checkpoint,
    read_export,
    read_public_keys,
)
from forest_fire_retrain.adapters.ledger_witnesses import count_copied_rows
from forest_fire_retrain.adapters.reigns_file import read_reigns
from forest_fire_retrain.adapters.status_file import read_status
from forest_fire_retrain.adapters.upkeep_notes import keep_verification
from forest_fire_retrain.adapters.witness_key import is_signed
from forest_fire_retrain.core.errors import (
    ProofError,
    RegistryError,
    TrackingError,
)
from forest_fire_retrain.core.ledger.clocks import describe_backward_rows
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.oversight.notes import Verification
from forest_fire_retrain.installation import Installation, PublishedLedger
from forest_fire_retrain.operations import publish
from forest_fire_retrain.pipeline.custody import repairing, verifying
from forest_fire_retrain.pipeline.custody.asking_runs import check_runs, read_kept_by_runs
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.promoting import note_alias
from forest_fire_retrain.pipeline.custody.witnessing import check_completeness, check_own_checkpoint, check_signature

WHEN_MENDED = "correct that, then: forest-fire verify"


def find_faults(installation: Installation, stamp: Stamp, *, tell: Callable[[str], None] | None = None) -> list[Fault]:
    """Every fault of an installation; an alias that was moved by hand is recorded in the ledger as external.

    What was found is noted beside the ledger's copy.

    Parameters
    ----------
    installation : Installation
        What is looked at.
    stamp : Stamp
        Who asks, and when.
    tell : callable, optional
        Told how far it has come; where it is given, all pinned rows and all models are read.

    Raises
    ------
    LedgerLockedError
        If another process holds the ledger too long.
    """
    settings = installation.settings
    faults = verifying.verify(
        installation.stores,
        settings.model_name,
        rollback_horizon=settings.rollback_horizon,
        read_copy=lambda rows: read_export(settings.export_folder, rows),
        read_reigns=lambda: read_reigns(settings.export_folder),
        read_status=lambda: read_status(settings.export_folder),
        check_kept=partial(_check_kept, installation),
        tell=tell,
    )
    if all(fault.repairable or fault.where != "ledger" for fault in faults):
        _note_alias(installation, faults, stamp)
    note_verification(installation, faults, stamp)
    return faults


def note_verification(installation: Installation, faults: Sequence[Fault], stamp: Stamp) -> None:
    """Note what a `verify` found, for `status`; `find_faults` does, whoever knows of more faults does it again."""
    note = Verification.of([str(fault) for fault in faults], stamp.recorded_at)
    keep_verification(installation.settings.export_folder, note)


def _check_kept(installation: Installation, entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Which checkpoints the rows do not continue, or are gone: that beside the copy, those that tracking runs keep."""
    beside = check_exported_checkpoint(installation.published_ledger, entries)
    try:
        kept = read_kept_by_runs(installation.tracker)
    except TrackingError as error:
        return [*beside, Fault("tracking", f"could not be checked: {error}", WHEN_MENDED, repairable=False)]
    return [*beside, *_check_completeness(installation, is_kept_by_runs=bool(kept)), *check_runs(kept, entries)]


def _check_completeness(installation: Installation, *, is_kept_by_runs: bool) -> list[Fault]:
    folder = installation.settings.export_folder
    try:
        written, keys = read_checkpoint(folder), read_public_keys(folder)
    except ProofError:  # `check_exported_checkpoint` says so
        return []
    return check_completeness(written, count_copied_rows(folder), is_expected=is_kept_by_runs or bool(keys))


def describe_clocks(installation: Installation) -> str | None:
    """What there is to say of clocks that were set back in the ledger's past, which is no fault; see `clocks`."""
    return describe_backward_rows(installation.ledger.entries())


def check_exported_checkpoint(published: PublishedLedger, entries: Sequence[LedgerEntry]) -> list[Fault]:
    """What is wrong with the checkpoint beside the ledger's copy: its rows, its signature, the published key.

    Parameters
    ----------
    published : PublishedLedger
        Whose copy.
    entries : sequence of LedgerEntry
        All rows of the ledger.
    """
    try:
        written = read_checkpoint(published.export_folder)
        keys = read_public_keys(published.export_folder)
    except ProofError as error:
        return [Fault("copy", str(error), EXPORT, repairable=False)]
    try:
        own = published.signer.public_key
    except ProofError:  # whoever may not sign may check all the same
        own = None
    return [*check_own_checkpoint(entries, written), *check_signature(written, keys, own, is_signed)]


def repair_faults(installation: Installation, faults: list[Fault], stamp: Stamp) -> LedgerEntry | None:
    """Carry out what is safe; the ledger row that records it, if there was anything to do."""
    published = installation.published_ledger
    return repairing.repair(
        installation.stores, published.model_name, faults, stamp, rewrite_copy=lambda: publish(published, is_whole=True)
    )


def _note_alias(installation: Installation, faults: list[Fault], stamp: Stamp) -> None:
    try:
        noted = note_alias(installation.ledger, installation.registry, installation.settings.model_name, stamp)
    except RegistryError:  # it is among the faults that it cannot be asked
        return
    if noted is not None and not any(fault.where == "copy" for fault in faults):
        publish(installation.published_ledger)
