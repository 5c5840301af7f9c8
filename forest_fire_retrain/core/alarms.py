"""What an alarm said that asked for an active period: kept for the run it asks for, and in the decision's row."""

import datetime as dt

from forest_fire_retrain.core.records import Record

ALARM_KIND = "active_alarm"
"""Under what the alarm is kept that asked for an active period, by the period's key."""
ALARM_TRIGGER = "alarm"
"""The door through which a live decision on an active period comes, whoever opened it."""


class Alarm(Record):
    """An alarm as the look had it that raised or repeated it.

    Attributes
    ----------
    version : int
        The version whose predictions were looked at.
    change : datetime.date
        First day of the week from which on the chart was above zero; with the version it names the alarm.
    looked_at : datetime.datetime
        When it was looked at, UTC.
    chart, limit : float
        Where the chart stood, and where it alarms.
    said : str
        What the look said, without a full stop.
    """

    version: int
    change: dt.date
    looked_at: dt.datetime
    chart: float
    limit: float
    said: str

    @property
    def name(self) -> tuple[int, dt.date]:
        """What makes it the same alarm in every look: the version, and where the change began."""
        return self.version, self.change

    def __str__(self) -> str:
        """One sentence."""
        return f"An alarm of {self.looked_at.date()} on version {self.version} asked for it: {self.said}."
