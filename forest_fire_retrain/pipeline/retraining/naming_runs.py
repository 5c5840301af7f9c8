"""Name a candidate's tracking run by its period and what came of it, once that is known.

A run that was cut between its decision and its name is named when the same period is asked for again. One whose
candidate was in shadow is named again when that is over.
"""

from collections.abc import Callable, Sequence

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.shadow_times import list_ended, shadow_until_of
from forest_fire_retrain.core.models.ports import Tracker
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication

Origin = Callable[[str], str]
NOTE_TAG = "mlflow.note.content"
"""What MLflow shows as a run's description, in Markdown."""
WORDS = {
    Outcome.PROMOTED: "promoted",
    Outcome.KEPT: "kept",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.REJECTED_BY_GUARDRAIL: "rejected by a guardrail",
}


def name_runs(tracker: Tracker, adjudication: Adjudication, candidate: Candidate, origin: Origin) -> None:
    """Name the run of the candidate that was asked about, and of the one that was decided on before.

    Parameters
    ----------
    tracker : Tracker
        Where the runs are.
    adjudication : Adjudication
        What came of the period.
    candidate : Candidate
        The candidate that was asked about.
    origin : callable
        Where the orchestrator shows a run of its own, by the row's `dagster_run_id`, in Markdown.

    Raises
    ------
    TrackingError
        If a run cannot be written; the decision stands.
    """
    entry, own = adjudication.entry, candidate.stored.mlflow_run_id
    if own != entry.mlflow_run_id:
        again = f"Decided before, in row {entry.sequence} of the ledger: nothing new was decided."
        tags = {**_tag(entry, Standing.EXISTING), NOTE_TAG: again}
        tracker.name_run(own, f"{entry.partition_key} again (decided before)", tags)
    if entry.mlflow_run_id is not None:
        standing = Standing.REPLAY if entry.kind is EntryKind.REPLAY else Standing.LIVE
        note = "\n\n".join([entry.summary, *([origin(entry.dagster_run_id)] if entry.dagster_run_id else [])])
        tracker.name_run(entry.mlflow_run_id, name_decided(entry), {**_tag(entry, standing), NOTE_TAG: note})


def name_decided(entry: LedgerEntry) -> str:
    """The name of the run of a candidate that was decided on: period and outcome, or that it is a replay."""
    if entry.kind is EntryKind.REPLAY or entry.outcome is None:
        return f"{entry.partition_key} replay"
    until = shadow_until_of(entry)
    if until is not None:
        return f"{entry.partition_key} in shadow until {until}"
    if entry.outcome is Outcome.PROMOTED:
        return f"{entry.partition_key} {WORDS[entry.outcome]}"
    left = "no champion yet" if entry.champion_before is None else "champion stays"
    return f"{entry.partition_key} {WORDS[entry.outcome]} ({left})"


def name_ended_shadows(
    tracker: Tracker, entries: Sequence[LedgerEntry], *, behind: int, also: str | None = None
) -> None:
    """Name the runs of candidates whose shadow time is over by how it ended.

    Parameters
    ----------
    tracker : Tracker
        Where the runs are.
    entries : sequence of LedgerEntry
        All rows of the model.
    behind : int
        Only those whose shadow time a later row than this one ended.
    also : str, optional
        And the one of this decision.

    Raises
    ------
    TrackingError
        If a run cannot be written; what was decided stands.
    """
    decisions = {row.decision_id: row for row in entries if row.kind is EntryKind.DECISION}
    for decision_id, end in list_ended(entries).items():
        run_id = decisions[decision_id].mlflow_run_id
        if run_id is not None and (end.sequence > behind or decision_id == also):
            tracker.name_run(run_id, name_ended(decisions[decision_id], end), {})


def name_ended(decision: LedgerEntry, end: LedgerEntry) -> str:
    """The name of the run of a candidate whose shadow time a row ended."""
    if end.outcome is Outcome.PROMOTED:
        return f"{decision.partition_key} promoted after its shadow time"
    how = "dropped after" if end.kind is EntryKind.SHADOW_VERDICT else "abandoned in"
    return f"{decision.partition_key} {how} its shadow time (champion stays)"


def _tag(entry: LedgerEntry, standing: Standing) -> dict[str, str]:
    return {
        "standing": str(standing),
        "outcome": str(entry.outcome),
        "reason_code": str(entry.reason_code),
        "decision_id": str(entry.decision_id),
        "ledger_row": str(entry.sequence),
    }
