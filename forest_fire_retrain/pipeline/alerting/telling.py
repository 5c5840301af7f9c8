"""Tell every channel what is new to it, note what it took, and stop at the first that it does not take.

Rules
-----
- A channel is noted before the next notice is sent: a restart sends nothing twice but what was being sent.
- A channel that takes nothing is asked once per look, and holds up no other.
- A new channel is not told what happened before it was there, only what is open and what happens from now on.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.matters import Matter
from forest_fire_retrain.core.notices.matter_notices import matter_notices
from forest_fire_retrain.core.notices.notice import Baseline, Channel, Notice, NoticeMemory, find_new

MAX_AT_ONCE = 50
"""Notices that a channel is told in one look: what is more waits for the next."""


class Look(NamedTuple):
    """What there is to tell at an instant.

    Attributes
    ----------
    rows : sequence of Notice, optional
        What the ledger's rows have to tell, in their order; `None` where they could not be read.
    n_rows : int
        Rows of the ledger.
    matters : sequence of Matter
        What is open.
    is_whole : bool
        Whether everything could be looked at, so that what is not open is over.
    model_name : str
        The model of the installation.
    now : datetime.datetime
        The present, UTC.
    """

    rows: Sequence[Notice] | None
    n_rows: int
    matters: Sequence[Matter]
    is_whole: bool
    model_name: str
    now: dt.datetime


class Telling(NamedTuple):
    """How a channel was told: notices it took, those that wait, and why it took no more."""

    channel: str
    n_told: int
    n_waiting: int
    failure: str | None

    def __str__(self) -> str:
        """As one line."""
        waiting = f", {self.n_waiting} waiting" if self.n_waiting else ""
        failed = f": {self.failure}" if self.failure else ""
        return f"{self.channel}: {self.n_told} sent{waiting}{failed}"


def tell(
    channels: Sequence[Channel], memory: NoticeMemory, look: Look, is_time_up: Callable[[], bool] = lambda: False
) -> list[Telling]:
    """Tell each channel what is new to it.

    Parameters
    ----------
    channels : sequence of Channel
        Who is told.
    memory : NoticeMemory
        What they were told before; the caller is the only one who tells.
    look : Look
        What there is to tell.
    is_time_up : callable
        Whether nothing more is to be sent; what waits is told next time.
    """
    return [_tell_channel(channel, memory, look, is_time_up) for channel in channels]


def _tell_channel(channel: Channel, memory: NoticeMemory, look: Look, is_time_up: Callable[[], bool]) -> Telling:
    new, n_told = _find_untold(channel.name, memory, look), 0
    for notice in new[:MAX_AT_ONCE]:
        if is_time_up():
            break
        try:
            channel.notifier.send(notice, notice.identity(memory.home), look.now)
        except NotSentError as error:
            memory.note_failure(channel.name, str(error), look.now)
            return Telling(channel.name, n_told, len(new) - n_told, str(error))
        memory.note_told(channel.name, notice, look.now)
        n_told += 1
    return Telling(channel.name, n_told, len(new) - n_told, None)


def _find_untold(channel: str, memory: NoticeMemory, look: Look) -> list[Notice]:
    told = memory.told(channel)
    from_matters = matter_notices(look.matters, told, look.model_name, look.now, is_whole=look.is_whole)
    if look.rows is None:
        return from_matters
    baseline = memory.baseline(channel)
    if baseline is None:
        baseline = Baseline(look.now, look.n_rows)
        memory.begin(channel, baseline)
    return [*find_new(look.rows, told, baseline), *from_matters]
