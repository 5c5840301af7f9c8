"""Weigh the models that answer together by what the log says that they said, and note it in the ledger.

Rules
-----
- Members are the champion and whoever is scored beside it on the day. What a member said live on a day itself counts,
  whether it was champion or shadow then; of several times the last.
- A day counts for a member if it said of every cell what the champion of then was asked, on the very same features. A
  week counts if two members or more have all of its predicted days, and if its reports are due and not doubted.
- Reports are those recorded before the day began: who asks twice on a day is told the same.
- Weights are settled anew once those of the ledger do not hold: after a week, or when the champion is another one.
"""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.ledger.tainting import was_tainted
from forest_fire_retrain.core.ledger.weights import WeighedMember, WeighedWeek, WeightsPayload, draft_weights
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday, weeks_between
from forest_fire_retrain.core.monitoring.shadow_comparison import PairedDay
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.routing.mixture import MixtureRule, Weight, WeightReason, weigh
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import Issue, list_issues, newest_issues
from forest_fire_retrain.core.serving.mixing import do_weights_hold, list_members
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind, Role
from forest_fire_retrain.core.serving.shadows import Shadow
from forest_fire_retrain.core.windows import Interval, day_of, midnight
from forest_fire_retrain.pipeline.monitoring.comparing_shadows import (
    COLUMNS,
    PAIR_KEYS,
    ComparingDesk,
    in_chunks,
    pair_days,
)
from forest_fire_retrain.pipeline.monitoring.doubted_days import find_doubted
from forest_fire_retrain.pipeline.serving.reading_predictions import read_log

DAY = dt.timedelta(days=1)
FEWEST = 2
"""Members that a week compares."""


class _Said(NamedTuple):
    """What members said of the days that were predicted.

    Attributes
    ----------
    days : set of datetime.date
        Days on which a champion was asked.
    pairs : dict
        Candidate to its days.
    """

    days: set[dt.date]
    pairs: dict[str, dict[dt.date, PairedDay]]


def settle_weights(desk: ComparingDesk, ledger: Ledger, model_name: str, stamp: Stamp) -> LedgerEntry | None:
    """Write weights for the day of `stamp` if those of the ledger do not hold; the row, `None` if they do.

    Without a champion nothing is weighed.

    Raises
    ------
    LakeError
        If the log or the reports cannot be read.
    LedgerError
        If the ledger cannot be read or written.
    """
    day = day_of(stamp.recorded_at, desk.shadows.time_zone)
    with ledger.exclusive():
        state = fold(ledger.entries(model_name))
        if state.champion is None or do_weights_hold(state, day):
            return None
        payload = weigh_members(desk, state, day)
        return ledger.append(draft_weights(payload, model_name=model_name, champion=state.champion, stamp=stamp))


def weigh_members(
    desk: ComparingDesk, state: LedgerState, day: dt.date, rule: MixtureRule | None = None
) -> WeightsPayload:
    """How much each member counts from `day` on.

    Parameters
    ----------
    desk : ComparingDesk
        Where log and reports are, and who is a shadow.
    state : LedgerState
        Who is champion, who was rolled back from, which labels were doubted.
    day : datetime.date
        A day of the park.
    rule : MixtureRule, optional
        The constants; by default those of the backtest.

    Raises
    ------
    EvidenceError
        If there is no champion.
    LakeError
        If the log or the reports cannot be read.
    """
    rule = rule or MixtureRule()
    members = list_members(state, day, desk.shadows)
    if not members:
        msg = "there is no champion, so that nothing can be weighed. Run: forest-fire up, or: forest-fire backfill"
        raise EvidenceError(msg)
    known_at = midnight(day, desk.shadows.time_zone)
    versions = {table: desk.lake.version(table) for table in (TableName.FIRES, PREDICTIONS)}
    weeks = _measure_weeks(desk, state, [member.candidate for member in members], day, known_at)
    excluded = [_exclude(member.candidate, state, desk) for member in members]
    table = np.array([[_or_nan(loss) for loss in week.losses] for week in weeks], dtype=np.float64)
    weights = weigh(table.reshape(len(weeks), len(members)), [why is not None for why in excluded], rule)
    return WeightsPayload(
        day=day,
        known_at=known_at,
        table_versions={str(name): version for name, version in versions.items() if version is not None},
        members=tuple(
            _describe(member, weight, why, n_days)
            for member, weight, why, n_days in zip(members, weights, excluded, _count_days(weeks, members), strict=True)
        ),
        weeks=tuple(weeks),
        rule=rule.version,
        rate=rule.rate,
        share=rule.share,
    )


