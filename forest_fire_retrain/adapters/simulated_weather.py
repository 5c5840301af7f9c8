"""Draws, cells and weather of the simulated park.

Rules
-----
- A draw is a function of (seed, stream, day) alone: each stream is a Philox generator keyed by
  (seed, stream), and each day has its fixed place on the counter.
- Memory is bounded: weather of day d is made from the draws of the `WEATHER_MEMORY_DAYS` days up to d.
- Values are rounded as a station rounds them, and fires follow from the rounded values.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forest_fire_retrain.adapters.simulated_settings import Drift, DriftKind, SimulatorConfig
from forest_fire_retrain.core.rows.fire_weather import Floats

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]

WEATHER_MEMORY_DAYS = 60
EPOCH_ORDINAL = 719_163  # datetime.date(1970, 1, 1).toordinal()
COUNTER_ORIGIN_DAY = -1_000  # the look-back of the first representable date has its place too
DRAWS_PER_COUNTER = 4
DAYS_PER_YEAR = 365.25
HOTTEST_DAY_OF_YEAR = 205

PARK_LATITUDE, PARK_LONGITUDE = 41.0, -121.5
CELL_SPACING_DEGREES, LARGEST_PARK_DEGREES = 0.12, 4.0
CELL_EFFECT_SD = 0.5
MEAN_ELEVATION_M = 1_000.0
FIRST_WORDS = (
    *("Alder", "Badger", "Cedar", "Deer", "Eagle", "Falcon", "Granite", "Heron"),
    *("Iron", "Juniper", "Larch", "Maple", "Otter", "Pine", "Raven", "Salmon"),
)
SECOND_WORDS = ("Creek", "Ridge", "Meadow", "Canyon", "Lake", "Pass", "Flat", "Butte", "Hollow", "Point", "Spring")

DRIEST_PCT, WETTEST_PCT = 5.0, 100.0
STRONGEST_WIND_KMH, WETTEST_DAY_MM = 110.0, 250.0
WARMING_C, DRYING_PCT, FEWER_WET_SHARE = 2.0, 6.0, 0.25


class Stream(IntEnum):
    """What a draw is for; the number is part of the key and never changes its meaning."""

    CELLS = 0
    PARK_WEATHER = 1
    CELL_WEATHER = 2
    MISSING = 3
    FIRES = 4
    REPORTS = 5


class Park(NamedTuple):
    """The cells; each array of shape (n_cells,)."""

    cell_ids: tuple[str, ...]
    names: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    elevation_m: Floats
    log_effect: Floats


class Weather(NamedTuple):
    """Weather by day and cell, each of shape (n_days, n_cells)."""

    temp_max_c: Floats
    temp_min_c: Floats
    rel_humidity_pct: Floats
    wind_speed_kmh: Floats
    precip_mm: Floats


class _ParkWeather(NamedTuple):
    """What the cells share, each of shape (n_days, 1)."""

    summer: Floats
    unsettled: Flags
    wet: Flags
    rain_mm: Floats
    warmth: Floats
    gustiness: Floats
    moisture: Floats
    clearness: Floats
    climate_shift: Floats


def draw_uniforms(seed: int, stream: Stream, days: Days, *shape: int) -> Floats:
    """Uniforms in [0, 1) for consecutive `days`, shape (n_days, *shape); those of a day hang on that day alone."""
    n_wanted = int(np.prod(shape))
    n_counters = -(-n_wanted // DRAWS_PER_COUNTER)
    place = (int(days[0]) - COUNTER_ORIGIN_DAY) * n_counters
    bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=place)
    draws = np.random.Generator(bits).random((len(days), n_counters * DRAWS_PER_COUNTER))
    return draws[:, :n_wanted].reshape(len(days), *shape)


def to_normals(uniforms: Floats) -> tuple[Floats, Floats]:
    """Two independent standard normals from pairs of uniforms on the last axis (Box & Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniforms[..., 0]))
    angle = 2.0 * np.pi * uniforms[..., 1]
    return radius * np.cos(angle), radius * np.sin(angle)


