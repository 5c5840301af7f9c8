"""Take an earlier version back into production: proved first, written to the ledger next, carried out last.

Rules
-----
- Nothing is written before the version is proved: registered, known to the ledger, loaded under its
  hash, reproducing its reference predictions.
- The row is an intent like a promotion's; the protocol in `core.ledger.promotion` carries it out, and finishes
  it if the run is cut.
- It sticks: the candidate rolled back from is quarantined, evidence from before the rollback no longer
  counts, and promotions can be frozen until a day.
- The same order given again changes nothing more. It is the same if the present champion came by a rollback of the
  same person for the same reason, or by one that was cut and is finished now, whoever asked for it: an order without
  a version is meant relative to the champion that its giver knew.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.errors import ForestFireRetrainError, RefusedRequestError, RegistryError
from forest_fire_retrain.core.ledger.drafts import draft_freeze, draft_rollback
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.payloads import RollbackPayload
from forest_fire_retrain.core.ledger.promotion import RegistryView
from forest_fire_retrain.core.ledger.state import LedgerState, previous_reign
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.pipeline.custody.promoting import look_at, settle
from forest_fire_retrain.pipeline.custody.proving_versions import prove_version
from forest_fire_retrain.pipeline.custody.standing_orders import (
    freeze_that_holds,
    refuse_blank,
    refuse_past_freeze,
)


class Rollback(NamedTuple):
    """What came of a rollback.

    Attributes
    ----------
    entry : LedgerEntry
        The row that asked for it.
    from_version, to_version : int
        The champion before and after it.
    frozen_until : datetime.date, optional
        Promotions are frozen before this day now, by this order or an earlier one.
    is_repeated : bool
        Whether an earlier order had asked for it, and this one changed no version.
    cost : str, optional
        What going back costs, by what both said since the promotion; `None` where nobody looked.
    """

    entry: LedgerEntry
    from_version: int
    to_version: int
    frozen_until: dt.date | None
    is_repeated: bool = False
    cost: str | None = None


class _Order(NamedTuple):
    """What a person asks for."""

    to_version: int | None
    reason: str
    until: dt.date | None
    stamp: Stamp


def roll_back(
    stores: Stores,
    model_name: str,
    *,
    to_version: int | None,
    reason: str,
    freeze_until: dt.date | None,
    stamp: Stamp,
) -> Rollback:
    """Make an earlier version champion, quarantine the present one, and record both with the reason.

    Parameters
    ----------
    stores : Stores
        What is read and written.
    model_name : str
        The registered model.
    to_version : int, optional
        The version to take; by default that of the last reign which was not rolled back from.
    reason : str
        Why, for those who read the ledger later.
    freeze_until : datetime.date, optional
        Freeze promotions of periods that are due before this day.
    stamp : Stamp
        Who asks, and when.

    Raises
    ------
    RefusedRequestError
        If the request makes no sense as it stands; nothing was changed.
    RegistryError
        If the version cannot be proved (nothing was changed), or the rollback could not be carried out.
    LedgerError
        If the ledger cannot be read or written.
    """
    refuse_blank(reason, "a rollback")
    with stores.ledger.exclusive():
        before = stores.ledger.state(model_name)
        state = settle(stores.ledger, stores.registry, model_name, stamp).state
        refuse_past_freeze(freeze_until, state)
        order = _Order(to_version, reason, freeze_until, stamp)
        row = _find_same_order(stores.ledger.entries(model_name), before, state, order)
        if row is not None:
            return _repeat(stores, model_name, row, state, order)
        if to_version is None:
            _refuse_other_champion(before, state)
        champion, target = _choose(state, model_name, to_version)
        view = look_at(stores.registry, model_name)
        _prove(stores, model_name, view, target)
        left = state.candidates.get(champion)
        payload = RollbackPayload(
            target_version=target,
            quarantined_candidate_id=None if left is None else left.candidate_id,
            quarantined_version=None if left is None else champion,
            alias_before=view.alias,
            reason=reason,
            until=freeze_until,
        )
        entry = stores.ledger.append(
            draft_rollback(payload, model_name=model_name, champion=champion, as_of=state.newest_as_of, stamp=stamp)
        )
        settled = settle(stores.ledger, stores.registry, model_name, stamp)
        if settled.state.champion != target or settled.state.meddling is not None:
            last = settled.written[-1].summary if settled.written else "the registry did not follow"
            msg = f"the rollback to version {target} was not carried out: {last} Run: forest-fire verify"
            raise RegistryError(msg)
    return Rollback(entry, champion, target, freeze_that_holds(settled.state))


def previous_version(state: LedgerState) -> int | None:
    """Version of the last reign before the present one that is another one and was not rolled back from."""
    reign = previous_reign(state)
    return None if reign is None else reign.version


def describe_repeated(done: Rollback) -> str:
    """That an order was carried out before, and how to go further back."""
    row = done.entry
    return (
        f"This order is carried out already, no version was changed by it again. Row {row.sequence}, {row.actor}: "
        f"{row.summary} To go further back: forest-fire rollback --to VERSION"
    )


def _find_same_order(
    entries: list[LedgerEntry], before: LedgerState, state: LedgerState, order: _Order
) -> LedgerEntry | None:
    """The rollback that made the present champion, if the order is that one given again."""
    if not state.reigns or state.meddling is not None or order.to_version not in (None, state.champion):
        return None
    row = next(entry for entry in entries if entry.sequence == state.reigns[-1].intent_row)
    if row.kind is not EntryKind.ROLLBACK:
        return None
    was_open = before.open_intent is not None and before.open_intent.sequence == row.sequence
    is_same = row.actor == order.stamp.actor and RollbackPayload.read(row).reason.strip() == order.reason.strip()
    return row if was_open or is_same else None


def _repeat(stores: Stores, model_name: str, row: LedgerEntry, state: LedgerState, order: _Order) -> Rollback:
    """Leave the champion that `row` made; only a freeze that was not asked for with it is added."""
    target = RollbackPayload.read(row).target_version
    assert row.champion_before is not None  # noqa: S101 - a rollback leaves a champion
    if order.until is not None and order.until != state.frozen_until:
        stores.ledger.append(
            draft_freeze(order.until, order.reason, model_name=model_name, champion=target, stamp=order.stamp)
        )
    held = freeze_that_holds(stores.ledger.state(model_name))
    return Rollback(row, row.champion_before, target, held, is_repeated=True)


def _refuse_other_champion(before: LedgerState, state: LedgerState) -> None:
    """Refuse to go back from a champion that settling only now brought: whoever asked knew the one before it."""
    if before.open_intent is not None and state.champion != before.champion:
        msg = (
            f"version {state.champion} became champion only now, as a run that was cut was finished; nothing was "
            "rolled back. Look at it with forest-fire status, then order again"
        )
        raise RefusedRequestError(msg)


def _choose(state: LedgerState, model_name: str, to_version: int | None) -> tuple[int, int]:
    """The champion, and the version to take in its place."""
    champion = state.champion
    if champion is None:
        msg = f"{model_name} has no champion to roll back from; nothing was changed. See: forest-fire status"
        raise RefusedRequestError(msg)
    target = previous_version(state) if to_version is None else to_version
    if target is None:
        msg = (
            f"no version but {champion} was ever champion of {model_name} without being rolled back from; nothing was "
            "changed. Choose one yourself: forest-fire rollback --to VERSION"
        )
        raise RefusedRequestError(msg)
    if target == champion:
        msg = (
            f"version {target} is the champion already; nothing was changed. "
            "If the alias was moved by hand, put it back with: forest-fire verify --repair"
        )
        raise RefusedRequestError(msg)
    return champion, target


def _prove(stores: Stores, model_name: str, view: RegistryView, target: int) -> None:
    try:
        prove_version(stores, stores.ledger.entries(model_name), view, target)
    except ForestFireRetrainError as error:
        msg = f"version {target} of {model_name} cannot be taken back, nothing was changed: {error}"
        raise RegistryError(msg) from error
