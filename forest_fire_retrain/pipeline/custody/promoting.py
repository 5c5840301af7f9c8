"""Carry out what the ledger says: one step of the promotion protocol at a time, until nothing is left.

The protocol itself is in `core.ledger.promotion`; here each step becomes one call of a port.
"""

from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import ForestFireRetrainError, LedgerTamperedError, RegistryError
from forest_fire_retrain.core.ledger.drafts import draft_abandonment, draft_confirmation, draft_external
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.known_elsewhere import describe_lost_rows, find_versions_of_lost_rows
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.ports import Ledger, Registry
from forest_fire_retrain.core.ledger.promotion import (
    STATUS_TAG,
    Abandon,
    Confirm,
    PointAlias,
    RecordExternal,
    Register,
    RegistryView,
    SetStatus,
    Step,
    next_step,
)
from forest_fire_retrain.core.ledger.quarantine import mark_description, marks_of
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.pipeline.custody.comparing_registry import RESTORE, find_broken

MAX_STEPS = 1_000


class Settlement(NamedTuple):
    """State after settling, the rows that settling wrote, and what the registry showed in the end."""

    state: LedgerState
    written: tuple[LedgerEntry, ...]
    view: RegistryView


def settle(ledger: Ledger, registry: Registry, model_name: str, stamp: Stamp) -> Settlement:
    """Bring the registry to what the ledger says; finish or abandon what a cut run left open.

    Parameters
    ----------
    ledger, registry : Ledger, Registry
        What is read and written, under the ledger's lock.
    model_name : str
        The registered model.
    stamp : Stamp
        Who writes, and when.

    Raises
    ------
    RegistryError
        If the registry refuses a step, or the steps do not come to an end.
    LedgerError
        If the ledger cannot be read or written, or lost rows: the registry is not brought to what is left of it.
    """
    written: list[LedgerEntry] = []
    with ledger.exclusive():
        ledger.refuse_lost_rows()
        for _ in range(MAX_STEPS):
            entries, view = ledger.entries(model_name), look_at(registry, model_name)
            _refuse_lost_rows(entries, view)
            state = ledger.state(model_name)
            step = next_step(state, view)
            if step is None:
                return Settlement(state, tuple(written), view)
            if isinstance(step, SetStatus):
                _show_status(step, registry, view, model_name)
                continue
            draft = _carry_out(step, registry, state, model_name, stamp)
            if draft is not None:
                written.append(ledger.append(draft))
    msg = f"settling {model_name} did not end after {MAX_STEPS} steps: something else writes the registry too"
    raise RegistryError(f"{msg}. Run: forest-fire verify")


def _refuse_lost_rows(entries: Sequence[LedgerEntry], view: RegistryView) -> None:
    """A registry that holds versions of rows which are gone is not brought to what is left."""
    lost = find_versions_of_lost_rows(entries, view.versions)
    if lost:
        msg = (
            f"{describe_lost_rows(lost, len(entries))}. Nothing was written. Run: forest-fire verify; put the rows "
            f"back with: {RESTORE}; if the ledger is right all the same, delete these versions in MLflow"
        )
        raise LedgerTamperedError(msg)


def note_alias(ledger: Ledger, registry: Registry, model_name: str, stamp: Stamp) -> LedgerEntry | None:
    """Record an alias that the ledger does not account for, once per observation; move nothing.

    Raises
    ------
    RegistryError, LedgerError
        If the registry cannot be asked, or the ledger cannot be read or written.
    """
    with ledger.exclusive():
        step = next_step(ledger.state(model_name), look_at(registry, model_name))
        if not isinstance(step, RecordExternal):
            return None
        return ledger.append(draft_external(step.observed, step.expected, model_name, stamp))


