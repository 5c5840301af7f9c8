"""What the newest commit of a Delta table notes, for commands that read no rows: without Arrow, in a moment."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from forest_fire_retrain.adapters.delta_compaction import newest_change
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.redaction import unless_secret

MILLISECONDS = 1000


class NewestCommit(NamedTuple):
    """When a table was written last, UTC, and what its writer noted then."""

    written_at: dt.datetime
    notes: Mapping[str, str]


def newest_commit(root: str, table: str) -> NewestCommit | None:
    """The newest commit of `table`; `None` without the table.

    Raises
    ------
    LakeError
        If the table cannot be read.
    """
    try:
        entry = newest_change(DeltaTable(f"{root.rstrip('/')}/{table}"))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        first_line = str(error).partition("\n")[0]
        msg = f"table {table} of the lake at {root} cannot be read: {first_line}. Run: forest-fire verify"
        raise LakeError(msg) from unless_secret(error)
    written_at = dt.datetime.fromtimestamp(entry["timestamp"] / MILLISECONDS, dt.UTC)
    return NewestCommit(written_at, {name: value for name, value in entry.items() if isinstance(value, str)})


def newest_notes(root: str, table: str) -> Mapping[str, str]:
    """The notes of the newest commit of `table`; none without the table.

    Raises
    ------
    LakeError
        If the table cannot be read.
    """
    newest = newest_commit(root, table)
    return {} if newest is None else newest.notes
