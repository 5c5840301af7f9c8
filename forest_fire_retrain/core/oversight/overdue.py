"""What should have happened by now and has not: a live decision, a live prediction of the day.

Rules
-----
- The verdict on a shadow time is due like a decision, on its own day.
- A decision is due at the schedule's hour of the day on which its period is over, a prediction at its hour of the day,
  both in the park's time zone. Each is overdue some hours later.
- Only what is live counts: a replay or a retro prediction settles nothing.
- A home that has decided, or predicted, nothing live yet owes nothing; nor does one whose history has ended.
"""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forest_fire_retrain.core.ledger.due_periods import DUE_HOUR, list_waiting
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.periods import Periods, key_of
from forest_fire_retrain.core.windows import day_of

DAY = dt.timedelta(days=1)


class Schedule(NamedTuple):
    """When things are due, and for how long they may be late.

    Attributes
    ----------
    periods : Periods
        All retraining periods.
    prediction_hour : int
        Hour of the park's day at which it is predicted.
    decision_hours, prediction_hours : int
        Hours after which a decision, or a prediction, that is due is overdue.
    """

    periods: Periods
    prediction_hour: int
    decision_hours: int
    prediction_hours: int

    def has_ended(self, now: dt.datetime) -> bool:
        """Whether the history is over at `now`: nothing is due any more."""
        end = self.periods.history_end
        return end is not None and day_of(now, self.periods.time_zone) >= end

    def instant(self, day: dt.date, hour: int) -> dt.datetime:
        """The instant, UTC, of an hour of the park's day."""
        return dt.datetime.combine(day, dt.time(hour), tzinfo=ZoneInfo(self.periods.time_zone)).astimezone(dt.UTC)


class Overdue(NamedTuple):
    """Something that is overdue.

    Attributes
    ----------
    what : str
        Key of the oldest period without a decision, or the newest day without a prediction.
    due_at : datetime.datetime
        When it was due, UTC.
    n_overdue : int
        Periods, or days, that are overdue.
    """

    what: str
    due_at: dt.datetime
    n_overdue: int


def find_overdue_decision(state: LedgerState, schedule: Schedule, now: dt.datetime) -> Overdue | None:
    """The oldest period that waits for its live decision for too long at `now`, UTC; `None` if none does."""
    if schedule.has_ended(now):
        return None
    allowed = dt.timedelta(hours=schedule.decision_hours)
    waiting = list_waiting(state, schedule.periods.closed(now))
    dues = [(period, schedule.instant(period.end, DUE_HOUR)) for period in waiting]
    late = [(period, due_at) for period, due_at in dues if due_at + allowed <= now]
    return Overdue(key_of(late[0][0]), late[0][1], len(late)) if late else None


def find_overdue_verdict(state: LedgerState, schedule: Schedule, now: dt.datetime) -> Overdue | None:
    """The first shadow time whose verdict is overdue at `now`, UTC; one that waits for a period's decision is not."""
    if schedule.has_ended(now):
        return None
    allowed = dt.timedelta(hours=schedule.decision_hours)
    ends = [period.end for period in list_waiting(state, schedule.periods.closed(now))]
    due = (shadow for shadow in state.in_shadow if not any(end < shadow.due for end in ends))
    dues = [(shadow, schedule.instant(shadow.due, DUE_HOUR)) for shadow in due]
    late = [(shadow, due_at) for shadow, due_at in dues if due_at + allowed <= now]
    return Overdue(str(late[0][0].decision.partition_key), late[0][1], len(late)) if late else None


def find_overdue_prediction(last_live: dt.date | None, schedule: Schedule, now: dt.datetime) -> Overdue | None:
    """The newest day whose live prediction is overdue at `now`, UTC; `None` if none is.

    Parameters
    ----------
    last_live : datetime.date, optional
        The newest day that was predicted live on the day itself.
    schedule : Schedule
        When predictions are due.
    now : datetime.datetime
        Now, UTC.
    """
    if last_live is None or schedule.has_ended(now):
        return None
    since = now - dt.timedelta(hours=schedule.prediction_hours)
    day = day_of(since, schedule.periods.time_zone)
    if schedule.instant(day, schedule.prediction_hour) > since:
        day -= DAY
    if day <= last_live:
        return None
    return Overdue(day.isoformat(), schedule.instant(day, schedule.prediction_hour), (day - last_live).days)
