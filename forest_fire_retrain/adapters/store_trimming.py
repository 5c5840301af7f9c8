"""What Dagster's store keeps of runs that ended well; it writes each event of an asset or check two or three times.

Rules
-----
- The index, which the pages of assets and checks are made of, keeps all that was made, observed and checked, word by
  word and in fewer bytes. What goes is what was planned and has come true; of each asset the newest plan stays, because
  it names the asset's last run.
- The log of a range of partitions keeps what happened when, and which partitions were made. The figures of a partition
  go from it where the index has that very event, and the log says so. The log of any other run is as it was.
- A run that failed, or is not over, keeps everything. Of every run goes what was planned of a check per partition and
  met by one result for all of them.
- The index first, then the log, each in one transaction: a cut leaves a store that can be read, and the next look goes
  on. Space is given back to the disk only while no run is on; until then Dagster writes new events into it.
- Only a home's own sqlite storage is touched. Where tables are not as expected, nothing is changed; an event or a log
  that is not stays as it is, and keeps no other run from its turn.
- An event is rewritten only while its row still holds it: sqlite gives the place of a deleted row to another.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from forest_fire_retrain.adapters.run_logs import INDEX, is_elsewhere
from forest_fire_retrain.adapters.shorter_events import shorten
from forest_fire_retrain.adapters.sqlite_reading import (
    WAIT_SECONDS,
    UnexpectedStoreError,
    reading,
    refuse_other_columns,
)

MOST_AT_ONCE = 200
"""Runs that a look trims in the index, in a few seconds; a home with years of runs is trimmed over several looks."""
FREE_SHARE = 0.05
"""Of a file's pages: where more are free, space is given back."""
KEPT_ELSEWHERE = (
    "The figures of what was made stand on the pages of the assets, partition by partition; this log keeps what was "
    "made when."
)
RUN_COLUMNS = {"runs": ("run_id", "status"), "run_tags": ("run_id", "key")}
EVENT_COLUMNS = {
    "event_logs": ("id", "run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition")
}
CHECK_COLUMNS = ("id", "asset_key", "check_name", "partition", "run_id", "execution_status", "evaluation_event")
INDEX_COLUMNS = {**EVENT_COLUMNS, "asset_check_executions": CHECK_COLUMNS}
ENDED_WELL = """
SELECT run_id, run_id IN (SELECT run_id FROM run_tags WHERE key = 'dagster/asset_partition_range_start') FROM runs
WHERE status = 'SUCCESS' ORDER BY run_id
"""
ON = "SELECT 1 FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
CAME_TRUE = """
FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED' AND EXISTS (
    SELECT 1 FROM event_logs AS made
    WHERE made.asset_key = event_logs.asset_key AND made.dagster_event_type = 'ASSET_MATERIALIZATION'
    AND made.partition = event_logs.partition AND made.run_id = event_logs.run_id AND made.id > event_logs.id
)
"""
NOT_THE_NEWEST = """
AND EXISTS (
    SELECT 1 FROM event_logs AS newer
    WHERE newer.asset_key = event_logs.asset_key AND newer.dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED'
    AND newer.id > event_logs.id
)
"""
OF_RUN = "AND run_id = ?"
CHECKED = """
FROM asset_check_executions WHERE execution_status = 'PLANNED' AND partition IS NOT NULL AND EXISTS (
    SELECT 1 FROM asset_check_executions AS seen
    WHERE seen.asset_key = asset_check_executions.asset_key AND seen.check_name = asset_check_executions.check_name
    AND seen.run_id = asset_check_executions.run_id AND seen.partition IS NULL
    AND seen.execution_status IN ('SUCCEEDED', 'FAILED') AND seen.id > asset_check_executions.id
)
"""
IN_THE_INDEX_TOO = """
SELECT id, event FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND EXISTS (
    SELECT 1 FROM shared.event_logs AS kept
    WHERE kept.asset_key = event_logs.asset_key AND kept.dagster_event_type = 'ASSET_MATERIALIZATION'
    AND kept.partition = event_logs.partition AND kept.run_id = event_logs.run_id
    AND kept.timestamp = event_logs.timestamp
)
"""
TOLD = """
SELECT id, event FROM event_logs
WHERE run_id = ? AND dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_CHECK_EVALUATION')
"""
EXECUTED = "SELECT id, evaluation_event FROM asset_check_executions WHERE run_id = ? AND evaluation_event IS NOT NULL"
REWRITE = "UPDATE event_logs SET event = ? WHERE id = ? AND event = ?"
REWRITE_EXECUTED = "UPDATE asset_check_executions SET evaluation_event = ? WHERE id = ? AND evaluation_event = ?"
LAST_WORDS = "SELECT event, timestamp FROM event_logs WHERE run_id = ? AND dagster_event_type = 'PIPELINE_SUCCESS'"


def trim_store(dagster_home: Path) -> list[str]:
    """Drop what nobody needs of the runs that ended well; the ids of those where there was something to drop."""
    folder = dagster_home / "history" / "runs"
    if is_elsewhere(dagster_home) or not (folder / f"{INDEX}.db").exists():
        return []
    try:
        with reading(dagster_home / "history" / "runs.db", RUN_COLUMNS) as store:
            ended = dict(store.execute(ENDED_WELL).fetchall())
        with _opened(folder / f"{INDEX}.db", INDEX_COLUMNS) as index:
            index.execute(f"DELETE {CHECKED}")
            planned = index.execute(f"SELECT DISTINCT run_id {CAME_TRUE} {NOT_THE_NEWEST}")
            trimmed = sorted({run_id for (run_id,) in planned.fetchall()} & ended.keys())[:MOST_AT_ONCE]
            for run_id in trimmed:
                _trim_index(index, run_id)
        ranges = [run_id for run_id, is_range in ended.items() if is_range and _trim_log(folder, run_id)]
        return sorted({*trimmed, *ranges})
    except (UnexpectedStoreError, sqlite3.Error, OSError):
        return []


