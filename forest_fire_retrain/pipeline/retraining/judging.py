"""Gather the evidence of one partition and put it before the pure rule; nothing is written here."""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from forest_fire_retrain.core.alarms import Alarm
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, Challenger, ChampionFacts, LedgerFacts
from forest_fire_retrain.core.decision.case_building import build_case, find_suspect_windows
from forest_fire_retrain.core.decision.scored_rows import ScoredHoldout, ScoredRows
from forest_fire_retrain.core.decision.scoring import describe_quality
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import (
    AfterShadow,
    DecisionPayload,
    Quality,
    facts_of,
    idempotency_key,
    read_evidence,
    read_flagged,
    read_payload,
)
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.shadow_times import ShadowTime
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of
from forest_fire_retrain.core.ledger.tainting import was_tainted
from forest_fire_retrain.core.models.model_rows import hash_probabilities
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.records import Candidate, HoldoutSet, Snapshot
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.retraining.attributing import attribute_gain
from forest_fire_retrain.pipeline.retraining.scoring_holdouts import score_holdout, score_window


class Question(NamedTuple):
    """What is to be decided.

    Attributes
    ----------
    model_name : str
        The registered model.
    holdout, candidate : HoldoutSet, Candidate
        Records of the partition.
    rule : DecisionRule
        The thresholds.
    alarm : Alarm, optional
        What asked for an active period.
    shadow_days : int
        Days for which a candidate that is found better than a champion is scored beside it first.
    """

    model_name: str
    holdout: HoldoutSet
    candidate: Candidate
    rule: DecisionRule
    alarm: Alarm | None = None
    shadow_days: int = 0

    @property
    def key(self) -> str:
        """The idempotency key."""
        return idempotency_key(self.model_name, self.holdout, self.candidate, self.rule)


class _Asked(NamedTuple):
    """What is put before the rule, whether a period is decided or a shadow time ends.

    Attributes
    ----------
    question : Question
        Holdout, candidate, rule.
    scored : ScoredHoldout
        The holdout under all models.
    opponent : Candidate, optional
        The champion's.
    prediction_hash : str
        SHA-256 over the candidate's probabilities on the holdout.
    earlier : list of WindowEvidence
        Earlier windows that may be pooled.
    suspect : list of LabelCount
        Flagged windows that neither late reports nor a person have cleared.
    """

    question: Question
    scored: ScoredHoldout
    opponent: Candidate | None
    prediction_hash: str
    earlier: list[WindowEvidence]
    suspect: list[LabelCount]


def judge(stores: Stores, state: LedgerState, question: Question) -> tuple[DecisionPayload, ScoredRows]:
    """Score, gather and decide, against the champion of `state`.

    Raises
    ------
    EvidenceError, TrackingError, LakeError
        If the candidate cannot be scored on its holdout.
    """
    holdout, candidate, rule = question.holdout, question.candidate, question.rule
    opponent = state.candidates.get(state.champion) if state.champion is not None else None
    decided = list(state.decisions.values())
    before = candidate_of(decided[-1]) if decided and state.champion is None else None
    scored = score_holdout(
        stores.lake,
        stores.engine,
        stores.models,
        holdout=holdout,
        candidate=candidate,
        champion=None if opponent is None else opponent.stored,
        predecessor=None if before is None else before.stored,
    )
    earlier = _read_last(_decided_in_reign(decided, state), holdout, rule.evidence_days)
    suspect = _suspect_windows(stores, decided, state.cleared, holdout.snapshot, rule)
    asked = _Asked(question, scored, opponent, candidate.prediction_hash, earlier, suspect)
    payload = _put_before_rule(_build_case(state, asked), asked)
    if payload.decision.outcome is Outcome.PROMOTED and opponent is not None:
        attribution = attribute_gain(
            stores.lake, stores.engine, holdout=holdout, candidate=candidate, champion=opponent, rows=scored.rows
        )
        payload = payload.model_copy(update={"attribution": attribution})
    return payload, scored.rows