def lay_out_park(config: SimulatorConfig) -> Park:
    """Cells on a grid, north-west first; effects on the fire rate have mean 1 over the park."""
    n_cells, n_columns = config.n_cells, int(np.ceil(np.sqrt(config.n_cells)))
    spacing = min(CELL_SPACING_DEGREES, LARGEST_PARK_DEGREES / n_columns)
    row, column = np.divmod(np.arange(n_cells), n_columns)
    draws = draw_uniforms(config.seed, Stream.CELLS, np.zeros(1, dtype=np.int64), n_cells, 4)[0]
    effect = np.exp(CELL_EFFECT_SD * to_normals(draws[:, 2:])[0])
    latitude = PARK_LATITUDE - (2.0 * PARK_LATITUDE if config.southern else 0.0)
    return Park(
        cell_ids=tuple(f"C{number:05d}" for number in range(1, n_cells + 1)),
        names=tuple(_name(number) for number in range(n_cells)),
        latitude=np.round(latitude + spacing * (n_columns / 2.0 - row), 4),
        longitude=np.round(PARK_LONGITUDE + spacing * (column - n_columns / 2.0), 4),
        elevation_m=np.round(MEAN_ELEVATION_M + 500.0 * (draws[:, 0] + draws[:, 1] - 1.0)),
        log_effect=np.log(effect / effect.mean()),
    )


def _name(number: int) -> str:
    """A name no other cell of the park has."""
    lap, place = divmod(number, len(FIRST_WORDS) * len(SECOND_WORDS))
    name = f"{FIRST_WORDS[place % len(FIRST_WORDS)]} {SECOND_WORDS[place % len(SECOND_WORDS)]}"
    return name if lap == 0 else f"{name} {lap + 1}"


def summer_shape(days: Days) -> Floats:
    """1 on the hottest day of the year, -1 half a year from it, shape (n_days,)."""
    dates = (days - EPOCH_ORDINAL).astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return np.cos(2.0 * np.pi * (day_of_year - HOTTEST_DAY_OF_YEAR) / DAYS_PER_YEAR)


def drift_share(drift: Drift, kinds: tuple[DriftKind, ...], days: Days) -> Floats:
    """How much of the drift is there, 0 to `drift.strength`, shape (n_days,); 0 for any other kind than `kinds`."""
    if drift.start is None or drift.kind not in kinds:
        return np.zeros(len(days))
    n_ramp = 1 if drift.kind is DriftKind.SUDDEN else drift.ramp_days
    return drift.strength * np.clip((days - drift.start.toordinal() + 1) / n_ramp, 0.0, 1.0)


def simulate_weather(config: SimulatorConfig, park: Park, days: Days) -> Weather:
    """True weather of consecutive `days`; the first `WEATHER_MEMORY_DAYS` lack their past and are to be thrown away."""
    shared = _simulate_park_weather(config, days)
    draws = draw_uniforms(config.seed, Stream.CELL_WEATHER, days, config.n_cells, 6)
    warmth, gusts = to_normals(draws[..., 0:2])
    moisture, amount = to_normals(draws[..., 2:4])
    rain = _rain_mm(shared, park, draws[..., 4], amount)
    anomaly = 4.0 * shared.warmth - 4.0 * shared.wet + WARMING_C * shared.climate_shift
    lapse = -0.0055 * (park.elevation_m - MEAN_ELEVATION_M)
    temp_max = 15.0 + 11.5 * shared.summer + anomaly + lapse + 0.8 * warmth
    swing = np.maximum(11.0 + 3.0 * shared.summer - 4.0 * shared.wet + 2.0 * shared.clearness, 2.5)
    humidity = 50.0 - 13.0 * shared.summer + 22.0 * shared.wet + 6.0 * shared.unsettled - 2.5 * shared.warmth
    humidity = humidity + 7.0 * shared.moisture + 3.0 * moisture - DRYING_PCT * shared.climate_shift
    wind = 11.0 * np.exp(0.38 * shared.gustiness + 0.15 * shared.unsettled + 0.15 * gusts)
    return Weather(
        temp_max_c=_round_tenths(temp_max),
        temp_min_c=_round_tenths(temp_max - swing - 0.5 * draws[..., 5]),
        rel_humidity_pct=np.round(np.clip(humidity, DRIEST_PCT, WETTEST_PCT)),
        wind_speed_kmh=_round_tenths(np.minimum(wind, STRONGEST_WIND_KMH)),
        precip_mm=rain,
    )


