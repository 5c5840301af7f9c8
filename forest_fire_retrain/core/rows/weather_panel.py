"""What is known of the weather, laid out by day and cell, and the figures that roll over its last days.

Rules
-----
- Of a cell and day the last row counts that was recorded by the end of day d + `weather_lag_days`; one that is
  withdrawn says nothing.
- Rain and warmth are summed in whole tenths, so that a figure has the same bits wherever its days begin. Sums of all
  days up to a day are subtracted from each other: a window of 90 days costs what one of 7 days costs.
- A figure is missing when fewer than `MIN_OBSERVED_SHARE` of its days were observed.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forest_fire_retrain.core.rows.feature_catalogue import (
    DRY_SPELL_CAP_DAYS,
    MIN_OBSERVED_SHARE,
    RAIN_WINDOWS_DAYS,
    WET_DAY_MM,
)
from forest_fire_retrain.core.rows.fire_weather import Floats
from forest_fire_retrain.core.rows.membership import Booleans
from forest_fire_retrain.core.rows.row_versions import KNOWN_ON
from forest_fire_retrain.core.rows.tables import WITHDRAWN
from forest_fire_retrain.core.windows import Interval

MEASURES = ("temp_max_c", "temp_min_c", "rel_humidity_pct", "wind_speed_kmh", "precip_mm")
TENTHS_PER_UNIT = 10.0

Integers = NDArray[np.int64]
Panel = Mapping[str, Floats]
"""A measure's values by its name, each of shape (n_days, n_cells), NaN where missing."""


def lay_out_weather(weather: pa.Table, cell_ids: pa.Array, days: Interval, weather_lag_days: int) -> dict[str, Floats]:
    """What is known of each measure on every day of `days`, the cells being in the order of `cell_ids`.

    Parameters
    ----------
    weather : pyarrow.Table
        Rows in any order, with the columns `known_on` and `withdrawn`; those of other cells and days play no part.
    cell_ids : pyarrow.Array
        The cells.
    days : Interval
        The days.
    weather_lag_days : int
        Days after which a day's weather is final.
    """
    shape = (days.n_days, len(cell_ids))
    rows, places = _known_rows(weather, cell_ids, days, weather_lag_days)
    panel = {}
    for name in MEASURES:
        values = np.full(shape, np.nan)
        values.ravel()[places] = weather[name].to_numpy()[rows]
        panel[name] = values
    return panel


def _known_rows(
    weather: pa.Table, cell_ids: pa.Array, days: Interval, weather_lag_days: int
) -> tuple[Integers, Integers]:
    """Numbers of the rows that count, and their places in a panel."""
    dated = weather["date"].cast(pa.int32()).to_numpy().astype(np.int64)
    day = dated - np.datetime64(days.start, "D").astype(np.int64)
    cell = pc.fill_null(pc.index_in(weather["cell_id"], cell_ids), -1).to_numpy()
    is_in_time = weather[KNOWN_ON].cast(pa.int32()).to_numpy() <= dated + weather_lag_days
    rows = np.flatnonzero((day >= 0) & (day < days.n_days) & (cell >= 0) & is_in_time)
    places = day[rows] * len(cell_ids) + cell[rows]
    if len(places) and np.bincount(places).max() > 1:
        recorded = weather["recorded_at"].cast(pa.int64()).to_numpy()[rows]
        order = np.argsort(recorded, kind="stable")
        rows, places = _last_of_each(rows[order], places[order])
    stands = ~weather[WITHDRAWN].to_numpy()[rows]
    return rows[stands], places[stands]


def _last_of_each(rows: Integers, places: Integers) -> tuple[Integers, Integers]:
    """The last row of each place."""
    unique, from_behind = np.unique(places[::-1], return_index=True)
    return rows[::-1][from_behind], unique


