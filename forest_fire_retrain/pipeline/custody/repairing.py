"""Carry out what `verify` found and what is safe; each repair is in the ledger before it is done.

Rules
-----
- Nothing is repaired in a ledger that cannot be trusted: its chain broken, its rows fewer than its copy's.
- The ledger is right: the registry, the copy and the pages are brought to what it says, never the reverse.
- A ledger that something else proves to be behind is not what the registry is brought to.
- Every step can be done again: a repair that is cut is finished by the next one.
"""

from collections.abc import Callable, Sequence

from forest_fire_retrain.core.errors import LedgerTamperedError
from forest_fire_retrain.core.ledger.drafts import draft_repair
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.payloads import RepairedFault
from forest_fire_retrain.core.ledger.state import LedgerState, origin_of
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault, find_wrong_tags
from forest_fire_retrain.pipeline.custody.promoting import look_at, look_closely, origin_tags, settle
from forest_fire_retrain.pipeline.custody.proving_pages import mend_pages
from forest_fire_retrain.pipeline.custody.verifying import check_chain

TRUSTED = ("ledger", "witness")
"""Where a fault that nothing here mends means that the ledger is not to be built upon."""


def repair(
    stores: Stores, model_name: str, faults: Sequence[Fault], stamp: Stamp, *, rewrite_copy: Callable[[], object]
) -> LedgerEntry | None:
    """Bring registry and copy to what the ledger says; the row that records it, or `None` if nothing could be done.

    Parameters
    ----------
    stores : Stores
        What is read and written.
    model_name : str
        The registered model.
    faults : sequence of Fault
        What `verify` found.
    stamp : Stamp
        Who repairs, and when.
    rewrite_copy : callable
        Writes the ledger's exported copy again.

    Raises
    ------
    LedgerTamperedError
        If the ledger cannot be trusted; nothing was changed.
    RegistryError, LedgerError
        If a store refuses; the next repair finishes what was begun.
    """
    doable = [fault for fault in faults if fault.repairable]
    if not doable:
        return None
    _refuse_untrusted(faults)
    with stores.ledger.exclusive():
        _refuse_untrusted(check_chain(stores.ledger.read_afresh()))
        settled = settle(stores.ledger, stores.registry, model_name, stamp).state
        entry = stores.ledger.append(
            draft_repair(
                [RepairedFault(where=fault.where, what=fault.what) for fault in doable],
                model_name=model_name,
                champion=settled.champion,
                stamp=stamp,
            )
        )
        _mend_registry(stores, model_name)
        mend_pages(stores.records, stores.ledger.entries(model_name))
        settle(stores.ledger, stores.registry, model_name, stamp)
        rewrite_copy()
    return entry


def _refuse_untrusted(faults: Sequence[Fault]) -> None:
    broken = next((fault for fault in faults if fault.where in TRUSTED and not fault.repairable), None)
    if broken is not None:
        msg = f"{broken.what}; nothing was repaired. Restore the ledger first: {broken.repair}"
        raise LedgerTamperedError(msg)


def _mend_registry(stores: Stores, model_name: str) -> None:
    """Versions and tags first, the alias last, as in a promotion."""
    entries = stores.ledger.entries(model_name)
    state = stores.ledger.state(model_name)
    _reinstate_versions(stores, model_name, entries, state)
    view = look_at(stores.registry, model_name)
    for version, tags in find_wrong_tags(state, entries, view):
        stores.registry.tag(model_name, version, tags)
    if state.champion is not None and view.alias != state.champion and view.has(state.champion):
        stores.registry.point_champion(model_name, state.champion)


def _reinstate_versions(stores: Stores, model_name: str, entries: Sequence[LedgerEntry], state: LedgerState) -> None:
    """Register again, in their order and under their own numbers, what is gone or became another model."""
    for version in sorted(look_closely(stores, state, model_name).mendable):
        candidate, origin = state.candidates[version], origin_of(entries, version)
        if origin is not None:
            decision_id = str(origin.decision_id)
            stores.registry.reinstate(model_name, version, candidate, decision_id, model_card(origin))
            stores.registry.tag(model_name, version, origin_tags(origin, candidate))
