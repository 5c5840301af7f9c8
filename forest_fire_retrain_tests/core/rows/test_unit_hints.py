"""A measure in another unit is doubted with its share; an honest park is not."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.rows.unit_hints import MIN_VALUES, find_unit_hints
from forest_fire_retrain.core.windows import Interval

N_ROWS = 4 * MIN_VALUES


def honest(**changed: np.ndarray) -> pa.Table:
    """Weather of a temperate park in the contract's units, some of it unknown, with the columns of `changed`."""
    draw = np.random.default_rng(7)
    columns = {
        "rel_humidity_pct": draw.uniform(15, 95, N_ROWS),
        "wind_speed_kmh": draw.gamma(4, 2.6, N_ROWS),
        "temp_max_c": draw.normal(20, 9, N_ROWS),
        "precip_mm": np.where(draw.random(N_ROWS) < 0.4, draw.exponential(7, N_ROWS), 0.0),
        **changed,
    }
    unknown = np.arange(N_ROWS) % 10 == 0
    return pa.table({name: pa.array(values, mask=unknown) for name, values in columns.items()})


def column(name: str) -> np.ndarray:
    return honest()[name].to_numpy(zero_copy_only=False)


def test_an_honest_park_raises_no_hint() -> None:
    assert find_unit_hints(honest()) == []


@pytest.mark.parametrize(
    ("name", "factor", "offset", "share", "other"),
    [
        ("rel_humidity_pct", 0.01, 0.0, "in 100.0 % of the values rel_humidity_pct is at most 1", "shares of 1"),
        ("wind_speed_kmh", 1 / 3.6, 0.0, "% of the values wind_speed_kmh is at most 6", "m/s"),
        ("temp_max_c", 1.8, 32.0, "% of the values temp_max_c is above 45", "°F"),
        ("precip_mm", 1 / 25.4, 0.0, "in 100.0 % of the wet days precip_mm is at most 6", "inches"),
    ],
)
def test_a_measure_in_another_unit_is_doubted(name: str, factor: float, offset: float, share: str, other: str) -> None:
    (hint,) = find_unit_hints(honest(**{name: column(name) * factor + offset}))
    assert share in hint
    assert f"Is it delivered in {other}?" in hint


def test_too_few_values_and_columns_without_any_say_nothing() -> None:
    damp = column("rel_humidity_pct") / 100
    assert find_unit_hints(honest(rel_humidity_pct=damp).slice(0, MIN_VALUES)) == []
    assert find_unit_hints(honest(rel_humidity_pct=np.full(N_ROWS, np.nan)).slice(0, 0)) == []


def test_the_simulated_park_raises_no_hint() -> None:
    window = Interval(start=dt.date(2024, 1, 1), end=dt.date(2025, 1, 1))
    source = Simulator(SimulatorConfig(), window.start)
    assert find_unit_hints(source.read(window).weather) == []
