"""How fires follow from weather in the simulated park, and how they come to be reported.

Rules
-----
- The probability of a fire start is known exactly, and it is what the fires are drawn from.
- Fuel dryness has a bounded memory: on each day it is the recursion run for the last
  `FUEL_MEMORY_DAYS`, from wet fuel.
- A report carries what was first believed; the last correction of a fire carries the truth.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forest_fire_retrain.adapters.simulated_settings import DriftKind, MisreadArchive, SimulatorConfig
from forest_fire_retrain.adapters.simulated_weather import (
    EPOCH_ORDINAL,
    Days,
    Park,
    Stream,
    Weather,
    draw_uniforms,
    drift_share,
    summer_shape,
    to_normals,
)
from forest_fire_retrain.core.rows.fire_weather import Floats, saturation_vapour_pressure_kpa

FUEL_MEMORY_DAYS = 60
MOST_CELLS = 10_000
MICROSECONDS_PER_SECOND = 1_000_000
SECONDS_PER_DAY = 86_400
MISREAD_DAYS, ARCHIVED_TIMES = 1_096, 3  # nine years are entered as the last three
MISREAD_END_DAYS_AGO = 60  # so that no misread fire lies in the weeks that are being judged
ARCHIVE_NUMBERS = 10**12  # added to a fire's own number
EARLIEST_REPORT_SECOND = 43_200  # reports come in the second half of the day, after the weather

DRYNESS_EFFECT, WIND_EFFECT, SEASON_EFFECT = 7.0, 0.6, 0.9
DRYNESS_CENTRE, WIND_CENTRE_KMH = 0.8, 14.5
LOG_MEAN_RISK = 0.22  # log of the mean risk over 12 seeds of 30 years, so that `fire_rate` is the mean probability
LARGEST_PROBABILITY = 0.95
DRYNESS_WEAKENS_SHARE, WIND_GROWS_SHARE = 0.5, 1.2
MEDIAN_AREA_HA, AREA_LOG_SD, FIRST_ESTIMATE_LOG_SD = 2.0, 1.6, 0.5
SMALLEST_AREA_HA, LARGEST_AREA_HA = 0.1, 50_000.0


class Layer(NamedTuple):
    """A fuel layer: how fast it dries under 1 kPa, and the rain that wets it to 37 %."""

    drying_per_kpa_day: float
    wetting_rain_mm: float
    weight: float


LAYERS = (Layer(0.30, 2.0, 0.5), Layer(0.035, 12.0, 0.5))


class Reports(NamedTuple):
    """Reports and corrections, one row each.

    Attributes
    ----------
    fire_number, true_day, cell : numpy.ndarray
        The fire, the day it started (ordinal) and its cell (position in the park).
    stated_day, area_ha, recorded_us : numpy.ndarray
        What the row says, and when it arrived by the park's clocks (microseconds since 1970).
    """

    fire_number: NDArray[Any]
    true_day: NDArray[Any]
    cell: NDArray[Any]
    stated_day: NDArray[Any]
    area_ha: NDArray[Any]
    recorded_us: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> "Reports":
        """The reports at positions `rows`, in that order."""
        return Reports(*(column[rows] for column in self))


def join_reports(parts: Sequence[Reports]) -> Reports:
    """All reports of `parts`, one part after the other."""
    return Reports(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


NO_REPORTS = Reports(*(np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, np.int64, np.int64, float, np.int64)))


def fuel_dryness(weather: Weather) -> Floats:
    """Dryness of the fuel, 0 (wet) to 1, shape (n_days, n_cells); the first `FUEL_MEMORY_DAYS` lack their past."""
    demand_kpa = saturation_vapour_pressure_kpa(weather.temp_max_c) * (1.0 - weather.rel_humidity_pct / 100.0)
    dryness = np.zeros_like(demand_kpa)
    for layer in LAYERS:
        kept = np.exp(-layer.drying_per_kpa_day * demand_kpa)
        after_rain = np.exp(-weather.precip_mm / layer.wetting_rain_mm)
        dryness += layer.weight * _run_recursion(kept * after_rain, (1.0 - kept) * after_rain)
    return dryness


def _run_recursion(factor: Floats, gain: Floats) -> Floats:
    """State = gain + factor * (state of the day before), on each day run for `FUEL_MEMORY_DAYS` from 0."""
    n_days = len(factor)
    state = np.zeros_like(factor)
    for age in range(FUEL_MEMORY_DAYS - 1, -1, -1):
        state[age:] = gain[: n_days - age] + factor[: n_days - age] * state[age:]
    return state


def fire_probability(config: SimulatorConfig, park: Park, days: Days, weather: Weather) -> Floats:
    """True probability that a fire starts, shape (n_days, n_cells); the first `FUEL_MEMORY_DAYS` lack their past."""
    changed = drift_share(config.drift, (DriftKind.GRADUAL, DriftKind.SUDDEN), days)[:, np.newaxis]
    log_risk = (
        DRYNESS_EFFECT * (1.0 - DRYNESS_WEAKENS_SHARE * changed) * (fuel_dryness(weather) - DRYNESS_CENTRE)
        + WIND_EFFECT * (1.0 + WIND_GROWS_SHARE * changed) * (weather.wind_speed_kmh - WIND_CENTRE_KMH) / 10.0
        + SEASON_EFFECT * summer_shape(days)[:, np.newaxis]
        + park.log_effect
    )
    rate = config.fire_rate * np.exp(log_risk - LOG_MEAN_RISK)
    return np.minimum(1.0 - np.exp(-rate), LARGEST_PROBABILITY)


def draw_reports(config: SimulatorConfig, days: Days, probability: Floats) -> Reports:
    """All reports and corrections of the fires that start on `days`, whenever they arrive."""
    started = draw_uniforms(config.seed, Stream.FIRES, days, config.n_cells) < probability
    place, cell = np.nonzero(started)
    draws = draw_uniforms(config.seed, Stream.REPORTS, days, config.n_cells, 8)[place, cell]
    day = days[place]
    reported = _is_reported(config, day, draws[:, 7])
    return _report(config, day[reported], cell[reported], draws[reported])


def archived_days(archive: MisreadArchive) -> range:
    """Days (ordinals) of the fires that the archive holds: those just before the ones it is read as."""
    end = archive.start.toordinal() - MISREAD_END_DAYS_AGO - MISREAD_DAYS
    return range(end - ARCHIVED_TIMES * MISREAD_DAYS, end)


def misread_days(archive: MisreadArchive, day: Days) -> Days:
    """The day under which a fire of `day` is entered: the same day of the year, of the last three years."""
    end = archived_days(archive).stop
    return np.asarray(end + (day - end) % MISREAD_DAYS)


def misread(archive: MisreadArchive, fires: Reports) -> Reports:
    """What the entry of an archive reports: each fire under a recent year first, and under its own day then.

    Parameters
    ----------
    archive : MisreadArchive
        When the archive is entered and corrected.
    fires : Reports
        Reports of the fires that it holds.
    """
    own_day = np.flatnonzero(fires.stated_day == fires.true_day)
    last = fires.take(own_day[np.unique(fires.fire_number[own_day], return_index=True)[1]])
    moment = np.arange(len(last.true_day)) / max(len(last.true_day), 1)
    numbered = last._replace(fire_number=last.fire_number + ARCHIVE_NUMBERS)
    entered, corrected = (
        _instant_us(np.full(len(moment), day.toordinal()), moment) for day in (archive.start, archive.end)
    )
    return join_reports(
        [
            numbered._replace(stated_day=misread_days(archive, last.true_day), recorded_us=entered),
            numbered._replace(recorded_us=corrected),
        ]
    )


def _is_reported(config: SimulatorConfig, day: Days, draw: Floats) -> NDArray[np.bool_]:
    outage = config.outage
    if outage is None:
        return np.ones(len(day), dtype=np.bool_)
    inside = (day >= outage.start.toordinal()) & (day < outage.end.toordinal())
    return np.asarray(~inside | (draw >= outage.share))


def _report(config: SimulatorConfig, day: Days, cell: NDArray[np.int64], draws: Floats) -> Reports:
    """First reports, followed by the corrections of those that are corrected."""
    number = day * MOST_CELLS + cell
    is_corrected = draws[:, 4] < config.correction_share
    is_redated = is_corrected & (draws[:, 6] < config.redated_share)
    first_day = day + is_redated
    arrives = np.maximum(day + _delay_days(config, draws[:, 0]), first_day) + _extra_days(config, day)
    wait = 1 + np.floor(draws[:, 5] ** 2 * config.longest_correction_delay_days).astype(np.int64)
    size, error = to_normals(draws[:, 2:4])
    area = _area_ha(size)
    estimate = np.where(is_corrected, _area_ha(size + error * FIRST_ESTIMATE_LOG_SD / AREA_LOG_SD), area)
    estimate = np.where(is_corrected & (estimate == area), np.round(area + 0.1, 1), estimate)
    first = Reports(number, day, cell, first_day, estimate, _instant_us(arrives, draws[:, 1]))
    second = Reports(number, day, cell, day, area, _instant_us(arrives + wait, draws[:, 1]))
    return join_reports([first, second.take(np.flatnonzero(is_corrected))])


def _delay_days(config: SimulatorConfig, draw: Floats) -> NDArray[np.int64]:
    """Geometric delays: half of them at most the median, none above the longest."""
    log_kept = np.log(0.5) / (config.median_report_delay_days + 1.0)
    delay = np.floor(np.log(1.0 - draw) / log_kept).astype(np.int64)
    return np.minimum(delay, config.longest_report_delay_days)


def _extra_days(config: SimulatorConfig, day: Days) -> NDArray[np.int64]:
    late = config.label_delay
    if late is None:
        return np.zeros(len(day), dtype=np.int64)
    is_late = day >= late.start.toordinal()
    if late.end is not None:
        is_late &= day < late.end.toordinal()
    return np.where(is_late, late.extra_days, 0)


def longest_wait_days(config: SimulatorConfig) -> int:
    """Days from a fire to its last report, at most."""
    extra = 0 if config.label_delay is None else config.label_delay.extra_days
    first_report = max(config.longest_report_delay_days, 1)
    return first_report + extra + config.longest_correction_delay_days


def _area_ha(size: Floats) -> Floats:
    area = np.clip(MEDIAN_AREA_HA * np.exp(AREA_LOG_SD * size), SMALLEST_AREA_HA, LARGEST_AREA_HA)
    return np.asarray(np.round(area, 1), dtype=np.float64)


def _instant_us(day: Days, draw: Floats) -> NDArray[np.int64]:
    second = EARLIEST_REPORT_SECOND + np.floor(draw * (SECONDS_PER_DAY - EARLIEST_REPORT_SECOND)).astype(np.int64)
    return ((day - EPOCH_ORDINAL) * SECONDS_PER_DAY + second) * MICROSECONDS_PER_SECOND
