"""Days as people type them."""

import datetime as dt

import typer

FIRST, LAST = dt.date(1800, 1, 1), dt.date(2999, 12, 31)
"""Far from the ends of the calendar, so that windows, time zones and forecasts around a day stay within it."""


def read_day(text: str | dt.date) -> dt.date:
    """The day that a person typed.

    Raises
    ------
    typer.BadParameter
        If it is none, or nobody can mean it.
    """
    try:
        day = text if isinstance(text, dt.date) else dt.date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a day; write it as YYYY-MM-DD"
        raise typer.BadParameter(msg) from error
    if not FIRST <= day <= LAST:
        msg = f"{day} is not between {FIRST} and {LAST}"
        raise typer.BadParameter(msg)
    return day
