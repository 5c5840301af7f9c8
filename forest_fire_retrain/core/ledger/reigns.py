"""Who was in production when: the reigns of every model, and the one answer for an instant.

Rules
-----
- The clock is the wall clock: a reign begins when its promotion or rollback is confirmed, whatever period it was
  decided for.
- A reign counts from the instant by which both its rows are recorded, the intent and the confirmation.
- Rows follow each other by their sequence, whatever their clocks say: a reign ends every reign that was confirmed
  before it. Where a clock was moved back, a reign may have ended before it began; it held at no instant.
- What is known at T is what the rows say that were recorded by T. A reign that is recorded later moves no earlier
  answer; it only says how a reign ended.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import ExternalPayload, RollbackPayload
from forest_fire_retrain.core.ledger.shadow_times import is_intent, shadow_until_of

MOVING = (EntryKind.CONFIRMATION, EntryKind.EXTERNAL, EntryKind.REPAIR)
"""Rows that begin a reign, or sight the alias; no other one changes what the reigns are."""


class Movement(StrEnum):
    """What brings a version into production."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class Sighting(NamedTuple):
    """Where the registry's alias was seen during a reign, when it was noted as external or put back by a repair.

    Attributes
    ----------
    row : int
        The ledger's row.
    recorded_at : datetime.datetime
        When it was noted.
    version : int, optional
        The version that the alias pointed at; `None` where there was no alias, and of a repair.
    is_repair : bool
        Whether the registry was brought to what the ledger says: the alias points at the reign's own version then.
    """

    row: int
    recorded_at: dt.datetime
    version: int | None
    is_repair: bool = False


class Reign(NamedTuple):
    """An interval during which a version was champion, and the rows of the ledger that say so.

    Attributes
    ----------
    model_name : str
        The registered model.
    version : int
        The version.
    decision_id : str
        The decision or rollback that made it champion.
    as_of : datetime.date, optional
        Knowledge cut-off of the decision; of a rollback, that of the newest decision before it.
    began_by, why : Movement, str
        What brought it into production: a promotion and its reason code, or a rollback and its reason.
    since : datetime.datetime
        When it began: the later of `decided_at` and `confirmed_at`.
    decided_at, confirmed_at : datetime.datetime
        When its two rows were recorded.
    intent_row, confirmation_row : int
        Their sequence numbers.
    origin_row, origin_since : int, datetime.datetime, optional
        Sequence number of the decision that the version was registered for, which embeds the candidate; and when the
        version's first reign began.
    until : datetime.datetime, optional
        When the next reign began; `None` for the present champion. Not later than `since` where it never held.
    ended_by, next_version, why_ended : Movement, int, str, optional
        What ended it, the version that followed, and the reason.
    sightings : tuple of Sighting
        Where the alias was seen while it held, if it was noted.
    """

    model_name: str
    version: int
    decision_id: str
    as_of: dt.date | None
    began_by: Movement
    why: str
    since: dt.datetime
    decided_at: dt.datetime
    confirmed_at: dt.datetime
    intent_row: int
    confirmation_row: int
    origin_row: int | None
    origin_since: dt.datetime | None
    until: dt.datetime | None = None
    ended_by: Movement | None = None
    next_version: int | None = None
    why_ended: str | None = None
    sightings: tuple[Sighting, ...] = ()

    def holds_at(self, instant: dt.datetime) -> bool:
        """Whether the version was champion then."""
        return self.since <= instant and (self.until is None or instant < self.until)

    def as_known_at(self, known_at: dt.datetime) -> "Reign":
        """The reign without what was recorded after `known_at`: its end, its version's origin, later sightings."""
        known = self._replace(sightings=tuple(seen for seen in self.sightings if seen.recorded_at <= known_at))
        if self.origin_since is not None and self.origin_since > known_at:  # a clock was moved back
            known = known._replace(origin_row=None, origin_since=None)
        if self.until is None or self.until <= known_at:
            return known
        return known._replace(until=None, ended_by=None, next_version=None, why_ended=None)

    def end_before(self, successor: "Reign") -> "Reign":
        """The reign as it ended with a successor."""
        return self._replace(
            until=successor.since,
            ended_by=successor.began_by,
            next_version=successor.version,
            why_ended=successor.why,
        )


