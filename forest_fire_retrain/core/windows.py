"""Where every day of a retraining belongs: training window, gap, holdout window, knowledge cut-off.

Rules
-----
- Intervals are half-open `[start, end)` in valid time.
- `as_of` is the partition's end: nothing recorded at or after it is known to the partition.
- The holdout window is the partition shifted back by the label delay, so that every label in it is
  mature at `as_of`; holdout windows of consecutive scheduled periods tile time without overlap, and that of an active
  one lies in the next scheduled one's (`core.periods`).
- The gap lies before the holdout window and is at least as long as the label delay.
- Training ends where the gap begins.
- Days are those of the park's time zone; a day reaches from its own midnight to the next day's, 23 to 25 hours later
  where clocks are changed. Instants are UTC.
"""

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from forest_fire_retrain.core.errors import ConfigurationError

UTC = "UTC"
"""The time zone of homes that name none."""

MAX_FORECAST_DAYS = 16
"""How far ahead weather may be dated: the reach of NOAA's Global Forecast System, 384 hours."""


class Cadence(StrEnum):
    """How long one retraining period is."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Interval(BaseModel):
    """A half-open interval of days, never empty."""

    model_config = ConfigDict(frozen=True)

    start: dt.date
    end: dt.date

    @model_validator(mode="after")
    def _refuse_empty(self) -> "Interval":
        if self.start >= self.end:
            msg = f"no day lies from {self.start} on and before {self.end}"
            raise ValueError(msg)
        return self

    @property
    def n_days(self) -> int:
        """Number of days covered."""
        return (self.end - self.start).days

    @property
    def first_to_last(self) -> str:
        """`2024-01-01 to 2024-01-07`, the last day included, as people count days."""
        last = self.end - dt.timedelta(days=1)
        return f"{self.start}" if last == self.start else f"{self.start} to {last}"

    def __contains__(self, day: dt.date) -> bool:
        """Whether `day` lies in the interval."""
        return self.start <= day < self.end

    def shift(self, days: int) -> "Interval":
        """The same interval, moved by `days` (negative: into the past)."""
        delta = dt.timedelta(days=days)
        return Interval(start=self.start + delta, end=self.end + delta)

    @property
    def when(self) -> str:
        """`from 2024-01-01 to 2024-01-07`, `on 2024-01-01`: when something was."""
        return f"{'on' if self.n_days == 1 else 'from'} {self}"

    @property
    def half_open(self) -> str:
        """`[2024-01-01, 2024-01-08)`, for pages and tags that programs compare, and in rows of earlier releases."""
        return f"[{self.start}, {self.end})"

    def __str__(self) -> str:
        """`2024-01-01 to 2024-01-07`."""
        return self.first_to_last


def runs_of_days(days: Iterable[dt.date]) -> tuple[Interval, ...]:
    """The longest intervals without a gap that hold these days and no other, oldest first."""
    runs: list[Interval] = []
    for day in sorted(set(days)):
        after = day + dt.timedelta(days=1)
        if runs and runs[-1].end == day:
            runs[-1] = Interval(start=runs[-1].start, end=after)
        else:
            runs.append(Interval(start=day, end=after))
    return tuple(runs)


class WindowPolicy(BaseModel):
    """How windows follow from a partition; recorded with each decision.

    Attributes
    ----------
    label_delay_days : int
        Days after which fire reports for a day count as complete.
    gap_days : int
        Days between the end of training and the holdout window, at least one and at least `label_delay_days`.
    training_window_days : int
        Length of the longest training window, in days.
    min_training_days : int
        Days of history the earliest partition has to train on.
    """

    model_config = ConfigDict(frozen=True)

    label_delay_days: Annotated[int, Field(ge=0)]
    gap_days: Annotated[int, Field(ge=1)]
    training_window_days: int
    min_training_days: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _refuse_leaks(self) -> "WindowPolicy":
        if self.gap_days < self.label_delay_days:
            msg = f"gap_days is {self.gap_days}, must be at least label_delay_days ({self.label_delay_days})"
            raise ValueError(msg)
        if self.training_window_days < self.min_training_days:
            msg = (
                f"training_window_days is {self.training_window_days}, "
                f"must be at least min_training_days ({self.min_training_days})"
            )
            raise ValueError(msg)
        return self


class RetrainingWindows(BaseModel):
    """All windows of one partition."""

    model_config = ConfigDict(frozen=True)

    partition_key: str
    partition: Interval
    training: Interval
    gap: Interval
    holdout: Interval

    @property
    def as_of(self) -> dt.date:
        """The knowledge cut-off: the partition's end."""
        return self.partition.end

    @property
    def training_cutoff(self) -> dt.date:
        """First day the candidate has not seen."""
        return self.training.end


def plan_windows(
    partition: Interval, history_start: dt.date, policy: WindowPolicy, partition_key: str | None = None
) -> RetrainingWindows:
    """Lay out the windows of `partition`.

    Parameters
    ----------
    partition : Interval
        The retraining period.
    history_start : datetime.date
        First day of the data to use.
    policy : WindowPolicy
        Lengths of delay, gap and training window.
    partition_key : str, optional
        What the period is called, by default its start.

    Raises
    ------
    ConfigurationError
        If the partition leaves fewer than `policy.min_training_days` days to train on.
    """
    holdout = partition.shift(-policy.label_delay_days)
    cutoff = holdout.start - dt.timedelta(days=policy.gap_days)
    available = (cutoff - history_start).days
    if available < policy.min_training_days:
        first = earliest_partition_start(history_start, policy)
        msg = (
            f"partition {partition_key or partition.start} has {available} days of history to train on, needs "
            f"{policy.min_training_days}; the first partition may start on {first}. "
            "Choose a later partition or set FOREST_FIRE_START_DATE earlier."
        )
        raise ConfigurationError(msg)
    start = max(history_start, cutoff - dt.timedelta(days=policy.training_window_days))
    return RetrainingWindows(
        partition_key=partition_key or partition.start.isoformat(),
        partition=partition,
        training=Interval(start=start, end=cutoff),
        gap=Interval(start=cutoff, end=holdout.start),
        holdout=holdout,
    )


def earliest_partition_start(history_start: dt.date, policy: WindowPolicy) -> dt.date:
    """First day on which a partition with enough training history can start."""
    days = policy.min_training_days + policy.gap_days + policy.label_delay_days
    return history_start + dt.timedelta(days=days)


def midnight(day: dt.date, time_zone: str = UTC) -> dt.datetime:
    """The instant, UTC, at which `day` begins in `time_zone`.

    Where clocks are put forward at midnight, that is the moment of the change; where 00:00 comes twice, the first one.
    """
    if time_zone == UTC:
        return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    return dt.datetime.combine(day, dt.time.min, tzinfo=ZoneInfo(time_zone)).astimezone(dt.UTC)


def day_of(instant: dt.datetime, time_zone: str = UTC) -> dt.date:
    """The day of `time_zone` that a timezone-aware `instant` lies on."""
    if time_zone == UTC:
        return instant.astimezone(dt.UTC).date()
    day = instant.astimezone(ZoneInfo(time_zone)).date()
    next_day = day + dt.timedelta(days=1)
    return next_day if midnight(next_day, time_zone) <= instant else day
