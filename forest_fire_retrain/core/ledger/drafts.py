"""Draft the ledger's rows, one function per kind: plain values in, columns, payload and sentence out.

A summary is read by people months later: it says what happened, to which version or period, and why.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.payloads import (
    DeliveryAcceptedPayload,
    ExternalPayload,
    FreezePayload,
    LabelsClearedPayload,
    RepairedFault,
    RepairPayload,
    RestorationPayload,
    RollbackPayload,
    RowPayload,
    ShadowEndedPayload,
    ShadowPayload,
    SourceAcceptedPayload,
    UnfreezePayload,
)
from forest_fire_retrain.core.ledger.replays import describe_replay
from forest_fire_retrain.core.ledger.row_words import as_sentence, say_freeze
from forest_fire_retrain.core.windows import Interval

ID_LENGTH = 16


def draft_decision(
    payload: DecisionPayload, *, model_name: str, idempotency_key: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A live decision; `champion` is the version it was judged against."""
    windows, decision = payload.holdout.windows, payload.decision
    return EntryDraft(
        kind=EntryKind.DECISION,
        model_name=model_name,
        summary=payload.summary,
        partition_key=windows.partition_key,
        as_of=windows.as_of,
        decision_id=identify(EntryKind.DECISION, idempotency_key),
        idempotency_key=idempotency_key,
        outcome=decision.outcome,
        reason_code=decision.reason_code,
        champion_before=champion,
        champion_after=champion,
        mlflow_run_id=payload.candidate.stored.mlflow_run_id,
        payload_json=payload.to_json(),
        **stamp._asdict(),
    )


