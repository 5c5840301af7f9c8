"""The row that says how much each model counts where several answer together, and from what that follows.

Rules
-----
- The row holds every week that was looked at with each member's loss, so that its weights follow from it alone.
- A week counts once its reports are due and not doubted, and if two members or more were scored on all of its days.
- Weights hold for a week. They say nothing of any other champion than the one they name.
"""

import datetime as dt
from typing import Annotated

from pydantic import Field

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.ledger.drafts import draft_note
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, Stamp
from forest_fire_retrain.core.ledger.payloads import RowPayload
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval

HELD_DAYS = 7
"""Days for which weights hold."""


class WeighedWeek(Record):
    """A week and what each member lost in it.

    Attributes
    ----------
    week : Interval
        Its days.
    n_days, n_rows, n_fires : int
        Days of it that were predicted, their cell-days, and those of them with a reported fire start.
    losses : tuple of float, optional
        Sum of each member's log losses, in the order of the members; `None` where it was not scored on all days.
    """

    week: Interval
    n_days: int
    n_rows: int
    n_fires: int
    losses: tuple[float | None, ...]


class WeighedMember(Record):
    """A model of the mixture.

    Attributes
    ----------
    candidate_id, partition_key : str
        The candidate, and the period it was trained for.
    version : int, optional
        Its version; `None` of a candidate that was never promoted.
    artifact_sha256 : str
        SHA-256 of its artifact.
    weight : float
        Its share of the answer.
    reason : str
        Why.
    n_weeks, n_days : int
        Weeks that count for it, and their days.
    log_loss : float
        Its loss over them.
    """

    candidate_id: str
    partition_key: str
    version: int | None = None
    artifact_sha256: str
    weight: Annotated[float, Field(ge=0, le=1)]
    reason: str
    n_weeks: int
    n_days: int
    log_loss: float

    @property
    def name(self) -> str:
        """What people call it."""
        return f"the candidate of {self.partition_key}" if self.version is None else f"version {self.version}"


class WeightsPayload(RowPayload):
    """How much each model counts from a day on.

    Attributes
    ----------
    day : datetime.date
        The first day they hold for.
    known_at : datetime.datetime
        Reports recorded before it were used: the day's first instant.
    table_versions : dict
        Table to the version that was read.
    members : tuple of WeighedMember
        The champion first.
    weeks : tuple of WeighedWeek
        Oldest first.
    rule : str
        Version of the logic.
    rate, share : float
        Factor on a week's loss; share of all weight that is dealt out evenly after each week.
    """

    day: dt.date
    known_at: dt.datetime
    table_versions: dict[str, int]
    members: Annotated[tuple[WeighedMember, ...], Field(min_length=1)]
    weeks: tuple[WeighedWeek, ...]
    rule: str
    rate: float
    share: float

    @property
    def until(self) -> dt.date:
        """The first day that they do not hold for."""
        return self.day + dt.timedelta(days=HELD_DAYS)

    @property
    def champion(self) -> WeighedMember:
        """The member that was in production."""
        return self.members[0]


def draft_weights(payload: WeightsPayload, *, model_name: str, champion: int | None, stamp: Stamp) -> EntryDraft:
    """The models that answer together are weighed anew."""
    listed = "; ".join(_describe(member) for member in payload.members)
    seen = counted(len(payload.weeks), "week")
    summary = (
        f"The mixture is weighed from {payload.day} on, by {seen} that more than one model was scored on: {listed}."
    )
    return draft_note(
        EntryKind.WEIGHTS, payload, model_name=model_name, summary=summary, champion=champion, stamp=stamp
    )


def _describe(member: WeighedMember) -> str:
    weighed = f"; log loss {member.log_loss:.3f} in {counted(member.n_weeks, 'week')}" if member.n_weeks else ""
    return f"{member.name} {member.weight:.3f} ({member.reason}{weighed})"
