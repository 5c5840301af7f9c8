"""Whether Ctrl-C was pressed in this process, whatever became of the exception that Python or Dagster raised for it.

Libraries swallow it half-way through their own import, or where an object is thrown away; what is raised later is then
no fault of theirs. Python writes the number of each signal into a pipe, whoever handles it.
"""

import os
import signal
import sys

_heard = False
_reading: int | None = None


def listen() -> None:
    """Notice Ctrl-C from now on, and keep quiet about exceptions that nobody can catch after it."""
    global _reading
    _reading, writing = os.pipe()
    for end in (_reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    sys.unraisablehook = _say_unless_heard


def was_heard() -> bool:
    """Whether Ctrl-C came since `listen`."""
    global _heard  # noqa: PLW0603 - as above
    if _reading is not None and not _heard:
        try:
            _heard = signal.SIGINT in os.read(_reading, 4096)
        except BlockingIOError:
            return False
    return _heard


def _say_unless_heard(uncaught: "sys.UnraisableHookArgs") -> None:
    if not was_heard():
        sys.__unraisablehook__(uncaught)
