"""Moisture codes and indices reproduce the published series, and missing weather is never zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.fire_weather import (
    REFERENCE_WIND_KMH,
    FireWeather,
    Floats,
    MoistureCodes,
    advance_day,
    dc_day_factor,
    dmc_day_length,
    estimate_rel_humidity_pct,
    saturation_vapour_pressure_kpa,
    start_codes,
)
from forest_fire_retrain_tests.core.rows.published_fwi import LATITUDE, PUBLISHED_DAYS, PublishedDay

INDICES = ("ffmc", "dmc", "dc", "isi", "bui", "fwi")
ROUNDING = 0.05 + 1e-9
NAN = float("nan")


def advance(  # noqa: PLR0917 - positions as in the published table
    before: MoistureCodes,
    month: int,
    temp: float,
    humidity: float,
    wind: float,
    rain: float,
    *,
    latitude: float = LATITUDE,
) -> FireWeather:
    """A day with the same weather in every cell."""

    def everywhere(value: float) -> Floats:
        return np.full(len(before.ffmc), value)

    return advance_day(
        before,
        month=month,
        latitude=everywhere(latitude),
        temp_c=everywhere(temp),
        rel_humidity_pct=everywhere(humidity),
        wind_kmh=everywhere(wind),
        precip_mm=everywhere(rain),
    )


def figures(weather: FireWeather) -> dict[str, float]:
    """Codes and indices of the first cell."""
    arrays = (*weather.codes, weather.isi, weather.bui, weather.fwi)
    return {name: float(values[0]) for name, values in zip(INDICES, arrays, strict=True)}


def compute_series() -> list[tuple[PublishedDay, dict[str, float]]]:
    codes, series = start_codes(1), []
    for day in PUBLISHED_DAYS:
        weather = advance(codes, day.month, day.temp_c, day.rel_humidity_pct, day.wind_kmh, day.precip_mm)
        codes = weather.codes
        series.append((day, figures(weather)))
    return series


def test_the_published_series_has_49_days_in_three_months() -> None:
    assert len({(day.month, day.day) for day in PUBLISHED_DAYS}) == len(PUBLISHED_DAYS) == 49
    assert PUBLISHED_DAYS[0][:2] == (4, 13)
    assert PUBLISHED_DAYS[-1][:2] == (5, 31)


@pytest.mark.parametrize("name", INDICES)
def test_every_published_figure_is_reproduced_at_one_decimal(name: str) -> None:
    wrong = [
        (day.month, day.day, getattr(day, name), computed[name])
        for day, computed in compute_series()
        if abs(computed[name] - getattr(day, name)) > ROUNDING
    ]
    assert wrong == []


def test_cells_do_not_touch_each_other() -> None:
    first, second = PUBLISHED_DAYS[0], PUBLISHED_DAYS[9]
    together = advance_day(
        start_codes(2),
        month=4,
        latitude=np.array([LATITUDE, -LATITUDE]),
        temp_c=np.array([first.temp_c, second.temp_c]),
        rel_humidity_pct=np.array([first.rel_humidity_pct, second.rel_humidity_pct]),
        wind_kmh=np.array([first.wind_kmh, second.wind_kmh]),
        precip_mm=np.array([first.precip_mm, second.precip_mm]),
    )
    alone = [advance(start_codes(1), 4, *day[2:6], latitude=lat) for day, lat in ((first, 40.0), (second, -40.0))]
    for place, single in enumerate(alone):
        assert [values[place] for values in together.codes] == [values[0] for values in single.codes]
        assert together.fwi[place] == single.fwi[0]


@pytest.mark.parametrize("missing", ["temp", "humidity", "rain"])
def test_a_day_without_temperature_humidity_or_rain_leaves_the_codes_and_has_no_indices(missing: str) -> None:
    before = MoistureCodes(np.array([91.0]), np.array([40.0]), np.array([210.0]))
    weather = {"temp": 24.0, "humidity": 30.0, "wind": 15.0, "rain": 0.0, missing: NAN}
    after = advance(before, 7, **weather)
    assert after.codes == before
    assert np.isnan([after.isi[0], after.bui[0], after.fwi[0]]).all()


def test_missing_rain_is_not_a_dry_day() -> None:
    before = start_codes(1)
    assert advance(before, 7, 24.0, 30.0, 15.0, NAN).codes != advance(before, 7, 24.0, 30.0, 15.0, 0.0).codes


def test_a_day_without_wind_dries_as_at_the_reference_wind_and_has_no_spread_index() -> None:
    calm, reference = (advance(start_codes(1), 7, 24.0, 30.0, wind, 0.0) for wind in (NAN, REFERENCE_WIND_KMH))
    assert calm.codes == reference.codes
    assert calm.bui == reference.bui
    assert np.isnan([calm.isi[0], calm.fwi[0]]).all()


def test_the_same_weather_dries_more_in_the_summer_of_its_hemisphere() -> None:
    def drought_code(latitude: float, month: int) -> float:
        return float(advance(start_codes(1), month, 20.0, 40.0, 10.0, 0.0, latitude=latitude).codes.dc[0])

    assert drought_code(40.0, 7) == drought_code(-40.0, 1) > drought_code(40.0, 1) == drought_code(-40.0, 7)
    assert drought_code(0.0, 1) == drought_code(0.0, 7)


@pytest.mark.parametrize(
    ("latitude", "day_lengths", "dmc", "factors", "dc"),
    [
        (60.0, (6.5, 12.4), (7.55857, 8.97328), (-1.6, 6.4), (18.304, 22.304)),
        (25.0, (7.9, 10.1), (7.89427, 8.42178), (-1.6, 6.4), (18.304, 22.304)),
        (15.0, (7.9, 10.1), (7.89427, 8.42178), (1.4, 1.4), (19.804, 19.804)),
        (0.0, (9.0, 9.0), (8.15802, 8.15802), (1.4, 1.4), (19.804, 19.804)),
        (-15.0, (10.1, 7.9), (8.42178, 7.89427), (1.4, 1.4), (19.804, 19.804)),
        (-25.0, (10.1, 7.9), (8.42178, 7.89427), (6.4, -1.6), (22.304, 18.304)),
        (-45.0, (11.5, 6.5), (8.75747, 7.55857), (6.4, -1.6), (22.304, 18.304)),
    ],
)
def test_day_lengths_are_those_of_the_published_bands(
    latitude: float,
    day_lengths: tuple[float, float],
    dmc: tuple[float, float],
    factors: tuple[float, float],
    dc: tuple[float, float],
) -> None:
    """January and July at 20 °C, 40 % and no rain after the start: NOR-X-424, equations 16, 17, 22 and 23 by hand."""
    for place, month in enumerate((1, 7)):
        day = advance(start_codes(1), month, 20.0, 40.0, 10.0, 0.0, latitude=latitude).codes
        assert dmc_day_length(np.array([latitude]), month)[0] == day_lengths[place]
        assert dc_day_factor(np.array([latitude]), month)[0] == factors[place]
        assert day.dmc[0] == pytest.approx(dmc[place], abs=6e-6)
        assert day.dc[0] == pytest.approx(dc[place], abs=5e-4)


def test_the_edge_of_a_band_belongs_to_the_band_south_of_it() -> None:
    edges = np.array([-30.0, -10.0, 10.0, 30.0])
    assert dmc_day_length(edges, 1).tolist() == [11.5, 10.1, 9.0, 7.9]
    assert dmc_day_length(edges + 1e-9, 1).tolist() == [10.1, 9.0, 7.9, 6.5]
    assert dc_day_factor(np.array([-20.0, -20.0 + 1e-9, 20.0, 20.0 + 1e-9]), 1).tolist() == [6.4, 1.4, 1.4, -1.6]


@settings(deadline=None)
@given(
    days=st.lists(
        st.tuples(st.integers(1, 12), st.floats(-40, 50), st.floats(0, 100), st.floats(0, 120), st.floats(0, 300)),
        min_size=1,
        max_size=30,
    )
)
def test_any_weather_keeps_the_codes_in_their_range(days: list[tuple[int, float, float, float, float]]) -> None:
    codes = start_codes(1)
    for month, *noon in days:
        weather = advance(codes, month, *noon)
        codes = weather.codes
        assert 0 <= codes.ffmc[0] <= 101
        assert all(np.isfinite(value) and value >= 0 for value in figures(weather).values())


@given(temp=st.floats(-30, 45), wind=st.floats(0, 60), humidity=st.floats(5, 90))
def test_wind_and_dry_air_raise_the_spread_index(temp: float, wind: float, humidity: float) -> None:
    base = advance(start_codes(1), 7, temp, humidity, wind, 0.0).isi[0]
    assert advance(start_codes(1), 7, temp, humidity, wind + 5.0, 0.0).isi[0] > base
    assert advance(start_codes(1), 7, temp, humidity - 5.0, wind, 0.0).isi[0] >= base


def test_saturation_vapour_pressure_is_that_of_the_fao_table() -> None:
    """Annex 2, table 2.3 of FAO Irrigation and Drainage Paper 56, in kPa."""
    table = {1.0: 0.657, 10.0: 1.228, 20.0: 2.338, 30.0: 4.243, 40.0: 7.376}
    computed = saturation_vapour_pressure_kpa(np.array(list(table)))
    assert computed == pytest.approx(list(table.values()), abs=0.0006)


def test_humidity_is_estimated_from_the_dew_point_and_never_above_saturation() -> None:
    estimated = estimate_rel_humidity_pct(np.array([30.0, 10.0, 5.0, NAN]), np.array([10.0, 10.0, 8.0, 3.0]))
    assert estimated[:3] == pytest.approx([100 * 1.228 / 4.243, 100.0, 100.0], rel=1e-3)
    assert np.isnan(estimated[3])
