"""Windows, cases and ledger rows that hold plain figures, so that a test states only what it is about.

A plain window has 7 days of 100 cells with one fire a day; the champion loses 10 a day, climatology
12, and the challenger what `gain` says: the champion's loss less its own, over the whole window.
"""

import datetime as dt
import json
from collections.abc import Sequence
from functools import lru_cache

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, ChampionFacts, GuardrailFinding, LedgerFacts
from forest_fire_retrain.core.decision.thresholds import DecisionRule, Metric
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import SliceSums, WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, facts_of
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, Stamp
from forest_fire_retrain.core.records import Candidate, HoldoutSet, StoredModel
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_models import example_candidate

MODEL = "forest_fire_risk"
RULE = DecisionRule()
FIRST_DAY = dt.date(2024, 1, 1)
DELAY_DAYS = GAP_DAYS = 14
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
CELLS = 100
CHAMPION_LOSS, CLIMATOLOGY_LOSS = 10.0, 12.0
GUARDRAIL_CODES = (
    ReasonCode.SCHEMA,
    ReasonCode.NON_FINITE,
    ReasonCode.BELOW_CLIMATOLOGY,
    ReasonCode.MISCALIBRATED,
    ReasonCode.PREDICTION_SHIFT,
    ReasonCode.RANK_SHIFT,
    ReasonCode.SLICE_REGRESSION,
)
NOON = dt.datetime(2024, 6, 3, 12, tzinfo=dt.UTC)
STAMP = Stamp(recorded_at=NOON, actor="schedule", trigger="schedule", dagster_run_id="run-a")


def example_window(week: int = 0, gain: float = 0.0, *, n_days: int = 7, **changes: object) -> WindowEvidence:
    """The plain window of a week, counted from `FIRST_DAY`."""
    start = FIRST_DAY + week * WEEK
    plain = {
        "partition_key": (start + DELAY_DAYS * DAY).isoformat(),
        "window": Interval(start=start, end=start + n_days * DAY),
        "metric": Metric.LOG_LOSS,
        "n_rows": CELLS * n_days,
        "challenger_id": f"candidate-{week}",
        "challenger_cutoff": start - GAP_DAYS * DAY,
        "challenger_is_tainted": False,
        "champion_version": 1,
        "champion_cutoff": FIRST_DAY - GAP_DAYS * DAY,
        "fires": (1,) * n_days,
        "expected_challenger": (1.0,) * n_days,
        "expected_champion": (1.0,) * n_days,
        "expected_climatology": (1.0,) * n_days,
        "loss_challenger": (CHAMPION_LOSS - gain / n_days,) * n_days,
        "loss_champion": (CHAMPION_LOSS,) * n_days,
        "loss_climatology": (CLIMATOLOGY_LOSS,) * n_days,
        "slices": (),
        "labels_are_suspect": False,
    }
    return WindowEvidence.model_validate({**plain, **changes})


def without_champion(window: WindowEvidence) -> WindowEvidence:
    """The window as it is when there is no opponent."""
    absent = {"champion_version": None, "champion_cutoff": None, "expected_champion": (), "loss_champion": ()}
    return window.model_copy(update=absent)


def example_slice(name: str = "north-east", **changes: object) -> SliceSums:
    """A region with 20 fires in which both models predict the same."""
    plain = {
        "name": name,
        "n_fires": 20,
        "loss_champion": 100.0,
        "loss_difference": 0.0,
        "expected_difference": 0.0,
        "variance": 0.0,
    }
    return SliceSums.model_validate({**plain, **changes})


def findings(failing: ReasonCode | None = None) -> tuple[GuardrailFinding, ...]:
    """All guardrails, passed but for one."""
    values = {code: 3.5 if code is failing else 0.0 for code in GUARDRAIL_CODES}
    return tuple(
        GuardrailFinding(
            code=code, passed=code is not failing, value=value, limit=2.0, sentence=f"{code} {value} against 2"
        )
        for code, value in values.items()
    )


