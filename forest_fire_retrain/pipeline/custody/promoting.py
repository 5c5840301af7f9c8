"""Carry out what the ledger says: one step of the promotion protocol at a time, until nothing is left.

The protocol itself is in `core.ledger.promotion`; here each step becomes one call of a port.
"""

from typing import NamedTuple

from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger.drafts import draft_abandonment, draft_confirmation, draft_external
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry, Stamp
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
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of, fold

MAX_STEPS = 1_000


class Settlement(NamedTuple):
    """State after settling, and the rows that settling wrote."""

    state: LedgerState
    written: tuple[LedgerEntry, ...]


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
            state = fold(ledger.entries(model_name))
            view = look_at(registry, model_name)
            step = next_step(state, view)
            if step is None:
                return Settlement(state, tuple(written))
            if isinstance(step, SetStatus):
                _show_status(step, registry, view, model_name)
                continue
            draft = _carry_out(step, registry, state, model_name, stamp)
            if draft is not None:
                written.append(ledger.append(draft))
    msg = f"settling {model_name} did not end after {MAX_STEPS} steps: something else writes the registry too"
    raise RegistryError(f"{msg}. Run: forest-fire verify")


def note_alias(ledger: Ledger, registry: Registry, model_name: str, stamp: Stamp) -> LedgerEntry | None:
    """Record an alias that the ledger does not account for, once per observation; move nothing.

    Raises
    ------
    RegistryError, LedgerError
        If the registry cannot be asked, or the ledger cannot be read or written.
    """
    with ledger.exclusive():
        step = next_step(fold(ledger.entries(model_name)), look_at(registry, model_name))
        if not isinstance(step, RecordExternal):
            return None
        return ledger.append(draft_external(step.observed, step.expected, model_name, stamp))


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
            _register(registry, model_name, intent)
        case PointAlias(version):
            registry.point_champion(model_name, version)
        case Confirm(intent, version):
            return draft_confirmation(intent, version, stamp)
        case Abandon(intent, reason_code, because):
            return draft_abandonment(intent, reason_code, because, state.champion, stamp)
        case RecordExternal(observed, expected):
            return draft_external(observed, expected, model_name, stamp)
    return None


def _register(registry: Registry, model_name: str, intent: LedgerEntry) -> None:
    candidate = candidate_of(intent)
    if candidate is None:
        msg = f"decision {intent.decision_id} promotes, but its row embeds no candidate. Run: forest-fire verify"
        raise RegistryError(msg)
    version = registry.register(model_name, candidate, str(intent.decision_id), model_card(intent))
    tags = {
        "outcome": str(intent.outcome),
        "reason_code": str(intent.reason_code),
        "as_of": str(intent.as_of),
        "recipe": candidate.recipe.name,
    }
    registry.tag(model_name, version, tags)
