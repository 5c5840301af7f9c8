"""Adjudicate a partition and write the decision: under the ledger's lock, from reading to writing.

Rules
-----
- First settle what earlier runs left open, then look who the champion is.
- A live partition is judged against today's champion; a replay against the champion as of then, and it
  is recorded beside the original and moves nothing.
- The decision that is acted on is the one that is recorded.
"""

from typing import NamedTuple

from forest_fire_retrain.core.decision_payload import DecisionPayload, find_differences, read_payload
from forest_fire_retrain.core.evidence import ScoredRows
from forest_fire_retrain.core.fingerprints import fingerprint_text
from forest_fire_retrain.core.ledger_entries import EntryDraft, EntryKind, LedgerEntry, ReasonCode, Stamp
from forest_fire_retrain.core.ledger_state import LedgerState, state_before
from forest_fire_retrain.core.promotion import Standing, classify
from forest_fire_retrain.pipeline.judging import Question, Stores, judge
from forest_fire_retrain.pipeline.promoting import settle


class Adjudication(NamedTuple):
    """What came of a partition.

    Attributes
    ----------
    standing : Standing
        Live, existing or replay.
    entry : LedgerEntry
        The decision's row (the existing one, where nothing new was decided).
    payload : DecisionPayload
        What the row embeds.
    rows : ScoredRows, optional
        The scored holdout; `None` where nothing was scored.
    """

    standing: Standing
    entry: LedgerEntry
    payload: DecisionPayload
    rows: ScoredRows | None


def adjudicate_partition(stores: Stores, question: Question, stamp: Stamp) -> Adjudication:
    """Decide a partition, record the decision, and carry it out if it is a live promotion.

    Parameters
    ----------
    stores : Stores
        What is read and written.
    question : Question
        What is to be decided.
    stamp : Stamp
        Who decides, and when.

    Raises
    ------
    EvidenceError
        If the holdout cannot be scored.
    LedgerError, RegistryError, TrackingError
        If a store refuses; the champion stays, and the next run finishes what was begun.
    """
    windows, model_name = question.holdout.windows, question.model_name
    with stores.ledger.exclusive():
        state = settle(stores.ledger, stores.registry, model_name, stamp).state
        standing, original = classify(
            state, partition_key=windows.partition_key, as_of=windows.as_of, idempotency_key=question.key
        )
        if standing is Standing.EXISTING and original is not None:
            return Adjudication(standing, original, read_payload(original), None)
        if standing is Standing.REPLAY:
            return _replay(stores, question, original, stamp)
        payload, rows = judge(stores, state, question)
        entry = stores.ledger.append(_draft(EntryKind.DECISION, payload, question, state, stamp))
        settle(stores.ledger, stores.registry, model_name, stamp)
        return Adjudication(standing, entry, payload, rows)


def _replay(stores: Stores, question: Question, original: LedgerEntry | None, stamp: Stamp) -> Adjudication:
    """Judge against the champion as of then and write it beside the original, once per Dagster run."""
    entries = stores.ledger.entries(question.model_name)
    state = state_before(entries, question.holdout.windows.as_of)
    payload, rows = judge(stores, state, question)
    if original is not None:
        payload = payload.model_copy(update={"differences": find_differences(read_payload(original), payload)})
    draft = _draft(EntryKind.REPLAY, payload, question, state, stamp)
    written = (entry for entry in entries if entry.kind is EntryKind.REPLAY)
    existing = next((entry for entry in written if entry.decision_id == draft.decision_id), None)
    return Adjudication(Standing.REPLAY, existing or stores.ledger.append(draft), payload, rows)


def _draft(
    kind: EntryKind, payload: DecisionPayload, question: Question, state: LedgerState, stamp: Stamp
) -> EntryDraft:
    windows, decision = payload.holdout.windows, payload.decision
    is_replay = kind is EntryKind.REPLAY
    identity = (kind, question.key, *((stamp.dagster_run_id or stamp.recorded_at.isoformat(),) if is_replay else ()))
    return EntryDraft(
        kind=kind,
        model_name=question.model_name,
        recorded_at=stamp.recorded_at,
        actor=stamp.actor,
        trigger=stamp.trigger,
        summary=_replay_summary(payload) if is_replay else decision.sentence,
        partition_key=windows.partition_key,
        as_of=windows.as_of,
        decision_id=fingerprint_text("|".join(identity))[:16],
        idempotency_key=question.key,
        outcome=decision.outcome,
        reason_code=ReasonCode.REPLAY if is_replay else decision.reason_code,
        champion_before=state.champion,
        champion_after=state.champion,
        dagster_run_id=stamp.dagster_run_id,
        mlflow_run_id=payload.candidate.stored.mlflow_run_id,
        payload_json=payload.to_json(),
    )


def _replay_summary(payload: DecisionPayload) -> str:
    found = payload.differences
    what = ", ".join(f"{d.what} {d.original} → {d.replay}" for d in found[:4]) if found else "nothing differs"
    known, key = payload.holdout.snapshot.knowledge, payload.holdout.windows.partition_key
    return f"REPLAY ({known}) of {key}: {what}. The champion stays."
