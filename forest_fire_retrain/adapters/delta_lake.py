"""Delta tables that never forget a version.

delta-rs deletes expired log files after a checkpoint by default, which ends time travel after 30 days;
every table is created with that clean-up off, and nothing here vacuums. The day before which a table
is complete stands in the metadata of its last commit, so it moves in the same transaction as the rows.
"""

import datetime as dt
import random
import time
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.windows import Interval

KEEP_EVERYTHING = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
MARK = "complete_through"
ATTEMPTS = 8
LONGEST_PAUSE_SECONDS = 0.2


class DeltaLake:
    """The lake below one root: a folder, or an object-store address.

    Parameters
    ----------
    root : str
        Where the tables' folders lie.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    def version(self, table: str) -> int | None:
        """Newest version of `table`; `None` if it does not exist."""
        opened = self._open_if_there(table)
        return None if opened is None else opened.version()

    def complete_through(self, table: str) -> dt.date | None:
        """Day before which everything has been written; `None` if `table` does not exist."""
        opened = self._open_if_there(table)
        return None if opened is None else _mark(opened)

    def replace(self, table: str, rows: pa.Table, *, day_column: str, window: Interval, through: dt.date) -> int:
        """Put `rows` in the place of the rows whose `day_column` falls into `window`; atomic."""

        def write() -> None:
            opened = self._open_if_there(table)
            if opened is None:
                self._write(table, rows, mode="error", mark=through)
                return
            held = _mark(opened)
            mark = max(held, through) if held else through
            predicate = _predicate(rows.schema.field(day_column), window)
            self._write(table, rows, mode="overwrite", mark=mark, predicate=predicate)

        return self._commit(table, write)

    def overwrite(self, table: str, rows: pa.Table) -> int:
        """Put `rows` in the place of all rows; atomic."""
        return self._commit(table, lambda: self._write(table, rows, mode="overwrite", mark=None))

    def append(self, table: str, rows: pa.Table) -> int:
        """Add `rows`; atomic."""

        def write() -> None:
            opened = self._open_if_there(table)
            self._write(table, rows, mode="append", mark=None if opened is None else _mark(opened))

        return self._commit(table, write)

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        day_column: str | None = None,
        window: Interval | None = None,
    ) -> pa.Table:
        """Rows of `table` at `version` (newest by default) whose `day_column` falls into `window`."""
        try:
            dataset = DeltaTable(self._uri(table), version=version).to_pyarrow_dataset()
            chosen = None
            if day_column is not None and window is not None:
                chosen = _day_filter(dataset.schema.field(day_column), window)
            found = dataset.to_table(columns=None if columns is None else list(columns), filter=chosen)
        except (DeltaError, OSError, pa.ArrowException) as error:
            named = table if version is None else f"{table} at version {version}"
            msg = f"table {named} of the lake at {self._root} cannot be read: {error}. Run: forest-fire verify"
            raise LakeError(msg) from error
        return _with_plain_strings(found)

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"

    def _open_if_there(self, table: str) -> DeltaTable | None:
        try:
            return DeltaTable(self._uri(table))
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            msg = f"table {table} of the lake at {self._root} cannot be opened: {error}. Run: forest-fire verify"
            raise LakeError(msg) from error

    def _write(
        self, table: str, rows: pa.Table, *, mode: str, mark: dt.date | None, predicate: str | None = None
    ) -> None:
        note = None if mark is None else CommitProperties(custom_metadata={MARK: mark.isoformat()})
        write_deltalake(
            self._uri(table),
            rows,
            mode=mode,  # type: ignore[arg-type] # one of delta's literals
            predicate=predicate,
            configuration=KEEP_EVERYTHING,
            commit_properties=note,
        )

    def _commit(self, table: str, write: Callable[[], None]) -> int:
        """Write, giving way to concurrent writers a bounded number of times."""
        for attempt in range(ATTEMPTS):
            try:
                write()
                return DeltaTable(self._uri(table)).version()
            except CommitFailedError as error:
                if attempt == ATTEMPTS - 1:
                    raise self._refuse(table, error) from error
                time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret
            except (DeltaError, OSError) as error:
                raise self._refuse(table, error) from error
        raise AssertionError  # the loop returns or raises

    def _refuse(self, table: str, error: Exception) -> LakeError:
        return LakeError(
            f"table {table} of the lake at {self._root} cannot be written: {error}. Nothing was changed; "
            "free space or mend the rights, then run the same command again."
        )


def _mark(table: DeltaTable) -> dt.date | None:
    noted = table.history(1)[0].get(MARK)
    return None if noted is None else dt.date.fromisoformat(noted)


def _predicate(field: pa.Field, window: Interval) -> str:
    kind = "DATE" if pa.types.is_date(field.type) else "TIMESTAMP"
    start, end = (f"CAST('{day}' AS {kind})" for day in (window.start, window.end))
    if kind == "TIMESTAMP":
        start, end = (f"'{day}T00:00:00Z'" for day in (window.start, window.end))
    return f"{field.name} >= {start} AND {field.name} < {end}"


def _day_filter(field: pa.Field, window: Interval) -> pads.Expression:
    start, end = window.start, window.end
    if pa.types.is_timestamp(field.type):
        bounds = (dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC) for day in (start, end))
        start, end = (pa.scalar(bound, field.type) for bound in bounds)
    return (pads.field(field.name) >= start) & (pads.field(field.name) < end)


def _with_plain_strings(table: pa.Table) -> pa.Table:
    """The same table with every string column as plain Arrow strings."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) or field.type == pa.string_view() else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