def rolling_columns(panel: Panel, n_before: int) -> dict[str, Floats]:
    """Figures over the last days of every day but the first `n_before`, each of shape (n_days - n_before, n_cells).

    Parameters
    ----------
    panel : mapping
        The weather; no window is longer than `n_before`.
    n_before : int
        Days at the beginning that are looked back on only.
    """
    rain, warmth = _Sums(panel["precip_mm"], n_before), _Sums(panel["temp_max_c"], n_before)
    week, month = warmth.means(7), warmth.means(30)
    return {
        **{f"precip_{n}d_mm": rain.where_observed(rain.totals(n) / TENTHS_PER_UNIT, n) for n in RAIN_WINDOWS_DAYS},
        "temp_max_7d_c": warmth.where_observed(week, 7),
        "temp_max_anomaly_c": warmth.where_observed(week - month, 30),
        "dry_spell_days": rain.where_observed(_dry_spells(rain.tenths, n_before), DRY_SPELL_CAP_DAYS),
    }


def count_observed(panel: Panel, n_before: int, windows: Iterable[int]) -> dict[int, Integers]:
    """Days with all the weather that moisture codes need, among as many last days as each of `windows` has."""
    humidity = np.where(np.isnan(panel["rel_humidity_pct"]), panel["temp_min_c"], panel["rel_humidity_pct"])
    sums = _summed(~np.isnan(panel["temp_max_c"] + panel["precip_mm"] + humidity))
    return {n_days: _windowed(sums, n_before, n_days) for n_days in windows}


class _Sums:
    """Sums of a measure's tenths over any window, and how many of its days were observed.

    Parameters
    ----------
    values : ndarray of shape (n_days, n_cells)
        The measure; NaN where missing.
    n_before : int
        Days at the beginning that are looked back on only.
    """

    def __init__(self, values: Floats, n_before: int) -> None:
        self.tenths = round_half_away(values * TENTHS_PER_UNIT)
        self._n_before = n_before
        self._observed = _summed(~np.isnan(values))
        self._summed = _summed(np.nan_to_num(self.tenths).astype(np.int64))

    def totals(self, n_days: int) -> Floats:
        """Tenths over the last `n_days`."""
        return _windowed(self._summed, self._n_before, n_days).astype(np.float64)

    def means(self, n_days: int) -> Floats:
        """Mean over the observed ones of the last `n_days`, in the measure's unit."""
        with np.errstate(invalid="ignore"):
            return self.totals(n_days) / (TENTHS_PER_UNIT * self._counts(n_days))

    def where_observed(self, figure: Floats, n_days: int) -> Floats:
        """The figure, missing where too few of the last `n_days` were observed."""
        return np.where(self._counts(n_days) >= enough_days(n_days), figure, np.nan)

    def _counts(self, n_days: int) -> Integers:
        return _windowed(self._observed, self._n_before, n_days)


def enough_days(n_days: int, share: float = MIN_OBSERVED_SHARE) -> int:
    """Days of a window that have to be observed."""
    return int(np.ceil(share * n_days))


def round_half_away(values: Floats) -> Floats:
    """The nearest whole numbers, of two equally near ones that away from zero."""
    whole = np.trunc(values)
    return np.asarray(whole + np.where(np.abs(values - whole) >= 0.5, np.sign(values), 0.0))  # noqa: PLR2004 - half


def _dry_spells(rain: Floats, n_before: int) -> Floats:
    """Days since the last wet one, at most `DRY_SPELL_CAP_DAYS`."""
    number = np.arange(len(rain))[:, np.newaxis]
    is_wet: Booleans = rain >= round(WET_DAY_MM * TENTHS_PER_UNIT)
    last_wet = np.maximum.accumulate(np.where(is_wet, number, -DRY_SPELL_CAP_DAYS), axis=0)
    return np.minimum(number - last_wet, DRY_SPELL_CAP_DAYS)[n_before:].astype(np.float64)


def _summed(values: Integers | Booleans) -> Integers:
    """Sums of all days before a day, shape (n_days + 1, n_cells)."""
    sums = np.zeros((len(values) + 1, values.shape[1]), dtype=np.int64)
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def _windowed(sums: Integers, n_before: int, n_days: int) -> Integers:
    """Sums over the last `n_days` of every day but the first `n_before`."""
    first = n_before + 1 - n_days
    return np.asarray(sums[n_before + 1 :] - sums[first : len(sums) - n_days])
