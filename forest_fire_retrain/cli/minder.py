"""Stop the servers of an `up` that was killed: `python -m forest_fire_retrain.cli.minder`, started by it.

It reads from `up` the numbers of the process groups that were started, a line each, and a last word when `up` has
stopped them itself. When the line ends without that word, `up` is gone, and the groups are stopped: asked, and after
a while killed. It has a session of its own, so that what stops `up` does not stop it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

from forest_fire_retrain.adapters.process_identity import began, is_group_alive

LAST_WORD = "stopped"
STOP_SECONDS = 15.0
POLL_SECONDS = 0.1


class Minder:
    """The process that outlives this one, if this one is killed."""

    def __init__(self) -> None:
        command = (sys.executable, "-m", "forest_fire_retrain.cli.minder")
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, bufsize=0
        )
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._line = self._process.stdin

    def mind(self, leader: int) -> None:
        """Stop the group of this process when this one is gone."""
        self._say(str(leader))

    def dismiss(self) -> None:
        """There is nothing to stop any more."""
        self._say(LAST_WORD)
        self._line.close()
        self._process.wait()

    def _say(self, word: str) -> None:
        with suppress(BrokenPipeError):  # somebody ended it; servers that are left are named by the next `up`
            self._line.write(f"{word}\n".encode())


def stop_groups(groups: Iterable[tuple[int, str]], patience_seconds: float = STOP_SECONDS) -> None:
    """End groups of processes, each given by its leader and when that began: asked first, killed after a while."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        left = [group for group in groups if is_group_alive(*group)]
        for leader, _ in left:
            _signal(leader, ask)
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline and any(is_group_alive(*group) for group in left):
            time.sleep(POLL_SECONDS)


def _signal(leader: int, ask: signal.Signals) -> None:
    try:
        os.killpg(leader, ask)
    except (ProcessLookupError, PermissionError):
        return


def mind(lines: TextIO) -> None:
    """Read which groups were started, until `lines` end."""
    groups: list[tuple[int, str]] = []
    for line in lines:
        if line.strip() == LAST_WORD:
            return
        leader = int(line)
        groups.append((leader, began(leader)))
    stop_groups(groups)


if __name__ == "__main__":
    mind(sys.stdin)
