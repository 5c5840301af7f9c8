"""End shadow times that are over: the same rule again, one row that says what came of it, and what follows from that.

Rules
-----
- A verdict knows what was recorded before its due day, whenever it is given; verdicts are given in the order of their
  due days, each carried out before the next.
- It is put before the rule with the thresholds of its decision.
- It is written under the ledger's lock, which it is made under too. A run that is cut before the row leaves nothing;
  one that is cut behind it is finished by the next one, whatever that does.
- A shadow time whose days cannot be scored waits, and stops nothing else. It is abandoned if its days still cannot be
  scored `GIVE_UP_DAYS` after the verdict was due: the champion wins that doubt too.
"""

import datetime as dt
from functools import partial
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.errors import EvidenceError, LakeError, RegistryError, TrackingError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.drafts import draft_abandonment, draft_shadow_verdict
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.shadow_times import ShadowTime
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.preparing.featuring import complete_through
from forest_fire_retrain.pipeline.preparing.holding_out import describe_holdout
from forest_fire_retrain.pipeline.preparing.snapshots import take_snapshot
from forest_fire_retrain.pipeline.retraining.judging import Question, judge_shadow
from forest_fire_retrain.pipeline.retraining.keeping_pages import keep_page

GIVE_UP_DAYS = 28


class Verdicts(NamedTuple):
    """What came of the shadow times that were asked about.

    Attributes
    ----------
    rows : tuple of LedgerEntry
        Verdicts and abandonments that were written, in their order.
    waiting : tuple of str
        Why shadow times wait whose verdict is due, a sentence each.
    """

    rows: tuple[LedgerEntry, ...] = ()
    waiting: tuple[str, ...] = ()


def give_verdicts(stores: Stores, model_name: str, *, through: dt.date, stamp: Stamp) -> Verdicts:
    """Give the verdicts that are due on `through` or before, and carry them out.

    Parameters
    ----------
    stores : Stores
        What is read and written. A verdict waits where the lake is not complete through its due day.
    model_name : str
        The registered model.
    through : datetime.date
        Up to which due day.
    stamp : Stamp
        Who asks, and when.

    Raises
    ------
    LedgerError, RegistryError
        If a store refuses; the champion stays, and the next run finishes what was begun.
    """
    rows, waiting = list[LedgerEntry](), dict[str, str]()
    with stores.ledger.exclusive():
        while True:
            settled = settle(stores.ledger, stores.registry, model_name, stamp)
            shadow = _find_next(settled.state, through, waiting)
            if shadow is None:
                return Verdicts(tuple(rows), tuple(waiting.values()))
            draft = _judge(stores, settled.state, shadow, through=through, stamp=stamp, waiting=waiting)
            if draft is not None:
                rows.append(stores.ledger.append(draft))


def _find_next(state: LedgerState, through: dt.date, waiting: dict[str, str]) -> ShadowTime | None:
    due = (shadow for shadow in state.in_shadow if shadow.due <= through)
    return next((shadow for shadow in due if str(shadow.decision.decision_id) not in waiting), None)


def _judge(
    stores: Stores, state: LedgerState, shadow: ShadowTime, *, through: dt.date, stamp: Stamp, waiting: dict[str, str]
) -> EntryDraft | None:
    """The row that ends a shadow time; `None` if it waits, and why is in `waiting` then."""
    mark, decision_id = complete_through(stores.lake), str(shadow.decision.decision_id)
    if mark is None or mark < shadow.due:
        held = "nothing" if mark is None else f"what was recorded before {mark}"
        waiting[decision_id] = f"{shadow} waits: the lake holds {held}"
        return None
    try:
        return _draft_verdict(stores, state, shadow, stamp)
    except (EvidenceError, TrackingError, RegistryError, LakeError) as error:  # also a changed artifact
        fault = " ".join(str(error).split()).rstrip(".")
        if through < shadow.due + dt.timedelta(days=GIVE_UP_DAYS):
            waiting[decision_id] = f"{shadow} waits: {fault}"
            return None
        because = f"{GIVE_UP_DAYS} days after its verdict was due its shadow days cannot be scored: {fault}"
        return draft_abandonment(shadow.decision, ReasonCode.CANDIDATE_UNSCORABLE, because, state.champion, stamp)


def _draft_verdict(stores: Stores, state: LedgerState, shadow: ShadowTime, stamp: Stamp) -> EntryDraft:
    zone = shadow.candidate.snapshot.time_zone
    snapshot = take_snapshot(stores.lake, shadow.windows, None, Knowledge.LIVE, time_zone=zone)
    question = Question(
        model_name=shadow.decision.model_name,
        holdout=describe_holdout(stores.lake, stores.engine, shadow.windows, snapshot),
        candidate=shadow.candidate,
        rule=read_payload(shadow.decision).rule,
    )
    payload, _ = judge_shadow(stores, state, shadow, question)
    draft = partial(
        draft_shadow_verdict,
        decision=shadow.decision,
        idempotency_key=question.key,
        champion=state.champion,
        stamp=stamp,
    )
    return draft(keep_page(stores.records, payload, draft))
