"""Take an earlier version back into production: proved first, written to the ledger next, carried out last.

Rules
-----
- Nothing is written before the version is proved: registered, known to the ledger, loaded under its
  hash, reproducing its reference predictions.
- The row is an intent like a promotion's; the protocol in `core.ledger.promotion` carries it out, and finishes
  it if the run is cut.
- It sticks: the candidate rolled back from is quarantined, evidence from before the rollback no longer
  counts, and promotions can be frozen until a day.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.errors import ForestFireRetrainError, RefusedRequestError, RegistryError
from forest_fire_retrain.core.ledger.drafts import draft_rollback
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.payloads import RollbackPayload
from forest_fire_retrain.core.ledger.promotion import RegistryView
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.pipeline.custody.promoting import look_at, settle
from forest_fire_retrain.pipeline.custody.proving_versions import prove_version
from forest_fire_retrain.pipeline.custody.standing_orders import refuse_blank, refuse_past_freeze


class Rollback(NamedTuple):
    """What came of a rollback.

    Attributes
    ----------
    entry : LedgerEntry
        The row that asked for it.
    from_version, to_version : int
        The champion before and after it.
    frozen_until : datetime.date, optional
        Promotions are frozen before this day.
    """

    entry: LedgerEntry
    from_version: int
    to_version: int
    frozen_until: dt.date | None


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
        Freeze promotions of periods that end before this day.
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
        state = settle(stores.ledger, stores.registry, model_name, stamp).state
        refuse_past_freeze(freeze_until, state)
        champion, target = _choose(state, model_name, to_version)
        view = look_at(stores.registry, model_name)
        _prove(stores, model_name, view, target)
        left = state.candidates.get(champion)
        payload = RollbackPayload(
            target_version=target,
            quarantined_candidate_id=None if left is None else left.candidate_id,
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
    return Rollback(entry, champion, target, freeze_until)


def previous_version(state: LedgerState) -> int | None:
    """Version of the last reign before the present one that is another one and was not rolled back from."""
    for reign in reversed(state.reigns[:-1]):
        held = state.candidates.get(reign.version)
        is_quarantined = held is not None and held.candidate_id in state.quarantined
        if reign.version != state.champion and not is_quarantined:
            return reign.version
    return None


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
