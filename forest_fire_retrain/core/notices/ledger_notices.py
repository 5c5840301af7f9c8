"""What the ledger's rows have to tell people: changes of production, orders, doubts; never a replay.

Rules
-----
- A promotion or rollback is told when it is confirmed; one that is not carried out is told too.
- A shadow time is told when it begins, and when its candidate is dropped; what it brings into production is told when
  that is confirmed.
- Doubted labels are told at the first decision that flags its window; again after somebody vouched for labels, or
  after a decision that flagged none.
- Doubts that late reports lifted are told at the decision that counted again and found them; days that another doubt
  still covers are told with that one.
- A guardrail is told once per streak, at the decision that makes it long enough.
- A notice is named after its row: its kind, place and hash.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forest_fire_retrain.core.decision.alerts import describe_doubt
from forest_fire_retrain.core.decision.label_gate import count_of, overlaps_any
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.decision_payload import has_suspect_labels, read_evidence, read_suspect
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import ExternalPayload, LabelsClearedPayload
from forest_fire_retrain.core.ledger.shadow_times import shadow_until_of
from forest_fire_retrain.core.notices.notice import Notice, RowNotice, make_notice
from forest_fire_retrain.core.windows import Interval, runs_of_days

DAY = dt.timedelta(days=1)
HASH_LENGTH = 16
SEE_HISTORY = "See: forest-fire history"


@dataclass
class _Reading:
    """What earlier rows of the model said, as far as later notices need it."""

    blocked_limit: int
    intents: dict[str, LedgerEntry] = field(default_factory=dict)
    blocked_by: ReasonCode | None = None
    blocked_in_a_row: int = 0
    is_doubted: bool = False
    flagged: list[WindowEvidence] = field(default_factory=list)


def notices_of(entries: Sequence[LedgerEntry], model_name: str, blocked_limit: int) -> list[Notice]:
    """Every notice of a ledger's rows, in their order.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows, of any model.
    model_name : str
        Whose rows are told.
    blocked_limit : int
        Decisions in a row that the same guardrail blocked, from which on it is told.

    Raises
    ------
    LedgerError
        If a row does not hold what its kind needs.
    """
    reading, found = _Reading(blocked_limit), list[Notice]()
    for entry in entries:
        if entry.model_name != model_name or entry.kind not in _READ:
            continue
        try:
            found += _READ[entry.kind](entry, reading)
        except (ValueError, KeyError) as error:  # pydantic's among them
            msg = f"row {entry.sequence} ({entry.kind}) does not hold what its kind needs. Run: forest-fire verify"
            raise LedgerError(msg) from error
    return found


def _notice(entry: LedgerEntry, kind: RowNotice, subject: str, sentence: str, remedy: str) -> Notice:
    key = f"{kind}/{entry.sequence}/{entry.entry_hash[:HASH_LENGTH]}"
    return make_notice(
        kind=kind,
        key=key,
        subject=f"{entry.model_name}: {subject}",
        sentence=sentence,
        remedy=remedy,
        at=entry.recorded_at,
        row=entry.sequence,
    )


def _read_decision(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    if entry.decision_id is not None:
        reading.intents[entry.decision_id] = entry
    return [
        *_read_shadow(entry),
        *_read_lifting(entry, reading),
        *_read_doubt(entry, reading),
        *_read_guardrail(entry, reading),
    ]


def _read_shadow(entry: LedgerEntry) -> list[Notice]:
    until = shadow_until_of(entry)
    if until is None:
        return []
    subject = f"the candidate of {entry.partition_key} is in shadow until {until}"
    return [_notice(entry, RowNotice.SHADOW_TIME, subject, entry.summary, "See: forest-fire status")]


def _read_shadow_verdict(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    if entry.outcome is Outcome.PROMOTED:
        reading.intents[entry.decision_id or ""] = entry
        return []
    reading.intents.pop(entry.decision_id or "", None)
    subject = f"the candidate of {entry.partition_key} is dropped after its shadow time"
    return [_notice(entry, RowNotice.SHADOW_DROPPED, subject, entry.summary, "See: forest-fire history --events")]


def _read_lifting(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    """Days under a flag that a decision counted again and no longer doubts; earlier releases did not record that."""
    newest = [read_evidence(entry)] if has_suspect_labels(entry) else []
    counted_again = read_suspect(entry) if reading.flagged else None
    before, reading.flagged = reading.flagged, [*reading.flagged, *newest]
    if counted_again is None:
        return []
    held = {count.window for count in counted_again}.union(count_of(window).window for window in newest)
    reading.flagged = [window for window in reading.flagged if count_of(window).window in held]
    lifted = _days_in({count_of(window).window for window in before} - held) - _days_in(held)
    if not lifted:
        return []
    days = ", ".join(str(run) for run in runs_of_days(lifted))
    sentence = (
        f"The fire reports of {days} are no longer doubted: they had come by the decision of {entry.partition_key}"
    )
    return [_notice(entry, RowNotice.DOUBTS_LIFTED, f"the fire reports of {days} have come", sentence, "")]


def _days_in(windows: Iterable[Interval]) -> set[dt.date]:
    return {window.start + n * DAY for window in windows for n in range(window.n_days)}


def _read_doubt(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    was_doubted, reading.is_doubted = reading.is_doubted, has_suspect_labels(entry)
    if was_doubted or not reading.is_doubted:
        return []
    doubt, remedy = describe_doubt(count_of(read_evidence(entry)))
    subject = doubt.partition(" are doubted")[0] + " are doubted"
    sentence = f"T{doubt[1:]}. These days decide nothing until late reports or a person clear them"
    return [_notice(entry, RowNotice.LABELS_DOUBTED, subject, sentence, remedy)]


def _read_guardrail(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    if entry.outcome is not Outcome.REJECTED_BY_GUARDRAIL:
        reading.blocked_by, reading.blocked_in_a_row = None, 0
        return []
    reading.blocked_in_a_row = 1 + (reading.blocked_in_a_row if entry.reason_code is reading.blocked_by else 0)
    reading.blocked_by = entry.reason_code
    if reading.blocked_in_a_row != reading.blocked_limit:
        return []
    sentence = (
        f"The guardrail {entry.reason_code} has blocked {reading.blocked_limit} periods in a row, the last one being "
        f"{entry.partition_key}: {entry.summary}"
    )
    subject = f"{entry.reason_code} blocked {reading.blocked_limit} times"
    return [_notice(entry, RowNotice.GUARDRAIL, subject, sentence, "See: forest-fire history --retrainings")]


def _read_rollback(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    if entry.decision_id is not None:
        reading.intents[entry.decision_id] = entry
    return []


def _read_confirmation(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    intent = reading.intents.pop(entry.decision_id or "", None)
    sentence = entry.summary if intent is None else f"{entry.summary} {_because(intent)}"
    if intent is not None and intent.kind is EntryKind.ROLLBACK:
        subject = f"rolled back to version {entry.champion_after}"
        return [_notice(entry, RowNotice.ROLLBACK, subject, sentence, SEE_HISTORY)]
    return [_notice(entry, RowNotice.PROMOTION, f"version {entry.champion_after} promoted", sentence, SEE_HISTORY)]


def _because(intent: LedgerEntry) -> str:
    by = f" (ordered by {intent.actor})" if intent.kind is EntryKind.ROLLBACK else ""
    return f"{intent.summary}{by}"


def _read_abandonment(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    reading.intents.pop(entry.decision_id or "", None)
    remedy = "See: forest-fire history --events"
    return [_notice(entry, RowNotice.ABANDONMENT, "a change was not carried out", entry.summary, remedy)]


def _read_labels_cleared(entry: LedgerEntry, reading: _Reading) -> list[Notice]:
    cleared = LabelsClearedPayload.read(entry).window
    reading.is_doubted = False
    reading.flagged = [window for window in reading.flagged if not overlaps_any(window.window, [cleared])]
    return [_order(entry, RowNotice.LABELS_CLEARED, "labels cleared")]


def _read_freeze(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    remedy = "To lift it: forest-fire unfreeze --reason …"
    return [_order(entry, RowNotice.FREEZE, "promotions frozen", remedy)]


def _read_unfreeze(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    return [_order(entry, RowNotice.UNFREEZE, "freeze lifted")]


def _read_shadow_order(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    return [_order(entry, RowNotice.SHADOW, "a shadow", "See: forest-fire shadow")]


def _read_shadow_ended(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    return [_order(entry, RowNotice.SHADOW_ENDED, "a shadow ended")]


def _read_external(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    seen = ExternalPayload.read(entry)
    subject = "alias settled" if seen.observed == seen.expected else "alias moved by somebody"
    return [_notice(entry, RowNotice.REGISTRY, subject, entry.summary, "See: forest-fire verify")]


def _read_repair(entry: LedgerEntry, _reading: _Reading) -> list[Notice]:
    return [_order(entry, RowNotice.REPAIR, "repaired", "See: forest-fire verify")]


def _order(entry: LedgerEntry, kind: RowNotice, subject: str, remedy: str = "") -> Notice:
    """What a person ordered, with the person."""
    return _notice(entry, kind, f"{subject} by {entry.actor}", entry.summary, remedy)


_READ: Mapping[EntryKind, Callable[[LedgerEntry, _Reading], list[Notice]]] = {
    EntryKind.DECISION: _read_decision,
    EntryKind.SHADOW_VERDICT: _read_shadow_verdict,
    EntryKind.ROLLBACK: _read_rollback,
    EntryKind.CONFIRMATION: _read_confirmation,
    EntryKind.ABANDONMENT: _read_abandonment,
    EntryKind.LABELS_CLEARED: _read_labels_cleared,
    EntryKind.FREEZE: _read_freeze,
    EntryKind.UNFREEZE: _read_unfreeze,
    EntryKind.SHADOW: _read_shadow_order,
    EntryKind.SHADOW_ENDED: _read_shadow_ended,
    EntryKind.EXTERNAL: _read_external,
    EntryKind.REPAIR: _read_repair,
}
"""Kinds that are told or lead to a notice; replays, migrations, accepted deliveries and weights are none."""
