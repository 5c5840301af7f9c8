"""Store what Dagster notes of many periods through one connection, where its store is the home's own sqlite.

A run over many periods notes an event per asset and period, twice: that it is planned and that it was made. By itself
Dagster's sqlite storage opens, commits and closes two databases for each of them, one after the other; the last one to
close a database writes its log back into it.
"""

import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
"""How many events that belong together Dagster hands to its storage at once; without it, one."""
EVENTS_AT_ONCE = 500
MAX_HELD = 2
MILLISECOND = 0.001
"""In seconds: how finely Dagster's pages tell events apart."""


@contextmanager
def events_stored_together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Within the block, events of `instance` that belong together are stored together; all of them, or none.

    Where they cannot be, Dagster stores them one by one. Another storage than sqlite is left as it is.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or BATCH_SIZE in os.environ:
        yield
        return
    with _Connections(storage) as connections:
        storage._connect = connections.connect  # type: ignore[method-assign] # noqa: SLF001 - of this one instance
        storage.store_event_batch = partial(_store_together, storage, connections)  # type: ignore[method-assign] # as above
        storage.has_table = cache(storage.has_table)  # type: ignore[method-assign] # it is asked for each event
        os.environ[BATCH_SIZE] = str(EVENTS_AT_ONCE)
        try:
            yield
        finally:
            del os.environ[BATCH_SIZE], storage.has_table, storage.store_event_batch, storage._connect  # noqa: SLF001


class _Connections(ExitStack):
    """Connections of the thread that made this which stay open: to the index, and to the database of its run.

    Parameters
    ----------
    storage : SqliteEventLogStorage
        Whose databases they are; it still makes those that are missing, and opens all others.
    """

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        super().__init__()
        self._address_of, self._connect_anew = storage.conn_string_for_shard, storage._connect  # noqa: SLF001 - no other way
        self._thread, self._held = threading.get_ident(), dict[str, Connection]()
        self._transactions: ExitStack | None = None

    @contextmanager
    def connect(self, shard: str) -> Iterator[Connection]:
        """A connection in a transaction, which ends with the block, or with that of `one_transaction` around it."""
        is_ours = threading.get_ident() == self._thread
        if not is_ours or (shard not in self._held and len(self._held) == MAX_HELD):
            with self._connect_anew(shard) as connection:
                yield connection
            return
        connection = self._held.setdefault(shard, self._held.get(shard) or self._open(shard))
        if connection.in_transaction():
            yield connection
        elif self._transactions is not None:
            self._transactions.enter_context(connection.begin())
            yield connection
        else:
            with connection.begin():
                yield connection

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Within the block nothing is committed; at its end everything is, or after an error nothing."""
        with ExitStack() as transactions:
            self._transactions = transactions
            try:
                yield
            finally:
                self._transactions = None

    def _open(self, shard: str) -> Connection:
        with self._connect_anew(shard):  # makes the database where it is missing
            pass
        waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        engine = create_engine(self._address_of(shard), poolclass=NullPool, connect_args=waiting)
        self.callback(engine.dispose)
        return self.enter_context(engine.connect())


def _store_together(
    storage: SqliteEventLogStorage, connections: _Connections, events: Sequence[dg.EventLogEntry]
) -> None:
    """Store each event as Dagster does, all in one transaction of each database.

    Raises
    ------
    OSError
        If they cannot be stored; Dagster prints what it says, and stores them one by one.
    """
    try:
        with connections.one_transaction():
            for event in _in_turn(events):
                storage.store_event(event)
    except SQLAlchemyError as error:
        raise OSError(str(error).partition("\n")[0]) from None


def _in_turn(events: Sequence[dg.EventLogEntry]) -> list[dg.EventLogEntry]:
    """The events a millisecond apart at least, the last one when it was: an asset's page shows those of one as one."""
    apart, until = list[dg.EventLogEntry](), math.inf
    for event in reversed(events):
        until = min(event.timestamp, until - MILLISECOND)
        apart.append(event._replace(timestamp=until))
    return apart[::-1]
