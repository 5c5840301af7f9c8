"""A folder of CSV or Parquet files as the source of cells, weather and fire reports.

Here belong cutting tables by recorded time, and saying what the rows of some days lack. Which file is which table is
`adapters.table_files`' business; what a table must look like is `core.rows.contracts`'.

Rules
-----
- Files are read and checked whole, once; they are read again as soon as one of them has changed.
- A row belongs to the slice of the day it was recorded on, in the park's time zone, so consecutive slices add up to
  the whole.
"""

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.adapters.table_files import FAULTS, FileState, find_tables, read_table
from forest_fire_retrain.core.errors import InputContractError, list_capped
from forest_fire_retrain.core.rows.contracts import SCHEMAS, CheckedTables, RawTable, check_tables
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.rows.row_versions import describe_share
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import UTC, Interval, midnight

EPOCH = dt.date(1970, 1, 1)


class FolderSource:
    """The source in one folder; nothing of it is delivered unless all of it keeps the data contract.

    Parameters
    ----------
    folder : Path
        Holds `cells`, `weather` and `fires`, each as `.csv`, `.csv.gz` or `.parquet`.
    history_start : datetime.date
        First day of the data to use.
    assumed_report_lag_days : int
        Days from a fire to its report where the file does not say.
    today : datetime.date
        Last day that is not in the future.
    time_zone : str
        IANA name of the zone whose days dates are.
    weather_lag_days : int
        Days from a day to its weather where the file does not say; weather that is not there by then is missing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        history_start: dt.date,
        assumed_report_lag_days: int,
        today: dt.date,
        time_zone: str = UTC,
        weather_lag_days: int = 0,
    ) -> None:
        self._folder = folder
        self._history_start = history_start
        self._assumed_report_lag_days = assumed_report_lag_days
        self._today = today
        self._time_zone = time_zone
        self._weather_lag_days = weather_lag_days
        self._held: tuple[Mapping[TableName, FileState], CheckedTables] | None = None

    @property
    def name(self) -> str:
        """The folder's absolute path; symbolic links in it stay, so that they may point at each new delivery."""
        return f"the folder {os.path.normpath(self._folder.absolute())}"

    def read(self, recorded: Interval) -> SourceSlice:
        """All cells, and the weather and fire rows with `recorded_at` (day of the park) in `recorded`.

        Rows for dates before `history_start` are left out.

        Raises
        ------
        InputContractError
            If the folder breaks the data contract; every violation of every file is listed.
        """
        return slice_recorded(
            self._tables(),
            recorded,
            history_start=self._history_start,
            today=self._today,
            time_zone=self._time_zone,
            weather_lag_days=self._weather_lag_days,
        )

    def read_whole(self) -> SourceSlice:
        """All rows for dates from `history_start` on; the warnings are those on the files, and not on any days.

        Raises
        ------
        InputContractError
            If the folder breaks the data contract; every violation of every file is listed.
        """
        tables = self._tables()
        weather, fires = (
            table.filter(pc.greater_equal(table["date"], self._history_start))
            for table in (tables.weather, tables.fires)
        )
        return SourceSlice(tables.cells, weather, fires, tables.warnings, tables.assumed)

    def _tables(self) -> CheckedTables:
        try:
            states, violations = find_tables(self._folder, SCHEMAS)
        except OSError as error:
            raise InputContractError(str(self._folder), [f"the folder cannot be opened: {error.strerror}"]) from error
        if self._held and not violations and self._held[0] == states:
            return self._held[1]
        raw = {}
        for name, state in states.items():
            try:
                raw[name] = RawTable(state.path.name, read_table(state.path))
            except FAULTS as error:
                violations.append(f"{state.path.name}: cannot be read: {_first_line(error)}")
        checked = check_tables(
            str(self._folder),
            raw,
            today=self._today,
            assumed_report_lag_days=self._assumed_report_lag_days,
            weather_lag_days=self._weather_lag_days,
            found_before=violations,
            time_zone=self._time_zone,
        )
        self._held = (states, checked)
        return checked


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def slice_recorded(
    tables: CheckedTables,
    recorded: Interval,
    *,
    history_start: dt.date,
    today: dt.date,
    time_zone: str = UTC,
    weather_lag_days: int = 0,
) -> SourceSlice:
    """Cut out the rows recorded (day of the park) in `recorded` for dates from `history_start` on.

    Slices of consecutive intervals hold every row exactly once. The warnings are those of the whole
    source and what is missing in this window; of weather, what is missing after its lag.
    """
    weather, fires = (
        table.filter(
            pc.and_(_lies_in(table["recorded_at"], recorded, time_zone), pc.greater_equal(table["date"], history_start))
        )
        for table in (tables.weather, tables.fires)
    )
    lag = dt.timedelta(days=weather_lag_days)
    start, end = max(recorded.start - lag, history_start), min(recorded.end - lag, today + dt.timedelta(days=1))
    final = Interval(start=start, end=end) if start < end else None
    warnings = (
        *tables.warnings,
        *_describe_gap(tables, final, midnight(recorded.end, time_zone)),
        *_describe_nulls(TableName.WEATHER, weather),
        *_describe_nulls(TableName.FIRES, fires),
        *_describe_inversions(weather),
    )
    return SourceSlice(tables.cells, weather, fires, warnings, tables.assumed)