def steady_gains(mean: float, n_weeks: int = 8, spread: float = 0.05) -> list[float]:
    """Weekly gains that go up and down around their mean."""
    return [mean + (spread if week % 2 else -spread) for week in range(n_weeks)]


def example_case(gains: Sequence[float], *, champion_age_days: int = 100, **changes: object) -> Case:
    """One window a week with these gains, the last one new, against version 1."""
    windows = [example_window(week, gain) for week, gain in enumerate(gains)]
    as_of = windows[-1].window.end + DELAY_DAYS * DAY
    plain = {
        "as_of": as_of,
        "newest": windows[-1],
        "earlier": tuple(windows[:-1]),
        "dropped": {},
        "champion": example_champion(as_of - champion_age_days * DAY),
        "training_hash": "a" * 64,
        "prediction_hash": "b" * 64,
        "gap_days": GAP_DAYS,
        "guardrails": findings(),
    }
    facts = {name: changes.pop(name) for name in LedgerFacts.model_fields if name in changes}
    return Case.model_validate({**plain, **changes, "ledger": facts})


def change_ledger(case: Case, **facts: object) -> Case:
    """The case with other facts of the ledger."""
    return case.model_copy(update={"ledger": LedgerFacts.model_validate(facts)})


def change_newest(case: Case, **changes: object) -> Case:
    """The case with other fields in its newest window."""
    return case.model_copy(update={"newest": case.newest.model_copy(update=changes)})


def change_champion(case: Case, **changes: object) -> Case:
    """The case with other facts of its champion."""
    assert case.champion is not None
    return case.model_copy(update={"champion": case.champion.model_copy(update=changes)})


def inaugural_case(gains: Sequence[float], **changes: object) -> Case:
    """As `example_case`, but without a champion; the gains are over climatology."""
    case = example_case([gain + 7 * (CHAMPION_LOSS - CLIMATOLOGY_LOSS) for gain in gains])
    bare = {"newest": without_champion(case.newest), "earlier": tuple(without_champion(w) for w in case.earlier)}
    facts = {name: changes.pop(name) for name in LedgerFacts.model_fields if name in changes}
    return change_ledger(case.model_copy(update={**bare, "champion": None, **changes}), **facts)


def example_champion(training_cutoff: dt.date, **changes: object) -> ChampionFacts:
    """Version 1, trained on clean labels up to `training_cutoff`."""
    plain = {
        "version": 1,
        "candidate_id": "champion",
        "training_hash": "1" * 64,
        "training_cutoff": training_cutoff,
        "prediction_hash": "2" * 64,
        "is_tainted": False,
    }
    return ChampionFacts.model_validate({**plain, **changes})


def candidate_of_week(week: int = 0) -> Candidate:
    """A candidate whose holdout is the plain window of that week."""
    stored = StoredModel(
        mlflow_run_id=f"run-{week}", model_uri=f"models:/m-{week}", artifact_sha256=f"{week:x}".rjust(64, "d")
    )
    return example_candidate(stored, FIRST_DAY + week * WEEK + DELAY_DAYS * DAY)


def example_payload(case: Case, week: int = 0, rule: DecisionRule = RULE) -> DecisionPayload:
    """What the row of `case` embeds; its candidate is that of the week."""
    made = {"training_hash": case.training_hash, "prediction_hash": case.prediction_hash}
    candidate = candidate_of_week(week).model_copy(update=made)
    holdout = HoldoutSet(
        windows=candidate.windows,
        snapshot=candidate.snapshot,
        n_rows=case.newest.n_rows,
        n_cells=CELLS,
        n_fires=case.newest.n_fires,
        content_hash="e" * 64,
    )
    return DecisionPayload(
        holdout=holdout,
        candidate=candidate,
        champion=case.champion,
        evidence=case.newest,
        used_partitions=tuple(window.partition_key for window in case.earlier),
        dropped=case.dropped,
        guardrails=case.guardrails,
        quality={},
        case_facts=facts_of(case),
        rule=rule,
        decision=adjudicate(case, rule),
    )