@dataclass
class Succession:
    """The reigns of one model and what may become the next one, followed row by row.

    Attributes
    ----------
    reigns : list of Reign
        In the order of the rows, without sightings; the last is the present champion's.
    open_intent : LedgerEntry, optional
        A promotion or rollback that is neither confirmed nor abandoned.
    in_shadow : dict
        By `decision_id`, the decisions whose candidates go through a shadow time.
    judged_in : LedgerEntry, optional
        The decision that the last shadow verdict which promotes was about.
    origins : dict
        Version to the row of the decision that it was registered for, and to the beginning of its first reign.
    sightings : list of Sighting
        Where the alias was seen, whoever was champion then.
    """

    reigns: list[Reign] = field(default_factory=list)
    open_intent: LedgerEntry | None = None
    in_shadow: dict[str, LedgerEntry] = field(default_factory=dict)
    judged_in: LedgerEntry | None = None
    origins: dict[int, tuple[int, dt.datetime]] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)

    def copy(self) -> "Succession":
        """The same, to be followed further on its own."""
        reigns, seen = self.reigns.copy(), self.sightings.copy()
        return replace(
            self, reigns=reigns, sightings=seen, in_shadow=self.in_shadow.copy(), origins=self.origins.copy()
        )

    def follow(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Take the next row in; the intent that it carried out, if it began a reign."""
        intent = self.open_intent
        if shadow_until_of(entry) is not None:
            self.in_shadow[str(entry.decision_id)] = entry
        elif entry.kind is EntryKind.SHADOW_VERDICT or (
            entry.kind is EntryKind.ABANDONMENT and entry.decision_id in self.in_shadow
        ):
            self._end_shadow(entry)
        elif is_intent(entry):
            self.open_intent = entry
        elif entry.kind is EntryKind.EXTERNAL:
            observed = ExternalPayload.read(entry).observed
            self.sightings.append(Sighting(entry.sequence, entry.recorded_at, observed))
        elif entry.kind is EntryKind.REPAIR:
            self.sightings.append(Sighting(entry.sequence, entry.recorded_at, None, is_repair=True))
        elif intent is not None and intent.decision_id == entry.decision_id:
            if entry.kind is EntryKind.ABANDONMENT:
                self.open_intent = None
            elif entry.kind is EntryKind.CONFIRMATION and entry.champion_after is not None:
                self.open_intent = None
                self._begin(intent, entry, entry.champion_after)
                return intent
        return None

    def _end_shadow(self, entry: LedgerEntry) -> None:
        """A verdict that promotes is an intent, for a version that is registered for its decision."""
        decision = self.in_shadow.pop(str(entry.decision_id), None)
        if decision is not None and is_intent(entry):
            self.open_intent, self.judged_in = entry, decision

    def _begin(self, intent: LedgerEntry, confirmation: LedgerEntry, version: int) -> None:
        since = max(intent.recorded_at, confirmation.recorded_at)
        is_rollback = intent.kind is EntryKind.ROLLBACK
        if not is_rollback:
            judged = self.judged_in
            origin = judged if judged is not None and judged.decision_id == intent.decision_id else intent
            self.origins.setdefault(version, (origin.sequence, since))
        origin_row, origin_since = self.origins.get(version, (None, None))
        begun = Reign(
            model_name=intent.model_name,
            version=version,
            decision_id=str(intent.decision_id),
            as_of=intent.as_of,
            began_by=Movement.ROLLBACK if is_rollback else Movement.PROMOTION,
            why=_why(intent),
            since=since,
            decided_at=intent.recorded_at,
            confirmed_at=confirmation.recorded_at,
            intent_row=intent.sequence,
            confirmation_row=confirmation.sequence,
            origin_row=origin_row,
            origin_since=origin_since,
        )
        for place in range(len(self.reigns) - 1, -1, -1):
            until = self.reigns[place].until
            if until is not None and until <= begun.since:
                break  # ends never go back, so all before have ended too
            self.reigns[place] = self.reigns[place].end_before(begun)
        self.reigns.append(begun)

    def reigns_with_sightings(self) -> list[Reign]:
        """By time, each with the sightings of the alias that were noted while it held."""
        reigns = sorted(self.reigns, key=lambda reign: (reign.since, reign.confirmation_row))
        held = [place for place, reign in enumerate(reigns) if reign.holds_at(reign.since)]
        beginnings = [reigns[place].since for place in held]
        for seen in self.sightings:
            which = bisect_right(beginnings, seen.recorded_at) - 1
            if which >= 0:
                reign = reigns[held[which]]
                reigns[held[which]] = reign._replace(sightings=(*reign.sightings, seen))
        return reigns


def _why(intent: LedgerEntry) -> str:
    if intent.kind is EntryKind.ROLLBACK:
        return RollbackPayload.read(intent).reason
    return "" if intent.reason_code is None else str(intent.reason_code)


def reigns_of(entries: Iterable[LedgerEntry]) -> list[Reign]:
    """Every reign of every model, by model and time.

    Parameters
    ----------
    entries : iterable of LedgerEntry
        Rows in the order of their sequence, of one model or of several.

    Returns
    -------
    list of Reign
        Sorted by `model_name`, `since` and `confirmation_row`.

    Raises
    ------
    LedgerError
        If a rollback or an external row does not hold what its kind needs.
    """
    successions: dict[str, Succession] = {}
    for entry in entries:
        successions.setdefault(entry.model_name, Succession()).follow(entry)
    return [reign for name in sorted(successions) for reign in successions[name].reigns_with_sightings()]


def reign_at(reigns: Iterable[Reign], instant: dt.datetime, known_at: dt.datetime | None = None) -> Reign | None:
    """The reign that held at `instant` by the wall clock.

    Parameters
    ----------
    reigns : iterable of Reign
        Reigns of one model; those that did not hold change nothing.
    instant : datetime.datetime
        When, with a time zone.
    known_at : datetime.datetime, optional
        Use no row that was recorded after it; an `instant` after it is answered by who was champion at `known_at`,
        because nothing else was known. All rows by default.

    Returns
    -------
    Reign, optional
        `None` if no version was in production then.
    """
    asked = instant if known_at is None else min(instant, known_at)
    held = next((reign for reign in reigns if reign.holds_at(asked)), None)
    return held if held is None or known_at is None else held.as_known_at(known_at)


class Note(NamedTuple):
    """What one row of the ledger says of an instant beside who was champion.

    Attributes
    ----------
    row : int
        The row.
    recorded_at : datetime.datetime
        When it was recorded.
    sentence : str
        What it says.
    """

    row: int
    recorded_at: dt.datetime
    sentence: str


def find_doubt(held: Reign, instant: dt.datetime) -> Note | None:
    """What was known at `instant` against the champion: the alias was seen elsewhere and was not back yet."""
    seen = _last_sighting(held, instant)
    if seen is None or _seen_version(held, seen) == held.version:
        return None
    return Note(seen.row, seen.recorded_at, f"The alias was known to point at {_name(seen.version)}.")


def find_later_notes(
    reigns: Iterable[Reign], held: Reign | None, instant: dt.datetime, known_at: dt.datetime | None = None
) -> list[Note]:
    """What rows recorded after `instant` say of it: in this the belief of then differs from what is known.

    Parameters
    ----------
    reigns : iterable of Reign
        At least those reigns of the model that had been decided by `instant` and were confirmed later.
    held : Reign, optional
        The reign that held then.
    instant : datetime.datetime
        The instant that is asked about.
    known_at : datetime.datetime, optional
        Use no row that was recorded after it.
    """
    notes = [
        Note(
            reign.confirmation_row,
            reign.since,
            f"The {reign.began_by} of version {reign.version} was decided at {_at(reign.decided_at)} and confirmed at "
            f"{_at(reign.confirmed_at)}: the alias moved to it in between, nobody knows when.",
        )
        for reign in reigns
        if reign.decided_at <= instant < reign.since
    ]
    notes += [] if held is None else _notice_sightings(held, instant)
    return sorted(note for note in notes if known_at is None or note.recorded_at <= known_at)


def _notice_sightings(held: Reign, instant: dt.datetime) -> list[Note]:
    """The first sighting after `instant`, if it says something else than what was known of the alias then."""
    later = min((seen for seen in held.sightings if seen.recorded_at > instant), key=_recorded_at, default=None)
    last = _last_sighting(held, instant)
    believed = _seen_version(held, last)
    if later is None or later.is_repair or later.version == believed:
        return []
    since = held.confirmed_at if last is None else last.recorded_at
    return [
        Note(
            later.row,
            later.recorded_at,
            f"The alias was found at {_name(later.version)} at {_at(later.recorded_at)}: somebody moved it from "
            f"{_name(believed)} after {_at(since)}, perhaps before this instant.",
        )
    ]


def _last_sighting(held: Reign, instant: dt.datetime) -> Sighting | None:
    return max((seen for seen in held.sightings if seen.recorded_at <= instant), key=_recorded_at, default=None)


def _seen_version(held: Reign, seen: Sighting | None) -> int | None:
    """Where the alias pointed after a sighting: after none, and after a repair, at the champion."""
    return held.version if seen is None or seen.is_repair else seen.version


def _recorded_at(seen: Sighting) -> tuple[dt.datetime, int]:
    return seen.recorded_at, seen.row


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _at(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds")


def reign_for(reigns: Sequence[Reign], day: dt.date) -> Reign | None:
    """The reign that a past `day` would be given by partition time: of the last movement whose cut-off it reached.

    This is for predictions made afterwards, of days on which nothing was in production yet; it never says who was.

    Parameters
    ----------
    reigns : sequence of Reign
        Reigns of one model, in the order of their rows.
    day : datetime.date
        The day.
    """
    return next((r for r in reversed(reigns) if r.as_of is not None and r.as_of <= day), None)
