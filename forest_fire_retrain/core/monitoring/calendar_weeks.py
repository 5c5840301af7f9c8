"""Calendar weeks, Monday to Sunday: the units of monitoring, whatever the cadence of retraining."""

import datetime as dt

from forest_fire_retrain.core.windows import Interval

WEEK_DAYS = 7


def next_monday(day: dt.date) -> dt.date:
    """The first Monday after `day`."""
    return day + dt.timedelta(days=WEEK_DAYS - day.weekday())


def last_monday(day: dt.date) -> dt.date:
    """The last Monday that is not after `day`."""
    return day - dt.timedelta(days=day.weekday())


def weeks_between(start: dt.date, end: dt.date) -> list[Interval]:
    """Calendar weeks from `start` on that are over by `end`, oldest first; the first may be shorter."""
    weeks = []
    while (following := next_monday(start)) <= end:
        weeks.append(Interval(start=start, end=following))
        start = following
    return weeks
