"""Adjudicate a partition and write the decision: under the ledger's lock, from reading to writing.

Rules
-----
- First settle what earlier runs left open, then end the shadow times whose verdict is due by the partition's end, then
  look who the champion is.
- A live partition is judged against today's champion; a replay against the champion as of then, and it
  is recorded beside the original and moves nothing.
- The decision that is acted on is the one that is recorded. Where the registry, as it was seen when the period was
  begun, has nothing to follow in it, nobody asks again.
- The page that says what a person was shown is kept before the row that holds its hash.
"""

import datetime as dt
from functools import partial
from typing import NamedTuple

from forest_fire_retrain.core.decision.scored_rows import ScoredRows
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, find_differences, read_payload
from forest_fire_retrain.core.ledger.drafts import draft_decision, draft_replay
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.promotion import Standing, classify, next_step
from forest_fire_retrain.core.ledger.state import state_before
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts, give_verdicts
from forest_fire_retrain.pipeline.retraining.judging import Question, judge
from forest_fire_retrain.pipeline.retraining.keeping_pages import keep_page


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
    verdicts : Verdicts
        What came of shadow times whose verdict was due.
    """

    standing: Standing
    entry: LedgerEntry
    payload: DecisionPayload
    rows: ScoredRows | None
    verdicts: Verdicts = Verdicts()


def adjudication_of(entry: LedgerEntry) -> Adjudication:
    """What came of a partition that was decided live before."""
    return Adjudication(Standing.LIVE, entry, read_payload(entry), None)


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
        state, _, view = settle(stores.ledger, stores.registry, model_name, stamp)
        standing, original = classify(
            state, partition_key=windows.partition_key, as_of=windows.as_of, idempotency_key=question.key
        )
        if standing is Standing.EXISTING and original is not None:
            return Adjudication(standing, original, read_payload(original), None)
        if standing is Standing.REPLAY:
            return _replay(stores, question, original, stamp)
        verdicts = Verdicts()
        if state.in_shadow:
            verdicts = give_verdicts(stores, model_name, through=windows.as_of, stamp=stamp)
            state = stores.ledger.state(model_name)
        payload, rows = judge(stores, state, question)
        payload = _begin_shadow(payload, question)
        draft = partial(
            draft_decision, model_name=model_name, idempotency_key=question.key, champion=state.champion, stamp=stamp
        )
        payload = keep_page(stores.records, payload, draft)
        entry = stores.ledger.append(draft(payload))
        if verdicts.rows or next_step(stores.ledger.state(model_name), view) is not None:
            settle(stores.ledger, stores.registry, model_name, stamp)
        return Adjudication(standing, entry, payload, rows, verdicts)


def _begin_shadow(payload: DecisionPayload, question: Question) -> DecisionPayload:
    """With the end of its shadow time, where the candidate goes through one before it may replace a champion."""
    if not question.shadow_days or payload.champion is None or payload.decision.outcome is not Outcome.PROMOTED:
        return payload
    until = question.holdout.windows.as_of + dt.timedelta(days=question.shadow_days)
    return payload.model_copy(update={"shadow_until": until})


def _replay(stores: Stores, question: Question, original: LedgerEntry | None, stamp: Stamp) -> Adjudication:
    """Judge against the champion as of then and write it beside the original, once per Dagster run."""
    entries = stores.ledger.entries(question.model_name)
    state = state_before(entries, question.holdout.windows.as_of)
    payload, rows = judge(stores, state, question)
    differences = None if original is None else find_differences(read_payload(original), payload)
    payload = payload.model_copy(update={"differences": differences})
    draft = partial(
        draft_replay,
        model_name=question.model_name,
        idempotency_key=question.key,
        champion=state.champion,
        stamp=stamp,
    )
    written, decision_id = (entry for entry in entries if entry.kind is EntryKind.REPLAY), draft(payload).decision_id
    existing = next((entry for entry in written if entry.decision_id == decision_id), None)
    if existing is not None:
        return Adjudication(Standing.REPLAY, existing, payload, rows)
    payload = keep_page(stores.records, payload, draft)
    return Adjudication(Standing.REPLAY, stores.ledger.append(draft(payload)), payload, rows)
