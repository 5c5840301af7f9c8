"""The moment that a person means by a day or an instant: one instant, and words that say how it was read."""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.windows import midnight

EARLIEST = dt.datetime(1, 1, 3, tzinfo=dt.UTC)
"""Every zone has a day for it and for all later instants."""
NOT_QUITE = dt.timedelta(microseconds=1)
NEAR_THE_END = "is too near an end of the calendar"


class Moment(NamedTuple):
    """An instant that a person asked about.

    Attributes
    ----------
    instant : datetime.datetime
        The instant, UTC.
    day : datetime.date, optional
        The day, where a whole day was named.
    reading : str
        How it was read, for people.
    """

    instant: dt.datetime
    day: dt.date | None
    reading: str


def read_moment(text: str, time_zone: str, now: dt.datetime) -> Moment:
    """The moment that `text` names.

    Parameters
    ----------
    text : str
        A day, which stands for its end, or for `now` while it lasts; or an instant, in the park's zone if it names
        none.
    time_zone : str
        IANA name of the park's zone.
    now : datetime.datetime
        The present.

    Raises
    ------
    RefusedRequestError
        If it is neither, lies in the future, or is an instant that the park's clocks showed twice or never.
    """
    day = _parse_day(text)
    moment = _parse_instant(text, time_zone) if day is None else _end_of(day, time_zone, now)
    if moment.instant < EARLIEST:
        raise RefusedRequestError(f"{text} {NEAR_THE_END}")
    if moment.instant > now:
        msg = f"{text} lies in the future (it is {_shown(now)}); who will be in production then nobody knows"
        raise RefusedRequestError(msg)
    return moment


def _parse_day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _end_of(day: dt.date, time_zone: str, now: dt.datetime) -> Moment:
    try:
        first, end = (midnight(day + dt.timedelta(days=n), time_zone) for n in (0, 1))
    except OverflowError as error:
        raise RefusedRequestError(f"{day} {NEAR_THE_END}") from error
    if first <= now < end:
        return Moment(now, day, f"now, as {day} lasts in {time_zone}")
    return Moment(end - NOT_QUITE, day, f"the end of {day} in {time_zone}, just before {_shown(end)}")


def _parse_instant(text: str, time_zone: str) -> Moment:
    try:
        instant = dt.datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return Moment(instant.astimezone(dt.UTC), None, "as given")
        local = instant.replace(tzinfo=ZoneInfo(time_zone))
        utc = local.astimezone(dt.UTC)
        is_shown_once = local.utcoffset() == local.replace(fold=1).utcoffset()
    except (ValueError, OverflowError) as error:
        msg = (
            f"{text!r} is neither a day nor an instant. Write 2026-07-14, or 2026-07-14T06:30 in the park's zone "
            f"({time_zone}), or 2026-07-14T06:30Z, or 2026-07-14T06:30+02:00"
        )
        raise RefusedRequestError(msg) from error
    if not is_shown_once:
        msg = (
            f"clocks in {time_zone} were changed at {text}, so that it came twice or not at all. Give the instant with "
            f"its offset, for instance {text}{local.replace(fold=1).isoformat()[-6:]}"
        )
        raise RefusedRequestError(msg)
    return Moment(utc, None, f"read in the park's zone, {time_zone}")


def _shown(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds")
