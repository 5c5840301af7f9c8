"""The canonical tables of the product: names, columns, types, units.

Sources deliver them, the lake stores them, the feature query reads them; nothing else defines a
column. Units stand in the field metadata and reach the web UI from there.
"""

from enum import StrEnum
from types import MappingProxyType

import pyarrow as pa

UTC_INSTANT = pa.timestamp("us", tz="UTC")


class TableName(StrEnum):
    """The lake's tables."""

    CELLS = "cells"
    WEATHER = "weather"
    FIRES = "fires"
    FEATURES = "features"


def _field(name: str, kind: pa.DataType, description: str, unit: str = "", *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable, {"description": description, "unit": unit})


CELLS_SCHEMA = pa.schema(
    [
        _field("cell_id", pa.string(), "Smallest area predicted for"),
        _field("name", pa.string(), "Name people use for the cell"),
        _field("latitude", pa.float64(), "Latitude of the centroid", "degrees north"),
        _field("longitude", pa.float64(), "Longitude of the centroid", "degrees east"),
        _field("elevation_m", pa.float64(), "Elevation of the centroid", "m", nullable=True),
    ]
)

WEATHER_SCHEMA = pa.schema(
    [
        _field("cell_id", pa.string(), "Cell the forecast is for"),
        _field("date", pa.date32(), "Day the forecast is for"),
        _field("temp_max_c", pa.float64(), "Highest temperature", "°C", nullable=True),
        _field("temp_min_c", pa.float64(), "Lowest temperature", "°C", nullable=True),
        _field("rel_humidity_pct", pa.float64(), "Relative humidity at noon", "%", nullable=True),
        _field("wind_speed_kmh", pa.float64(), "Wind speed at noon, 10 m open", "km/h", nullable=True),
        _field("precip_mm", pa.float64(), "Precipitation of the 24 hours to noon", "mm", nullable=True),
        _field("recorded_at", UTC_INSTANT, "When the system could first know the row", "UTC"),
    ]
)

FIRES_SCHEMA = pa.schema(
    [
        _field("fire_id", pa.string(), "The fire; a later row of the same fire corrects the earlier"),
        _field("cell_id", pa.string(), "Cell the fire started in"),
        _field("date", pa.date32(), "Day the fire started"),
        _field("area_ha", pa.float64(), "Burned area", "ha", nullable=True),
        _field("recorded_at", UTC_INSTANT, "When the report, or its correction, arrived", "UTC"),
    ]
)

WITHDRAWN = "withdrawn"

_KEPT_WITH_CELLS = (
    _field(
        "first_day", pa.date32(), "First day of the cell's data; null: from the start of the history", nullable=True
    ),
    _field("last_day", pa.date32(), "Last day of a cell that the source no longer lists", nullable=True),
    _field("recorded_at", UTC_INSTANT, "From when the system knows the cell", "UTC", nullable=True),
)
_KEPT_WITH_ROWS = (
    _field(WITHDRAWN, pa.bool_(), "Whether the source no longer says anything of this key from then on", nullable=True),
)

LAKE_SCHEMAS = MappingProxyType(
    {
        TableName.CELLS: pa.schema([*CELLS_SCHEMA, *_KEPT_WITH_CELLS]),
        TableName.WEATHER: pa.schema([*WEATHER_SCHEMA, *_KEPT_WITH_ROWS]),
        TableName.FIRES: pa.schema([*FIRES_SCHEMA, *_KEPT_WITH_ROWS]),
    }
)
"""What the lake keeps with the rows of a source; rows of earlier releases lack the columns that came later."""
