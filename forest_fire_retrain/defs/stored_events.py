"""Store what Dagster notes of many periods in one transaction, where its store is the home's own sqlite.

A run over many periods notes an event per asset and period, twice: that it is planned and that it was made. By itself
Dagster's sqlite storage opens, commits and closes two databases for each of them, one after the other.
"""

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


@contextmanager
def events_stored_together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Within the block, events of `instance` that belong together are stored together; all of them, or none.

    Where they cannot be, Dagster stores them one by one. Another storage than sqlite is left as it is.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or BATCH_SIZE in os.environ:
        yield
        return
    storage.store_event_batch = partial(_store_together, storage)  # type: ignore[method-assign] # of this one instance
    os.environ[BATCH_SIZE] = str(EVENTS_AT_ONCE)
    try:
        yield
    finally:
        del os.environ[BATCH_SIZE], storage.store_event_batch


def _store_together(storage: SqliteEventLogStorage, events: Sequence[dg.EventLogEntry]) -> None:
    """Store each event as Dagster does, all in one transaction of each database.

    Raises
    ------
    OSError
        If they cannot be stored; Dagster prints what it says, and stores them one by one.
    """
    try:
        for run_id in {event.run_id for event in events}:
            with storage.run_connection(run_id):  # creates the run's database where it is missing
                pass
        with _connected_once(storage):
            for event in events:
                storage.store_event(event)
    except SQLAlchemyError as error:
        raise OSError(str(error).partition("\n")[0]) from None


@contextmanager
def _connected_once(storage: SqliteEventLogStorage) -> Iterator[None]:
    """Within the block, this thread has one connection to each database of the storage, and commits at its end.

    That a table is there is looked for once.
    """
    connect, thread, held = storage._connect, threading.get_ident(), dict[str, Connection]()  # noqa: SLF001 - no other way
    with ExitStack() as transactions:

        @contextmanager
        def find(shard: str) -> Iterator[Connection]:
            if threading.get_ident() != thread:
                with connect(shard) as connection:
                    yield connection
                return
            if shard not in held:
                held[shard] = transactions.enter_context(_begun(storage.conn_string_for_shard(shard)))
            yield held[shard]

        storage._connect = find  # type: ignore[method-assign] # noqa: SLF001 - of this one instance
        storage.has_table = cache(storage.has_table)  # type: ignore[method-assign] # it is asked for each event
        try:
            yield
        finally:
            del storage._connect, storage.has_table  # noqa: SLF001 - as above


@contextmanager
def _begun(address: str) -> Iterator[Connection]:
    engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
    with engine.begin() as connection:
        yield connection
    engine.dispose()