def give_back_space(dagster_home: Path) -> bool:
    """Make the index as small as what it holds, if that pays and no run is on; whether it was done."""
    history = dagster_home / "history"
    index = history / "runs" / f"{INDEX}.db"
    if is_elsewhere(dagster_home) or not index.exists():
        return False
    try:
        with reading(history / "runs.db", RUN_COLUMNS) as store:
            if store.execute(ON).fetchone():
                return False
        with _opened(index, INDEX_COLUMNS) as store:
            return _shrink(store)
    except (UnexpectedStoreError, sqlite3.Error):
        return False


def _trim_index(index: sqlite3.Connection, run_id: str) -> None:
    told, executed = (_shortened(index.execute(query, (run_id,))) for query in (TOLD, EXECUTED))  # takes seconds
    with _at_once(index):
        index.execute(f"DELETE {CAME_TRUE} {NOT_THE_NEWEST} {OF_RUN}", (run_id,))
        index.executemany(REWRITE, told)
        index.executemany(REWRITE_EXECUTED, executed)


def _shortened(found: sqlite3.Cursor) -> list[tuple[str, int, str]]:
    """The events that can be said in fewer bytes, their places, and what stands there."""
    shorter = ((shorten(event), place, event) for place, event in found)
    return [(new, place, event) for new, place, event in shorter if new != event]


def _trim_log(folder: Path, run_id: str) -> bool:
    """Trim the log of a range where it still has plans that came true, which go last; whether it was done."""
    log = folder / f"{run_id}.db"
    if not log.exists():
        return False
    try:
        with _opened(log, EVENT_COLUMNS) as store:  # whoever may only read leaves files of sqlite's log beside it
            if not _has_plans(store):
                return False
            _trim_opened_log(store, folder, run_id)
    except (UnexpectedStoreError, sqlite3.Error, AttributeError, TypeError, ValueError):
        return False
    return True


def _has_plans(store: sqlite3.Connection) -> bool:
    return store.execute(f"SELECT 1 {CAME_TRUE} LIMIT 1").fetchone() is not None


def _trim_opened_log(store: sqlite3.Connection, folder: Path, run_id: str) -> None:
    last_words = _last_words(store, run_id)
    store.execute("ATTACH ? AS shared", (f"{(folder / INDEX).absolute().as_uri()}.db?mode=ro",))
    with _at_once(store):
        slim = [(_without_figures(event), place, event) for place, event in store.execute(IN_THE_INDEX_TOO)]
        store.executemany(REWRITE, slim)
        if slim and _has_plans(store):  # else somebody else said it meanwhile
            _say(store, run_id, last_words)
        store.execute(f"DELETE {CAME_TRUE}")
    store.execute("DETACH shared")
    _shrink(store)


def _without_figures(event: str) -> str:
    """A materialization of a partition as JSON, without what the index has to tell of it."""
    told = json.loads(event)
    happened = _part(told, "dagster_event")
    made = _part(_part(happened, "event_specific_data"), "materialization")
    made.update(metadata_entries=[], tags={})
    happened.update(step_handle=None, solid_handle=None)  # the step's key says the same
    return shorten(json.dumps(told))


def _last_words(store: sqlite3.Connection, run_id: str) -> tuple[str, str]:
    """The event that ends the log of a run that ended well, and its time."""
    event, ended_at = store.execute(LAST_WORDS, (run_id,)).fetchone() or (None, None)
    if event is None or ended_at is None:
        msg = f"the log of run {run_id} has no end"
        raise UnexpectedStoreError(msg)
    return event, ended_at


def _say(store: sqlite3.Connection, run_id: str, last_words: tuple[str, str]) -> None:
    """Put a sentence behind the run's last words, as this release of Dagster writes them."""
    event, ended_at = last_words
    told = json.loads(event)
    told.update(dagster_event=None, message="", user_message=KEPT_ELSEWHERE, step_key=None, level=20)
    words = (run_id, json.dumps(told), ended_at)
    store.execute("INSERT INTO event_logs (run_id, event, timestamp) VALUES (?, ?, ?)", words)


def _part(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    if not isinstance(found, dict):
        msg = f"an event of Dagster has no {name}"
        raise UnexpectedStoreError(msg)
    return found


@contextmanager
def _opened(database: Path, columns: Mapping[str, Sequence[str]]) -> Iterator[sqlite3.Connection]:
    """A connection that may write, to a store that has these columns; each statement is a transaction of its own."""
    address = f"{database.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)) as store:
        refuse_other_columns(store, database, columns)
        yield store


@contextmanager
def _at_once(store: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it."""
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        store.execute("ROLLBACK")
        raise
    store.execute("COMMIT")


def _shrink(store: sqlite3.Connection) -> bool:
    (pages,), (free,) = (store.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count"))
    if free <= FREE_SHARE * pages:
        return False
    store.execute("VACUUM")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True
