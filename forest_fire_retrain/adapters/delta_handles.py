"""Delta tables that stay open: what is new in their log is read, and not all of it again.

Rules
-----
- A handle is kept per thread and table, and brought up to date whenever it is asked for.
- It is kept only as long as the log below it is the one it was read from: the file of the version that it was last
  seen at is the same file. A home that was restored, or a table that was made anew, is opened again.
- The versions that were asked for last are kept too, each as long as the file of its log is the one it was read from.
- Of a small table that is read in whole, as fire reports and cells are for each period, the rows of the versions that
  were asked for last are kept, each as long as its files look as they did when they were read.
- Of an object store, where asking would cost as much as opening, nothing is kept. A copy in another process begins
  empty.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.delta_compaction import newest_change

MAX_CHANGES = 16
MAX_PINNED, MAX_WHOLE, MAX_BYTES = 8, 4, 8_000_000
Identity = tuple[int, int, int]


class _Held(NamedTuple):
    """An open table, and the file of its log that it was last seen at."""

    table: DeltaTable
    file: Path
    identity: Identity


class DeltaHandles:
    """Open tables of the calling thread, at their newest version."""

    def __init__(self) -> None:
        self._kept = threading.local()
        self._changes = threading.local()
        self._pinned = threading.local()
        self._whole = threading.local()

    def newest_change(self, table: DeltaTable) -> Mapping[str, Any]:
        """As `delta_compaction.newest_change`, asked once per version of an open table."""
        known: dict[int, tuple[DeltaTable, int, Mapping[str, Any]]] = self._changes.__dict__.setdefault("known", {})
        asked, version, change = known.get(id(table), (None, None, {}))
        if asked is not table or version != table.version():
            change = newest_change(table)
            known[id(table)] = table, table.version(), change
        while len(known) > MAX_CHANGES:
            del known[next(iter(known))]
        return change

    def open(self, address: str) -> DeltaTable:
        """The table at `address`, at its newest version; it moves on when it is asked for, or written, again.

        Raises
        ------
        TableNotFoundError
            If there is none.
        deltalake.exceptions.DeltaError, OSError
            If it cannot be read.
        """
        held: dict[str, _Held] = self._kept.__dict__
        table = _brought_up_to_date(address, held.pop(address, None)) or DeltaTable(address)
        file = _log_file(address, table.version())
        identity = _identity_of(file)
        if identity is not None:
            held[address] = _Held(table, file, identity)
        return table

    def open_at(self, address: str, version: int) -> DeltaTable:
        """The table at `address`, at this version.

        Raises
        ------
        deltalake.exceptions.DeltaError, OSError
            If it cannot be read.
        """
        held: dict[tuple[str, int], tuple[Identity, DeltaTable]] = self._pinned.__dict__.setdefault("held", {})
        identity, known = _identity_of(_log_file(address, version)), held.pop((address, version), None)
        table = known[1] if known is not None and known[0] == identity else DeltaTable(address, version=version)
        if identity is not None:
            held[address, version] = identity, table
        while len(held) > MAX_PINNED:
            del held[next(iter(held))]
        return table

    def read_whole(self, table: DeltaTable, read: Callable[[], pa.Table]) -> pa.Table:
        """All rows of an open table at its version: what `read` gives, or gave when its files looked as they do."""
        held: dict[tuple[str, ...], tuple[tuple[Identity | None, ...], pa.Table]]
        held = self._whole.__dict__.setdefault("held", {})
        files = tuple(table.file_uris())
        looks = tuple(_identity_of(Path(file)) for file in files)
        known = held.pop(files, None)
        rows = known[1] if known is not None and known[0] == looks else read()
        if files and None not in looks and rows.nbytes <= MAX_BYTES:
            held[files] = looks, rows
        while len(held) > MAX_WHOLE:
            del held[next(iter(held))]
        return rows

    def __reduce__(self) -> tuple[type["DeltaHandles"], tuple[()]]:
        return DeltaHandles, ()


def _log_file(address: str, version: int) -> Path:
    return Path(address) / "_delta_log" / f"{version:020}.json"


def _brought_up_to_date(address: str, held: _Held | None) -> DeltaTable | None:
    if held is None or _identity_of(held.file) != held.identity:
        return None
    if not _log_file(address, held.table.version() + 1).exists():
        return held.table
    try:
        held.table.update_incremental()
    except (DeltaError, OSError):  # opened again, whoever reads it says what is wrong
        return None
    return held.table


def _identity_of(file: Path) -> Identity | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