def judge_shadow(
    stores: Stores, state: LedgerState, shadow: ShadowTime, question: Question
) -> tuple[DecisionPayload, ScoredRows]:
    """Put a candidate before the rule again, after its shadow time: on the shadow days, and the windows it won on.

    Windows end before the shadow days begin, so that no day counts twice. Without the shadow days, because the reports
    or the weather of these are doubted, the earlier windows say nothing new, and none is used.

    Parameters
    ----------
    stores : Stores
        What is read.
    state : LedgerState
        Whose champion is still the one of the decision.
    shadow : ShadowTime
        The shadow time that is over.
    question : Question
        The shadow days as holdout, and the candidate.

    Raises
    ------
    EvidenceError, TrackingError, LakeError
        If the candidate cannot be scored on the shadow days.
    """
    opponent = None if state.champion is None else state.candidates.get(state.champion)
    scored = score_window(
        stores.lake,
        stores.engine,
        stores.models,
        holdout=question.holdout,
        candidate=question.candidate,
        champion=None if opponent is None else opponent.stored,
    )
    keys = (*read_payload(shadow.decision).used_partitions, str(shadow.decision.partition_key))
    earlier = [read_evidence(state.decisions[key]) for key in keys]
    rule, snapshot = question.rule, question.holdout.snapshot
    suspect = _suspect_windows(stores, state.decisions.values(), state.cleared, snapshot, rule)
    asked = _Asked(question, scored, opponent, hash_probabilities(scored.rows.challenger), earlier, suspect)
    case = _build_case(state, asked)
    if case.newest.partition_key in case.dropped:
        case = _build_case(state, asked._replace(earlier=[]))
    payload = _put_before_rule(case, asked)
    ended = AfterShadow(decided_in=shadow.decision.sequence, prediction_hash=asked.prediction_hash)
    return payload.model_copy(update={"after_shadow": ended}), scored.rows


def _build_case(state: LedgerState, asked: _Asked) -> Case:
    holdout, candidate, rule = asked.question.holdout, asked.question.candidate, asked.question.rule
    decided = list(state.decisions.values())
    challenger = Challenger(
        candidate.candidate_id, candidate.training_hash, asked.prediction_hash, holdout.windows, candidate.n_fires
    )
    return build_case(
        asked.scored,
        challenger,
        _champion_facts(state, asked.opponent, asked.scored, rule),
        earlier=asked.earlier,
        just_before=_read_last(decided, holdout, rule.suspect_days),
        suspect=asked.suspect,
        rule=rule,
        cleared=state.cleared,
        ledger=LedgerFacts(
            frozen_until=state.frozen_until,
            is_quarantined=candidate.candidate_id in state.quarantined,
            alias_disagrees=state.meddling is not None,
            blocked_by=_last_block(decided),
            blocked_in_a_row=_blocked_in_a_row(decided),
        ),
    )


def _put_before_rule(case: Case, asked: _Asked) -> DecisionPayload:
    question, rule = asked.question, asked.question.rule
    return DecisionPayload(
        holdout=question.holdout,
        candidate=question.candidate,
        champion=case.champion,
        evidence=case.newest,
        used_partitions=tuple(window.partition_key for window in case.earlier),
        dropped=case.dropped,
        guardrails=case.guardrails,
        quality=_quality(asked.scored.rows, rule) | _champion_history(case.earlier, rule),
        case_facts=facts_of(case),
        rule=rule,
        decision=adjudicate(case, rule),
        suspect=tuple(asked.suspect),
        alarm=question.alarm,
    )


def _read_last(decided: list[LedgerEntry], holdout: HoldoutSet, n_days: int) -> list[WindowEvidence]:
    """Windows of the decisions of the last days, reading no more rows than may be needed."""
    reach = holdout.windows.as_of - dt.timedelta(days=n_days + holdout.windows.partition.n_days)
    return [read_evidence(entry) for entry in decided if entry.as_of is not None and entry.as_of > reach]