def _round_tenths(values: Floats) -> Floats:
    return np.asarray(np.round(values, 1) + 0.0, dtype=np.float64)  # no negative zero


def _simulate_park_weather(config: SimulatorConfig, days: Days) -> _ParkWeather:
    draws = draw_uniforms(config.seed, Stream.PARK_WEATHER, days, 8)
    summer = summer_shape(days)
    shift = drift_share(config.drift, (DriftKind.COVARIATE,), days)
    wetter = (1.0 - 0.2 * summer) * (1.0 - FEWER_WET_SHARE * shift)
    unsettled = _follow_chain(draws[:, 0], 0.10 * wetter, 0.68 * wetter)
    wet = _follow_chain(draws[:, 1], np.where(unsettled, 0.45, 0.03) * wetter, np.where(unsettled, 0.65, 0.12) * wetter)
    warmth, gustiness = to_normals(draws[:, 2:4])
    moisture, clearness = to_normals(draws[:, 4:6])
    return _ParkWeather(
        summer=summer[:, np.newaxis],
        unsettled=unsettled[:, np.newaxis],
        wet=wet[:, np.newaxis],
        rain_mm=6.0 * (-np.log(1.0 - draws[:, 6:7])) ** 1.3,
        warmth=_fade(warmth, 0.8)[:, np.newaxis],
        gustiness=_fade(gustiness, 0.4)[:, np.newaxis],
        moisture=_fade(moisture, 0.5)[:, np.newaxis],
        clearness=clearness[:, np.newaxis],
        climate_shift=shift[:, np.newaxis],
    )


def _rain_mm(shared: _ParkWeather, park: Park, chance: Floats, amount: Floats) -> Floats:
    """Rain per cell: most cells on the park's wet days, a few showers on other unsettled days."""
    rains = chance < np.where(shared.wet, 0.85, np.where(shared.unsettled, 0.08, 0.0))
    uplift = 1.0 + 0.0003 * (park.elevation_m - MEAN_ELEVATION_M)
    amount_mm = np.minimum(shared.rain_mm * uplift * np.exp(0.4 * amount), WETTEST_DAY_MM)
    return np.where(rains, _round_tenths(amount_mm), 0.0)


def _follow_chain(draws: Floats, enter: Floats, stay: Floats) -> Flags:
    """A two-state chain with P(on | off) = `enter` and P(on | on) = `stay`, `enter` <= `stay`.

    A draw below `enter` switches on and one from `stay` on switches off, whatever went before; in between,
    the state stays. The state is that of the last deciding draw: off if none lies in the memory.
    """
    place = np.arange(len(draws))
    decides = (draws < enter) | (draws >= stay)
    last = np.maximum.accumulate(np.where(decides, place, -1))
    recent = (last >= 0) & (place - last < WEATHER_MEMORY_DAYS)
    return np.asarray(recent & (draws[last] < enter[last]))


def _fade(noise: Floats, persistence: float) -> Floats:
    """Standard normals correlated from day to day: a weighted sum of the last `WEATHER_MEMORY_DAYS`."""
    total = np.zeros(len(noise))
    weight = np.sqrt(1.0 - persistence**2)
    for age in range(WEATHER_MEMORY_DAYS):
        total[age:] += weight * persistence**age * noise[: len(noise) - age]
    return total
