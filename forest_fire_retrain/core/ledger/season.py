"""What a season came to, from the ledger's rows alone: reigns, decisions, skill, reliability, doubts.

Rules
-----
- A decision belongs to the season that its period begins in, and so do its window's fires and losses.
- An order of a person belongs to the season of the day on which it was recorded, in the park's zone, and to that of the
  period it is about, if it is about one; a reign belongs to every season that it touches by either clock.
- Days that an active and a scheduled period share are counted once, by the one decided last.
- The model in production is the champion of then; where there was none, nothing is counted for it.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forest_fire_retrain.core.decision.alerts import FEED_SILENT, FEW_FIRES
from forest_fire_retrain.core.decision.label_gate import count_of
from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.reigns import Movement, Reign, reigns_of
from forest_fire_retrain.core.ledger.replays import say_summaries

ORDERS = (
    EntryKind.ROLLBACK,
    EntryKind.FREEZE,
    EntryKind.UNFREEZE,
    EntryKind.EXTERNAL,
    EntryKind.LABELS_CLEARED,
    EntryKind.SOURCE_ACCEPTED,
    EntryKind.DELIVERY_ACCEPTED,
    EntryKind.SHADOW,
    EntryKind.SHADOW_ENDED,
    EntryKind.ABANDONMENT,
    EntryKind.SHADOW_VERDICT,
)
"""Kinds of rows that tell of a person's order, or of something that did not go as decided, or was decided later."""


class Decided(NamedTuple):
    """A live decision and what its row embeds."""

    entry: LedgerEntry
    payload: DecisionPayload


class Month(NamedTuple):
    """What was expected of the model in production and what happened, over the windows that begin in a month.

    Attributes
    ----------
    month : str
        `YYYY-MM`.
    n_windows, n_fires : int
        Windows in which a champion was scored, and their cell-days with a fire start.
    n_expected : float
        How many of them the champions expected.
    loss, loss_climatology : float
        Summed losses, on the same days.
    """

    month: str
    n_windows: int
    n_fires: int
    n_expected: float
    loss: float
    loss_climatology: float

    @property
    def skill(self) -> float | None:
        """One minus the loss over climatology's; `None` where climatology lost nothing."""
        return 1 - self.loss / self.loss_climatology if self.loss_climatology > 0 else None


class Season(NamedTuple):
    """What a page about a season tells.

    Attributes
    ----------
    model_name : str
        The registered model.
    year : int, optional
        The calendar year; `None` for the whole ledger.
    reigns : list of Reign
        Who was in production.
    decided : list of Decided
        The live decisions in the order of their periods.
    months : list of Month
        Skill and reliability.
    orders : list of LedgerEntry
        What people ordered, and what did not go as decided.
    """

    model_name: str
    year: int | None
    reigns: list[Reign]
    decided: list[Decided]
    months: list[Month]
    orders: list[LedgerEntry]

    @property
    def name(self) -> str:
        """The season in words."""
        return "every season so far" if self.year is None else f"the season {self.year}"


def look_back_on(entries: Sequence[LedgerEntry], model_name: str, year: int | None, time_zone: str) -> Season:
    """The season of one model.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    model_name : str
        The registered model.
    year : int, optional
        The calendar year; `None` for the whole ledger.
    time_zone : str
        IANA name of the park's zone.
    """
    own, zone = [entry for entry in entries if entry.model_name == model_name], ZoneInfo(time_zone)
    decisions = [row for row in own if row.kind is EntryKind.DECISION and _is_of(row.partition_key, year)]
    decided = sorted((Decided(row, read_payload(row)) for row in decisions), key=_place)
    rows = {one.entry.decision_id for one in decided}
    return Season(
        model_name=model_name,
        year=year,
        reigns=[reign for reign in reigns_of(own) if reign.decision_id in rows or _touches(reign, year, zone)],
        decided=decided,
        months=_count_months(decided),
        orders=[
            row.model_copy(update={"summary": said})
            for row, said in zip(own, say_summaries(own), strict=True)
            if row.kind in ORDERS and _is_ordered_in(row, year, zone)
        ],
    )


def name_doubts(season: Season) -> list[tuple[str, str]]:
    """Period and sentence of everything that was doubted: labels, the feed, candidates that a guardrail stopped."""
    return [
        (str(entry.partition_key), sentence) for entry, payload in season.decided for sentence in _list_doubts(payload)
    ]


def _list_doubts(payload: DecisionPayload) -> list[str]:
    window, found = payload.evidence, list[str]()
    said_above = ((window.labels_are_suspect, FEW_FIRES), (window.feed_is_silent, FEED_SILENT))
    if window.labels_are_suspect:
        looked = count_of(window)
        few = f"{counted(looked.n_fires, 'fire')} recorded where {looked.n_expected:.1f} were expected"
        found.append(f"The fire reports of {looked.window.first_to_last} were doubted: {few}.")
    if window.feed_is_silent:
        found.append(f"The weather feed was silent in {window.window.first_to_last}.")
    stopped = (seen.sentence for seen in payload.guardrails if not seen.passed)
    found += [f"The candidate was stopped by a guardrail: {sentence}" for sentence in stopped]
    told = [opening for is_told, opening in said_above if is_told]
    return [*found, *(alert for alert in payload.decision.alerts if not alert.startswith(tuple(told)))]


def _is_ordered_in(row: LedgerEntry, year: int | None, zone: ZoneInfo) -> bool:
    about = None if row.as_of is None else row.as_of.year
    return year in (None, about, row.recorded_at.astimezone(zone).year)


def _is_of(partition_key: str | None, year: int | None) -> bool:
    return partition_key is not None and (year is None or partition_key.startswith(f"{year:04d}-"))


def _place(one: Decided) -> tuple[dt.date, str]:
    """By the days at which knowledge ends: an active period comes before the scheduled one that holds its days."""
    return one.entry.as_of or dt.date.min, str(one.entry.partition_key)


def _touches(reign: Reign, year: int | None, zone: ZoneInfo) -> bool:
    if year is None:
        return True
    if reign.began_by is Movement.ROLLBACK and reign.as_of is not None and reign.as_of.year == year:
        return True
    last_year = year if reign.until is None else reign.until.astimezone(zone).year
    return reign.since.astimezone(zone).year <= year <= last_year


def _count_months(decided: Sequence[Decided]) -> list[Month]:
    windows = leave_out_shared(one.payload.evidence for one in decided if one.payload.evidence.loss_champion)
    months = sorted({f"{window.window.start:%Y-%m}" for window in windows})
    counted_months = []
    for month in months:
        held = [window for window in windows if f"{window.window.start:%Y-%m}" == month]
        counted_months.append(
            Month(
                month,
                len(held),
                sum(window.n_fires for window in held),
                sum(sum(window.expected_champion) for window in held),
                sum(sum(window.loss_champion) for window in held),
                sum(sum(window.loss_climatology) for window in held),
            )
        )
    return counted_months