def look_closely(stores: Stores, state: LedgerState, model_name: str, n_reigns: int | None = None) -> RegistryView:
    """What the registry shows of a model, where it leads, and which broken versions it could be brought to show again.

    Parameters
    ----------
    stores : Stores
        What is asked. A version can only be brought back if its model is still stored.
    state : LedgerState
        What the ledger says.
    model_name : str
        The registered model.
    n_reigns : int, optional
        Of how many last reigns it is looked up where their versions lead; of all by default.
    """
    view = look_at(stores.registry, model_name)
    versions = dict.fromkeys(reign.version for reign in state.reigns[-n_reigns if n_reigns else None :])
    astray = {
        version: shown for version in versions if (shown := _leads_astray(stores, state, view, model_name, version))
    }
    view = view._replace(astray=astray)
    mendable = (
        version
        for version in find_broken(state, view)
        if stores.registry.is_mendable(model_name, version) and _is_stored(stores, state.candidates[version])
    )
    return view._replace(mendable=frozenset(mendable))


def _leads_astray(stores: Stores, state: LedgerState, view: RegistryView, model_name: str, version: int) -> str | None:
    """Where a registered version leads, if that is another place than its model's; `None` also where it is not stored.

    That is a fault of the model's, which proving the version names.
    """
    candidate = state.candidates.get(version)
    if candidate is None or not view.has(version):
        return None
    shown = stores.registry.address(model_name, version)
    try:
        held = stores.models.address(candidate.stored)
    except ForestFireRetrainError:
        return None
    return None if shown is None or shown.rstrip("/") == held.rstrip("/") else shown


def _is_stored(stores: Stores, candidate: Candidate) -> bool:
    try:
        stores.models.load(candidate.stored)
    except ForestFireRetrainError:
        return False
    return True


def look_at(registry: Registry, model_name: str) -> RegistryView:
    """What the registry shows of a model."""
    return RegistryView(registry.champion(model_name), tuple(registry.versions(model_name)))


def _show_status(step: SetStatus, registry: Registry, view: RegistryView, model_name: str) -> None:
    """Show what a version is; its status comes last, so that a cut is seen and all of it done again."""
    shown = view.description_of(step.version)
    described = mark_description(shown, step.quarantine)
    if described != shown:
        registry.describe(model_name, step.version, described)
    if not view.is_marked(step.version, step.quarantine):
        registry.tag(model_name, step.version, marks_of(step.quarantine))
    registry.tag(model_name, step.version, {STATUS_TAG: str(step.status)})


def _carry_out(step: Step, registry: Registry, state: LedgerState, model_name: str, stamp: Stamp) -> EntryDraft | None:
    """Do one step; a step that belongs into the ledger comes back as a draft."""
    match step:
        case Register(intent):
            _register(registry, model_name, _find_decision(state, intent))
        case PointAlias(version):
            registry.point_champion(model_name, version)
        case Confirm(intent, version):
            return draft_confirmation(intent, version, stamp)
        case Abandon(intent, reason_code, because):
            return draft_abandonment(intent, reason_code, because, state.champion, stamp)
        case RecordExternal(observed, expected):
            return draft_external(observed, expected, model_name, stamp)
    return None


def _find_decision(state: LedgerState, intent: LedgerEntry) -> LedgerEntry:
    """The decision that an intent promotes the candidate of: itself, unless it is the verdict on a shadow time."""
    if intent.kind is not EntryKind.SHADOW_VERDICT:
        return intent
    found = state.decisions.get(str(intent.partition_key))
    if found is None or found.decision_id != intent.decision_id:
        msg = f"the verdict in row {intent.sequence} names no decision of the ledger. Run: forest-fire verify"
        raise RegistryError(msg)
    return found


def _register(registry: Registry, model_name: str, intent: LedgerEntry) -> None:
    candidate = candidate_of(intent)
    if candidate is None:
        msg = f"decision {intent.decision_id} promotes, but its row embeds no candidate. Run: forest-fire verify"
        raise RegistryError(msg)
    version = registry.register(model_name, candidate, str(intent.decision_id), model_card(intent))
    registry.tag(model_name, version, origin_tags(intent, candidate))


def origin_tags(intent: LedgerEntry, candidate: Candidate) -> dict[str, str]:
    """The tags that say where a version comes from."""
    return {
        "outcome": str(intent.outcome),
        "reason_code": str(intent.reason_code),
        "as_of": str(intent.as_of),
        "recipe": candidate.recipe.name,
    }
