"""What lake and prediction log of a home hold, and who may read the home: for campaigns that compare all of it."""

import hashlib
import json
import stat
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import KEYS, current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import Issue, list_issues, rows_of_issue
from forest_fire_retrain.core.serving.prediction_log import FEATURE_COLUMNS, PREDICTIONS
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.settings import Settings
from forest_fire_retrain_tests.reliability.invariants import Found, examine
from forest_fire_retrain_tests.reliability.ui_jobs import close_unstarted_runs

OTHERS = stat.S_IRWXG | stat.S_IRWXO
MEDDLED = "the registry was found meddled with"
ROW_KEYS = {
    TableName.CELLS: ("cell_id",),
    TableName.WEATHER: (*KEYS[TableName.WEATHER], "recorded_at"),
    TableName.FIRES: (*KEYS[TableName.FIRES], "recorded_at"),
    TableName.FEATURES: ("cell_id", "date"),
}
SAID = ("cell_id", "probability", "expected_fires", "rank", "risk_class", "has_weather", *FEATURE_COLUMNS)
"""What an issue says; the rest of its rows names instants and runs, which differ by nature."""


def examine_home(settings: Settings, *, is_meddled: bool = False) -> Found:
    """As `examine`, and lake, log, copy and permissions too.

    Parameters
    ----------
    settings : Settings
        The installation.
    is_meddled : bool
        Whether the registry was changed by hand on purpose: then the ledger's row that says so is no violation.
    """
    open_paths = find_open_paths(settings.home)  # first: whoever opens Dagster's stores closes the home
    close_unstarted_runs(settings)
    found, installation = examine(settings), build_installation(settings)
    violations = [
        *(text for text in found.violations if not (is_meddled and text.startswith(MEDDLED))),
        *_check_lake(installation.lake),
        *_check_log(installation.lake),
        *_check_copy(installation),
        *(f"others may open {path}" for path in open_paths),
    ]
    return Found(violations, [*found.outcome, describe_lake(installation.lake), describe_log(installation.lake)])


def describe_lake(lake: Lake) -> list[object]:
    """Of each table the rows, all of them and the current ones, by their hash, and the mark."""
    described: list[object] = []
    for table in _tables_of(lake):
        rows = lake.read(table)
        current = current_rows(rows, table) if table in KEYS else rows
        hashes = [_fingerprint(part) for part in (rows, current)]
        described.append([table.value, rows.num_rows, *hashes, str(lake.complete_through(table))])
    return described


def describe_log(lake: Lake) -> list[object]:
    """Every issue of the prediction log, by day and as it became known: whose it is, and the hash of what it says."""
    rows = _read_log(lake)
    said = [_describe_issue(rows, issue) for issue in list_issues(rows)] if rows is not None else []
    return sorted(said, key=lambda issue: [str(part) for part in issue[:-1]])  # those of one moment have no order


def find_open_paths(home: Path) -> list[Path]:
    """Files and folders of a home, itself included, that others than their owner may use."""
    paths = [home, *home.rglob("*")]
    return [path for path in paths if not path.is_symlink() and path.stat().st_mode & OTHERS]


def hash_files(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _check_lake(lake: Lake) -> Iterator[str]:
    for table in _tables_of(lake):
        keys = ROW_KEYS[table]
        n_double = _count_double(lake.read(table), keys)
        if n_double:
            yield f"lake: {n_double} keys {keys} stand in {table} more than once"
        if table is not TableName.CELLS and lake.complete_through(table) is None:
            yield f"lake: {table} has lost its mark"


def _check_log(lake: Lake) -> Iterator[str]:
    rows = _read_log(lake)
    if rows is None:
        return
    if n_double := _count_double(rows, ("issue", "cell_id")):
        yield f"log: {n_double} cells stand in their issue more than once"
    series: dict[str, list[list[object]]] = {}
    for issue in list_issues(rows):
        *whose, said = _describe_issue(rows, issue)
        series.setdefault(json.dumps(whose), []).append([issue.name, said])
    for whose_key, issues in series.items():
        for (first, said), (second, said_again) in pairwise(issues):
            if said == said_again:
                yield f"log: the issues {first} and {second} of {whose_key} say the same"


def _check_copy(installation: Installation) -> Iterator[str]:
    rows = installation.ledger.entries()
    copied = read_export(installation.settings.export_folder)
    if copied != rows:
        yield f"the copy has {len(copied)} rows, which are not the {len(rows)} of the ledger"


def _tables_of(lake: Lake) -> list[TableName]:
    return [table for table in TableName if lake.version(table) is not None]


def _read_log(lake: Lake) -> pa.Table | None:
    return None if lake.version(PREDICTIONS) is None else lake.read(PREDICTIONS)


def _describe_issue(rows: pa.Table, issue: Issue) -> list[object]:
    said = rows_of_issue(rows, issue.name).select(list(SAID))
    return [str(issue.date), issue.role.value, issue.kind.value, issue.lead_days, issue.version, _fingerprint(said)]


def _fingerprint(rows: pa.Table) -> str:
    return fingerprint_table(rows.sort_by([(name, "ascending") for name in rows.column_names]))


def _count_double(rows: pa.Table, keys: tuple[str, ...]) -> int:
    counted = rows.group_by(list(keys)).aggregate([([], "count_all")])["count_all"]
    return int(pc.sum(pc.greater(counted, 1).cast(pa.int64())).as_py() or 0)
