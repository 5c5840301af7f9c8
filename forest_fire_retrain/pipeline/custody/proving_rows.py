"""Read the rows again that models were made of and judged on, and hold them against the hashes in the ledger.

A damaged page of a table, and a row of the ledger that was rewritten with its chain, both show here: the hash and the
counts are computed from the lake.
"""

from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, origin_of
from forest_fire_retrain.core.models.model_rows import label_array
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.preparing.reading_training import RowFacts, fingerprint_labelled

RESTORE_LAKE = "restore the lake's folder from a backup; if the lake is right, the ledger: forest-fire ledger restore"
RESTORE_ARTIFACTS = "restore MLflow's artifacts from a backup"
JUDGED = (EntryKind.DECISION, EntryKind.SHADOW_VERDICT)
"""Rows that embed what a model was judged on, besides replays."""
Tell = Callable[[str], None]


def check_rows_of_reigns(
    stores: Stores, state: LedgerState, entries: Sequence[LedgerEntry], n_reigns: int
) -> list[Fault]:
    """Whether the versions of the last `n_reigns` reigns stand on the rows that the ledger says."""
    versions = dict.fromkeys(reign.version for reign in reversed(state.reigns[-n_reigns:]))
    origins = (origin_of(entries, version) for version in versions)
    return [fault for origin in origins if origin is not None for fault in _check(stores, origin)]


def check_rows_of_decisions(stores: Stores, entries: Sequence[LedgerEntry], tell: Tell) -> list[Fault]:
    """Whether every live decision and verdict, and the model it judged, stand on the recorded rows and files.

    Parameters
    ----------
    stores : Stores
        What is read.
    entries : sequence of LedgerEntry
        The model's rows.
    tell : callable
        Told how far it has come.
    """
    decisions = [entry for entry in entries if entry.kind in JUDGED]
    faults = list[Fault]()
    for number, entry in enumerate(decisions, start=1):
        tell(f"decision or verdict {number} of {len(decisions)}, {entry.partition_key}: rows and model")
        faults += _check(stores, entry)
        faults += _check_folder(stores, entry)
    return faults


def _check(stores: Stores, entry: LedgerEntry) -> list[Fault]:
    try:
        payload = read_payload(entry)
    except ValidationError:  # `check_decisions` says so
        return []
    named = f"of the {_name_kind(entry)} of {entry.partition_key} in row {entry.sequence}"
    try:
        other = list(_find_other_rows(stores, payload))
    except ForestFireRetrainError as error:
        other = [f"rows cannot be read: {' '.join(str(error).split()).rstrip('.')}"]
    return [Fault("lake", f"the {what}, {named}", RESTORE_LAKE, repairable=False) for what in other]


def _name_kind(entry: LedgerEntry) -> str:
    return str(entry.kind).replace("_", " ")


def _find_other_rows(stores: Stores, payload: DecisionPayload) -> Iterator[str]:
    candidate, holdout = payload.candidate, payload.holdout
    training = fingerprint_labelled(stores.lake, stores.engine, candidate.snapshot, candidate.windows.training)
    recorded = RowFacts(candidate.n_rows, candidate.n_fires, candidate.training_hash)
    yield from _compare("training rows", training, recorded)
    judged = read_labelled(stores.lake, stores.engine, holdout.snapshot, holdout.windows.holdout)
    found = RowFacts(judged.num_rows, int(label_array(judged).sum()), fingerprint_table(judged))
    yield from _compare("holdout rows", found, RowFacts(holdout.n_rows, holdout.n_fires, holdout.content_hash))
    n_cells = len(judged.column("cell_id").unique())
    if n_cells != holdout.n_cells:
        yield f"holdout rows are of {n_cells} cells, recorded are {holdout.n_cells}"


def _compare(name: str, observed: RowFacts, recorded: RowFacts) -> Iterator[str]:
    if observed != recorded:
        yield f"{name} at the pinned table versions are {_describe(observed)}, recorded are {_describe(recorded)}"


def _describe(facts: RowFacts) -> str:
    return f"{facts.n_rows} with {counted(facts.n_fires, 'fire')} and the hash {facts.sha256[:12]}"


def _check_folder(stores: Stores, entry: LedgerEntry) -> list[Fault]:
    """Whether the model that a decision judged still lies as it was stored, promoted or not."""
    stored = read_payload(entry).candidate.stored
    try:
        stores.models.load(stored)
        other = stores.models.find_other_files(stored)
    except ForestFireRetrainError as error:
        what = " ".join(str(error).split()).rstrip(".")
    else:
        what = f"files are not as recorded: {', '.join(other)}" if other else ""
    named = f"the model of the {_name_kind(entry)} of {entry.partition_key} in row {entry.sequence}"
    return [Fault("model", f"{named}: {what}", RESTORE_ARTIFACTS, repairable=False)] if what else []
