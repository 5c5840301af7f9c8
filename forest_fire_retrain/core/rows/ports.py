"""What rows need of the outside world: a source, a lake, an engine for the query text."""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval

NO_NOTES: Mapping[str, str] = MappingProxyType({})


class SourceSlice(NamedTuple):
    """Rows a source delivers for a window of recorded days, in the canonical schemas.

    Attributes
    ----------
    cells, weather, fires : pyarrow.Table
        The rows.
    warnings : tuple of str
        What the department has to live with, one sentence each.
    assumed : frozenset of TableName
        Tables whose `recorded_at` is assumed, and not stated by the source.
    """

    cells: pa.Table
    weather: pa.Table
    fires: pa.Table
    warnings: tuple[str, ...]
    assumed: frozenset[TableName] = frozenset()


class Commit(NamedTuple):
    """One version of a table, and what its writer noted with it."""

    version: int
    notes: Mapping[str, str]


class Source(Protocol):
    """Where cells, weather and fire reports come from."""

    @property
    def name(self) -> str:
        """What tells this source from another one; the same for each of its deliveries."""
        ...

    def read(self, recorded: Interval) -> SourceSlice:
        """All cells, and the weather and fire rows with `recorded_at` (day of the park) in `recorded`.

        Raises
        ------
        InputContractError
            If the source breaks the data contract; every violation is listed.
        """
        ...

    def read_whole(self) -> SourceSlice | None:
        """Everything the source says now; `None` of a source that delivers slices only.

        Raises
        ------
        InputContractError
            If the source breaks the data contract; every violation is listed.
        """
        ...


class PinnedRows(Protocol):
    """Rows of one version of a table, to be read some columns at a time."""

    @property
    def schema(self) -> pa.Schema:
        """All columns, as `read` gives them."""
        ...

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns; the rows come in the same order each time.

        Raises
        ------
        LakeError
            If they cannot be read.
        """
        ...


class Lake(Protocol):
    """Versioned tables that never forget a version."""

    def version(self, table: str) -> int | None:
        """Newest version of `table`; `None` if it does not exist."""
        ...

    def complete_through(self, table: str) -> dt.date | None:
        """Day before which everything has been written; `None` if `table` does not exist."""
        ...

    def commits(self, table: str, *, after: int | None = None) -> list[Commit]:
        """Versions of `table` later than `after` (only the newest one by default), the newest first.

        Those that changed no row are left out. Without the table there are none.
        """
        ...

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
        """Put `rows` in the place of the rows whose `day_column` falls into `window`; atomic.

        `day_column` holds dates or UTC instants. `through` becomes the table's new mark. Creates
        the table if it is missing, and columns that the table lacks. Returns the new version.

        Raises
        ------
        LakeError
            If the table cannot be written; nothing has changed then.
        """
        ...

    def origin(self, table: str) -> str | None:
        """Whose rows the newest version of `table` holds, as its writer noted; `None` without a table or a note."""
        ...

    def overwrite(
        self, table: str, rows: pa.Table, *, origin: str | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        """Put `rows` in the place of all rows, and note whose they are; atomic. Creates the table if it is missing.

        Returns the new version.
        """
        ...

    def append(
        self, table: str, rows: pa.Table, *, through: dt.date | None = None, notes: Mapping[str, str] = NO_NOTES
    ) -> int:
        """Add `rows`, or none; atomic. Creates the table if it is missing, and columns that the table lacks.

        `through` becomes the table's new mark, if it is later. Returns the new version.
        """
        ...

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        day_column: str | None = None,
        window: Interval | None = None,
    ) -> pa.Table:
        """Rows of `table` at `version` (newest by default) whose `day_column` falls into `window`.

        The order of the rows is unspecified: whoever needs one sorts.

        Raises
        ------
        LakeError
            If the table or the version does not exist or cannot be read.
        """
        ...

    def pin(self, table: str, *, version: int, day_column: str, window: Interval) -> PinnedRows:
        """The rows that `read` gives, without reading them yet; the table is opened once.

        Raises
        ------
        LakeError
            If the table or the version does not exist.
        """
        ...

    def unreadable_versions(
        self, table: str, versions: Sequence[int], *, are_pages_read: bool = False
    ) -> dict[int, str]:
        """Those of `versions` that cannot be read any more, and why; looks at every stored file once.

        Every page is read only where `are_pages_read`; else a file is taken as its footer tells.
        """
        ...


class SqlEngine(Protocol):
    """Runs the query text the core builds."""

    def query(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """Result of `sql` over `tables`, which the text names by their keys."""
        ...


@runtime_checkable
class FeatureEngine(Protocol):
    """Computes the features of some days from the lake, elsewhere than in this process."""

    def compute(self, lake: Lake, window: Interval, carried: pa.Table | None, calendar: ParkCalendar) -> pa.Table:
        """Features of every cell and day of `window`, ordered by (date, cell): the bits of `compute_features`.

        `carried` are the feature rows of the day before; `None` starts the moisture codes afresh.

        Raises
        ------
        LakeError
            If the lake cannot be read, or the engine failed; nothing is written either way.
        """
        ...
