"""Bind the processes that show a run's output for Dagster to the run's process.

Dagster starts a `tail` for each stream of each step, and then a watcher that ends it if the run's process is gone. A
kill between the two leaves the `tail` for ever; Ctrl-C reaches both where they share the terminal's group.
"""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace

from dagster._core.execution import compute_logs

TAIL = "tail"


def bind_log_tails() -> None:
    """Start those processes apart from the terminal, and have each `tail` end with this process if it can."""
    compute_logs.subprocess = SimpleNamespace(Popen=_start)  # type: ignore[assignment, attr-defined] # all it asks for


def _start(words: Sequence[str], **options: object) -> "subprocess.Popen[bytes]":
    if words[0] == TAIL and _can_be_bound():
        words = [TAIL, f"--pid={os.getpid()}", *words[1:]]
    return subprocess.Popen(words, start_new_session=True, **options)  # type: ignore[call-overload] # noqa: S603 - Dagster's own words


@cache
def _can_be_bound() -> bool:
    """Whether this machine's `tail` is the one of GNU, which ends with another process if it is told which."""
    try:
        said = subprocess.run([TAIL, "--version"], capture_output=True, check=False)  # noqa: S603 - no words of others
    except OSError:
        return False
    return b"GNU coreutils" in said.stdout