def _describe_gap(tables: CheckedTables, window: Interval | None, known_before: dt.datetime) -> list[str]:
    """One sentence on cell-days of `window` for which no weather was recorded before an instant."""
    if window is None:
        return []
    weather, start = tables.weather, window.start
    in_time = pc.less(weather["recorded_at"], known_before)
    known = pc.and_(_lies_in(weather["date"], window, UTC), in_time)
    weather = weather.select(["cell_id", "date"]).filter(known)
    absent = np.ones((tables.cells.num_rows, window.n_days), dtype=bool)
    positions = pc.index_in(weather["cell_id"], tables.cells["cell_id"]).to_numpy()
    absent[positions, weather["date"].cast(pa.int32()).to_numpy() - (start - EPOCH).days] = False
    absent &= np.arange(window.n_days) >= _first_offsets(tables, start)[:, np.newaxis]
    if not absent.any():
        return []
    lacking = np.flatnonzero(absent.any(axis=0))
    first, last = (start + dt.timedelta(days=int(lacking[end])) for end in (0, -1))
    sentence = (
        f"weather: {absent.sum()} of {absent.size} cell-days {window.when} have no row, in "
        f"{absent.any(axis=1).sum()} of {len(absent)} cells, first {first}, last {last}; they are unknown, not zero."
    )
    return [sentence]


def _first_offsets(tables: CheckedTables, start: dt.date) -> np.ndarray:
    """Days from `start` to each cell's first day of weather; 0 for a cell without any, shape (n_cells,)."""
    first = tables.weather.group_by("cell_id").aggregate([("date", "min")])
    days = dict(zip(first["cell_id"].to_pylist(), first["date_min"].to_pylist(), strict=True))
    return np.array([(days.get(cell_id, start) - start).days for cell_id in tables.cells["cell_id"].to_pylist()])


def _describe_nulls(name: TableName, rows: pa.Table) -> list[str]:
    """One sentence per measure that is not complete."""
    counts = {field.name: rows[field.name].null_count for field in rows.schema if field.nullable}
    return [
        f"{name}: {column} is missing in {count} of {rows.num_rows} rows ({describe_share(count / rows.num_rows)})."
        for column, count in counts.items()
        if count
    ]


def _describe_inversions(weather: pa.Table) -> list[str]:
    excess = pc.subtract(weather["temp_min_c"], weather["temp_max_c"])
    above = weather.filter(pc.greater(excess, 0.0))
    if not above.num_rows:
        return []
    cells = list_capped(above["cell_id"].unique().to_pylist())
    sentence = (
        f"weather: temp_min_c is above temp_max_c in {above.num_rows} of {weather.num_rows} rows, by at most "
        f"{pc.max(excess).as_py():.1f} °C, in cells {cells}; taken as delivered."
    )
    return [sentence]


def _lies_in(column: pa.ChunkedArray, window: Interval, time_zone: str) -> pa.ChunkedArray:
    start, end = window.start, window.end
    if not pa.types.is_date(column.type):
        start, end = midnight(start, time_zone), midnight(end, time_zone)
    return pc.and_(pc.greater_equal(column, start), pc.less(column, end))
