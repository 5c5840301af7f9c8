"""Draft a row again from its own payload and the rows before it, and name the columns that say something else.

A chain that was computed anew over edited rows is whole. What its columns say still has to follow from what the rows
embed: whoever edits a sentence, a period or a version has to edit a payload that other things are held against.

Rules
-----
- Who wrote a row, through which door and when is in no payload: these columns are taken as they are.
- What a row was abandoned for, and how a step of the schema was described, stand in the sentence alone.
- The sentence of a replay, freeze, rollback, clearing, repair or shadow verdict is that of this release or the one of
  all before.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter

from forest_fire_retrain.core.ledger import drafts
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.payloads import (
    DeliveryAcceptedPayload,
    ExternalPayload,
    FreezePayload,
    LabelsClearedPayload,
    RepairPayload,
    RestorationPayload,
    RollbackPayload,
    ShadowEndedPayload,
    ShadowPayload,
    SourceAcceptedPayload,
    UnfreezePayload,
)
from forest_fire_retrain.core.ledger.replays import describe_replay, describe_replay_of_old
from forest_fire_retrain.core.ledger.row_words import word_as_before
from forest_fire_retrain.core.ledger.shadow_times import shadow_time_of
from forest_fire_retrain.core.ledger.weights import WeightsPayload, draft_weights
from forest_fire_retrain.core.redaction import redact

COMPARED = ("summary", "partition_key", "as_of", "outcome", "champion_after", "mlflow_run_id")
DERIVED = ("decision_id", "reason_code")
COLUMNS_OF_DECISION = (
    *("summary", "partition_key", "as_of", "outcome", "reason_code"),
    *("champion_after", "mlflow_run_id", "decision_id"),
)
_columns_of_decision = attrgetter(*COLUMNS_OF_DECISION)
LATER_INTENTS = (EntryKind.SHADOW_VERDICT, EntryKind.ROLLBACK)


def find_other_columns(entries: Sequence[LedgerEntry]) -> dict[int, list[str]]:
    """Sequence number of each row whose columns do not follow from its payload, and the names of those columns.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        The rows of one model, in their order.

    Raises
    ------
    LedgerError
        If a row does not hold what its kind needs.
    ValidationError
        If the payload of a replay cannot be read; decisions are left to `find_other_columns_of_decision`.
    """
    decisions = {entry.decision_id: entry for entry in entries if entry.kind is EntryKind.DECISION}
    intents = decisions | {entry.decision_id: entry for entry in entries if entry.kind in LATER_INTENTS}
    found = {
        entry.sequence: _compare_verdict(entry, decisions)
        if entry.kind is EntryKind.SHADOW_VERDICT
        else _find_other(entry, intents)
        for entry in entries
        if entry.kind is not EntryKind.DECISION
    }
    return {sequence: names for sequence, names in found.items() if names}


def find_other_columns_of_decision(entry: LedgerEntry, payload: DecisionPayload) -> list[str]:
    """Names of the columns of a decision's row that do not follow from what it embeds."""
    windows, decision = payload.holdout.windows, payload.decision
    follows = (
        payload.summary,
        windows.partition_key,
        windows.as_of,
        decision.outcome,
        decision.reason_code,
        entry.champion_before,
        payload.candidate.stored.mlflow_run_id,
        drafts.identify(EntryKind.DECISION, str(entry.idempotency_key)),
    )
    written = _columns_of_decision(entry)
    if written == follows:
        return []
    pairs = zip(COLUMNS_OF_DECISION, written, follows, strict=True)
    return [name for name, one, again in pairs if not _is_same(one, again)]


def _find_other(entry: LedgerEntry, intents: Mapping[str | None, LedgerEntry]) -> list[str]:
    if entry.kind is EntryKind.REPLAY:
        return _find_other_of_replay(entry)
    if entry.kind is EntryKind.MIGRATION:
        return []
    intent = intents.get(entry.decision_id)
    if entry.kind is EntryKind.ABANDONMENT:
        begins = intent is not None and entry.summary.startswith(drafts.begin_abandonment(intent))
        return [] if begins else ["summary"]
    if entry.kind is EntryKind.CONFIRMATION:
        return ["decision_id"] if intent is None else _compare_confirmation(entry, intent)
    other = _compare(entry, _redraft_note(entry), COMPARED)
    if "summary" in other and _is_same(entry.summary, word_as_before(entry)):
        other.remove("summary")
    return other


def _compare_confirmation(entry: LedgerEntry, intent: LedgerEntry) -> list[str]:
    if entry.champion_after is None:
        return ["champion_after"]
    again = drafts.draft_confirmation(intent, entry.champion_after, _stamp_of(entry))
    return _compare(entry, again, (*COMPARED, *DERIVED, "champion_before"))


