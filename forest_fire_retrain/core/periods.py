"""Retraining periods as plain dates: which there are, which are over, and which windows belong to each.

A period is called by its start, `2026-03-02`; knowledge ends at its end. Dagster's partitions are held to this
arithmetic by a test.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

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


def key_of(period: Interval) -> str:
    """What a period is called: its start."""
    return period.start.isoformat()


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
        """
        start = dt.date.fromisoformat(partition_key)
        return plan_windows(period_starting(start, self.cadence), self.history_start, self.policy)

    def span_of(self, partition_keys: Sequence[str]) -> Interval:
        """From the first period's start to the last one's end."""
        spans = [period_starting(dt.date.fromisoformat(key), self.cadence) for key in partition_keys]
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
