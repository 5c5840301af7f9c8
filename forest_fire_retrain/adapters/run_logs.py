"""The step-by-step logs of old Dagster runs, which nothing else removes: a file for each day and each week.

Rules
-----
- Kept are those of the last 400 days, and those of runs that failed or are not over, however old.
- What an asset's page shows, and that a run happened, lies elsewhere in Dagster's store and stays for ever.
- Only a home's own sqlite storage is touched. Where the tables are not as expected, nothing is removed.
"""

import datetime as dt
import shutil
from pathlib import Path

from forest_fire_retrain.adapters.failed_runs import OTHER_STORAGE
from forest_fire_retrain.adapters.sqlite_reading import UnexpectedStoreError, reading

KEPT = dt.timedelta(days=400)
INDEX = "index"
RUN_COLUMNS = {"runs": ("run_id", "status")}
ENDED_WELL = "SELECT 1 FROM runs WHERE run_id = ? AND status IN ('SUCCESS', 'CANCELED')"
SIDES = ("", "-wal", "-shm")
"""Of a database of sqlite: the file, and what may lie beside it."""


def drop_old_run_logs(dagster_home: Path, now: dt.datetime) -> list[str]:
    """Remove the logs of runs that ended well and were last written to more than `KEPT` before `now`; their ids.

    Raises
    ------
    OSError
        If a file cannot be removed.
    """
    history = dagster_home / "history"
    old = [path.stem for path in sorted((history / "runs").glob("*.db")) if _is_old(path, now)]
    if not old or is_elsewhere(dagster_home):
        return []
    try:
        with reading(history / "runs.db", RUN_COLUMNS) as store:
            ended = [run_id for run_id in old if store.execute(ENDED_WELL, (run_id,)).fetchone()]
    except UnexpectedStoreError:
        return []
    for run_id in ended:
        for side in SIDES:
            (history / "runs" / f"{run_id}.db{side}").unlink(missing_ok=True)
        shutil.rmtree(dagster_home / "storage" / run_id, ignore_errors=True)
    return ended


def _is_old(path: Path, now: dt.datetime) -> bool:
    return path.stem != INDEX and dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) < now - KEPT


def is_elsewhere(dagster_home: Path) -> bool:
    """Whether Dagster keeps what it knows in another storage than the folder's own sqlite files."""
    config = dagster_home / "dagster.yaml"
    return not config.exists() or bool(OTHER_STORAGE.search(config.read_text(encoding="utf-8", errors="replace")))
