"""What the row of a decision or replay embeds; reading it, and comparing two of them."""

import datetime as dt
from collections.abc import Iterable, Sequence
from operator import attrgetter

from pydantic import SerializerFunctionWrapHandler, model_serializer

from forest_fire_retrain.core.alarms import Alarm
from forest_fire_retrain.core.canonical_json import canonical_json, fingerprint_mapping
from forest_fire_retrain.core.decision.case import Case, ChampionFacts, Decision, GuardrailFinding
from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import JsonFloat, LabelCount, WindowEvidence
from forest_fire_retrain.core.decision.wording import SayDays, say_days
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.shadow_words import describe_beginning, describe_verdict
from forest_fire_retrain.core.records import Attribution, Candidate, HoldoutSet, Record
from forest_fire_retrain.core.windows import Interval

Quality = dict[str, dict[str, JsonFloat]]


class Difference(Record):
    """One thing in which a replay differs from the original.

    Attributes
    ----------
    what : str
        The figure or fingerprint.
    original, replay : str
        What it was and what it is now.
    """

    what: str
    original: str
    replay: str


class AfterShadow(Record):
    """What the verdict on a shadow time holds beside what a decision does.

    Attributes
    ----------
    decided_in : int
        The row of the decision whose candidate went through it.
    prediction_hash : str
        SHA-256 over the candidate's probabilities on the shadow days.
    """

    decided_in: int
    prediction_hash: str


class DecisionPayload(Record):
    """Everything a decision rests on, except earlier windows, which stand in their own rows.

    Attributes
    ----------
    holdout, candidate : HoldoutSet, Candidate
        The records of the partition.
    champion : ChampionFacts, optional
        The opponent.
    evidence : WindowEvidence
        The newest window.
    used_partitions : tuple of str
        Partitions whose windows are pooled, oldest first, without the newest.
    dropped : dict
        Partition key of each window left out to the reason.
    guardrails : tuple of GuardrailFinding
        All guardrails.
    quality : dict
        Secondary figures on the newest window, per model.
    case_facts : dict
        The remaining fields of the case.
    rule : DecisionRule
        The thresholds.
    decision : Decision
        What was decided.
    differences : tuple of Difference, optional
        Of a replay, against the original; `None` if it has none, where rows of earlier releases have no differences.
    attribution : Attribution, optional
        Where the gain of a candidate that replaces a champion comes from.
    page_sha256 : str, optional
        SHA-256 of the decision's page, made before the row; `None` in rows that are older than the pages.
    suspect : tuple of LabelCount, optional
        What earlier windows under a flag held as known at the decision, without the flags that had been lifted;
        `None` in rows that are older than this field.
    alarm : Alarm, optional
        What asked for an active period; it is not written where there is none.
    shadow_until : datetime.date, optional
        The day before which the candidate is scored beside the champion, before anything is promoted; not written where
        there is no shadow time.
    after_shadow : AfterShadow, optional
        Only of the verdict on a shadow time, and not written elsewhere.
    """

    holdout: HoldoutSet
    candidate: Candidate
    champion: ChampionFacts | None
    evidence: WindowEvidence
    used_partitions: tuple[str, ...]
    dropped: dict[str, str]
    guardrails: tuple[GuardrailFinding, ...]
    quality: Quality
    case_facts: dict[str, str | int | bool | None]
    rule: DecisionRule
    decision: Decision
    differences: tuple[Difference, ...] | None = ()
    attribution: Attribution | None = None
    page_sha256: str | None = None
    suspect: tuple[LabelCount, ...] | None = None
    alarm: Alarm | None = None
    shadow_until: dt.date | None = None
    after_shadow: AfterShadow | None = None

    @model_serializer(mode="wrap")
    def _leave_absent_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What is younger than other fields is left out where it is not: older rows are written to the byte."""
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if name not in NOT_WRITTEN_IF_NONE or value is not None}

    @property
    def summary(self) -> str:
        """What was decided and why, for people, and who asked for it where that was an alarm.

        It is the rule's sentence, unless a shadow time lies ahead or behind.
        """
        return self._with_alarm(self._describe(say_days))

    @property
    def summary_as_before(self) -> str:
        """The summary that earlier releases gave the same payload."""
        return self._with_alarm(self._describe(attrgetter("half_open")))

    def _with_alarm(self, said: str) -> str:
        return said if self.alarm is None else f"{said} {self.alarm}"

    def _describe(self, word_days: SayDays) -> str:
        decision, key = self.decision, self.candidate.windows.partition_key
        champion = None if self.champion is None else self.champion.version
        if self.after_shadow is not None:
            return describe_verdict(decision, key, champion, word_days(self.holdout.windows.holdout))
        if self.shadow_until is not None:
            return describe_beginning(decision, key, champion, self.shadow_until)
        return decision.sentence

    @property
    def prediction_hash(self) -> str:
        """SHA-256 over the candidate's probabilities on the newest window."""
        return self.candidate.prediction_hash if self.after_shadow is None else self.after_shadow.prediction_hash

    def to_json(self) -> str:
        """The canonical JSON of the ledger row."""
        return canonical_json(self.model_dump(mode="json"))


