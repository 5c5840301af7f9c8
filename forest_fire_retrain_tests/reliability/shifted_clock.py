"""Let the product's clock go, but from another day on: what is predicted today is a day of the small park's."""

import datetime as dt
from collections.abc import Callable

from forest_fire_retrain import clock


def shifted(task: Callable[[], None], shift: dt.timedelta) -> Callable[[], None]:
    """The task, in whose process the clock is `shift` behind."""

    def run() -> None:
        shift_clock(shift)
        task()

    return run


def shift_clock(shift: dt.timedelta) -> None:
    """Put the product's clock `shift` behind in this process, wherever it was imported already."""
    clock.__dict__["behind"] = shift
    clock.read_clock.__code__ = _read_behind.__code__


def _read_behind() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - behind  # type: ignore[name-defined] # noqa: F821 - of the clock's module