def _compare_verdict(entry: LedgerEntry, decisions: Mapping[str | None, LedgerEntry]) -> list[str]:
    """The verdict has to be on the shadow time, and on the candidate, of the decision that it names."""
    decision, payload = decisions.get(entry.decision_id), read_payload(entry)
    begun = None if decision is None else shadow_time_of(decision)
    if decision is None or begun is None or payload.after_shadow is None:
        return ["decision_id"]
    if (payload.candidate, payload.holdout.windows) != (begun.candidate, begun.windows):
        return ["payload"]
    if payload.after_shadow.decided_in != decision.sequence:
        return ["payload"]
    again = drafts.draft_shadow_verdict(
        payload,
        decision,
        idempotency_key=str(entry.idempotency_key),
        champion=entry.champion_before,
        stamp=_stamp_of(entry),
    )
    other = _compare(entry, again, (*COMPARED, *DERIVED))
    if "summary" in other and _is_same(entry.summary, payload.summary_as_before):
        other.remove("summary")
    return other


def _find_other_of_replay(entry: LedgerEntry) -> list[str]:
    payload = read_payload(entry)
    windows = payload.holdout.windows
    worded = (describe_replay(payload), describe_replay_of_old(payload))
    other = [] if any(_is_same(entry.summary, words) for words in worded) else ["summary"]
    if (entry.partition_key, entry.as_of, entry.outcome) != (
        windows.partition_key,
        windows.as_of,
        payload.decision.outcome,
    ):
        other.append("partition_key, as_of or outcome")
    return other


def _redraft_note(entry: LedgerEntry) -> EntryDraft:
    """The row again, from its payload; of a kind that has one of `payloads`."""
    name, champion, stamp = entry.model_name, entry.champion_before, _stamp_of(entry)
    match entry.kind:
        case EntryKind.EXTERNAL:
            seen = ExternalPayload.read(entry)
            return drafts.draft_external(seen.observed, seen.expected, name, stamp)
        case EntryKind.ROLLBACK:
            payload = RollbackPayload.read(entry)
            return drafts.draft_rollback(payload, model_name=name, champion=champion, as_of=entry.as_of, stamp=stamp)
        case EntryKind.FREEZE:
            held = FreezePayload.read(entry)
            return drafts.draft_freeze(held.until, held.reason, model_name=name, champion=champion, stamp=stamp)
        case EntryKind.UNFREEZE:
            lifted = UnfreezePayload.read(entry)
            return drafts.draft_unfreeze(
                lifted.was_frozen_until, lifted.reason, model_name=name, champion=champion, stamp=stamp
            )
        case EntryKind.SHADOW | EntryKind.SHADOW_ENDED | EntryKind.WEIGHTS:
            return _redraft_beside(entry)
    return _redraft_consent(entry)


def _redraft_beside(entry: LedgerEntry) -> EntryDraft:
    """A row about models beside the champion."""
    name, champion, stamp = entry.model_name, entry.champion_before, _stamp_of(entry)
    if entry.kind is EntryKind.WEIGHTS:
        return draft_weights(WeightsPayload.read(entry), model_name=name, champion=champion, stamp=stamp)
    if entry.kind is EntryKind.SHADOW:
        return drafts.draft_shadow(ShadowPayload.read(entry), model_name=name, champion=champion, stamp=stamp)
    ended = ShadowEndedPayload.read(entry)
    return drafts.draft_shadow_ended(ended, model_name=name, champion=champion, stamp=stamp)


def _redraft_consent(entry: LedgerEntry) -> EntryDraft:
    name, champion, stamp = entry.model_name, entry.champion_before, _stamp_of(entry)
    match entry.kind:
        case EntryKind.LABELS_CLEARED:
            said = LabelsClearedPayload.read(entry)
            return drafts.draft_labels_cleared(
                said.window, said.reason, said.partitions, model_name=name, champion=champion, stamp=stamp
            )
        case EntryKind.SOURCE_ACCEPTED:
            source = SourceAcceptedPayload.read(entry)
            return drafts.draft_source_accepted(
                source.accepted, source.before, source.reason, model_name=name, champion=champion, stamp=stamp
            )
        case EntryKind.DELIVERY_ACCEPTED:
            losses = DeliveryAcceptedPayload.read(entry)
            accepted = dict(zip(losses.fingerprints, losses.accepted, strict=True))
            return drafts.draft_delivery_accepted(
                accepted, losses.reason, model_name=name, champion=champion, stamp=stamp
            )
    if "faults" in entry.payload:
        return drafts.draft_repair(RepairPayload.read(entry).faults, model_name=name, champion=champion, stamp=stamp)
    restored = RestorationPayload.read(entry)
    return drafts.draft_restoration(restored, model_name=name, champion=champion, stamp=stamp)


def _stamp_of(entry: LedgerEntry) -> Stamp:
    return Stamp(entry.recorded_at, entry.actor, entry.trigger, entry.dagster_run_id)


def _compare(entry: LedgerEntry, again: EntryDraft, names: Sequence[str]) -> list[str]:
    return [name for name in names if not _is_same(getattr(entry, name), getattr(again, name))]


def _is_same(written: object, again: object) -> bool:
    """Whether a column says the same; sentences are kept without secrets, of which releases know more and more."""
    return written == again or (
        isinstance(written, str) and isinstance(again, str) and redact(written) == redact(again)
    )