def _decided_in_reign(decided: list[LedgerEntry], state: LedgerState) -> list[LedgerEntry]:
    """Decisions since the champion came into production: what spoke against it before it was rolled back to is over."""
    return [entry for entry in decided if not state.reigns or entry.recorded_at >= state.reigns[-1].confirmed_at]


def _champion_facts(
    state: LedgerState, opponent: Candidate | None, scored: ScoredHoldout, rule: DecisionRule
) -> ChampionFacts | None:
    """Facts of the champion; one that the ledger knows no candidate of counts as unscorable."""
    if state.champion is None:
        return None
    if opponent is None:
        fault = f"the ledger knows no candidate of version {state.champion}. Run: forest-fire verify"
        return ChampionFacts(
            version=state.champion,
            candidate_id="",
            training_hash="",
            training_cutoff=dt.date.min,
            prediction_hash=None,
            is_tainted=False,
            fault=fault,
        )
    promotion = state.decisions.get(opponent.windows.partition_key)
    return ChampionFacts(
        version=state.champion,
        candidate_id=opponent.candidate_id,
        training_hash=opponent.training_hash,
        training_cutoff=opponent.windows.training_cutoff,
        prediction_hash=scored.champion_hash,
        is_tainted=was_tainted(opponent, state, rule),
        promoted_for=None if promotion is None else promotion.reason_code,
        fault=None if scored.champion_fault is None else f"{opponent.stored.model_uri}: {scored.champion_fault}",
    )


def _suspect_windows(
    stores: Stores,
    decided: Iterable[LedgerEntry],
    cleared: list[Interval],
    snapshot: Snapshot,
    rule: DecisionRule,
) -> list[LabelCount]:
    """Flagged windows that neither late reports nor a person have cleared."""
    return find_suspect_windows(
        read_flagged(decided, cleared), lambda window: _count_fires_known_now(stores, snapshot, window), rule
    )


def _count_fires_known_now(stores: Stores, snapshot: Snapshot, window: Interval) -> int:
    rows = read_labelled(stores.lake, stores.engine, snapshot, window, feature_columns=("cell_id", "date"))
    return int(pc.sum(rows["label"]).as_py() or 0)


def _quality(rows: ScoredRows, rule: DecisionRule) -> Quality:
    models: dict[str, np.ndarray | None] = {
        "candidate": rows.challenger,
        "champion": rows.champion,
        "climatology": rows.climatology,
    }
    return {
        name: describe_quality(rows.labels, probabilities, rule.patrol_budget_share)
        for name, probabilities in models.items()
        if probabilities is not None
    }


def _champion_history(earlier: Sequence[WindowEvidence], rule: DecisionRule) -> Quality:
    """The champion's mean loss per row over the earlier windows of its reign, under its metric's name."""
    judged = [window for window in earlier if window.loss_champion]
    n_rows = sum(window.n_rows for window in judged)
    if not n_rows or not rule.metric.sees_calibration:
        return {}
    loss = sum(sum(window.loss_champion) for window in judged) / n_rows
    return {"champion over its reign": {str(rule.metric): loss}}


def _last_block(decided: list[LedgerEntry]) -> ReasonCode | None:
    """The guardrail that rejected the candidate of the last live decision; they stand in order of their cut-off."""
    rejected = bool(decided) and decided[-1].outcome is Outcome.REJECTED_BY_GUARDRAIL
    return decided[-1].reason_code if rejected else None


def _blocked_in_a_row(decided: list[LedgerEntry]) -> int:
    """Live decisions at the end that this guardrail rejected."""
    code = _last_block(decided)
    return 0 if code is None else len(list(takewhile(lambda entry: entry.reason_code is code, reversed(decided))))
