"""Candidates that were found better and are scored beside the champion for a time before they may replace it.

Rules
-----
- A decision to promote whose payload holds `shadow_until` moves nothing: its candidate goes through a shadow time, the
  days from the decision's `as_of` to that day.
- It ends with one row that names the decision's `decision_id`: a verdict, or an abandonment. A verdict to promote is
  the intent that is carried out; any other leaves the champion.
- The verdict is due once the reports of the shadow days are: a label delay after the last one.
- Several candidates may be in shadow at once, each against the champion that it was judged against. What changes the
  champion ends the shadow times of all the others.
"""

import datetime as dt
import re
from collections.abc import Iterable
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.windows import Interval, RetrainingWindows

SUFFIX = "+shadow"
"""Behind a period's key: the window of its candidate's shadow time."""
SHADOW_MARK = re.compile(r'"shadow_until":"(\d{4}-\d{2}-\d{2})"')
"""In a payload's canonical JSON; no text in it can hold this, because quotes in texts are escaped."""


class ShadowTime(NamedTuple):
    """A candidate in shadow.

    Attributes
    ----------
    decision : LedgerEntry
        The decision that found it better.
    candidate : Candidate
        The candidate.
    until : datetime.date
        The day before which it is scored beside the champion.
    """

    decision: LedgerEntry
    candidate: Candidate
    until: dt.date

    @property
    def champion(self) -> int | None:
        """The version that it was judged against."""
        return self.decision.champion_before

    @property
    def days(self) -> Interval:
        """The days that both models are scored on; neither has seen them."""
        return Interval(start=self.candidate.windows.as_of, end=self.until)

    @property
    def due(self) -> dt.date:
        """The day on which the verdict is due; nothing recorded from that day on is known to it."""
        return self.windows.as_of

    @property
    def windows(self) -> RetrainingWindows:
        """The windows of the verdict: the candidate's own, with the shadow days as holdout."""
        held = self.candidate.windows
        label_delay = (held.as_of - held.holdout.end).days
        return held.model_copy(
            update={
                "partition_key": f"{held.partition_key}{SUFFIX}",
                "partition": self.days.shift(label_delay),
                "holdout": self.days,
            }
        )

    def __str__(self) -> str:
        """One line."""
        return f"the candidate of {self.decision.partition_key}, until {self.until}, verdict due on {self.due}"


def is_intent(entry: LedgerEntry) -> bool:
    """Whether a row asks for another champion at once: a rollback, or what promotes without a shadow time ahead."""
    if entry.kind is EntryKind.ROLLBACK:
        return True
    is_deciding = entry.kind in (EntryKind.DECISION, EntryKind.SHADOW_VERDICT)
    return is_deciding and entry.outcome is Outcome.PROMOTED and shadow_until_of(entry) is None


def shadow_until_of(entry: LedgerEntry) -> dt.date | None:
    """The end of the shadow time that a decision's candidate goes through; `None` if it goes through none."""
    if entry.kind is not EntryKind.DECISION or entry.outcome is not Outcome.PROMOTED:
        return None
    found = SHADOW_MARK.search(entry.payload_json)
    return None if found is None else dt.date.fromisoformat(found[1])


def shadow_time_of(entry: LedgerEntry) -> ShadowTime | None:
    """The shadow time that a decision begins; `None` if it begins none."""
    until = shadow_until_of(entry)
    return None if until is None else ShadowTime(entry, Candidate.model_validate(entry.payload["candidate"]), until)


def list_ended(entries: Iterable[LedgerEntry]) -> dict[str, LedgerEntry]:
    """By `decision_id`: the row that ended a decision's shadow time, the first if there are several."""
    ended: dict[str, LedgerEntry] = {}
    begun = set[str]()
    for entry in entries:
        decision_id = entry.decision_id or ""
        if shadow_until_of(entry) is not None:
            begun.add(decision_id)
        elif entry.kind in (EntryKind.SHADOW_VERDICT, EntryKind.ABANDONMENT) and decision_id in begun:
            ended.setdefault(decision_id, entry)
    return ended
