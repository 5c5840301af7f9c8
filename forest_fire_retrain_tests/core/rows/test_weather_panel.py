"""Figures that roll over days are what they were when a query computed them, and what a plain loop gives."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.feature_catalogue import FEATURES_SCHEMA
from forest_fire_retrain.core.rows.row_versions import add_known_on, mark_withdrawn
from forest_fire_retrain.core.rows.tables import WEATHER_SCHEMA
from forest_fire_retrain.core.rows.weather_panel import (
    count_observed,
    enough_days,
    lay_out_weather,
    rolling_columns,
    round_half_away,
)
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.core.rows.feature_park import DAY, ENGINE, FULL_REBUILD, START, at, weather_row
from forest_fire_retrain_tests.property_examples import examples

WITHOUT_EXPONENTIALS = ("date", "latitude", "longitude", "temp_m", "wind_", "precip_", "dry_", "cell_", "park_")
"""Beginnings of the columns whose bits hang on no processor: numpy's `exp` and `log` do."""
AS_THE_QUERY_GAVE_THEM = "9ff9acc1f66d6f90d1997520429764f3a0187f5b227107a76627ad6a03be1fef"
N_BEFORE, N_DAYS, N_CELLS = 120, 140, 3


def test_rolling_figures_and_fire_history_have_the_bits_that_the_query_gave() -> None:
    names = [name for name in FEATURES_SCHEMA.names if name.startswith(WITHOUT_EXPONENTIALS)]
    assert len(names) == 26
    assert fingerprint_table(FULL_REBUILD.select(names)) == AS_THE_QUERY_GAVE_THEM


@examples(200)
@given(value=st.floats(-1e12, 1e12) | st.integers(-(10**6), 10**6).map(lambda n: n / 2))
def test_whole_numbers_are_those_of_the_query(value: float) -> None:
    told = ENGINE.query(f"SELECT round(CAST({value!r} AS DOUBLE)) AS whole", {})["whole"].to_pylist()
    assert round_half_away(np.array([value])).tolist() == told


def random_panel(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (N_DAYS, N_CELLS)
    rain = np.where(rng.random(shape) < 0.1, rng.gamma(1.0, 5.0, shape), 0.0)
    panel = {
        "temp_max_c": rng.normal(20, 9, shape),
        "temp_min_c": rng.normal(8, 4, shape),
        "rel_humidity_pct": rng.uniform(5, 95, shape),
        "wind_speed_kmh": rng.gamma(2, 6, shape),
        "precip_mm": rain,
    }
    return {name: np.where(rng.random(shape) < rng.uniform(0, 0.4), np.nan, values) for name, values in panel.items()}


def tenths_of(values: np.ndarray) -> list[int]:
    return [math.floor(abs(v) * 10 + 0.5) * (1 if v >= 0 else -1) for v in values if not math.isnan(v)]


@pytest.mark.parametrize("seed", range(4))
def test_a_window_is_what_a_loop_over_its_days_gives(seed: int) -> None:
    panel = random_panel(seed)
    figures = rolling_columns(panel, N_BEFORE)
    observed = count_observed(panel, N_BEFORE, [3, 60])
    for day in range(N_BEFORE, N_DAYS):
        for cell in range(N_CELLS):
            place = day - N_BEFORE, cell
            last = {name: values[: day + 1, cell] for name, values in panel.items()}
            for n in (7, 30, 90):
                tenths = tenths_of(last["precip_mm"][-n:])
                expected = sum(tenths) / 10.0 if len(tenths) >= enough_days(n) else math.nan
                np.testing.assert_equal(figures[f"precip_{n}d_mm"][place], expected)
            warm = tenths_of(last["temp_max_c"][-7:])
            mean = sum(warm) / (10.0 * len(warm)) if len(warm) >= enough_days(7) else math.nan
            np.testing.assert_equal(figures["temp_max_7d_c"][place], mean)
            rain = last["precip_mm"][-120:]
            dry = next((n for n, amount in enumerate(rain[::-1]) if amount >= 0.95), 120)
            enough = np.isfinite(rain).sum() >= enough_days(120)
            np.testing.assert_equal(figures["dry_spell_days"][place], float(dry) if enough else math.nan)
            humid = np.where(np.isnan(last["rel_humidity_pct"]), last["temp_min_c"], last["rel_humidity_pct"])
            seen = np.isfinite(last["temp_max_c"] + last["precip_mm"] + humid)
            assert [observed[n][place] for n in (3, 60)] == [seen[-3:].sum(), seen[-60:].sum()]


def test_of_a_day_the_row_recorded_last_in_time_counts_whatever_the_order() -> None:
    day = START + DAY
    rows = [
        weather_row("ridge", day, at(day, 20), temp_max_c=2.0),
        weather_row("ridge", day, at(day, 6), temp_max_c=1.0),
        weather_row("ridge", day, at(day + 2 * DAY), temp_max_c=3.0),
        weather_row("elsewhere", day, at(day), temp_max_c=4.0),
    ]
    weather = add_known_on(mark_withdrawn(pa.Table.from_pylist(rows, schema=WEATHER_SCHEMA)), "UTC")
    days = Interval(start=START, end=START + 3 * DAY)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        panel = lay_out_weather(weather.take(order), pa.array(["Bay", "ridge"]), days, 1)
        np.testing.assert_equal(panel["temp_max_c"], [[np.nan, np.nan], [np.nan, 2.0], [np.nan, np.nan]])
