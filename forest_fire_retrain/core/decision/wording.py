"""Figures as words, so that a sentence says what its figures say.

Rules
-----
- A count stands with its noun, in the singular or the plural.
- A figure that is held against a limit has as many digits as tell the two apart, up to four more than usual.
- Days are said from the first to the last.
- A share of something is a percentage; the difference of two shares is in percentage points.
"""

from collections.abc import Callable

from forest_fire_retrain.core.windows import Interval

SayDays = Callable[[Interval], str]

MORE_DIGITS = 4
USUAL_SHARE_DIGITS = 1


def counted(number: int, noun: str) -> str:
    """`1 fire`, `2 fires`.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        In the singular; its plural takes an s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say_days(days: Interval) -> str:
    """When something was, as decisions are worded today."""
    return days.when


def say_days_as_before(days: Interval) -> str:
    """`in [2024-01-01, 2024-01-08)`, as decisions were worded until the rows said their last day."""
    return f"in {days.half_open}"


def percent(share: float, limit: float | None = None, *, sign: str = "+") -> str:
    """A share as a percentage, `+1.7%`.

    Parameters
    ----------
    share : float
        The share.
    limit : float, optional
        What it is held against.
    sign : str
        `+` to show that it is above zero, empty where it cannot be otherwise.
    """
    return _beside(share, limit, f"{sign}.{{}}%", USUAL_SHARE_DIGITS)


def figure(value: float, limit: float | None = None, *, sign: str = "", digits: int = 2) -> str:
    """A plain figure, `0.50`.

    Parameters
    ----------
    value : float
        The figure.
    limit : float, optional
        What it is held against.
    sign : str
        `+` to show that it is above zero.
    digits : int
        Digits behind the point, where they are enough.
    """
    return _beside(value, limit, f"{sign}.{{}}f", digits)


def points(difference: float) -> str:
    """The difference of two shares, `53 percentage points`."""
    return f"{100 * difference:.0f} percentage points"


def threshold(share: float) -> str:
    """A share that somebody set, with the digits it was set with, `0.25%`."""
    return f"{100 * share:.4g}%"


def _read(shown: str) -> float:
    """What a reader takes it for: -0.0 is 0."""
    return float(shown.rstrip("%"))


def _beside(value: float, limit: float | None, form: str, digits: int) -> str:
    """`value` with enough digits to be told from `limit`."""
    most = digits if limit is None or value == limit else digits + MORE_DIGITS
    for shown_digits in range(digits, most + 1):
        form_of_both = form.format(shown_digits)
        shown = format(value, form_of_both)
        if limit is None or _read(shown) != _read(format(limit, form_of_both)):
            break
    return shown
