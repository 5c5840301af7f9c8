"""The stored files of one version of a Delta table, for engines that read Parquet and know nothing of Delta."""

import datetime as dt
from typing import NamedTuple

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.delta_lake import without_trace
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.redaction import unless_secret
from forest_fire_retrain.core.windows import Interval


class VersionFiles(NamedTuple):
    """What a version consists of.

    Attributes
    ----------
    addresses : tuple of str
        The files that may hold rows of the days asked for.
    schema : pyarrow.Schema
        The table's columns; files written earlier may lack some.
    version : int
        The version.
    """

    addresses: tuple[str, ...]
    schema: pa.Schema
    version: int


def list_files(root: str, table: str, *, day_column: str, window: Interval) -> VersionFiles:
    """The files of the newest version of `table` below `root` that may hold rows of `window`.

    Raises
    ------
    LakeError
        If the table does not exist or cannot be read.
    """
    address = f"{root.rstrip('/')}/{table}"
    try:
        opened = DeltaTable(address)
        stored = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
        schema = pa.schema(opened.schema().to_arrow())
    except (DeltaError, OSError, pa.ArrowException) as error:
        msg = f"table {table} of the lake at {root} cannot be read: {without_trace(error)}. Run: forest-fire verify"
        raise LakeError(msg) from unless_secret(error)
    chosen = [row["path"] for row in stored if _may_hold(row, day_column, window)]
    return VersionFiles(tuple(f"{address}/{path}" for path in chosen), schema, opened.version())


def _may_hold(row: dict[str, object], day_column: str, window: Interval) -> bool:
    least, greatest = row.get(f"min.{day_column}"), row.get(f"max.{day_column}")
    if not (isinstance(least, dt.date) and isinstance(greatest, dt.date)):
        return True
    return least < window.end and greatest >= window.start
