"""Features computed by Spark: the same query text and the same numpy code as on one machine, the same bits.

Rules
-----
- Spark reads the stored files of one version of the weather, which delta-rs lists. It writes nothing: what it computes
  goes back to the process that asked, and delta-rs writes it.
- Cells and fire reports are small, and are handed to it as tables.
- The query text is translated by sqlglot. What follows from the weather of a cell follows from no other cell, so that
  workers compute groups of cells apart, with the code that computes all of them on one machine.
- A group has hundreds of cells: numpy costs 100 times as much a cell with one cell a group.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.adapters.delta_files import list_files
from forest_fire_retrain.adapters.spark_session import first_line, only
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.feature_catalogue import FEATURES_SCHEMA
from forest_fire_retrain.core.rows.features import (
    PLACE,
    WEATHER_LOOK_BACK_DAYS,
    build_query,
    history_tables,
    join_features,
    park_start,
)
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import add_known_on, mark_withdrawn
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, WITHDRAWN, TableName
from forest_fire_retrain.core.rows.weather_panel import MEASURES
from forest_fire_retrain.core.windows import Interval

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW_ORDER = [("date", "ascending"), ("cell_id", "ascending")]
WEATHER_COLUMNS = ("cell_id", "date", *MEASURES, "recorded_at", WITHDRAWN)
GROUP = "cell_group"


class SparkFeatures:
    """Implements `FeatureEngine`.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Where it runs; the session's zone is UTC.
    lake_root : str
        Where the tables lie, as the workers see it.
    cells_at_once : int
        Cells of a group.
    """

    def __init__(self, session: "SparkSession", lake_root: str, cells_at_once: int) -> None:
        self._session = session
        self._root = lake_root
        self._cells_at_once = cells_at_once

    def compute(self, lake: Lake, window: Interval, carried: pa.Table | None, calendar: ParkCalendar) -> pa.Table:
        """Features of every cell and day of `window`, ordered by (date, cell)."""
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - an extra

        cells = lake.read(TableName.CELLS).sort_by("cell_id")
        compute_group = _group_computer(cells, window, carried, calendar, self._cells_at_once)
        plain = from_arrow_schema(FEATURES_SCHEMA.remove_metadata())
        try:
            history = self._history(lake, cells, window, calendar)
            grouped = self._weather(cells, window).groupBy(GROUP).cogroup(history)
            found: pa.Table = grouped.applyInArrow(compute_group, plain).toArrow()
        except PySparkException as error:
            msg = f"Spark could not compute the features {window.when}: {first_line(error)}. Nothing was written"
            raise LakeError(f"{msg}; see its log, or set FOREST_FIRE_FEATURE_ENGINE=duckdb") from error
        return found.select(FEATURES_SCHEMA.names).cast(FEATURES_SCHEMA).sort_by(ROW_ORDER)

    def _weather(self, cells: pa.Table, window: Interval) -> "DataFrame":
        """Rows of the look-back and the window with the group of their cell."""
        from pyspark.sql import functions as f  # noqa: PLC0415 - an extra
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - an extra

        days = Interval(start=window.start - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS), end=window.end)
        files = list_files(self._root, TableName.WEATHER, day_column="date", window=days)
        known = LAKE_SCHEMAS[TableName.WEATHER]
        schema = from_arrow_schema(pa.schema([known.field(name) for name in WEATHER_COLUMNS]).remove_metadata())
        reader = self._session.read.schema(schema)  # files that were written before a column lack it
        addresses, none = [only(file) for file in files.addresses], self._session.createDataFrame([], schema)
        rows = reader.parquet(*addresses) if addresses else none
        numbers = pa.array(range(cells.num_rows), pa.int32())
        places = pa.table({"cell_id": cells["cell_id"], PLACE: numbers, GROUP: self._groups(cells.num_rows)})
        within = (f.col("date") >= f.lit(days.start)) & (f.col("date") < f.lit(days.end))
        placed = rows.where(within).join(f.broadcast(self._session.createDataFrame(places)), "cell_id")
        return placed.drop("cell_id")  # numbers travel faster than names

    def _groups(self, n_cells: int) -> pa.Array:
        return pa.array([place // self._cells_at_once for place in range(n_cells)], pa.int32())

    def _history(self, lake: Lake, cells: pa.Table, window: Interval, calendar: ParkCalendar) -> Any:  # noqa: ANN401 - Spark's
        """What the query says of the fires, by group of cells."""
        from pyspark.sql import functions as f  # noqa: PLC0415 - an extra

        fires = add_known_on(mark_withdrawn(lake.read(TableName.FIRES)), calendar.time_zone)
        sql = build_query(window, park_start(cells, calendar.history_start))
        rows = self._query(sql, history_tables(cells, fires, window, calendar.history_start))
        group = f.floor(f.col(PLACE) / f.lit(self._cells_at_once)).cast("int")
        return rows.withColumn(GROUP, group).groupBy(GROUP)

    def _query(self, sql: str, tables: Mapping[str, pa.Table]) -> "DataFrame":
        for name, table in tables.items():
            self._session.createDataFrame(table).createOrReplaceTempView(name)
        return self._session.sql(translate(sql))


def translate(sql: str) -> str:
    """The core's query text as Spark takes it, without an order, which no group of rows keeps."""
    import sqlglot  # noqa: PLC0415 - an extra

    text = sqlglot.parse_one(sql, read="duckdb")
    text.set("order", None)
    return text.sql(dialect="spark")


def _group_computer(
    cells: pa.Table, window: Interval, carried: pa.Table | None, calendar: ParkCalendar, cells_at_once: int
) -> Callable[[tuple[pa.Scalar, ...], pa.Table, pa.Table], pa.Table]:
    """What a worker does with a group: the weather's rows and the history of its cells become their features."""
    carried_codes = None if carried is None else carried.select([n for n in carried.column_names if n in _CODES])

    def compute_group(key: tuple[pa.Scalar, ...], weather: pa.Table, history: pa.Table) -> pa.Table:
        first = key[0].as_py() * cells_at_once
        of_group = cells.slice(first, cells_at_once)
        names = of_group["cell_id"].take(pc.subtract(weather[PLACE], pa.scalar(first, pa.int32())))
        return join_features(
            cells=of_group,
            weather=add_known_on(mark_withdrawn(weather.append_column("cell_id", names)), calendar.time_zone),
            history=history.sort_by([("date", "ascending"), (PLACE, "ascending")]),
            window=window,
            history_start=calendar.history_start,
            carried=carried_codes,
            weather_lag_days=calendar.weather_lag_days,
        ).replace_schema_metadata(None)

    return compute_group


_CODES = {"cell_id", *(f"{code}{end}" for code in ("ffmc", "dmc", "dc") for end in ("", "_carried"))}
