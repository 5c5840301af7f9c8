"""Retraining periods and predicted days as Dagster partitions; the arithmetic is that of `core.periods`."""

import datetime as dt

import dagster as dg

from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain.defs.beginnings import first_possible_day
from forest_fire_retrain.settings import Settings

KEY_FORMAT = "%Y-%m-%d"
DAYS_OF_CADENCE = {Cadence.WEEKLY: "* * 1", Cadence.MONTHLY: "1 * *"}


def cron_at(hour: int, cadence: Cadence) -> str:
    """A cron line for `hour` o'clock of the days on which periods start."""
    return f"0 {hour} {DAYS_OF_CADENCE[cadence]}"


def build_partitions(settings: Settings, first: dt.date | None = None) -> dg.TimeWindowPartitionsDefinition:
    """All retraining periods from `first` on, by default the first trainable one; a period exists once it is over.

    Over is over in the park's zone. Keys are plain dates, the same in every zone: a home whose zone is changed keeps
    its partitions.
    """
    periods = settings.periods
    return dg.TimeWindowPartitionsDefinition(
        start=(first or periods.first_start).isoformat(),
        end=None if periods.history_end is None else periods.history_end.isoformat(),
        cron_schedule=cron_at(0, periods.cadence),
        fmt=KEY_FORMAT,
        timezone=periods.time_zone,
    )


def build_days(settings: Settings, first: dt.date | None = None) -> dg.TimeWindowPartitionsDefinition:
    """The days that can be predicted, today included: from `first`, by default the first that may have a champion."""
    periods = settings.periods
    return dg.TimeWindowPartitionsDefinition(
        start=(first or first_possible_day(settings)).isoformat(),
        end=None if periods.history_end is None else periods.history_end.isoformat(),
        cron_schedule="0 0 * * *",
        fmt=KEY_FORMAT,
        timezone=periods.time_zone,
        end_offset=1 if periods.history_end is None else 0,
    )
