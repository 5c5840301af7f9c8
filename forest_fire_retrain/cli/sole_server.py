"""One `forest-fire up` for a home, and what it started named in the home, so that nothing serves unseen.

Rules
-----
- The lock is the system's, on a file of the home: it ends with the process that holds it, however that ends. A copy of
  the home has a file of its own.
- The servers stand in the home from their first moment, with process and start time. What stands there of another
  home, as in a copy, or of another machine is not looked at.
- Servers that outlived their `up` are given time to end, then named; nobody else's process is ever signalled.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.process_identity import began, is_alive, is_group_alive
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ConfigurationError

LOCK, RECORD = "serving.lock", "serving.json"
ENDING_SECONDS = 20.0
POLL_SECONDS = 0.2


class Running(NamedTuple):
    """A process that serves a home; a server leads a group of its own."""

    name: str
    address: str
    pid: int
    began: str


class ServingRecord:
    """What runs for a home, in a file of it.

    Parameters
    ----------
    home : Path
        The home; it has to exist.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / RECORD

    def note(self, running: Sequence[Running]) -> None:
        """Keep what runs: `up` first, then its servers."""
        kept = {"home": _identify(self._home), "running": [one._asdict() for one in running]}
        with written_beside(self._file) as beside:
            beside.write_text(f"{json.dumps(kept, indent=1)}\n", encoding="utf-8")

    def read(self) -> list[Running]:
        """What was kept of this very home on this machine; nothing where no file, or another's, is."""
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["home"] != _identify(self._home):
                return []
            return [Running(**one) for one in kept["running"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def forget(self) -> None:
        """Nothing runs any more."""
        self._file.unlink(missing_ok=True)


@contextmanager
def sole_server(home: Path, patience_seconds: float = ENDING_SECONDS) -> Iterator[ServingRecord]:
    """Be the only `up` of the home until the block ends; what runs for it is noted in the record.

    Servers of an earlier `up` are given `patience_seconds` to end.

    Raises
    ------
    ConfigurationError
        If another `up` serves the home, or servers of an earlier one still do; nothing was started.
    """
    record = ServingRecord(home)
    with (home / LOCK).open("a") as file:
        _lock(file, record)
        refuse_survivors(record, patience_seconds)
        record.note([this_process()])
        try:
            yield record
        finally:
            if not _survivors(record):
                record.forget()


def this_process() -> Running:
    """The `up` that asks."""
    return Running("forest-fire up", "", os.getpid(), began(os.getpid()))


def refuse_survivors(record: ServingRecord, patience_seconds: float) -> None:
    """Wait until the servers of an earlier `up` have ended.

    Raises
    ------
    ConfigurationError
        If some still run after `patience_seconds`; they are named, with the command that stops them.
    """
    deadline = time.monotonic() + patience_seconds
    while (left := _survivors(record)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if left:
        listed = "\n".join(f"  - {one.name}: process {one.pid}, {one.address}" for one in left)
        groups = " ".join(f"-{one.pid}" for one in left)
        msg = (
            f"{counted(len(left), 'server')} of an earlier `forest-fire up` did not end with it; "
            f"nothing was started.\n{listed}\nStop them with: kill -- {groups}\nThen run: forest-fire up"
        )
        raise ConfigurationError(msg)


def _survivors(record: ServingRecord) -> list[Running]:
    return [one for one in record.read() if one.address and is_group_alive(one.pid, one.began)]


def _lock(file: IO[str], record: ServingRecord) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        noted = record.read()  # of an earlier `up` until the one that works has noted itself
        is_noted = bool(noted) and is_alive(noted[0].pid, noted[0].began)
        holder, *servers = noted if is_noted else [Running("forest-fire up", "", 0, "")]
        serving = "".join(f", {one.name} at {one.address}" for one in servers)
        stopping = f"kill {holder.pid}" if holder.pid else "Ctrl-C where it runs"
        named = f": process {holder.pid}{serving}" if holder.pid else ""
        msg = (
            f"another `forest-fire up` works on this home{named}. Nothing was started. Use it, or stop it first: "
            f"{stopping}"
        )
        raise ConfigurationError(msg) from None


def _identify(home: Path) -> list[str]:
    """The very folder on this machine, wherever it is moved to; a copy is another."""
    facts = home.stat()
    return [socket.gethostname(), str(facts.st_dev), str(facts.st_ino)]