SUSPECT_MARK = '"labels_are_suspect":true'
NOT_WRITTEN_IF_NONE = {"suspect", "alarm", "shadow_until", "after_shadow"}
CASE_FACTS = {"as_of", "gap_days"}
OLDER_FACTS = {"inconclusive_in_a_row"}
"""Facts that older rows have and nothing looks at any more."""


def read_payload(entry: LedgerEntry) -> DecisionPayload:
    """The payload of a decision's or replay's row."""
    return DecisionPayload.model_validate_json(entry.payload_json)


def read_evidence(entry: LedgerEntry) -> WindowEvidence:
    """The window of a decision's row, without reading the rest of it."""
    return WindowEvidence.model_validate(entry.payload["evidence"])


def has_suspect_labels(entry: LedgerEntry) -> bool:
    """Whether the label gate flagged the row's window."""
    return SUSPECT_MARK in entry.payload_json


def read_flagged(decided: Iterable[LedgerEntry], cleared: Sequence[Interval] = ()) -> list[WindowEvidence]:
    """Windows whose labels were suspect when they were new, without those that a person has vouched for since."""
    flagged = (read_evidence(entry) for entry in decided if has_suspect_labels(entry))
    return [window for window in flagged if not overlaps_any(window.window, cleared)]


def read_suspect(entry: LedgerEntry) -> list[LabelCount] | None:
    """Counts of the earlier windows that were suspect at a decision; `None` where its release did not record them."""
    found = entry.payload.get("suspect")
    return None if found is None else [LabelCount.model_validate(count) for count in found]  # type: ignore[attr-defined] # as written


def facts_of(case: Case) -> dict[str, str | int | bool | None]:
    """The fields of a case that no other part of the payload holds."""
    return {
        **case.model_dump(mode="json", include=CASE_FACTS),
        **case.ledger.model_dump(mode="json", exclude=OLDER_FACTS),
    }


def idempotency_key(model_name: str, holdout: HoldoutSet, candidate: Candidate, rule: DecisionRule) -> str:
    """SHA-256 over the partition, the input hashes, the code and the configuration."""
    return fingerprint_mapping(
        {
            "model_name": model_name,
            "windows": holdout.windows.model_dump(mode="json"),
            "holdout_hash": holdout.content_hash,
            "training_hash": candidate.training_hash,
            "recipe": candidate.recipe.model_dump(mode="json"),
            "seed": candidate.seed,
            "code_version": candidate.environment.code_version,
            "rule": rule.model_dump(mode="json"),
        }
    )


def find_differences(original: DecisionPayload, replay: DecisionPayload) -> tuple[Difference, ...]:
    """What a replay has that differs from the original; empty if it reproduced everything."""
    pairs = zip(_comparable(original), _comparable(replay), strict=True)
    return tuple(
        Difference(what=what, original=before, replay=now) for (what, before), (_, now) in pairs if before != now
    )


def _comparable(payload: DecisionPayload) -> Sequence[tuple[str, str]]:
    candidate, comparison = payload.candidate, payload.decision.comparison
    return (
        ("holdout hash", payload.holdout.content_hash[:16]),
        ("training hash", candidate.training_hash[:16]),
        ("prediction hash", candidate.prediction_hash[:16]),
        ("recipe", candidate.recipe.name),
        ("code version", candidate.environment.code_version[:16]),
        ("champion", str(payload.champion.version) if payload.champion else "none"),
        ("fires in the holdout", str(payload.holdout.n_fires)),
        ("log loss of the candidate", f"{candidate.metrics.get('holdout_log_loss', float('nan')):.6f}"),
        ("relative gain", f"{comparison.relative_gain:+.4%}"),
        ("rule version", payload.rule.version),
        ("outcome", str(payload.decision.outcome)),
        ("reason", str(payload.decision.reason_code)),
    )
