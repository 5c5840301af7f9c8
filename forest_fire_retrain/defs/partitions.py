"""Retraining periods as Dagster partitions; the arithmetic is that of `core.periods`."""

import dagster as dg

from forest_fire_retrain.core.windows import Cadence, midnight
from forest_fire_retrain.settings import Settings

KEY_FORMAT = "%Y-%m-%d"
TIME_ZONE = "UTC"
DAYS_OF_CADENCE = {Cadence.WEEKLY: "* * 1", Cadence.MONTHLY: "1 * *"}


def cron_at(hour: int, cadence: Cadence) -> str:
    """A cron line for `hour` o'clock of the days on which periods start."""
    return f"0 {hour} {DAYS_OF_CADENCE[cadence]}"


def build_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """All retraining periods from the first trainable one on; a period exists once it is over."""
    periods = settings.periods
    return dg.TimeWindowPartitionsDefinition(
        start=midnight(periods.first_start),
        end=None if periods.history_end is None else midnight(periods.history_end),
        cron_schedule=cron_at(0, periods.cadence),
        fmt=KEY_FORMAT,
        timezone=TIME_ZONE,
    )
