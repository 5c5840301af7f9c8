"""The data contract: which tables a source may deliver, and what is said about those it does.

Here belong checks of tables in memory; no files, no clock, no cutting by time. How values may be written is
`notations`' business.

Rules
-----
- Every fault of every table is collected before one error is raised; nothing passes in part.
- Missing is never taken for zero: a measure may be null and stays null.
- The order of the rows plays no part in what is delivered.
- Rows are numbered as a spreadsheet shows them: the header is row 1, also for Parquet.
- Dates are days of the park's time zone. An instant is held against a day by that day's midnights there.
- Nothing is dated in the future but a forecast: weather that states when it was recorded.

The checks are plain vectorised Arrow and pandas. Pandera was tried and left: where a null and a limit
fail together (pandera 0.35, pandas 2.3) it emits a FutureWarning of its own, and reading text, keys and
the checks across columns and tables would have stood beside it all the same.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import InputContractError
from forest_fire_retrain.core.rows.notations import Column, readers_in, within_calendar
from forest_fire_retrain.core.rows.park_days import midnights
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.rows.unit_hints import find_unit_hints
from forest_fire_retrain.core.windows import MAX_FORECAST_DAYS, UTC, midnight

SCHEMAS = MappingProxyType(
    {TableName.CELLS: CELLS_SCHEMA, TableName.WEATHER: WEATHER_SCHEMA, TableName.FIRES: FIRES_SCHEMA}
)
OPTIONAL_COLUMNS = frozenset({"elevation_m", "recorded_at"})
LIMITS = MappingProxyType(
    {
        "latitude": (-90.0, 90.0),
        "longitude": (-180.0, 180.0),
        "elevation_m": (-450.0, 9000.0),
        "temp_max_c": (-60.0, 60.0),
        "temp_min_c": (-60.0, 60.0),
        "rel_humidity_pct": (0.0, 100.0),
        "wind_speed_kmh": (0.0, 300.0),
        "precip_mm": (0.0, 2000.0),
        "area_ha": (0.0, 1e8),
    }
)
# Highest and lowest temperature may come from different stations or hours, so a minimum slightly above
# its maximum occurs in honest data; beyond this it is a fault (swapped columns, for one). 0 is strict.
MAX_INVERSION_C = 10.0
MAX_ROWS_NAMED = 5
MAX_VALUES_SHOWN = 3
MAX_VALUES_COMPARED = 100
MAX_VALUE_LENGTH = 40
FIRST_DATA_ROW = 2
ID_COLUMNS = frozenset({"cell_id", "fire_id"})
HIDDEN_PATTERN = r"^[\s\p{Z}]|[\s\p{Z}]$|\p{Cc}|\x{feff}|\x{200b}"


class RawTable(NamedTuple):
    """A table as it was read, and the name under which people know it, such as `weather.csv`."""

    file: str
    rows: pa.Table


class CheckedTables(NamedTuple):
    """All rows of a source that keeps the contract: canonical schemas, no duplicates, in a total order.

    `assumed` names the tables whose `recorded_at` the source does not state.
    """

    cells: pa.Table
    weather: pa.Table
    fires: pa.Table
    warnings: tuple[str, ...]
    assumed: frozenset[TableName] = frozenset()


class _Inspection:
    """One table in its canonical columns, with all that was found while reading and checking it."""

    def __init__(self, name: TableName, raw: RawTable, time_zone: str) -> None:
        self.name = name
        self.time_zone = time_zone
        self.file = raw.file
        self.schema = SCHEMAS[name]
        self.n_rows = raw.rows.num_rows
        self.columns: dict[str, Column] = {}
        self.violations: list[str] = []
        self.warnings: list[str] = []
        self.stated = frozenset(raw.rows.column_names)
        self._check_header(raw.rows.column_names)
        for field in self.schema:
            if raw.rows.column_names.count(field.name) == 1:
                self._read_column(field, raw.rows[field.name])

    def refuse(self, column: str, flags: Column, observed: Column, fault: str, allowed: str) -> None:
        """Add one sentence on all flagged rows of a column, if there are any."""
        flags = pc.fill_null(flags, False)  # noqa: FBT003 - Arrow takes the filler by position
        positions = np.flatnonzero(flags.to_numpy())
        if positions.size:
            counted = f"{positions.size} value{'s' if positions.size > 1 else ''} {fault}"
            first = _as_python(observed.filter(flags).slice(0, MAX_VALUES_COMPARED))
            shown = ", ".join([*dict.fromkeys(map(_show, first))][:MAX_VALUES_SHOWN])
            self.violations.append(
                f"{self.file}, column {column}: {counted}, {_name_rows(positions)}: observed {shown}; allowed {allowed}"
            )

    def _check_header(self, found: Sequence[str]) -> None:
        missing = [name for name in self.schema.names if name not in {*found, *OPTIONAL_COLUMNS}]
        repeated = sorted({name for name in found if found.count(name) > 1 and name in self.schema.names})
        if missing:
            self.violations.append(f"{self.file}: missing column {', '.join(missing)}; found {', '.join(found)}")
        if repeated:
            self.violations.append(f"{self.file}: column {', '.join(repeated)} is there more than once")
        if ignored := sorted(set(found) - set(self.schema.names)):
            self.warnings.append(f"{self.file}: the contract does not know column {', '.join(ignored)}; ignored.")

    def _read_column(self, field: pa.Field, column: Column) -> None:
        """Convert a column; what cannot be converted, and nulls where a value must be, are violations."""
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind, read = readers_in(self.time_zone)[field.type]
        present, values = (column, column.cast(field.type)) if pa.types.is_null(column.type) else read(column)
        self.columns[field.name] = values
        unreadable = pc.and_(pc.is_valid(present), pc.is_null(values))
        self.refuse(field.name, unreadable, present, f"cannot be read as {kind}", kind)
        if not field.nullable:
            self.refuse(field.name, pc.is_null(present), present, "missing", "a value in every row")


def check_tables(
    where: str,
    raw: Mapping[TableName, RawTable],
    *,
    today: dt.date,
    assumed_report_lag_days: int,
    weather_lag_days: int = 0,
    found_before: Sequence[str] = (),
    time_zone: str = UTC,
) -> CheckedTables:
    """Canonical tables of a source that keeps the contract in every row.

    Parameters
    ----------
    where : str
        The folder or source, for the message.
    raw : mapping of TableName to RawTable
        Cells, weather and fires as read; a table that could not be read is left out and named in `found_before`.
    today : datetime.date
        Last day that is not in the future.
    assumed_report_lag_days, weather_lag_days : int
        Days from a fire to its report, and from a day to its weather, for a table without `recorded_at`.
    found_before : sequence of str
        Violations found while reading; they are reported together with those found here.
    time_zone : str
        IANA name of the zone whose days dates are.

    Raises
    ------
    InputContractError
        If anything breaks the contract; every violation of every table is listed.
    """
    inspected = {name: _Inspection(name, raw[name], time_zone) for name in SCHEMAS if name in raw}
    for name, inspection in inspected.items():
        _check_ids(inspection)
        _check_limits(inspection)
        _check_future(inspection, today)
        _fill_recorded_at(inspection, weather_lag_days if name is TableName.WEATHER else assumed_report_lag_days)
        _check_known_cells(inspection, inspected.get(TableName.CELLS))
        _drop_duplicates(inspection)
    violations = [*found_before, *(found for inspection in inspected.values() for found in inspection.violations)]
    if violations:
        raise InputContractError(where, violations)
    tables = {name: _canonical(inspection) for name, inspection in inspected.items()}
    warnings = [found for inspection in inspected.values() for found in inspection.warnings]
    return CheckedTables(
        cells=tables[TableName.CELLS],
        weather=tables[TableName.WEATHER],
        fires=tables[TableName.FIRES],
        warnings=(*warnings, *find_unit_hints(tables[TableName.WEATHER])),
        assumed=frozenset(name for name, table in inspected.items() if "recorded_at" not in table.stated),
    )


def _as_python(values: Column) -> list[object]:
    """The values as Python holds them; as text what lies outside its calendar."""
    if not (pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)):
        return values.to_pylist()
    texts = pc.cast(values, pa.string()).to_pylist()
    known = within_calendar(values).to_pylist()
    return [text if value is None else value for text, value in zip(texts, known, strict=True)]


def _check_ids(inspection: _Inspection) -> None:
    """Ids are compared letter by letter: what nobody can see in them splits a cell or a fire in two."""
    for name in inspection.columns.keys() & ID_COLUMNS:
        observed = inspection.columns[name]
        hidden = pc.match_substring_regex(observed, HIDDEN_PATTERN)
        allowed = "text without blanks at its ends and without control characters"
        inspection.refuse(name, hidden, observed, "with something that cannot be seen", allowed)


def _check_limits(inspection: _Inspection) -> None:
    columns = inspection.columns
    for name, (low, high) in LIMITS.items():
        if name not in columns:
            continue
        outside = pc.or_(pc.less(columns[name], low), pc.greater(columns[name], high))
        unit = inspection.schema.field(name).metadata[b"unit"].decode()
        inspection.refuse(name, outside, columns[name], "impossible", f"{low:,.0f} to {high:,.0f} {unit}")
    if {"temp_min_c", "temp_max_c"} <= columns.keys():
        excess = pc.subtract(columns["temp_min_c"], columns["temp_max_c"])
        inspection.refuse(
            "temp_min_c",
            pc.greater(excess, MAX_INVERSION_C),
            pc.round(excess, 2),
            "too far above temp_max_c",
            f"at most {MAX_INVERSION_C:g} °C above",
        )


def _check_future(inspection: _Inspection, today: dt.date) -> None:
    """No stated recording after `today`, no date either but those of forecasts, no report before its fire."""
    columns, zone = inspection.columns, inspection.time_zone
    tomorrow, there = midnight(today + dt.timedelta(days=1), zone), f"in {zone}, the FOREST_FIRE_TIME_ZONE"
    if "date" in columns:
        last, allowed = today, f"up to {today} {there}"
        if inspection.name is TableName.WEATHER and "recorded_at" in inspection.stated:
            last = today + dt.timedelta(days=MAX_FORECAST_DAYS)
            allowed = f"up to {last} {there}: a forecast of at most {MAX_FORECAST_DAYS} days"
        elif inspection.name is TableName.WEATHER:
            allowed = f"{allowed}, and later only with a column recorded_at"
        inspection.refuse("date", pc.greater(columns["date"], last), columns["date"], "in the future", allowed)
    if "recorded_at" in columns:
        future, observed = pc.greater_equal(columns["recorded_at"], tomorrow), columns["recorded_at"]
        inspection.refuse("recorded_at", future, observed, "in the future", f"up to {today} {there}")
    if inspection.name is TableName.FIRES and {"date", "recorded_at"} <= columns.keys():
        early = pc.less(columns["recorded_at"], midnights(columns["date"], zone))
        allowed = f"the fire's date or later {there}"
        inspection.refuse("recorded_at", early, columns["recorded_at"], "before the fire", allowed)


def _fill_recorded_at(inspection: _Inspection, lag_days: int) -> None:
    if "recorded_at" in inspection.stated or "date" not in inspection.columns:
        return
    numbers = pc.add(inspection.columns["date"].cast(pa.int32()), pa.scalar(lag_days, pa.int32()))
    inspection.columns["recorded_at"] = midnights(numbers.cast(pa.date32()), inspection.time_zone)


def _check_known_cells(inspection: _Inspection, cells: _Inspection | None) -> None:
    if inspection is cells:
        if not cells.n_rows:
            cells.violations.append(f"{cells.file}: 0 rows; allowed at least one cell")
        return
    if cells is None or "cell_id" not in cells.columns or "cell_id" not in inspection.columns:
        return
    observed = inspection.columns["cell_id"]
    unknown = pc.and_(pc.is_valid(observed), pc.invert(pc.is_in(observed, cells.columns["cell_id"])))
    inspection.refuse("cell_id", unknown, observed, "unknown", f"the cells of {cells.file}")


def _drop_duplicates(inspection: _Inspection) -> None:
    """Drop rows that repeat another in all they say; refuse rows that share a key and contradict."""
    keys = _key_columns(inspection)
    if not inspection.columns.keys() >= set(keys):
        return
    frame = pa.table(inspection.columns).to_pandas(date_as_object=False)
    repeats = frame.duplicated().to_numpy()
    distinct = frame[~repeats].dropna(subset=keys)
    clashing = distinct[distinct.duplicated(keys, keep=False)]
    if len(clashing):
        inspection.violations.append(
            f"{inspection.file}, column {', '.join(keys)}: {len(clashing)} rows share a key and differ, "
            f"{_name_rows(clashing.index.to_numpy())}: observed {_first_difference(clashing, keys)}; "
            "allowed one row per key (a correction states a later recorded_at)"
        )
    if repeats.any():
        named = _name_rows(np.flatnonzero(repeats))
        inspection.warnings.append(f"{inspection.file}: identical duplicates dropped: {repeats.sum()}, {named}.")
        kept = pa.array(~repeats)
        inspection.columns = {name: column.filter(kept) for name, column in inspection.columns.items()}


def _key_columns(inspection: _Inspection) -> list[str]:
    """Without a stated recording a second row of a fire cannot be told from a reused id: no key but the fire."""
    if inspection.name is TableName.CELLS:
        return ["cell_id"]
    if inspection.name is TableName.WEATHER:
        return ["cell_id", "date", "recorded_at"]
    return ["fire_id", "recorded_at"] if "recorded_at" in inspection.stated else ["fire_id"]


def _first_difference(clashing: pd.DataFrame, keys: Sequence[str]) -> str:
    """The first two contradicting rows in words."""
    alike = (clashing[keys] == clashing[keys].iloc[0]).all(axis=1)
    first, second = clashing[alike].index[:2]
    pair = clashing.loc[[first, second]]
    differing = next(name for name in pair.columns if not pair[name].duplicated().iloc[1])
    values = " and ".join(str(value).removesuffix(" 00:00:00") for value in pair[differing])
    return f"{differing} {values} in rows {first + FIRST_DATA_ROW} and {second + FIRST_DATA_ROW}"


def _canonical(inspection: _Inspection) -> pa.Table:
    n_rows = len(inspection.columns[inspection.schema.names[0]])
    columns = [
        inspection.columns.get(field.name, pa.chunked_array([pa.nulls(n_rows, field.type)]))
        for field in inspection.schema
    ]
    order = ("recorded_at", "date", "cell_id", "fire_id")
    keys = [(name, "ascending") for name in order if name in inspection.schema.names]
    return pa.table(columns, schema=inspection.schema).sort_by(keys).combine_chunks()


def _name_rows(positions: np.ndarray) -> str:
    hidden = positions.size - MAX_ROWS_NAMED
    named = ", ".join(str(position + FIRST_DATA_ROW) for position in np.sort(positions)[:MAX_ROWS_NAMED])
    return ("row " if positions.size == 1 else "rows ") + named + (f" and {hidden} more" if hidden > 0 else "")


def _show(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return str(round(value, 6))
    return (repr(value) if isinstance(value, str) else str(value))[:MAX_VALUE_LENGTH]
