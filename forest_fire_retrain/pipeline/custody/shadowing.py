"""Order that a candidate is scored beside the champion, or that it is no more; the registry is not needed.

Rules
-----
- Whoever is ordered is loaded first, under the SHA-256 of the ledger: a shadow that could never be scored is refused.
- The same order given again writes nothing. It is the same if the same person asks for the same until the same day and
  for the same reason.
- An order ends by itself on its day, and when its candidate becomes champion; only a person who ends it writes a row.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import ForestFireRetrainError, RefusedRequestError, RegistryError
from forest_fire_retrain.core.ledger.drafts import draft_shadow, draft_shadow_ended
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.payloads import ShadowEndedPayload, ShadowPayload
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.serving.shadows import name_shadow
from forest_fire_retrain.pipeline.custody.standing_orders import refuse_blank

CANDIDATE = "candidate"
"""What stands for the candidate of the newest decision."""
MAX_NEAREST = 3
NOTHING = "nothing was changed"


class Shadowing(NamedTuple):
    """What came of an order.

    Attributes
    ----------
    entry : LedgerEntry
        The row that says it.
    is_repeated : bool
        Whether an earlier order had said it, and nothing was written.
    """

    entry: LedgerEntry
    is_repeated: bool = False


class Wish(NamedTuple):
    """Whom a person names, why, and on which day of the park.

    Attributes
    ----------
    which : str
        A version, the start of a decided period, or `candidate`.
    reason : str
        Why.
    today : datetime.date
        The day it is asked on.
    stamp : Stamp
        Who asks, and when.
    """

    which: str
    reason: str
    today: dt.date
    stamp: Stamp


class _Chosen(NamedTuple):
    candidate: Candidate
    version: int | None

    @property
    def name(self) -> str:
        return name_shadow(self.version, self.candidate.windows.partition_key)


def order_shadow(stores: Stores, model_name: str, wish: Wish, until: dt.date) -> Shadowing:
    """Have a candidate scored beside the champion on every day before `until`, and record why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, the day is over, there is no such candidate, or it is the champion.
    RegistryError
        If its model cannot be loaded, or its bytes are not those that the ledger recorded.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(wish.reason, "a shadow")
    if until <= wish.today:
        msg = f"a shadow until {until} would never be scored: today is {wish.today}; {NOTHING}. Choose a later day"
        raise RefusedRequestError(msg)
    with stores.ledger.exclusive():
        state = stores.ledger.state(model_name)
        chosen = _choose(state, model_name, wish.which)
        payload = ShadowPayload(
            candidate_id=chosen.candidate.candidate_id,
            partition_key=chosen.candidate.windows.partition_key,
            version=chosen.version,
            until=until,
            reason=wish.reason.strip(),
        )
        held = state.shadows.get(payload.candidate_id)
        if held is not None and held.actor == wish.stamp.actor and ShadowPayload.read(held) == payload:
            return Shadowing(held, is_repeated=True)
        _prove(stores, chosen)
        draft = draft_shadow(payload, model_name=model_name, champion=state.champion, stamp=wish.stamp)
        return Shadowing(stores.ledger.append(draft))


