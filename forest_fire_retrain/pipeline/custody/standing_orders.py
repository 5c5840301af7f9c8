"""What a person orders through the ledger alone: freeze, unfreeze, vouch for labels, accept a source or a delivery.

The registry is not needed.

A promotion that was decided before a freeze is still carried out: it is open only because a run was cut.
"""

import datetime as dt
from collections.abc import Mapping

from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.decision_payload import read_flagged
from forest_fire_retrain.core.ledger.drafts import (
    draft_delivery_accepted,
    draft_freeze,
    draft_labels_cleared,
    draft_source_accepted,
    draft_unfreeze,
)
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.row_words import say_freeze
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.plain_text import find_hidden
from forest_fire_retrain.core.redaction import redact
from forest_fire_retrain.core.windows import Interval


def freeze(ledger: Ledger, model_name: str, *, until: dt.date, reason: str, stamp: Stamp) -> LedgerEntry:
    """Keep the champion in every period that ends before `until`, and record why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or every period before `until` is decided already.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(reason, "a freeze")
    with ledger.exclusive():
        state = ledger.state(model_name)
        refuse_past_freeze(until, state)
        draft = draft_freeze(until, reason, model_name=model_name, champion=state.champion, stamp=stamp)
        return ledger.append(draft)


def unfreeze(ledger: Ledger, model_name: str, *, reason: str, stamp: Stamp) -> LedgerEntry:
    """Lift the freeze, and record why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or nothing is frozen.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(reason, "lifting a freeze")
    with ledger.exclusive():
        state = ledger.state(model_name)
        if state.frozen_until is None:
            msg = f"promotions of {model_name} are not frozen; nothing was changed. See: forest-fire status"
            raise RefusedRequestError(msg)
        draft = draft_unfreeze(state.frozen_until, reason, model_name=model_name, champion=state.champion, stamp=stamp)
        return ledger.append(draft)


def clear_labels(ledger: Ledger, model_name: str, *, window: Interval, reason: str, stamp: Stamp) -> LedgerEntry:
    """Vouch for the fire reports of a window, so that its suspect flags are lifted; record who does and why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or no window in it is flagged.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(reason, "clearing labels")
    with ledger.exclusive():
        state = ledger.state(model_name)
        flagged = read_flagged(state.decisions.values())
        keys = [evidence.partition_key for evidence in flagged if overlaps_any(evidence.window, [window])]
        if not keys:
            listed = ", ".join(str(evidence.window) for evidence in flagged) or "none"
            msg = f"no window in {window} is flagged for suspect labels; nothing was changed. Flagged: {listed}"
            raise RefusedRequestError(msg)
        draft = draft_labels_cleared(window, reason, keys, model_name=model_name, champion=state.champion, stamp=stamp)
        return ledger.append(draft)


def accept_source(
    ledger: Ledger, model_name: str, *, accepted: str, before: str | None, reason: str, stamp: Stamp
) -> LedgerEntry:
    """Let the rows of the source `accepted` follow those of `before` in one home, and record why.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or the home holds no rows of another source.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(reason, "accepting another source")
    if before in (None, accepted):
        msg = f"this home holds no rows of another source than {accepted}; nothing was changed"
        raise RefusedRequestError(msg)
    with ledger.exclusive():
        state = ledger.state(model_name)
        if state.accepted_source == accepted:
            msg = f"{accepted} is accepted already; nothing was changed. Run: forest-fire retrain"
            raise RefusedRequestError(msg)
        draft = draft_source_accepted(
            accepted, str(before), reason, model_name=model_name, champion=state.champion, stamp=stamp
        )
        return ledger.append(draft)


def accept_delivery(
    ledger: Ledger, model_name: str, *, losses: Mapping[str, str], reason: str, stamp: Stamp
) -> LedgerEntry:
    """Let a delivery say less than the one before, and record why.

    Parameters
    ----------
    losses : mapping
        What each loss is recognised by to its sentence.

    Raises
    ------
    RefusedRequestError
        If no reason is given, or the delivery loses nothing that was not accepted.
    LedgerError
        If the ledger cannot be written.
    """
    refuse_blank(reason, "accepting a delivery")
    with ledger.exclusive():
        state = ledger.state(model_name)
        accepted = {key: sentence for key, sentence in losses.items() if key not in state.accepted_deliveries}
        if not accepted:
            msg = "the source says nothing less than before that is not accepted; nothing was changed"
            raise RefusedRequestError(msg)
        draft = draft_delivery_accepted(accepted, reason, model_name=model_name, champion=state.champion, stamp=stamp)
        return ledger.append(draft)


def window_of_days(first: dt.date, last: dt.date) -> Interval:
    """The days from `first` to `last`, both included.

    Raises
    ------
    RefusedRequestError
        If they are the wrong way round.
    """
    if last < first:
        msg = f"the days from {first} to {last} are the wrong way round; nothing was changed"
        raise RefusedRequestError(msg)
    return Interval(start=first, end=last + dt.timedelta(days=1))


def freeze_that_holds(state: LedgerState) -> dt.date | None:
    """The day until which promotions are frozen; `None` if they are not, or no more."""
    until, newest = state.frozen_until, state.newest_as_of
    return None if until is not None and newest is not None and until <= newest else until


def describe_freeze(state: LedgerState) -> str:
    """One sentence on whether promotions are frozen, and until when."""
    until = freeze_that_holds(state)
    if until is None:
        return "Promotions are not frozen: a later candidate may win again. See: forest-fire freeze"
    return f"Promotions are {say_freeze(until)}."


def refuse_blank(reason: str, what: str) -> None:
    """Refuse to write a row that does not say why, on one line that says what it seems to.

    Raises
    ------
    RefusedRequestError
        If the reason is empty, holds a secret, or a character that breaks a line, hides or turns round what is read.
    """
    hidden = find_hidden(reason.strip())
    if hidden:
        msg = (
            f"the reason for {what} holds {', '.join(hidden)}, which people would not see when they read the ledger; "
            "nothing was changed. Write it on one line, in letters and signs"
        )
        raise RefusedRequestError(msg)
    if redact(reason) != reason:
        msg = (
            f"the reason for {what} holds a password or key, which would stand in the ledger for ever; nothing was "
            "changed. Leave it out"
        )
        raise RefusedRequestError(msg)
    if not reason.strip():
        msg = f"{what} needs a reason, for those who read the ledger later; nothing was changed. Add: --reason TEXT"
        raise RefusedRequestError(msg)


def refuse_past_freeze(until: dt.date | None, state: LedgerState) -> None:
    """Refuse a freeze that would keep nothing.

    Raises
    ------
    RefusedRequestError
        If a period that is due on `until` or later is decided already.
    """
    newest = state.newest_as_of
    if until is not None and newest is not None and until <= newest:
        msg = f"freezing until {until} would keep nothing: periods due up to {newest} are decided; choose a later day"
        raise RefusedRequestError(msg)