USUAL_PAYLOADS: dict[EntryKind, dict[str, object]] = {
    EntryKind.ROLLBACK: {"reason": "For a test"},
    EntryKind.FREEZE: {"reason": "For a test"},
    EntryKind.LABELS_CLEARED: {"reason": "For a test", "partitions": []},
    EntryKind.SHADOW: {"reason": "For a test", "partition_key": "2024-01-15", "until": "2024-12-24"},
    EntryKind.SHADOW_ENDED: {"reason": "For a test", "partition_key": "2024-01-15", "was_until": "2024-12-24"},
}


def draft(kind: EntryKind, **fields: object) -> EntryDraft:
    """A row of that kind; `payload` is a mapping, what it lacks is as usual."""
    given = fields.pop("payload", {})
    assert isinstance(given, dict)
    payload = {**USUAL_PAYLOADS.get(kind, {}), **given}
    plain = {
        "kind": kind,
        "model_name": MODEL,
        "recorded_at": NOON,
        "actor": "schedule",
        "trigger": "schedule",
        "summary": "For a test.",
        "payload_json": canonical_json(payload),
    }
    return EntryDraft.model_validate({**plain, **fields})


@lru_cache
def _payload_of_week(week: int) -> dict[str, object]:
    """What the row of a week embeds, whatever its columns say."""
    payload: dict[str, object] = json.loads(example_payload(example_case([0.0]), week).to_json())
    return payload


def decision_draft(week: int, outcome: Outcome = Outcome.PROMOTED, before: int | None = None) -> EntryDraft:
    """The live decision of a week, with its candidate embedded; what else it embeds is that of no particular case."""
    candidate = candidate_of_week(week)
    reason = ReasonCode.SUPERIOR if outcome is Outcome.PROMOTED else ReasonCode.NOT_SUPERIOR
    return draft(
        EntryKind.DECISION,
        partition_key=candidate.windows.partition_key,
        as_of=candidate.windows.as_of,
        decision_id=f"decision-{week}",
        idempotency_key=f"key-{week}",
        outcome=outcome,
        reason_code=reason,
        champion_before=before,
        champion_after=before,
        payload=_payload_of_week(week),
    )


def shadow_draft(week: int, before: int, n_days: int = 14) -> EntryDraft:
    """The live decision of a week whose candidate goes through a shadow time of `n_days`."""
    until = candidate_of_week(week).windows.as_of + n_days * DAY
    plain = decision_draft(week, before=before)
    return plain.model_copy(update={"payload_json": canonical_json({**plain.payload, "shadow_until": str(until)})})


def verdict_draft(week: int, outcome: Outcome = Outcome.PROMOTED, *, before: int = 1, n_days: int = 14) -> EntryDraft:
    """The verdict on the shadow time of a week's candidate."""
    decided = decision_draft(week, outcome, before)
    as_of = candidate_of_week(week).windows.as_of + (n_days + DELAY_DAYS) * DAY
    return decided.model_copy(update={"kind": EntryKind.SHADOW_VERDICT, "as_of": as_of})


def confirmation_draft(decision_id: str, version: int, recorded_at: dt.datetime = NOON) -> EntryDraft:
    """The confirmation that `version` was made champion for that intent."""
    return draft(EntryKind.CONFIRMATION, decision_id=decision_id, champion_after=version, recorded_at=recorded_at)


def rollback_draft(target: int, before: int, *, number: int = 1, **payload: object) -> EntryDraft:
    """A person's wish to have `target` back."""
    return draft(
        EntryKind.ROLLBACK,
        decision_id=f"rollback-{number}",
        champion_before=before,
        champion_after=before,
        payload={"target_version": target, **payload},
    )