def end_shadow(ledger: Ledger, model_name: str, wish: Wish) -> Shadowing:
    """End an order that still holds, and record why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or no such order holds, or more than one.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(wish.reason, "ending a shadow")
    with ledger.exclusive():
        entries = ledger.entries(model_name)
        state = ledger.state(model_name)
        orders = [order for row in state.shadows.values() if wish.today < (order := ShadowPayload.read(row)).until]
        named = [order for order in orders if _is_named(order, wish.which)]
        if not named and (row := _find_same_ending(entries, wish)) is not None:
            return Shadowing(row, is_repeated=True)
        if len(named) != 1:
            raise RefusedRequestError(_describe_orders(wish.which, orders, named))
        (order,) = named
        payload = ShadowEndedPayload(
            candidate_id=order.candidate_id,
            partition_key=order.partition_key,
            version=order.version,
            was_until=order.until,
            reason=wish.reason.strip(),
        )
        draft = draft_shadow_ended(payload, model_name=model_name, champion=state.champion, stamp=wish.stamp)
        return Shadowing(ledger.append(draft))


def describe_repeated_shadow(done: Shadowing) -> str:
    """That an order was given before."""
    row = done.entry
    return f"This order is in the ledger already, nothing was written. Row {row.sequence}, {row.actor}: {row.summary}"


def _choose(state: LedgerState, model_name: str, which: str) -> _Chosen:
    if state.champion is None:
        msg = f"{model_name} has no champion that anything could be scored beside; {NOTHING}. See: forest-fire status"
        raise RefusedRequestError(msg)
    chosen = _find_version(state, model_name, int(which)) if which.isdecimal() else _find_decided(state, which)
    champion = state.candidates[state.champion]
    if chosen.candidate.candidate_id == champion.candidate_id:
        msg = f"{chosen.name} is the champion, which is scored anyway; {NOTHING}. See: forest-fire status"
        raise RefusedRequestError(msg)
    return chosen


def _find_version(state: LedgerState, model_name: str, version: int) -> _Chosen:
    candidate = state.candidates.get(version)
    if candidate is None:
        near = sorted(sorted(state.candidates, key=lambda known: abs(known - version))[:MAX_NEAREST])
        listed = ", ".join(str(known) for known in near) or "none"
        msg = f"the ledger knows no version {version} of {model_name}; {NOTHING}. The nearest: {listed}"
        raise RefusedRequestError(msg)
    return _Chosen(candidate, version)


def _find_decided(state: LedgerState, which: str) -> _Chosen:
    """The candidate of a decided period, or of the newest one."""
    row = state.last_decision if which == CANDIDATE else state.decisions.get(which)
    candidate = None if row is None else candidate_of(row)
    if row is None or candidate is None:
        msg = (
            f"{which!r} is no version, no decided period, and not the word {CANDIDATE}; {NOTHING}. "
            "See: forest-fire history --retrainings"
        )
        raise RefusedRequestError(msg)
    versions = (version for version, held in state.candidates.items() if held.candidate_id == candidate.candidate_id)
    version = max(versions, default=None)
    if which == CANDIDATE and version is not None and version != state.champion:
        msg = (
            f"the candidate of {row.partition_key}, the newest one, was promoted: it is version {version}; {NOTHING}. "
            f"To have that one scored: forest-fire shadow {version}"
        )
        raise RefusedRequestError(msg)
    return _Chosen(candidate, version)


def _prove(stores: Stores, chosen: _Chosen) -> None:
    try:
        stores.models.load(chosen.candidate.stored)
    except ForestFireRetrainError as error:
        msg = f"{chosen.name} cannot be scored beside the champion, {NOTHING}: {error}"
        raise RegistryError(msg) from error


def _is_named(order: ShadowPayload | ShadowEndedPayload, which: str) -> bool:
    if which.isdecimal():
        return order.version == int(which)
    return order.version is None if which == CANDIDATE else order.partition_key == which


def _find_same_ending(entries: Sequence[LedgerEntry], wish: Wish) -> LedgerEntry | None:
    """The newest row that ended what the wish names, if it is that order given again."""
    for row in reversed(entries):
        if row.kind is EntryKind.SHADOW and _is_named(ShadowPayload.read(row), wish.which):
            return None
        if row.kind is EntryKind.SHADOW_ENDED:
            ended = ShadowEndedPayload.read(row)
            if _is_named(ended, wish.which):
                is_same = row.actor == wish.stamp.actor and ended.reason == wish.reason.strip()
                return row if is_same else None
    return None


def _describe_orders(which: str, orders: Sequence[ShadowPayload], named: Sequence[ShadowPayload]) -> str:
    listed = ", ".join(f"{name_shadow(order.version, order.partition_key)} until {order.until}" for order in orders)
    if named:
        return f"{which!r} names {len(named)} shadows; {NOTHING}. Name one by its period: {listed}"
    return (
        f"no order to score {which!r} beside the champion holds; {NOTHING}. Ordered: {listed or 'none'}. A former "
        "champion grows cold by itself (FOREST_FIRE_WARM_DAYS)"
    )
