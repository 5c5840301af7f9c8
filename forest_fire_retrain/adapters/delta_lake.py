"""Delta tables that never forget a version.

delta-rs deletes expired log files after a checkpoint by default, which ends time travel after 30 days;
every table is created with that clean-up off, and nothing here vacuums. The day before which a table
is complete stands in the metadata of its last commit, so it moves in the same transaction as the rows; a
commit that another writer got ahead of is made again from the start, so the mark never goes back.
"""

import datetime as dt
import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from forest_fire_retrain.adapters.delta_compaction import is_compaction, keep_fast
from forest_fire_retrain.adapters.delta_handles import DeltaHandles
from forest_fire_retrain.adapters.delta_log import read_commits
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.redaction import unless_secret
from forest_fire_retrain.core.rows.ports import NO_NOTES, Commit
from forest_fire_retrain.core.windows import Interval, midnight

KEEP_EVERYTHING = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
MARK = "complete_through"
ORIGIN = "origin"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LITTLE_AHEAD = {"batch_size": 65_536, "batch_readahead": 2, "fragment_readahead": 1}
"""What is read before it is asked for: it is memory beside the rows themselves."""
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
        self._handles = DeltaHandles()

    def version(self, table: str) -> int | None:
        """Newest version of `table`; `None` if it does not exist."""
        opened = self._open_if_there(table)
        return None if opened is None else opened.version()

    def complete_through(self, table: str) -> dt.date | None:
        """Day before which everything has been written; `None` if `table` does not exist."""
        opened = self._open_if_there(table)
        return None if opened is None else self._mark(opened)

    def commits(self, table: str, *, after: int | None = None) -> list[Commit]:
        """Versions of `table` later than `after` (only the newest one by default), the newest first."""
        opened = self._open_if_there(table)
        if opened is None:
            return []
        newest = opened.version()
        if after is None:
            change = self._handles.newest_change(opened)
            return [Commit(change["version"], _texts(change))] if change else []
        logged = read_commits(opened, newest - after) if newest > after else []
        return [Commit(entry["version"], _texts(entry)) for entry in logged if not is_compaction(entry)]

    def replace(
        self,
        table: str,
        rows: pa.Table,
        *,
        day_column: str,
        window: Interval,
        through: dt.date,
        notes: Mapping[str, str] = NO_NOTES,
    ) -> int:
        """Put `rows` in the place of the rows whose `day_column` falls into `window`; atomic."""

        def write() -> None:
            opened = self._open_if_there(table)
            if opened is None:
                self._write(table, None, rows, mode="error", mark=through, notes=notes)
                return
            held = self._mark(opened)
            mark = max(held, through) if held else through
            predicate = _predicate(rows.schema.field(day_column), window)
            self._write(table, opened, rows, mode="overwrite", mark=mark, predicate=predicate, notes=notes)

        return self._commit(table, write)

    def origin(self, table: str) -> str | None:
        """Whose rows the newest version of `table` holds, as its writer noted; `None` without a table or a note."""
        opened = self._open_if_there(table)
        return None if opened is None else self._handles.newest_change(opened).get(ORIGIN)

    def overwrite(
        self, table: str, rows: pa.Table, *, origin: str | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        """Put `rows` in the place of all rows, and note whose they are; atomic."""
        noted = {**notes, ORIGIN: origin} if origin is not None else notes

        def write() -> None:
            self._write(table, self._open_if_there(table), rows, mode="overwrite", mark=None, notes=noted)

        return self._commit(table, write)

    def append(
        self, table: str, rows: pa.Table, *, through: dt.date | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        """Add `rows`, or none; atomic."""

        def write() -> None:
            opened = self._open_if_there(table)
            marks = [mark for mark in (through, None if opened is None else self._mark(opened)) if mark is not None]
            self._write(table, opened, rows, mode="append", mark=max(marks, default=None), notes=notes)

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
        if version is None or columns is not None or window is not None:
            return self._open_rows(table, version, day_column, window).read_at_once(columns)
        return self._read_whole(table, version)

    def _read_whole(self, table: str, version: int) -> pa.Table:
        try:
            opened = self._open_at(table, version)
        except (DeltaError, OSError) as error:
            raise self._refuse_reading(f"{table} at version {version}", error) from unless_secret(error)
        return self._handles.read_whole(opened, lambda: self._open_rows(table, version, None, None).read_at_once(None))

    def pin(self, table: str, *, version: int, day_column: str, window: Interval) -> "DeltaRows":
        """The rows that `read` gives, without reading them yet; the table is opened once."""
        return self._open_rows(table, version, day_column, window)

    def _open_rows(
        self, table: str, version: int | None, day_column: str | None, window: Interval | None
    ) -> "DeltaRows":
        named = table if version is None else f"{table} at version {version}"

        def refuse(error: Exception) -> LakeError:
            return self._refuse_reading(named, error)

        try:
            opened, files, chosen = self._open_at(table, version), None, None
            if day_column is not None and window is not None:
                field = pa.schema(opened.schema().to_arrow()).field(day_column)
                files, chosen = _predicate(field, window), _day_filter(field, window)
            dataset = opened.to_pyarrow_dataset(file_pruning_predicate=files)  # by the files' least and greatest days
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise refuse(error) from unless_secret(error)
        return DeltaRows(dataset, chosen, refuse)

    def unreadable_versions(
        self, table: str, versions: Sequence[int], *, are_pages_read: bool = False
    ) -> dict[int, str]:
        """Those of `versions` that cannot be read any more, and why; looks at every stored file once.

        Every page is read only where `are_pages_read`; else a file is taken as its footer tells.
        """
        found: dict[str, str | None] = {}
        look = _fault_of_pages if are_pages_read else _fault_of
        faults = {version: self._find_fault(table, version, found, look) for version in versions}
        return {version: fault for version, fault in faults.items() if fault is not None}

    def _find_fault(
        self,
        table: str,
        version: int,
        found: dict[str, str | None],
        look: Callable[[pads.ParquetFileFragment], str | None],
    ) -> str | None:
        """The first fault of a version; what is known of its files is added to `found`."""
        try:
            fragments = list(DeltaTable(self._uri(table), version=version).to_pyarrow_dataset().get_fragments())
        except (DeltaError, OSError, pa.ArrowException) as error:
            return without_trace(error)
        for fragment in fragments:
            if fragment.path not in found:
                found[fragment.path] = look(fragment)
        return next((fault for fragment in fragments if (fault := found[fragment.path]) is not None), None)

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"

    def _mark(self, opened: DeltaTable) -> dt.date | None:
        noted = self._handles.newest_change(opened).get(MARK)
        return None if noted is None else dt.date.fromisoformat(noted)

    def _open_at(self, table: str, version: int | None) -> DeltaTable:
        where = self._uri(table)
        return self._handles.open(where) if version is None else self._handles.open_at(where, version)

    def _open_if_there(self, table: str) -> DeltaTable | None:
        try:
            return self._handles.open(self._uri(table))
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise self._refuse_reading(table, error) from unless_secret(error)

    def _write(
        self,
        table: str,
        opened: DeltaTable | None,
        rows: pa.Table,
        *,
        mode: str,
        mark: dt.date | None,
        predicate: str | None = None,
        notes: Mapping[str, str] = NO_NOTES,
    ) -> None:
        """Commit right behind the version that was opened, or not at all."""
        noted = dict(notes) if mark is None else {**notes, MARK: mark.isoformat()}
        write_deltalake(  # type: ignore[call-overload] # mode is one of delta's literals
            self._uri(table) if opened is None else opened,
            rows if opened is None else _described_as(opened, rows),
            mode=mode,
            predicate=predicate,
            schema_mode="merge" if opened is not None and _adds_columns(opened, rows) else None,
            configuration=KEEP_EVERYTHING if opened is None else None,
            commit_properties=CommitProperties(custom_metadata=noted or None, max_commit_retries=0),
        )
        if opened is not None:
            keep_fast(opened)

    def _commit(self, table: str, write: Callable[[], None]) -> int:
        """Write, giving way to concurrent writers a bounded number of times."""
        self._refuse_read_only(table)
        for attempt in range(ATTEMPTS):
            try:
                write()
                return self._handles.open(self._uri(table)).version()
            except CommitFailedError as error:
                if attempt == ATTEMPTS - 1:
                    raise self._refuse_writing(table, error) from unless_secret(error)
                time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret
            except (DeltaError, OSError) as error:
                raise self._refuse_writing(table, error) from unless_secret(error)
        raise AssertionError  # the loop returns or raises

    def _refuse_read_only(self, table: str) -> None:
        """Look before: delta-rs would add a panic of its native threads to the person's screen."""
        places = [folder for folder in (Path(self._uri(table)), Path(self._root)) if folder.is_dir()]
        if places and not os.access(places[0], os.W_OK):
            raise self._refuse_writing(table, OSError(f"{places[0]} is read-only"))

    def _refuse_reading(self, table: str, error: Exception) -> LakeError:
        where = f"table {table} of the lake at {self._root}"
        return LakeError(f"{where} cannot be read: {without_trace(error)}. Run: forest-fire verify")

    def _refuse_writing(self, table: str, error: Exception) -> LakeError:
        where = f"table {table} of the lake at {self._root}"
        return LakeError(
            f"{where} cannot be written: {without_trace(error)}. Nothing was changed; "
            "free disk space or correct the permissions, then run the same command again."
        )


class DeltaRows(NamedTuple):
    """Rows of one version, in the order of its files.

    Attributes
    ----------
    dataset : pyarrow.dataset.Dataset
        The files.
    chosen : pyarrow.dataset.Expression, optional
        Which of their rows; all without it.
    refuse : callable
        Makes the error that says that they cannot be read.
    """

    dataset: pads.Dataset
    chosen: pads.Expression | None
    refuse: Callable[[Exception], LakeError]

    @property
    def schema(self) -> pa.Schema:
        """All columns, as `read` gives them."""
        return _plain(self.dataset.schema)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns; the rows come in the same order each time, and little is read ahead of them."""
        return self._read(columns, **LITTLE_AHEAD)

    def read_at_once(self, columns: Sequence[str] | None) -> pa.Table:
        """These columns, or all, as many files at a time as there is to gain from."""
        return self._read(columns)

    def _read(self, columns: Sequence[str] | None, **ahead: int) -> pa.Table:
        try:
            names = None if columns is None else list(columns)
            found = self.dataset.to_table(columns=names, filter=self.chosen, **ahead)
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise self.refuse(error) from unless_secret(error)
        return found.cast(_plain(found.schema))


def without_trace(error: Exception) -> str:
    """The error's own words on one line; delta-rs colours some and appends the stack of its native threads."""
    own = re.split(r"\n\s*0: ", COLOUR.sub("", str(error)), maxsplit=1)[0]
    return " ".join(own.split()).rstrip(". ")


def _fault_of(file: pads.ParquetFileFragment) -> str | None:
    """Why a stored file cannot be read, as far as its footer tells."""
    try:
        file.ensure_complete_metadata()
    except (OSError, pa.ArrowException) as error:
        return without_trace(error)
    return None


def _fault_of_pages(file: pads.ParquetFileFragment) -> str | None:
    """Why a stored file cannot be read, as far as decoding all of it tells."""
    try:
        for _ in file.to_batches():
            pass
    except (OSError, pa.ArrowException) as error:
        return without_trace(error)
    return None


def _texts(entry: Mapping[str, object]) -> dict[str, str]:
    """What a commit's writer noted, among what the format itself logs as text."""
    return {name: value for name, value in entry.items() if isinstance(value, str)}


def _adds_columns(table: DeltaTable, rows: pa.Table) -> bool:
    return {field.name for field in table.schema().fields} < set(rows.column_names)


def _described_as(table: DeltaTable, rows: pa.Table) -> pa.Table:
    """The rows with the descriptions that the table's columns have: delta-rs refuses one that was reworded since."""
    told = {field.name: field.metadata for field in table.schema().fields}
    fields = [field.with_metadata(told[field.name]) if field.name in told else field for field in rows.schema]
    return rows.cast(pa.schema(fields, rows.schema.metadata))


def _predicate(field: pa.Field, window: Interval) -> str:
    kind = "DATE" if pa.types.is_date(field.type) else "TIMESTAMP"
    start, end = (f"CAST('{day}' AS {kind})" for day in (window.start, window.end))
    if kind == "TIMESTAMP":
        start, end = (f"'{day}T00:00:00Z'" for day in (window.start, window.end))
    return f"{field.name} >= {start} AND {field.name} < {end}"


def _day_filter(field: pa.Field, window: Interval) -> pads.Expression:
    start, end = window.start, window.end
    if pa.types.is_timestamp(field.type):
        bounds = (midnight(day) for day in (start, end))
        start, end = (pa.scalar(bound, field.type) for bound in bounds)
    return (pads.field(field.name) >= start) & (pads.field(field.name) < end)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The same columns with every string as a plain Arrow string."""
    wide = (pa.large_string(), pa.string_view())
    return pa.schema([field.with_type(pa.string()) if field.type in wide else field for field in schema])
