"""Who is scored beside the champion, and why: nobody is served by it.

Rules
-----
- A person may order any candidate that the ledger knows, until a day. That day itself is no longer scored.
- A candidate that goes through a shadow time before it may replace the champion (`core.ledger.shadow_times`) is scored
  until that is over.
- The version that a rollback would take stays warm: it is scored for so many days after its reign ended, unless it was
  rolled back from.
- Each candidate is a shadow once, by the first of these reasons. The champion's own candidate is none.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.payloads import ShadowPayload
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of, previous_reign
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.windows import UTC, day_of


class Shadow(NamedTuple):
    """A candidate that is scored beside the champion.

    Attributes
    ----------
    candidate : Candidate
        Who.
    version : int, optional
        Its version; `None` of a candidate that was never promoted.
    why : str
        A sentence without a full stop.
    until : datetime.date, optional
        Day before which it is scored; `None` where that is not known yet.
    """

    candidate: Candidate
    version: int | None
    why: str
    until: dt.date | None

    @property
    def name(self) -> str:
        """What people call it."""
        return name_shadow(self.version, self.candidate.windows.partition_key)


class ShadowRules(NamedTuple):
    """What the settings say of shadows.

    Attributes
    ----------
    warm_days : int
        Days for which a former champion is scored after its reign.
    time_zone : str
        Whose days they are.
    """

    warm_days: int = 0
    time_zone: str = UTC


def list_shadows(state: LedgerState, day: dt.date, rules: ShadowRules) -> list[Shadow]:
    """Who is scored beside the champion on a day, each candidate once.

    Parameters
    ----------
    state : LedgerState
        What the ledger says.
    day : datetime.date
        A day of the park.
    rules : ShadowRules
        What the settings say.

    Raises
    ------
    LedgerError
        If the row of an order does not hold what its kind needs.
    """
    champion = None if state.champion is None else state.candidates.get(state.champion)
    if champion is None:
        return []
    found = {champion.candidate_id: Shadow(champion, state.champion, "", None)}
    for shadow in (*_ordered(state, day), *_in_shadow_time(state, day), *_kept_warm(state, day, rules)):
        found.setdefault(shadow.candidate.candidate_id, shadow)
    return list(found.values())[1:]


def name_shadow(version: int | None, partition_key: str) -> str:
    """What people call a candidate: its version, or the period it was trained for."""
    return f"the candidate of {partition_key}" if version is None else f"version {version}"


def _ordered(state: LedgerState, day: dt.date) -> Iterator[Shadow]:
    for row in state.shadows.values():
        order = ShadowPayload.read(row)
        candidate = _candidate_of(state, order)
        if candidate is not None and day < order.until:
            yield Shadow(candidate, order.version, describe_order(row, order), order.until)


def describe_order(row: LedgerEntry, order: ShadowPayload) -> str:
    """Who ordered a shadow, until when and why."""
    return f"ordered by {row.actor} until {order.until}: {order.reason.strip().rstrip('.')}"


def _candidate_of(state: LedgerState, order: ShadowPayload) -> Candidate | None:
    decided = state.decisions.get(order.partition_key)
    held = state.candidates.get(order.version) if order.version is not None else None
    return held or (None if decided is None else candidate_of(decided))


def _in_shadow_time(state: LedgerState, day: dt.date) -> Iterator[Shadow]:
    for shadow in state.in_shadow:
        if day < shadow.until:
            why = f"in its shadow time until {shadow.until}, before it may replace version {shadow.champion}"
            yield Shadow(shadow.candidate, None, why, shadow.until)


def _kept_warm(state: LedgerState, day: dt.date, rules: ShadowRules) -> Iterator[Shadow]:
    reign = previous_reign(state)
    candidate = None if reign is None else state.candidates.get(reign.version)
    if reign is None or candidate is None or reign.until is None:
        return
    ended = day_of(reign.until, rules.time_zone)
    until = ended + dt.timedelta(days=rules.warm_days)
    if day < until:
        yield Shadow(candidate, reign.version, f"was champion until {ended}, and stays warm until {until}", until)