def _exclude(candidate: Candidate, state: LedgerState, desk: ComparingDesk) -> WeightReason | None:
    """Why a member has no weight whatever it said; `None` if it may have some."""
    if state.is_quarantined(candidate.candidate_id):
        return WeightReason.QUARANTINED
    decided = state.decisions.get(candidate.windows.partition_key)
    if decided is not None and decided.outcome is Outcome.REJECTED_BY_GUARDRAIL:
        return WeightReason.REJECTED
    return WeightReason.TAINTED if was_tainted(candidate, state, desk.decision_rule) else None


def _describe(member: Shadow, weight: Weight, excluded: WeightReason | None, n_days: int) -> WeighedMember:
    candidate = member.candidate
    return WeighedMember(
        candidate_id=candidate.candidate_id,
        partition_key=candidate.windows.partition_key,
        version=member.version,
        artifact_sha256=candidate.stored.artifact_sha256,
        weight=min(weight.weight, 1.0),  # the last digit of a sum may be too much
        reason=str(excluded or weight.reason),
        n_weeks=weight.n_weeks,
        n_days=n_days,
        log_loss=weight.log_loss,
    )


def _count_days(weeks: list[WeighedWeek], members: list[Shadow]) -> list[int]:
    """Of each member the days of the weeks that count for it."""
    return [sum(week.n_days for week in weeks if week.losses[place] is not None) for place in range(len(members))]


def _measure_weeks(
    desk: ComparingDesk, state: LedgerState, members: list[Candidate], day: dt.date, known_at: dt.datetime
) -> list[WeighedWeek]:
    """The weeks that compare two members or more, oldest first."""
    if len(members) < FEWEST or desk.lake.version(TableName.FIRES) is None:
        return []
    reported = min(day, desk.lake.complete_through(TableName.FIRES) or day)
    end = last_monday(reported - desk.label_delay_days * DAY)
    second = sorted(candidate.windows.as_of for candidate in members)[FEWEST - 1]
    first = last_monday(second)
    fires = desk.lake.read(TableName.FIRES)
    doubted = find_doubted(desk.lake, desk.engine, desk.decision_rule, state, fires=fires, known_at=known_at)
    found = []
    for window in in_chunks(first, end):
        said = _read_said(desk, window, [candidate.candidate_id for candidate in members], fires, known_at)
        weeks = (week for week in weeks_between(window.start, window.end) if not overlaps_any(week, doubted))
        found += [_measure_week(week, said) for week in weeks]
    return [week for week in found if sum(loss is not None for loss in week.losses) >= FEWEST]


def _measure_week(week: Interval, said: _Said) -> WeighedWeek:
    asked = sorted(day for day in said.days if day in week)
    held = [[days[day] for day in asked if day in days] for days in said.pairs.values()]
    whole = next((pairs for pairs in held if len(pairs) == len(asked)), [])
    return WeighedWeek(
        week=week,
        n_days=len(asked),
        n_rows=sum(pair.n_rows for pair in whole),
        n_fires=sum(pair.n_fires for pair in whole),
        losses=tuple(
            sum(pair.loss_shadow for pair in pairs) if asked and len(pairs) == len(asked) else None for pairs in held
        ),
    )


def _read_said(
    desk: ComparingDesk, window: Interval, members: list[str], fires: pa.Table, known_at: dt.datetime
) -> _Said:
    log = read_log(desk.lake, window, columns=COLUMNS)
    live = [issue for issue in list_issues(log) if issue.kind is PredictionKind.LIVE and issue.lead_days == 0]
    asked = [issue for issue in newest_issues(live) if issue.role is Role.CHAMPION]
    if not asked:
        return _Said(set(), {candidate_id: {} for candidate_id in members})
    served = labelled_rows(desk.engine, features=_rows_of(log, asked), fires=fires, known_at=known_at)
    pairs = {
        who: {pair.date: pair for pair in pair_days(_rows_of(log, _newest_of(live, who)), served)} for who in members
    }
    return _Said({issue.date for issue in asked}, pairs)


def _newest_of(live: list[Issue], candidate_id: str) -> list[Issue]:
    """Of each day what a candidate said last, as champion or as a shadow."""
    own = (issue for issue in live if issue.candidate_id == candidate_id and issue.role is not Role.MIXTURE)
    return list({issue.date: issue for issue in own}.values())


def _rows_of(log: pa.Table, issues: Iterable[Issue]) -> pa.Table:
    names = pa.array([issue.name for issue in issues], pa.string())
    return log.filter(pc.is_in(log["issue"], names)).select([*PAIR_KEYS, "probability"])


def _or_nan(loss: float | None) -> float:
    return float("nan") if loss is None else loss
