"""Find the live decision that a person names: by its period, or by the version that came of it."""

from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import fold, origin_of
from forest_fire_retrain.core.periods import day_in

N_NEAREST = 4
MAX_DIGITS = 9
"""Of a version; more are none, and too many are no number to Python."""


class Named(NamedTuple):
    """A live decision, and the version that its candidate became, if it became one."""

    entry: LedgerEntry
    version: int | None


def find_decision(entries: Sequence[LedgerEntry], name: str) -> Named:
    """The live decision that `name` means.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        The rows of one model.
    name : str
        The number of a version that was champion, or the key of a period.

    Raises
    ------
    RefusedRequestError
        If there is no such version or period; the message names those nearest.
    """
    decisions = fold(entries).decisions
    if not decisions:
        msg = "nothing was decided yet, so there is no candidate; start with: forest-fire up"
        raise RefusedRequestError(msg)
    if name.isdecimal() and len(name) <= MAX_DIGITS:
        return _find_version(entries, int(name))
    if name in decisions:
        return Named(decisions[name], _version_of(entries, decisions[name]))
    msg = (
        f"{name[:40]!r} is neither a version nor a decided period; decided are {min(decisions)} to {max(decisions)}, "
        f"nearest: {', '.join(_nearest(name, sorted(decisions)))}. See: forest-fire history --retrainings"
    )
    raise RefusedRequestError(msg)


def _find_version(entries: Sequence[LedgerEntry], version: int) -> Named:
    origin = origin_of(entries, version)
    if origin is None:
        known = sorted({reign.version for reign in fold(entries).reigns})
        held = ", ".join(str(number) for number in known) or "none"
        msg = f"version {version} was never champion, so the ledger does not know it; versions that were: {held}"
        raise RefusedRequestError(msg)
    return Named(origin, version)


def _version_of(entries: Sequence[LedgerEntry], decision: LedgerEntry) -> int | None:
    closings = (row for row in entries if row.kind is EntryKind.CONFIRMATION)
    return next((row.champion_after for row in closings if row.decision_id == decision.decision_id), None)


def _nearest(name: str, keys: list[str]) -> list[str]:
    """Periods that start nearest to the day that was named; the newest ones if it is none."""
    try:
        day = day_in(name)
    except ValueError:
        return keys[-N_NEAREST:]
    return sorted(sorted(keys, key=lambda key: abs(day_in(key) - day))[:N_NEAREST])
