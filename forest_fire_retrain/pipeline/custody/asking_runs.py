"""What the tracking runs know of the ledger: each candidate's run keeps the checkpoint of the rows up to its decision.

They are in another store than the ledger and its copy, so that these two cannot be taken back or rewritten together
without contradicting them.
"""

from collections.abc import Callable, Sequence

from forest_fire_retrain.core.errors import LedgerTamperedError, ProofError, TrackingError
from forest_fire_retrain.core.ledger.checkpoints import read_notes
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.known_elsewhere import (
    KeptCheckpoint,
    describe_contradicted,
    find_contradicted,
    leave_out_restored,
)
from forest_fire_retrain.core.models.ports import Tracker
from forest_fire_retrain.pipeline.custody.comparing_registry import RESTORE, Fault

CHECKPOINT_TAG = "ledger_checkpoint"
N_RUNS = 20
"""Each checkpoint covers all rows before it, so that the newest ones say all there is to say."""
WAY_OUT = f"if the ledger is right all the same, delete the tag {CHECKPOINT_TAG} of that run in MLflow"


def check_runs(kept: Sequence[KeptCheckpoint], entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Where the ledger does not continue what the runs keep; one fault for all of them."""
    return _describe(kept, [entry.entry_hash for entry in entries], lambda: entries)


class RunsBearWitness:
    """Refuses a ledger that lost rows which the tracking runs know; they are asked once, before the first row.

    Parameters
    ----------
    tracker : Tracker
        Who is asked. Where it does not answer it says nothing: nobody can train or decide without it either.
    read_entries : callable
        Reads all rows, where that matters.
    """

    def __init__(self, tracker: Tracker, read_entries: Callable[[], Sequence[LedgerEntry]]) -> None:
        self._tracker = tracker
        self._read_entries = read_entries
        self._is_continued = False

    def __call__(self, _ledger_file: object, read_hashes: Callable[[], Sequence[str]]) -> None:
        """Refuse, or let through.

        Raises
        ------
        LedgerTamperedError
            If the ledger does not continue what a run keeps.
        """
        if self._is_continued:
            return
        try:
            kept = read_kept_by_runs(self._tracker)
        except TrackingError:
            return
        for fault in _describe(kept, read_hashes(), self._read_entries) if kept else []:
            msg = f"{fault.what}. Nothing was written. Run: forest-fire verify; {fault.repair}"
            raise LedgerTamperedError(msg)
        self._is_continued = True


def read_kept_by_runs(tracker: Tracker) -> list[KeptCheckpoint]:
    """What the newest runs keep; a tag that is no checkpoint says nothing.

    Raises
    ------
    TrackingError
        If the tracking installation cannot be asked.
    """
    kept = []
    for run in tracker.list_tagged_runs(CHECKPOINT_TAG, limit=N_RUNS):
        try:
            checkpoints = [note.checkpoint for note in read_notes(run.value)]
        except ProofError:
            continue
        kept += [KeptCheckpoint(f"the MLflow run {run.run_id}", run.started_at, one) for one in checkpoints]
    return kept


def _describe(
    kept: Sequence[KeptCheckpoint], hashes: Sequence[str], read_entries: Callable[[], Sequence[LedgerEntry]]
) -> list[Fault]:
    contradicted = find_contradicted(hashes, kept)
    if contradicted:
        contradicted = leave_out_restored(read_entries(), contradicted)
    if not contradicted:
        return []
    what = describe_contradicted(max(contradicted, key=lambda one: one.checkpoint.size), len(hashes))
    return [Fault("ledger", what, f"{RESTORE}; {WAY_OUT}", repairable=False)]
