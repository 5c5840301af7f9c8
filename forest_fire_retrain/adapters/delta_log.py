"""What the commits of a Delta table noted.

Each commit has a file of its own, which is found by its number. delta-rs lists all files of the log for it, and in a
folder whose path has a `#` finds none, so the log of a local table is read from its files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

LOCAL = "file"
NANOSECONDS_OF_A_MILLISECOND = 1_000_000
KIND_OF_NOTES = "commitInfo"
"""What the format calls the line of a commit that says who wrote it, when and how."""


def read_commits(table: DeltaTable, n_commits: int) -> list[Mapping[str, Any]]:
    """The newest `n_commits` entries up to the version that `table` is open at, or all there are, the newest first.

    An entry has at least `version` and `timestamp`, in milliseconds; a writer need not note anything.

    Raises
    ------
    deltalake.exceptions.DeltaError, OSError
        If the log cannot be read.
    """
    address = urlsplit(table.table_uri)
    if address.scheme != LOCAL:
        return list(table.history(n_commits))
    log = Path(unquote(address.path)) / "_delta_log"
    newest = table.version()
    versions = range(newest, max(newest - n_commits, -1), -1)
    files = ((version, log / f"{version:020}.json") for version in versions)
    return [{**_notes_of(file), "version": version} for version, file in files if file.exists()]


def _notes_of(file: Path) -> dict[str, Any]:
    try:
        with file.open(encoding="utf-8") as lines:
            found = (json.loads(line).get(KIND_OF_NOTES) for line in lines if KIND_OF_NOTES in line)
            noted: dict[str, Any] = next((each for each in found if each is not None), {})
    except ValueError as error:
        msg = f"the commit {file} is damaged: {error}"
        raise DeltaError(msg) from error
    return {"timestamp": file.stat().st_mtime_ns // NANOSECONDS_OF_A_MILLISECOND, **noted}
