"""How a command's process begins to work and how it ends; together a third of what a short command costs.

Rules
-----
- Modules and classes are never garbage: importing is done with the collector off, then they are set apart from what it
  looks through.
- At the end threads are waited for, exit functions are run and output is written; then the process ends. Python would
  take every module apart first, for a second after a retrain, and to nobody's use.
"""

import atexit
import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from forest_fire_retrain.cli.faults import say_interrupted
from forest_fire_retrain.cli.speech import note

EXIT_FAILED = 1
OBJECTS_BEFORE_A_LOOK = 10_000
STOPPED_READING = 141  # what a shell says of a command whose reader went away


def collect_garbage() -> None:
    """Look for garbage from now on, but not among what has been imported, and not after every few objects."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_A_LOOK)
    gc.enable()


def exit_code_of(command: Callable[[], None]) -> int:
    """Run `command`; the exit code that Python would end with, what it would print printed."""
    try:
        command()
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)  # noqa: T201 - as Python does
        return EXIT_FAILED
    except KeyboardInterrupt:
        return say_interrupted()
    except BaseException:  # noqa: BLE001 - as Python does, at the end of a process
        note(traceback.format_exc().rstrip())
        return EXIT_FAILED
    return 0


def leave(code: int) -> NoReturn:
    """End the process with `code`, without taking modules apart."""
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - waits for threads as Python does at its end
    atexit._run_exitfuncs()  # noqa: SLF001 - as Python does at its end
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or STOPPED_READING
    os._exit(code)
