"""A lake in memory: every version of every table is kept, with the mark that moved with its rows."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.windows import Interval


def _pass_by(_point: str) -> None:
    """Let every step through."""


class TableVersion(NamedTuple):
    """One version of a table."""

    rows: pa.Table
    mark: dt.date | None
    origin: str | None = None


@dataclass
class FakeLake:
    """Implements `Lake`.

    `interrupt` is called with `before <method> <table>` ahead of every write; raising there cuts the
    work at that point.
    """

    tables: dict[str, list[TableVersion]] = field(default_factory=dict)
    interrupt: Callable[[str], None] = _pass_by
    lost: set[tuple[str, int]] = field(default_factory=set)

    def version(self, table: str) -> int | None:
        return len(self.tables[table]) - 1 if table in self.tables else None

    def complete_through(self, table: str) -> dt.date | None:
        return self.tables[table][-1].mark if table in self.tables else None

    def replace(self, table: str, rows: pa.Table, *, day_column: str, window: Interval, through: dt.date) -> int:
        if not pc.all(falls_into(rows[day_column], window)).as_py() and rows.num_rows:
            raise LakeError(f"table {table} cannot be written: rows outside {window}")
        self.interrupt(f"before replace {table}")
        if table not in self.tables:
            return self._write(table, rows, through)
        held, mark, _origin = self.tables[table][-1]
        kept = held.filter(pc.invert(falls_into(held[day_column], window)))
        return self._write(table, self._join(table, kept, rows), max(mark, through) if mark else through)

    def origin(self, table: str) -> str | None:
        return self.tables[table][-1].origin if table in self.tables else None

    def overwrite(self, table: str, rows: pa.Table, *, origin: str | None = None) -> int:
        self.interrupt(f"before overwrite {table}")
        if table in self.tables:
            rows = self._join(table, self.tables[table][-1].rows.slice(0, 0), rows)
        return self._write(table, rows, None, origin)

    def append(self, table: str, rows: pa.Table) -> int:
        self.interrupt(f"before append {table}")
        if table not in self.tables:
            return self._write(table, rows, None)
        held, mark, _origin = self.tables[table][-1]
        return self._write(table, self._join(table, held, rows), mark)

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

    def unreadable_versions(self, table: str, versions: Sequence[int]) -> dict[int, str]:
        n_versions = len(self.tables.get(table, []))
        gone = [version for version in versions if version >= n_versions or (table, version) in self.lost]
        return dict.fromkeys(gone, "its files are gone")

    def lose(self, table: str, version: int) -> None:
        """Do what a vacuum does: the version is listed, its files are gone."""
        self.lost.add((table, version))

    def _join(self, table: str, kept: pa.Table, rows: pa.Table) -> pa.Table:
        if kept.schema.names != rows.schema.names:
            raise LakeError(f"table {table} cannot be written: columns {rows.schema.names}")
        return pa.concat_tables([kept, rows.cast(kept.schema)])

    def _write(self, table: str, rows: pa.Table, mark: dt.date | None, origin: str | None = None) -> int:
        self.tables.setdefault(table, []).append(TableVersion(rows, mark, origin))
        return len(self.tables[table]) - 1


def falls_into(days: pa.ChunkedArray, window: Interval) -> pa.ChunkedArray:
    """Which of the dates, or UTC instants, lie in the window."""
    dates = days.cast(pa.date32(), safe=False) if pa.types.is_timestamp(days.type) else days
    return pc.and_(pc.greater_equal(dates, window.start), pc.less(dates, window.end))
