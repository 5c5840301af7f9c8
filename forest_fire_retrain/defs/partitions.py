"""Retraining periods as Dagster partitions: the key is the window's start, knowledge ends at its end."""

import datetime as dt

import dagster as dg

from forest_fire_retrain.core.errors import UnknownPartitionError
from forest_fire_retrain.core.windows import (
    Cadence,
    Interval,
    RetrainingWindows,
    align_to_cadence,
    earliest_partition_start,
    period_starting,
    plan_windows,
)
from forest_fire_retrain.settings import Settings

KEY_FORMAT = "%Y-%m-%d"
CRON_OF_CADENCE = {Cadence.WEEKLY: "0 0 * * 1", Cadence.MONTHLY: "0 0 1 * *"}


def first_partition_start(settings: Settings) -> dt.date:
    """Start of the first period with enough history to train on."""
    return align_to_cadence(earliest_partition_start(settings.start_date, settings.window_policy), settings.cadence)


def build_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """All retraining periods from the first trainable one on; a period exists once it is over."""
    end = settings.end_date
    return dg.TimeWindowPartitionsDefinition(
        start=_midnight(first_partition_start(settings)),
        end=None if end is None else _midnight(end),
        cron_schedule=CRON_OF_CADENCE[settings.cadence],
        fmt=KEY_FORMAT,
        timezone="UTC",
    )


def windows_of(settings: Settings, partition_key: str) -> RetrainingWindows:
    """All windows of a partition."""
    start = dt.date.fromisoformat(partition_key)
    return plan_windows(period_starting(start, settings.cadence), settings.start_date, settings.window_policy)


def span_of(settings: Settings, partition_keys: list[str]) -> Interval:
    """From the first partition's start to the last one's end."""
    periods = [period_starting(dt.date.fromisoformat(key), settings.cadence) for key in partition_keys]
    return Interval(start=min(period.start for period in periods), end=max(period.end for period in periods))


def closed_partition_keys(settings: Settings, now: dt.datetime) -> list[str]:
    """Keys of all periods that are over at `now`, oldest first."""
    return list(build_partitions(settings).get_partition_keys(current_time=now))


def check_partition_key(settings: Settings, partition_key: str, now: dt.datetime) -> str:
    """`partition_key`, if it names a closed period.

    Raises
    ------
    UnknownPartitionError
        If it does not; the nearest ones are named.
    """
    keys = closed_partition_keys(settings, now)
    if partition_key in keys:
        return partition_key
    if not keys:
        msg = (
            f"there is no closed retraining period yet: the first one starts on {first_partition_start(settings)}. "
            "Set FOREST_FIRE_START_DATE earlier."
        )
        raise UnknownPartitionError(msg)
    near = [key for key in keys if key <= partition_key][-1:] + [key for key in keys if key > partition_key][:1]
    msg = (
        f"{partition_key!r} is no closed {settings.cadence} retraining period; there are {len(keys)}, "
        f"from {keys[0]} to {keys[-1]}, nearest: {' and '.join(near)}"
    )
    raise UnknownPartitionError(msg)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
