"""A lake in memory: every version of every table is kept, with the mark that moved with its rows."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.rows.ports import NO_NOTES, Commit
from forest_fire_retrain.core.windows import Interval


def _pass_by(_point: str) -> None:
    """Let every step through."""


class FakeRows(NamedTuple):
    """Implements `PinnedRows`."""

    rows: pa.Table

    @property
    def schema(self) -> pa.Schema:
        return self.rows.schema

    def read(self, columns: Sequence[str]) -> pa.Table:
        return self.rows.select(list(columns))


class TableVersion(NamedTuple):
    """One version of a table."""

    rows: pa.Table
    mark: dt.date | None
    notes: Mapping[str, str] = NO_NOTES


@dataclass
class FakeLake:
    """Implements `Lake`.

    `interrupt` is called with `before <method> <table>` ahead of every write; raising there cuts the
    work at that point.
    """

    tables: dict[str, list[TableVersion]] = field(default_factory=dict)
    interrupt: Callable[[str], None] = _pass_by
    lost: set[tuple[str, int]] = field(default_factory=set)
    damaged: set[tuple[str, int]] = field(default_factory=set)

    def version(self, table: str) -> int | None:
        return len(self.tables[table]) - 1 if table in self.tables else None

    def complete_through(self, table: str) -> dt.date | None:
        return self.tables[table][-1].mark if table in self.tables else None

    def commits(self, table: str, *, after: int | None = None) -> list[Commit]:
        kept = self.tables.get(table, [])
        first = len(kept) - 1 if after is None else after + 1
        return [Commit(number, kept[number].notes) for number in range(len(kept) - 1, max(first, 0) - 1, -1)]

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
        if not pc.all(falls_into(rows[day_column], window)).as_py() and rows.num_rows:
            raise LakeError(f"table {table} cannot be written: rows outside {window}")
        self.interrupt(f"before replace {table}")
        if table not in self.tables:
            return self._write(table, rows, through, notes)
        held, mark, _notes = self.tables[table][-1]
        kept = held.filter(pc.invert(falls_into(held[day_column], window)))
        return self._write(table, _join(table, kept, rows), max(mark, through) if mark else through, notes)

    def origin(self, table: str) -> str | None:
        return self.tables[table][-1].notes.get("origin") if table in self.tables else None

    def overwrite(
        self, table: str, rows: pa.Table, *, origin: str | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        self.interrupt(f"before overwrite {table}")
        if table in self.tables:
            rows = _join(table, self.tables[table][-1].rows.slice(0, 0), rows)
        return self._write(table, rows, None, {**notes, "origin": origin} if origin is not None else notes)

    def append(
        self, table: str, rows: pa.Table, *, through: dt.date | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        self.interrupt(f"before append {table}")
        if table not in self.tables:
            return self._write(table, rows, through, notes)
        held, mark, _notes = self.tables[table][-1]
        marks = [day for day in (mark, through) if day is not None]
        return self._write(table, _join(table, held, rows), max(marks, default=None), notes)

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        day_column: str | None = None,
        window: Interval | None = None,
    ) -> pa.Table:
        try:
            history = self.tables[table]
            number = len(history) - 1 if version is None else version
            rows = history[number].rows
        except (KeyError, IndexError) as error:
            raise LakeError(f"table {table} at version {version} cannot be read") from error
        if (table, number) in self.lost:
            raise LakeError(f"table {table} at version {version} cannot be read: its files are gone")
        if day_column is not None and window is not None:
            rows = rows.filter(falls_into(rows[day_column], window))
        return rows if columns is None else rows.select(list(columns))

    def pin(self, table: str, *, version: int, day_column: str, window: Interval) -> "FakeRows":
        rows = self.read(table, version=version, day_column=day_column, window=window)
        return FakeRows(rows)

    def unreadable_versions(
        self, table: str, versions: Sequence[int], *, are_pages_read: bool = False
    ) -> dict[int, str]:
        n_versions = len(self.tables.get(table, []))
        gone = [version for version in versions if version >= n_versions or (table, version) in self.lost]
        damaged = [version for version in versions if are_pages_read and (table, version) in self.damaged]
        return dict.fromkeys(damaged, "a page cannot be decoded") | dict.fromkeys(gone, "its files are gone")

    def damage(self, table: str, version: int) -> None:
        """Do what a failing disk does: the file is there, a page of it is not what was written."""
        self.damaged.add((table, version))

    def lose(self, table: str, version: int) -> None:
        """Do what a vacuum does: the version is listed, its files are gone."""
        self.lost.add((table, version))

    def _write(self, table: str, rows: pa.Table, mark: dt.date | None, notes: Mapping[str, str]) -> int:
        noted = {**notes, "complete_through": mark.isoformat()} if mark else notes
        self.tables.setdefault(table, []).append(TableVersion(rows, mark, noted))
        return len(self.tables[table]) - 1


def _join(table: str, kept: pa.Table, rows: pa.Table) -> pa.Table:
    """Both; a column that the held rows lack is null in them."""
    if not set(kept.column_names) <= set(rows.column_names):
        raise LakeError(f"table {table} cannot be written: columns {rows.schema.names}")
    return pa.concat_tables([kept, rows], promote_options="default")


def falls_into(days: pa.ChunkedArray, window: Interval) -> pa.ChunkedArray:
    """Which of the dates, or UTC instants, lie in the window."""
    dates = days.cast(pa.date32(), safe=False) if pa.types.is_timestamp(days.type) else days
    return pc.and_(pc.greater_equal(dates, window.start), pc.less(dates, window.end))
