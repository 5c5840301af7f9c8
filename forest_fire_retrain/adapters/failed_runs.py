"""Failed runs in Dagster's storage, read in a moment where it is the one in the home.

Rules
-----
- Of each job the newest run that failed and was not followed by one that succeeded.
- A home's own sqlite storage is read without Dagster, whose import takes seconds. Where `dagster.yaml` names another
  storage, or the tables are not as expected, Dagster is asked.
- A run's message is what it was ended with, on one line: the first line of a failure that says what it is about, or
  of the error inside Dagster's wrappers, and the first thing that is listed below it. Events are JSON, as Dagster
  keeps them.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from forest_fire_retrain.adapters.sqlite_reading import UnexpectedStoreError, reading
from forest_fire_retrain.core.errors import REFUSED, HomeError
from forest_fire_retrain.core.oversight.observed import FailedRun

OTHER_STORAGE = re.compile(r"^(storage|run_storage|event_log_storage)\s*:", re.MULTILINE)
RUN_COLUMNS = {
    "runs": ("id", "run_id", "pipeline_name", "status", "partition", "create_timestamp", "update_timestamp"),
}
EVENT_COLUMNS = {"event_logs": ("id", "event", "dagster_event_type")}
FAILED = """
SELECT run_id, pipeline_name, partition, create_timestamp, update_timestamp FROM runs AS failed
WHERE status = 'FAILURE' AND NOT EXISTS (
    SELECT 1 FROM runs AS later
    WHERE later.pipeline_name = failed.pipeline_name AND later.status IN ('FAILURE', 'SUCCESS') AND later.id > failed.id
)
ORDER BY id
"""
EVENTS = """
SELECT event FROM event_logs WHERE dagster_event_type IN ('STEP_FAILURE', 'PIPELINE_FAILURE')
ORDER BY dagster_event_type = 'PIPELINE_FAILURE', id
"""
ERROR_CLASS = re.compile(r"^[\w.]+(\.\w+|Error|Exception|Failure): ")
WRAPPERS = "Dagster"
"""How the names of the errors begin that Dagster puts around what failed."""
ITEM = "- "
"""How a line begins that is one of several, below what they are."""
UNKNOWN = "no message was kept; look at its log"


class Found(NamedTuple):
    """A failed run without its message."""

    run_id: str
    job: str
    partition_key: str | None
    began_at: dt.datetime
    failed_at: dt.datetime


def read_failed_runs(dagster_home: Path) -> list[FailedRun]:
    """Failed runs of the instance in that folder, by job; none where nothing has run yet.

    Raises
    ------
    HomeError
        If Dagster's storage cannot be read.
    """
    if not (dagster_home / "dagster.yaml").exists():
        return []
    try:
        return _read_storage(dagster_home)
    except UnexpectedStoreError:
        return _ask(dagster_home)


def is_refused(events: Iterable[str]) -> bool:
    """Whether a run failed because what was asked for cannot be done, so that nothing was changed."""
    given = (_data_of(json.loads(event)).get("user_failure_data") or {} for event in events)
    return any(entry.get("label") == REFUSED for one in given for entry in one.get("metadata_entries") or [])


def message_of(events: Iterable[str]) -> str:
    """Why a run failed, on one line, from the JSON of its failures, those of its steps first."""
    for event in events:
        told = _told_by(json.loads(event))
        if told:
            return told
    return UNKNOWN


def _read_storage(dagster_home: Path) -> list[FailedRun]:
    history = dagster_home / "history"
    if OTHER_STORAGE.search((dagster_home / "dagster.yaml").read_text(encoding="utf-8", errors="replace")):
        msg = "dagster.yaml names another storage"
        raise UnexpectedStoreError(msg)
    if not (history / "runs.db").exists():
        return []
    with reading(history / "runs.db", RUN_COLUMNS) as store:
        rows = store.execute(FAILED).fetchall()
    found = [Found(run, job, key or None, _instant(began), _instant(ended)) for run, job, key, began, ended in rows]
    failures = ([*_read_failures(history / "runs" / f"{run.run_id}.db")] for run in found)
    return [FailedRun(*run, message_of(told), is_refused(told)) for run, told in zip(found, failures, strict=True)]


def _read_failures(database: Path) -> Iterator[str]:
    """JSON of a run's failures, those of its steps first."""
    if not database.exists():
        return
    with reading(database, EVENT_COLUMNS) as store:
        yield from (event for (event,) in store.execute(EVENTS).fetchall())


def _instant(noted: str) -> dt.datetime:
    """Dagster notes UTC, without saying so."""
    return dt.datetime.fromisoformat(noted).replace(tzinfo=dt.UTC)


def _data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return (event.get("dagster_event") or {}).get("event_specific_data") or {}


def _told_by(event: Mapping[str, Any]) -> str:
    happened, data = event.get("dagster_event") or {}, _data_of(event)
    described = (data.get("user_failure_data") or {}).get("description")
    error = data.get("error") or {}
    while error.get("cause") and str(error.get("cls_name")).startswith(WRAPPERS):
        error = error["cause"]
    return _one_line(described or ERROR_CLASS.sub("", error.get("message") or "") or happened.get("message") or "")


def _one_line(text: str) -> str:
    """The first line, and what is listed below it: the first item, and how many there are besides."""
    listed = [line.strip().removeprefix(ITEM) for line in text.splitlines() if line.strip().startswith(ITEM)]
    if not listed:
        return _first_line(text)
    more = f" (and {len(listed) - 1} more)" if len(listed) > 1 else ""
    return f"{_first_line(text).rstrip('.:')}: {listed[0]}{more}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _ask(dagster_home: Path) -> list[FailedRun]:
    """The same, from Dagster itself."""
    import dagster as dg  # noqa: PLC0415 - see the module's docstring
    from dagster._serdes import serialize_value  # noqa: PLC0415 - as above

    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
    try:
        with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
            newest: dict[str, Any] = {}
            for record in instance.get_run_records(ended):  # newest first
                newest.setdefault(record.dagster_run.job_name, record)
            found = []
            for record in newest.values():
                run = record.dagster_run
                if run.status is dg.DagsterRunStatus.FAILURE:
                    logs = instance.all_logs(run.run_id, of_type=kinds)
                    events = sorted(logs, key=lambda log: log.dagster_event_type is dg.DagsterEventType.RUN_FAILURE)
                    at = (_utc(record.create_timestamp), _utc(record.update_timestamp))
                    key = run.tags.get("dagster/partition")
                    told = [serialize_value(event) for event in events]
                    found.append(FailedRun(run.run_id, run.job_name, key, *at, message_of(told), is_refused(told)))
            return found
    except Exception as error:  # drivers, migrations and YAML of any instance; each means that it cannot be read
        msg = f"Dagster's storage in {dagster_home} cannot be read: {_first_line(str(error))}. Run: forest-fire up"
        raise HomeError(msg) from error


def _utc(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
