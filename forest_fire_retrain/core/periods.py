"""Retraining periods as plain dates: which there are, which are over, and which windows belong to each.

Rules
-----
- A scheduled period is called by its start, `2026-03-02`; knowledge ends at its end. Dagster's partitions are held to
  this arithmetic by a test.
- An active period, which an alarm asks for, is called by the day at which its knowledge ends, `2026-11-24+active`. It
  begins with the calendar period that is still open on that day, so that key and cadence alone say which days it has.
- The scheduled period that is open then holds all days of the active one, and is decided as ever when it is over.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from forest_fire_retrain.core.errors import UnknownPartitionError
from forest_fire_retrain.core.windows import (
    UTC,
    Cadence,
    Interval,
    RetrainingWindows,
    WindowPolicy,
    day_of,
    earliest_partition_start,
    plan_windows,
)

DAYS_PER_WEEK = 7
LONGER_THAN_A_MONTH = dt.timedelta(days=32)
COOLDOWN_DAYS = 28
"""Behind the decision on an active period no alarm asks for another one, unless it is set otherwise."""
ACTIVE_MARK = "+active"
"""How the key of an active period ends."""
MIN_ACTIVE_DAYS = DAYS_PER_WEEK
"""Days of the shortest active period: those of the shortest scheduled one, and of a block of the comparison.

Fewer days are less than one independent piece of evidence. A week is over sooner than it has so many: where periods are
weeks, the next scheduled one is the answer to an alarm.
"""


class PeriodKind(StrEnum):
    """What a period is there for."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"


class Period(NamedTuple):
    """What a partition key means."""

    kind: PeriodKind
    days: Interval


def align_to_cadence(day: dt.date, cadence: Cadence) -> dt.date:
    """First period start (Monday, or the first of a month) on or after `day`."""
    if cadence is Cadence.WEEKLY:
        return day + dt.timedelta(days=-day.weekday() % DAYS_PER_WEEK)
    return day if day.day == 1 else (day.replace(day=1) + LONGER_THAN_A_MONTH).replace(day=1)


def period_starting(start: dt.date, cadence: Cadence) -> Interval:
    """The retraining period that starts on `start`."""
    if cadence is Cadence.WEEKLY:
        return Interval(start=start, end=start + dt.timedelta(days=DAYS_PER_WEEK))
    return Interval(start=start, end=(start + LONGER_THAN_A_MONTH).replace(day=1))


def period_holding(day: dt.date, cadence: Cadence) -> Interval:
    """The calendar period that `day` lies in."""
    start = day - dt.timedelta(days=day.weekday()) if cadence is Cadence.WEEKLY else day.replace(day=1)
    return period_starting(start, cadence)


def key_of(period: Interval) -> str:
    """What a scheduled period is called: its start."""
    return period.start.isoformat()


def active_key(day: dt.date) -> str:
    """What the active period is called whose knowledge ends at `day`."""
    return f"{day.isoformat()}{ACTIVE_MARK}"


def is_active(partition_key: str) -> bool:
    """Whether a key is that of an active period."""
    return partition_key.endswith(ACTIVE_MARK)


def day_in(partition_key: str) -> dt.date:
    """The day that stands in a key: a scheduled period's start, an active one's end.

    Raises
    ------
    ValueError
        If there is none.
    """
    return dt.date.fromisoformat(partition_key.removesuffix(ACTIVE_MARK))


def active_days(day: dt.date, cadence: Cadence) -> int:
    """Days that the active period would have whose knowledge ends at `day`."""
    return (day - period_holding(day, cadence).start).days


def read_key(partition_key: str, cadence: Cadence) -> Period:
    """What a partition key means.

    Raises
    ------
    UnknownPartitionError
        If it means no period.
    """
    try:
        day = day_in(partition_key)
    except ValueError as error:
        msg = f"{partition_key!r} names no period; one is called by its start, YYYY-MM-DD, or YYYY-MM-DD{ACTIVE_MARK}"
        raise UnknownPartitionError(msg) from error
    if not is_active(partition_key):
        return Period(PeriodKind.SCHEDULED, period_starting(day, cadence))
    n_days = active_days(day, cadence)
    if n_days < MIN_ACTIVE_DAYS:
        msg = (
            f"{partition_key!r} is no period: on {day} the {cadence} period from {period_holding(day, cadence).start} "
            f"has {n_days} days behind it, and an active period needs {MIN_ACTIVE_DAYS}"
        )
        raise UnknownPartitionError(msg)
    return Period(PeriodKind.ACTIVE, Interval(start=period_holding(day, cadence).start, end=day))


class Periods(BaseModel):
    """All retraining periods of an installation.

    Attributes
    ----------
    history_start : datetime.date
        First day of the data to use.
    history_end : datetime.date, optional
        Day before which the last period ends, for a history that is over.
    cadence : Cadence
        Length of a period.
    policy : WindowPolicy
        How windows follow from a period.
    time_zone : str
        IANA name of the zone whose days these are; a period is over at its end's midnight there.
    """

    model_config = ConfigDict(frozen=True)

    history_start: dt.date
    history_end: dt.date | None
    cadence: Cadence
    policy: WindowPolicy
    time_zone: str = UTC

    @property
    def first_start(self) -> dt.date:
        """Start of the first period with enough history to train on."""
        return align_to_cadence(earliest_partition_start(self.history_start, self.policy), self.cadence)

    def closed(self, now: dt.datetime) -> list[Interval]:
        """All periods that are over at `now`, oldest first."""
        today = day_of(now, self.time_zone)
        return list(self._until(min(today, self.history_end or today)))

    def closed_keys(self, now: dt.datetime) -> list[str]:
        """Keys of all periods that are over at `now`, oldest first."""
        return [key_of(period) for period in self.closed(now)]

    def windows_of(self, partition_key: str) -> RetrainingWindows:
        """All windows of a period.

        Raises
        ------
        ConfigurationError
            If the period leaves too little history to train on.
        UnknownPartitionError
            If the key means no period.
        """
        days = read_key(partition_key, self.cadence).days
        return plan_windows(days, self.history_start, self.policy, partition_key)

    def span_of(self, partition_keys: Sequence[str]) -> Interval:
        """From the first period's start to the last one's end."""
        spans = [read_key(key, self.cadence).days for key in partition_keys]
        return Interval(start=min(span.start for span in spans), end=max(span.end for span in spans))

    def check_key(self, partition_key: str, now: dt.datetime) -> str:
        """`partition_key`, if it names a closed period.

        Raises
        ------
        UnknownPartitionError
            If it does not; the nearest ones are named.
        """
        keys = self.closed_keys(now)
        if partition_key in keys:
            return partition_key
        if not keys:
            msg = (
                f"there is not a closed retraining period yet: the first one starts on {self.first_start}. "
                "Set FOREST_FIRE_START_DATE earlier."
            )
            raise UnknownPartitionError(msg)
        near = [key for key in keys if key <= partition_key][-1:] + [key for key in keys if key > partition_key][:1]
        msg = (
            f"{partition_key!r} is not a closed {self.cadence} retraining period; there are {len(keys)}, "
            f"from {keys[0]} to {keys[-1]}, nearest: {' and '.join(near)}"
        )
        raise UnknownPartitionError(msg)

    def _until(self, day: dt.date) -> Iterator[Interval]:
        """Periods that end on `day` or before, oldest first."""
        period = period_starting(self.first_start, self.cadence)
        while period.end <= day:
            yield period
            period = period_starting(period.end, self.cadence)
