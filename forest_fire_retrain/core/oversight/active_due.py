"""Whether an alarm asks for an off-schedule candidate, and why not: a pure decision, told in one sentence.

Rules
-----
- Only the newest look asks, and only if it raises an alarm of the present champion, in its present reign. Who is blind
  asks for nothing.
- The period ends at the park's day of that look: until the next look the key is the same.
- Scheduled periods that are over go first. One that is decided later than the look leaves nothing to ask for.
- One alarm, which is a version and the start of a change, has one live decision, whatever becomes of it.
- Behind a live decision that an alarm asked for, no alarm asks again for `cooldown_days`.
- An active period has at least `periods.MIN_ACTIVE_DAYS` days; a week never has so many.
- It is decided by the rule that decides every period, and promotes nothing by itself.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from forest_fire_retrain.core.alarms import Alarm
from forest_fire_retrain.core.errors import ConfigurationError, UnknownPartitionError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.due_periods import list_waiting
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.monitoring.last_look import LastLook, QualityState
from forest_fire_retrain.core.periods import (
    MIN_ACTIVE_DAYS,
    Periods,
    active_days,
    active_key,
    day_in,
    is_active,
    key_of,
)
from forest_fire_retrain.core.windows import Cadence, day_of

NOT_DUE = "no candidate off schedule is due: "
SWITCHED_OFF = f"{NOT_DUE}FOREST_FIRE_ACTIVE is off"
WEEKS_ARE_SHORT = (
    f"periods are weeks, and none has {MIN_ACTIVE_DAYS} days behind it before the next scheduled candidate is due"
)


class ActiveDue(NamedTuple):
    """What an alarm asks for.

    Attributes
    ----------
    key : str, optional
        The active period that is due; `None` if none is.
    alarm : Alarm, optional
        What asks for it.
    sentence : str
        Who asks, or why nobody does, without a full stop.
    """

    key: str | None
    alarm: Alarm | None
    sentence: str


def find_active(
    state: LedgerState, look: LastLook | None, periods: Periods, now: dt.datetime, cooldown_days: int
) -> ActiveDue:
    """What the newest look at the predictions asks for at `now`, UTC.

    Parameters
    ----------
    state : LedgerState
        What was decided.
    look : LastLook, optional
        The newest look.
    periods : Periods
        Which there are.
    now : datetime.datetime
        Now, UTC.
    cooldown_days : int
        Days from one active decision's cut-off to the next one's, at least.
    """
    if periods.cadence is Cadence.WEEKLY:
        return ActiveDue(None, None, f"{NOT_DUE}{WEEKS_ARE_SHORT}")
    alarm = None if look is None else alarm_of(look)
    if look is None or alarm is None or look.version != state.champion:
        return ActiveDue(None, None, f"{NOT_DUE}{_why_no_alarm(state, look)}")
    key = active_key(day_of(look.looked_at, periods.time_zone))
    why_not = find_obstacle(state, alarm, key, periods, now) or _find_cooldown(state, key, cooldown_days)
    if why_not is not None:
        return ActiveDue(None, None, f"{NOT_DUE}{why_not}")
    return ActiveDue(key, alarm, f"{key} is due: an alarm of {day_in(key)} on version {alarm.version} asks for it")


def alarm_of(look: LastLook) -> Alarm | None:
    """The alarm that a look raises; `None` if it raises none."""
    if look.state is not QualityState.ALARM or look.change is None or look.chart is None or look.chart_limit is None:
        return None
    return Alarm(
        version=look.version,
        change=look.change,
        looked_at=look.looked_at,
        chart=look.chart,
        limit=look.chart_limit,
        said=look.sentence,
    )


def find_obstacle(state: LedgerState, alarm: Alarm, key: str, periods: Periods, now: dt.datetime) -> str | None:
    """Why an active period cannot be decided live for this alarm, cooldown aside; `None` if it can.

    Parameters
    ----------
    state : LedgerState
        What was decided.
    alarm : Alarm
        What asks, or asked, for the period.
    key : str
        The period's key.
    periods : Periods
        Which there are.
    now : datetime.datetime
        Now, UTC.
    """
    day = day_in(key)
    return (
        _find_other_champion(state, alarm)
        or _find_end(day, periods, now)
        or _find_decided(state, alarm)
        or _find_shortness(day, periods)
        or _find_scheduled(state, day, periods, now)
        or _find_fault(key, periods)
    )


def _why_no_alarm(state: LedgerState, look: LastLook | None) -> str:
    if look is None:
        return "the predictions were not looked at yet"
    if look.version != state.champion:
        return f"the newest look was at version {look.version}, the champion is {state.champion or 'none'}"
    return f"the newest look at the predictions says {look.state}"


def _find_other_champion(state: LedgerState, alarm: Alarm) -> str | None:
    if alarm.version != state.champion:
        return f"the alarm was on version {alarm.version}, the champion is {state.champion or 'none'}"
    since = state.reigns[-1].since
    if alarm.looked_at >= since:
        return None
    return f"the alarm is older than the present reign of version {alarm.version}, which began on {since.date()}"


def _find_end(day: dt.date, periods: Periods, now: dt.datetime) -> str | None:
    if day > day_of(now, periods.time_zone):
        return f"{day} is not here yet"
    is_behind = periods.history_end is not None and day > periods.history_end
    return f"the history ends on {periods.history_end}" if is_behind else None


def _find_decided(state: LedgerState, alarm: Alarm) -> str | None:
    asked = (found for found, known in _decided(state) if known is not None and known.name == alarm.name)
    found = next(asked, None)
    if found is None:
        return None
    return f"{found.partition_key} was decided for this alarm, which began in the week from {alarm.change}"


def _find_shortness(day: dt.date, periods: Periods) -> str | None:
    n_days = active_days(day, periods.cadence)
    if n_days >= MIN_ACTIVE_DAYS:
        return None
    return (
        f"on {day} the open period has {n_days} days behind it, and an active one needs {MIN_ACTIVE_DAYS}; a later "
        "look may ask"
    )


def _find_scheduled(state: LedgerState, day: dt.date, periods: Periods, now: dt.datetime) -> str | None:
    """A scheduled period that goes first, or that knows more already."""
    waiting = [period for period in list_waiting(state, periods.closed(now)) if period.end <= day]
    if waiting:
        return f"the scheduled period {key_of(waiting[0])} waits and goes first"
    if state.newest_as_of is None or day > state.newest_as_of:
        return None
    return f"{state.newest_partition} is decided, which knows what was recorded before {state.newest_as_of}"


def _find_fault(key: str, periods: Periods) -> str | None:
    try:
        periods.windows_of(key)
    except (ConfigurationError, UnknownPartitionError) as error:
        return str(error).rstrip(".")
    return None


def _find_cooldown(state: LedgerState, key: str, cooldown_days: int) -> str | None:
    """Why it is too early after the last decision that an alarm asked for."""
    ends = [found.as_of for found, _ in _decided(state) if found.as_of is not None]
    if not ends or day_in(key) >= (until := max(ends) + dt.timedelta(days=cooldown_days)):
        return None
    return f"the last one was decided as of {max(ends)}, and no alarm asks again before {until}"


def _decided(state: LedgerState) -> Iterator[tuple[LedgerEntry, Alarm | None]]:
    """Live decisions on active periods, each with the alarm that asked for it."""
    for key, entry in state.decisions.items():
        if is_active(key):
            yield entry, read_payload(entry).alarm
