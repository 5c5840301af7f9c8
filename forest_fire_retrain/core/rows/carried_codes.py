"""Fire weather day by day: the moisture codes are carried, and stated where they have left their start behind.

Rules
-----
- A cell's codes start at the standard values on its first day, and are carried through every day of the year.
- A code is stated after `spin_up_days`, when a wet and a dry start have come together.
- A day without weather leaves the codes where they were. A code is stated while at most `MAX_UNOBSERVED_SHARE` of
  its last `memory_days` had no weather; an index where every code it is made of is.
- What is carried is a column of its own, so that a code that is not stated is not lost.
"""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.rows.fire_weather import (
    FireWeather,
    Floats,
    MoistureCodes,
    advance_day,
    estimate_rel_humidity_pct,
    saturation_vapour_pressure_kpa,
    start_codes,
)
from forest_fire_retrain.core.rows.membership import Booleans, days_of, membership, observed_from
from forest_fire_retrain.core.rows.weather_panel import Integers, Panel
from forest_fire_retrain.core.windows import Interval

DAYS_PER_YEAR = 365.25
MAX_UNOBSERVED_SHARE = 0.05
CARRIED = "{}_carried"


class Memory(NamedTuple):
    """How long a code remembers its start, and a day without weather."""

    spin_up_days: int
    memory_days: int

    @property
    def max_unobserved_days(self) -> int:
        """Days without weather within the memory that the code bears."""
        return int(MAX_UNOBSERVED_SHARE * self.memory_days)


MEMORIES: Mapping[str, Memory] = {"ffmc": Memory(7, 3), "dmc": Memory(180, 60), "dc": Memory(365, 120)}


def fire_weather_columns(
    weather: Panel,
    observed: Mapping[int, Integers],
    *,
    cells: pa.Table,
    window: Interval,
    history_start: dt.date,
    carried: pa.Table | None,
) -> dict[str, Floats]:
    """Columns that follow from the weather of a day and the codes of the day before, each (n_days * n_cells,) long.

    Parameters
    ----------
    weather : mapping
        Weather of the days of `window`, by day and cell.
    observed : mapping
        Days with weather among the last n, by n, for the memory of each code; each of the weather's shape.
    cells : pyarrow.Table
        The cells in their order.
    window : Interval
        The days.
    history_start : datetime.date
        First day of the data used.
    carried : pyarrow.Table, optional
        Feature rows of the day before.
    """
    temp_max, temp_min, wind, rain, measured = (
        weather[name] for name in ("temp_max_c", "temp_min_c", "wind_speed_kmh", "precip_mm", "rel_humidity_pct")
    )
    humidity = np.where(np.isnan(measured), estimate_rel_humidity_pct(temp_max, temp_min), measured)
    start = observed_from(cells, history_start)
    belongs = membership(cells, window) & (days_of(window)[:, np.newaxis] >= start)
    codes = _carried_codes(cells, carried, from_before=start < np.datetime64(window.start, "D"))
    series: list[FireWeather] = []
    for place, day in enumerate(days_of(window).astype(object)):
        advanced = advance_day(
            codes,
            month=day.month,
            latitude=cells["latitude"].to_numpy(),
            temp_c=temp_max[place],
            rel_humidity_pct=humidity[place],
            wind_kmh=wind[place],
            precip_mm=rain[place],
        )
        codes = MoistureCodes(*(np.where(belongs[place], *pair) for pair in zip(advanced.codes, codes, strict=True)))
        series.append(advanced._replace(codes=codes))
    return {
        **_stated(series, _are_stated(observed, start, window)),
        "rel_humidity_pct": humidity.ravel(),
        "vapour_pressure_deficit_kpa": (saturation_vapour_pressure_kpa(temp_max) * (1.0 - humidity / 100.0)).ravel(),
        **_season(window, cells.num_rows),
    }


def _carried_codes(cells: pa.Table, carried: pa.Table | None, *, from_before: Booleans) -> MoistureCodes:
    """Yesterday's codes in the order of `cells`; a cell that does not come from before the window starts afresh."""
    fresh = start_codes(cells.num_rows)
    if carried is None:
        return fresh
    places = pc.index_in(cells["cell_id"], carried["cell_id"].combine_chunks())
    taken = (_yesterdays(carried, name).take(places).to_numpy() for name in MoistureCodes._fields)
    return MoistureCodes(
        *(np.where(np.isnan(old) | ~from_before, new, old) for old, new in zip(taken, fresh, strict=True))
    )


def _yesterdays(carried: pa.Table, code: str) -> pa.ChunkedArray:
    """Rows written before codes could be missing hold what is carried in the code itself."""
    name = CARRIED.format(code)
    return carried[name if name in carried.column_names else code]


def _are_stated(observed: Mapping[int, Integers], start: np.ndarray, window: Interval) -> dict[str, Booleans]:
    """Whether a code is stated, by code, each of shape (n_days, n_cells)."""
    age = (days_of(window)[:, np.newaxis] - start).astype(np.int64)
    stated = {}
    for code, memory in MEMORIES.items():
        unobserved = memory.memory_days - observed[memory.memory_days]
        stated[code] = (age >= memory.spin_up_days) & (unobserved <= memory.max_unobserved_days)
    return stated


def _stated(series: list[FireWeather], stated: Mapping[str, Booleans]) -> dict[str, Floats]:
    """Codes and indices, missing where they are not stated, and the codes that are carried."""
    held = {name: np.stack([getattr(day.codes, name) for day in series]) for name in MoistureCodes._fields}
    indices = {name: np.stack([getattr(day, name) for day in series]) for name in ("isi", "bui", "fwi")}
    duff = stated["dmc"] & stated["dc"]
    where = {**stated, "isi": stated["ffmc"], "bui": duff, "fwi": stated["ffmc"] & duff}
    return {
        **{name: np.where(where[name], values, np.nan).ravel() for name, values in {**held, **indices}.items()},
        **{CARRIED.format(name): values.ravel() for name, values in held.items()},
    }


def _season(window: Interval, n_cells: int) -> dict[str, Floats]:
    days = days_of(window).astype(object)
    angle = np.array([2.0 * np.pi * day.timetuple().tm_yday / DAYS_PER_YEAR for day in days])
    return {"season_sin": np.repeat(np.sin(angle), n_cells), "season_cos": np.repeat(np.cos(angle), n_cells)}
