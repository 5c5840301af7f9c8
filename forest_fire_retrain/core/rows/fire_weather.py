"""The moisture codes and indices of the Canadian Forest Fire Weather Index System, over arrays of cells.

Equations and their numbers are those of Van Wagner & Pickett (1985), "Equations and FORTRAN program
for the Canadian Forest Fire Weather Index System", Forestry Technical Report 33, Canadian Forestry
Service; the FFMC coefficient is the published 147.2. Their day lengths are those of Canada; the bands for the rest
of the world and their edges are those of Wang, Anderson & Suddaby (2015), "Updated source code for calculating fire
danger indices in the Canadian Forest Fire Weather Index System", Information Report NOR-X-424, as the cffdrs package
of the Canadian Forest Service has them. Saturation vapour pressure follows Allen et al.
(1998), FAO Irrigation and Drainage Paper 56, equation 11.

Missing is never taken for zero: a day without temperature or rain leaves the moisture codes where they
were and has no indices; a day without wind dries at `REFERENCE_WIND_KMH` and has no ISI and no FWI.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START_FFMC, START_DMC, START_DC = 85.0, 6.0, 15.0
REFERENCE_WIND_KMH = 10.0

# Effective day length of the DMC in hours and day-length adjustment of the DC, months 1 to 12 by bands of latitude
# from south to north. A band ends at its northern edge, which belongs to it; the last one has none.
DMC_BAND_EDGES = (-30.0, -10.0, 10.0, 30.0)
DMC_DAY_LENGTHS = np.array(
    [
        (11.5, 10.5, 9.2, 7.9, 6.8, 6.2, 6.5, 7.4, 8.7, 10.0, 11.2, 11.8),
        (10.1, 9.6, 9.1, 8.5, 8.1, 7.8, 7.9, 8.3, 8.9, 9.4, 9.9, 10.2),
        (9.0,) * 12,
        (7.9, 8.4, 8.9, 9.5, 9.9, 10.2, 10.1, 9.7, 9.1, 8.6, 8.1, 7.8),
        (6.5, 7.5, 9.0, 12.8, 13.9, 13.9, 12.4, 10.9, 9.4, 8.0, 7.0, 6.0),
    ]
)
DC_BAND_EDGES = (-20.0, 20.0)
DC_FACTORS = np.array(
    [
        (6.4, 5.0, 2.4, 0.4, -1.6, -1.6, -1.6, -1.6, -1.6, 0.9, 3.8, 5.8),
        (1.4,) * 12,
        (-1.6, -1.6, -1.6, 0.9, 3.8, 5.8, 6.4, 5.0, 2.4, 0.4, -1.6, -1.6),
    ]
)


class MoistureCodes(NamedTuple):
    """State carried from day to day; each an array of shape (n_cells,), dimensionless."""

    ffmc: Floats
    dmc: Floats
    dc: Floats


class FireWeather(NamedTuple):
    """Codes and indices of one day; each an array of shape (n_cells,), NaN where not defined."""

    codes: MoistureCodes
    isi: Floats
    bui: Floats
    fwi: Floats


def start_codes(n_cells: int) -> MoistureCodes:
    """Standard start-up values (85, 6, 15) for `n_cells` cells."""
    return MoistureCodes(np.full(n_cells, START_FFMC), np.full(n_cells, START_DMC), np.full(n_cells, START_DC))


def saturation_vapour_pressure_kpa(temp_c: Floats) -> Floats:
    """Saturation vapour pressure in kPa at `temp_c` in °C (FAO-56, equation 11)."""
    return 0.6108 * np.exp(17.27 * temp_c / (temp_c + 237.3))


def estimate_rel_humidity_pct(temp_max_c: Floats, temp_min_c: Floats) -> Floats:
    """Relative humidity in % at the day's highest temperature, the lowest standing for the dew point.

    FAO-56, equation 48; for days on which humidity was not observed.
    """
    ratio = saturation_vapour_pressure_kpa(temp_min_c) / saturation_vapour_pressure_kpa(temp_max_c)
    return np.minimum(100.0 * ratio, 100.0)


def advance_day(
    before: MoistureCodes,
    *,
    month: int,
    latitude: Floats,
    temp_c: Floats,
    rel_humidity_pct: Floats,
    wind_kmh: Floats,
    precip_mm: Floats,
) -> FireWeather:
    """Codes and indices of a day from those of the day before.

    Parameters
    ----------
    before : MoistureCodes
        Yesterday's codes.
    month : int
        Calendar month, 1 to 12.
    latitude, temp_c, rel_humidity_pct, wind_kmh, precip_mm : ndarray of shape (n_cells,)
        Latitude in degrees; noon weather; NaN where missing.
    """
    known = ~(np.isnan(temp_c) | np.isnan(precip_mm) | np.isnan(rel_humidity_pct))
    temp = np.where(known, temp_c, 15.0)
    humidity = np.clip(np.where(known, rel_humidity_pct, 50.0), 0.0, 100.0)
    rain = np.where(known, precip_mm, 0.0)
    wind = np.where(np.isnan(wind_kmh), REFERENCE_WIND_KMH, wind_kmh)
    day = MoistureCodes(
        np.where(known, _next_ffmc(before.ffmc, temp, humidity, wind, rain), before.ffmc),
        np.where(known, _next_dmc(before.dmc, temp, humidity, rain, dmc_day_length(latitude, month)), before.dmc),
        np.where(known, _next_dc(before.dc, temp, rain, dc_day_factor(latitude, month)), before.dc),
    )
    isi = np.where(known & ~np.isnan(wind_kmh), _isi(day.ffmc, wind), np.nan)
    bui = np.where(known, _bui(day.dmc, day.dc), np.nan)
    return FireWeather(day, isi, bui, _fwi(isi, bui))


def dmc_day_length(latitude: Floats, month: int) -> Floats:
    """Effective day length of the DMC in hours, by latitude in degrees; same shape."""
    return DMC_DAY_LENGTHS[np.searchsorted(DMC_BAND_EDGES, latitude), month - 1]


def dc_day_factor(latitude: Floats, month: int) -> Floats:
    """Day-length adjustment of the DC, by latitude in degrees; same shape."""
    return DC_FACTORS[np.searchsorted(DC_BAND_EDGES, latitude), month - 1]


def _next_ffmc(ffmc: Floats, temp: Floats, humidity: Floats, wind: Floats, rain: Floats) -> Floats:
    moisture = 147.2 * (101.0 - ffmc) / (59.5 + ffmc)  # eq. 1
    effective = np.maximum(rain - 0.5, 1e-12)  # eq. 2
    gain = 42.5 * effective * np.exp(-100.0 / (251.0 - moisture)) * (1.0 - np.exp(-6.93 / effective))  # eq. 3a
    surplus = np.where(moisture > 150.0, 0.0015 * (moisture - 150.0) ** 2 * np.sqrt(effective), 0.0)  # eq. 3b
    wetted = np.where(rain > 0.5, np.minimum(moisture + gain + surplus, 250.0), moisture)
    warmth = 0.18 * (21.1 - temp) * (1.0 - np.exp(-0.115 * humidity))
    drying_limit = 0.942 * humidity**0.679 + 11.0 * np.exp((humidity - 100.0) / 10.0) + warmth  # eq. 4
    wetting_limit = 0.618 * humidity**0.753 + 10.0 * np.exp((humidity - 100.0) / 10.0) + warmth  # eq. 5
    heat = 0.581 * np.exp(0.0365 * temp)
    drying = _log_rate(humidity / 100.0, wind) * heat  # eq. 6a, 6b
    wetting = _log_rate((100.0 - humidity) / 100.0, wind) * heat  # eq. 7a, 7b
    dried = drying_limit + (wetted - drying_limit) * 10.0**-drying  # eq. 8
    moistened = wetting_limit - (wetting_limit - wetted) * 10.0**-wetting  # eq. 9
    after = np.where(wetted > drying_limit, dried, np.where(wetted < wetting_limit, moistened, wetted))
    return np.clip(59.5 * (250.0 - after) / (147.2 + after), 0.0, 101.0)  # eq. 10


def _log_rate(fraction: Floats, wind: Floats) -> Floats:
    return 0.424 * (1.0 - fraction**1.7) + 0.0694 * np.sqrt(wind) * (1.0 - fraction**8)


def _next_dmc(dmc: Floats, temp: Floats, humidity: Floats, rain: Floats, day_length: Floats) -> Floats:
    effective = 0.92 * rain - 1.27  # eq. 11
    moisture = 20.0 + 280.0 / np.exp(0.023 * dmc)  # eq. 12, as the program evaluates it
    code = np.maximum(dmc, 1e-12)
    slope = np.where(
        dmc <= 33.0,
        100.0 / (0.5 + 0.3 * code),  # eq. 13a
        np.where(dmc <= 65.0, 14.0 - 1.3 * np.log(code), 6.2 * np.log(code) - 17.2),  # eq. 13b, 13c
    )
    wet = np.maximum(effective, 1e-12)
    wetted = moisture + 1000.0 * wet / (48.77 + slope * wet)  # eq. 14
    after_rain = np.maximum(43.43 * (5.6348 - np.log(wetted - 20.0)), 0.0)  # eq. 15, as the program evaluates it
    start = np.where(rain > 1.5, after_rain, dmc)
    rate = 1.894 * (np.maximum(temp, -1.1) + 1.1) * (100.0 - humidity) * day_length * 1e-6  # eq. 16
    return start + 100.0 * rate  # eq. 17


def _next_dc(dc: Floats, temp: Floats, rain: Floats, day_factor: Floats) -> Floats:
    effective = 0.83 * rain - 1.27  # eq. 18
    wetted = 800.0 * np.exp(-dc / 400.0) + 3.937 * np.maximum(effective, 0.0)  # eq. 19, 20
    after_rain = np.maximum(400.0 * np.log(800.0 / wetted), 0.0)  # eq. 21
    start = np.where(rain > 2.8, after_rain, dc)
    evaporation = np.maximum(0.36 * (np.maximum(temp, -2.8) + 2.8) + day_factor, 0.0)  # eq. 22
    return start + 0.5 * evaporation  # eq. 23


def _isi(ffmc: Floats, wind: Floats) -> Floats:
    moisture = 147.2 * (101.0 - ffmc) / (59.5 + ffmc)
    spread = 91.9 * np.exp(-0.1386 * moisture) * (1.0 + moisture**5.31 / 4.93e7)  # eq. 25
    return 0.208 * np.exp(0.05039 * wind) * spread  # eq. 24, 26


def _bui(dmc: Floats, dc: Floats) -> Floats:
    total = np.maximum(dmc + 0.4 * dc, 1e-12)
    low = 0.8 * dmc * dc / total  # eq. 27a
    high = dmc - (1.0 - 0.8 * dc / total) * (0.92 + (0.0114 * dmc) ** 1.7)  # eq. 27b
    return np.where(dmc <= 0.4 * dc, low, np.maximum(high, 0.0))


def _fwi(isi: Floats, bui: Floats) -> Floats:
    duff = np.where(
        bui <= 80.0,
        0.626 * bui**0.809 + 2.0,  # eq. 28a
        1000.0 / (25.0 + 108.64 * np.exp(-0.023 * bui)),  # eq. 28b
    )
    intensity = 0.1 * isi * duff  # eq. 29
    log_part = 0.434 * np.log(np.maximum(intensity, 1.0))
    return np.where(intensity <= 1.0, intensity, np.exp(2.72 * log_part**0.647))  # eq. 30