def draft_replay(
    payload: DecisionPayload, *, model_name: str, idempotency_key: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A replay, one per Dagster run; `champion` is the version that reigned then."""
    run = stamp.dagster_run_id or stamp.recorded_at.isoformat()
    decided = draft_decision(
        payload, model_name=model_name, idempotency_key=idempotency_key, champion=champion, stamp=stamp
    )
    columns = {
        "kind": EntryKind.REPLAY,
        "summary": describe_replay(payload),
        "decision_id": identify(EntryKind.REPLAY, idempotency_key, run),
        "reason_code": ReasonCode.REPLAY,
    }
    return decided.model_copy(update=columns)


def draft_shadow_verdict(
    payload: DecisionPayload, decision: EntryDraft, *, idempotency_key: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """The verdict on the shadow time that `decision` began; `champion` is the version it was judged against."""
    return EntryDraft(
        kind=EntryKind.SHADOW_VERDICT,
        model_name=decision.model_name,
        summary=payload.summary,
        partition_key=payload.candidate.windows.partition_key,
        as_of=payload.holdout.windows.as_of,
        decision_id=decision.decision_id,
        idempotency_key=idempotency_key,
        outcome=payload.decision.outcome,
        reason_code=payload.decision.reason_code,
        champion_before=champion,
        champion_after=champion,
        mlflow_run_id=payload.candidate.stored.mlflow_run_id,
        payload_json=payload.to_json(),
        **stamp._asdict(),
    )


def draft_confirmation(intent: LedgerEntry, version: int, stamp: Stamp) -> EntryDraft:
    """A promotion or rollback was carried out: `version` is champion."""
    return EntryDraft(
        kind=EntryKind.CONFIRMATION,
        model_name=intent.model_name,
        summary=f"Version {version} is champion of {intent.model_name} in place of {_name(intent.champion_before)}.",
        partition_key=intent.partition_key,
        as_of=intent.as_of,
        decision_id=intent.decision_id,
        reason_code=intent.reason_code,
        champion_before=intent.champion_before,
        champion_after=version,
        **stamp._asdict(),
    )


def draft_abandonment(
    intent: LedgerEntry, reason_code: ReasonCode, because: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A promotion or rollback will not be carried out; `champion` stays."""
    return EntryDraft(
        kind=EntryKind.ABANDONMENT,
        model_name=intent.model_name,
        summary=f"{begin_abandonment(intent)}carried out: {because}.",
        partition_key=intent.partition_key,
        as_of=intent.as_of,
        decision_id=intent.decision_id,
        reason_code=reason_code,
        champion_before=champion,
        champion_after=champion,
        **stamp._asdict(),
    )


def begin_abandonment(intent: EntryDraft) -> str:
    """How the sentence of an abandonment begins."""
    return f"The {str(intent.kind).replace('_', ' ')} {intent.decision_id} was not "


def draft_external(observed: int | None, expected: int | None, model_name: str, stamp: Stamp) -> EntryDraft:
    """The registry's alias is somewhere else than the ledger says, or is back."""
    if observed == expected:
        summary = f"The alias champion of {model_name} points at version {expected} again, as the ledger says."
    else:
        summary = (
            f"The alias champion of {model_name} points at {_name(observed)}, the ledger says {_name(expected)}: "
            "somebody moved it. Nothing is promoted until it is settled: forest-fire verify --repair puts the "
            "ledger's champion back, forest-fire rollback --to VERSION takes another one."
        )
    payload = ExternalPayload(observed=observed, expected=expected)
    return draft_note(
        EntryKind.EXTERNAL, payload, model_name=model_name, summary=summary, champion=expected, stamp=stamp
    )


def draft_rollback(
    payload: RollbackPayload, *, model_name: str, champion: int | None, as_of: dt.date | None, stamp: Stamp
) -> EntryDraft:
    """A rollback from `champion`; `as_of` is the cut-off of the newest decision before it."""
    target = payload.target_version
    frozen = "" if payload.until is None else f" Ordered with it: promotions are {say_freeze(payload.until)}."
    return EntryDraft(
        kind=EntryKind.ROLLBACK,
        model_name=model_name,
        summary=f"Roll back from version {champion} to version {target}: {as_sentence(payload.reason)}{frozen}",
        as_of=as_of,
        decision_id=identify(EntryKind.ROLLBACK, model_name, str(target), stamp.recorded_at.isoformat()),
        champion_before=champion,
        champion_after=champion,
        payload_json=payload.to_json(),
        **stamp._asdict(),
    )


def draft_freeze(until: dt.date, reason: str, *, model_name: str, champion: int | None, stamp: Stamp) -> EntryDraft:
    """Promotions are frozen before `until`."""
    summary = f"Promotions of {model_name} are {say_freeze(until)}: {as_sentence(reason)}"
    payload = FreezePayload(until=until, reason=reason)
    return draft_note(EntryKind.FREEZE, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp)


def draft_unfreeze(
    was_frozen_until: dt.date, reason: str, *, model_name: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A freeze is lifted."""
    summary = f"The freeze of {model_name} until {was_frozen_until} is lifted: {as_sentence(reason)}"
    payload = UnfreezePayload(reason=reason, was_frozen_until=was_frozen_until)
    return draft_note(
        EntryKind.UNFREEZE, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def draft_labels_cleared(
    window: Interval,
    reason: str,
    partitions: Sequence[str],
    *,
    model_name: str,
    champion: int | None,
    stamp: Stamp,
) -> EntryDraft:
    """A person vouches for the fire reports of `window`; `partitions` are those whose flags that lifts."""
    cleared = ", ".join(partitions)
    summary = f"The labels of {window.first_to_last} are vouched for, which clears {cleared}: {as_sentence(reason)}"
    payload = LabelsClearedPayload(window=window, reason=reason, partitions=tuple(partitions))
    return draft_note(
        EntryKind.LABELS_CLEARED, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def draft_source_accepted(
    accepted: str, before: str, reason: str, *, model_name: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """Rows of the source `accepted` may follow those of `before`."""
    summary = f"Rows of {accepted} are accepted after those of {before}: {as_sentence(reason)}"
    payload = SourceAcceptedPayload(accepted=accepted, before=before, reason=reason)
    return draft_note(
        EntryKind.SOURCE_ACCEPTED, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def draft_delivery_accepted(
    accepted: Mapping[str, str], reason: str, *, model_name: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A delivery may say less than the one before; `accepted` maps what each loss is recognised by to its sentence."""
    summary = f"A delivery that says less is accepted ({'; '.join(accepted.values())}): {as_sentence(reason)}"
    payload = DeliveryAcceptedPayload(accepted=tuple(accepted.values()), fingerprints=tuple(accepted), reason=reason)
    return draft_note(
        EntryKind.DELIVERY_ACCEPTED, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def draft_shadow(payload: ShadowPayload, *, model_name: str, champion: int | None, stamp: Stamp) -> EntryDraft:
    """A candidate is scored beside the champion until a day."""
    who = _name_shadow(payload)
    summary = f"{who} is a shadow until {payload.until}, scored beside the champion: {as_sentence(payload.reason)}"
    return draft_note(EntryKind.SHADOW, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp)


def draft_shadow_ended(
    payload: ShadowEndedPayload, *, model_name: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A candidate is scored no more before its day."""
    summary = (
        f"{_name_shadow(payload)}, a shadow until {payload.was_until}, is scored no more: {as_sentence(payload.reason)}"
    )
    return draft_note(
        EntryKind.SHADOW_ENDED, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def draft_repair(faults: Sequence[RepairedFault], *, model_name: str, champion: int | None, stamp: Stamp) -> EntryDraft:
    """A repair brings `faults` to what the ledger says."""
    listed = "; ".join(fault.what for fault in faults)
    summary = f"Brought {counted(len(faults), 'fault')} to what the ledger says: {listed}."
    payload = RepairPayload(faults=tuple(faults))
    return draft_note(EntryKind.REPAIR, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp)


def draft_restoration(
    payload: RestorationPayload, *, model_name: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """The ledger was put back from a backup."""
    summary = (
        f"The ledger was restored from the backup {payload.backup} with its {counted(payload.rows, 'row')}; "
        f"{payload.rows_before} could be read before."
    )
    return draft_note(EntryKind.REPAIR, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp)


def draft_migration(version: int, what: str, behind: EntryDraft) -> EntryDraft:
    """The ledger's schema became `version`, by the writer of the row `behind` which it comes before."""
    return EntryDraft(
        kind=EntryKind.MIGRATION,
        model_name=behind.model_name,
        recorded_at=behind.recorded_at,
        actor=behind.actor,
        trigger=behind.trigger,
        summary=f"The ledger's schema is now version {version}: {what}.",
        dagster_run_id=behind.dagster_run_id,
    )


def draft_note(
    kind: EntryKind, payload: RowPayload, *, model_name: str, summary: str, champion: int | None, stamp: Stamp
) -> EntryDraft:
    """A row that is about the model as it stands and moves no version."""
    return EntryDraft(
        kind=kind,
        model_name=model_name,
        summary=summary,
        champion_before=champion,
        champion_after=champion,
        payload_json=payload.to_json(),
        **stamp._asdict(),
    )


def identify(*parts: str) -> str:
    """The id of what these parts make up; the same parts have the same."""
    return fingerprint_text("|".join(parts))[:ID_LENGTH]


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _name_shadow(payload: ShadowPayload | ShadowEndedPayload) -> str:
    if payload.version is not None:
        return f"Version {payload.version}"
    return f"The candidate of {payload.partition_key}"
