"""How days and knowledge are counted in a park."""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forest_fire_retrain.core.windows import UTC, midnight


class ParkCalendar(NamedTuple):
    """What the settings say of days.

    Attributes
    ----------
    history_start : datetime.date
        First day of the data to use.
    weather_lag_days : int
        Days after which a day's weather is final: features use its last row recorded by then.
    time_zone : str
        IANA name of the zone whose days the dates are.
    look_back_days : int
        Days of recorded time that a source is asked for again, where it delivers slices only.
    """

    history_start: dt.date
    weather_lag_days: int = 1
    time_zone: str = UTC
    look_back_days: int = 28

    def first_instant(self, day: dt.date) -> dt.datetime:
        """The day's first instant, in UTC."""
        return midnight(day, self.time_zone)

    def instant_at(self, day: dt.date, hour: int) -> dt.datetime:
        """The instant, UTC, at which the park's clocks show `hour` on `day`; where they skip it, an hour later."""
        shown = dt.datetime.combine(day, dt.time(hour), tzinfo=ZoneInfo(self.time_zone))
        return shown.astimezone(dt.UTC)
