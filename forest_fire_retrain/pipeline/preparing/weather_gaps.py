"""Which cell-days have no weather."""

from typing import NamedTuple

from forest_fire_retrain.core.rows.membership import count_cell_days
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval


class WeatherGaps(NamedTuple):
    """Cell-days without weather.

    Attributes
    ----------
    n_missing, n_expected : int
        Cell-days without a row, and all cell-days.
    cell_ids : tuple of str
        Cells that lack a day, sorted.
    """

    n_missing: int
    n_expected: int
    cell_ids: tuple[str, ...]


def find_weather_gaps(lake: Lake, window: Interval) -> WeatherGaps:
    """Count the cell-days of `window` that the lake has no weather for; a cell counts from its first to its last day.

    Raises
    ------
    LakeError
        If cells or weather cannot be read.
    """
    expected = count_cell_days(lake.read(TableName.CELLS), window)
    held = current_rows(lake.read(TableName.WEATHER, day_column="date", window=window), TableName.WEATHER)
    counted = held.group_by("cell_id").aggregate([("date", "count")])
    n_held = dict(zip(counted["cell_id"].to_pylist(), counted["date_count"].to_pylist(), strict=True))
    missing = {cell_id: max(n_days - n_held.get(cell_id, 0), 0) for cell_id, n_days in expected.items()}
    lacking = tuple(sorted(cell_id for cell_id, n_days in missing.items() if n_days > 0))
    return WeatherGaps(sum(missing.values()), sum(expected.values()), lacking)
