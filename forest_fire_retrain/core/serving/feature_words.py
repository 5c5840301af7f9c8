"""Feature values in the words of people who know fires: units, plain sentences, what hangs together.

Rules
-----
- What has no phrase of its own is said as the feature catalogue describes it, with its unit.
- A missing value is said to be missing, never to be nothing.
- Features that mean something only together (sine and cosine of the day, both coordinates) are said in one line.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from forest_fire_retrain.core.rows.feature_catalogue import (
    CATALOGUE,
    CELL_FIRE_WINDOWS_DAYS,
    DRY_SPELL_CAP_DAYS,
    PARK_FIRE_WINDOWS_DAYS,
    RAIN_WINDOWS_DAYS,
    RETIRED,
    WET_DAY_MM,
    Feature,
)

FEATURES: Mapping[str, Feature] = {feature.name: feature for feature in (*CATALOGUE, *RETIRED)}
"""Every feature that any version has, by its name."""

Values = Mapping[str, float | None]
"""Feature to value, `None` where it is missing."""


class Topic(NamedTuple):
    """What is said in one line.

    Attributes
    ----------
    features : tuple of str
        Whose values it is about.
    sentence : str
        What they are, in words.
    """

    features: tuple[str, ...]
    sentence: str


TOGETHER: tuple[tuple[str, ...], ...] = (("latitude", "longitude"), ("season_sin", "season_cos"))
"""Features that are said in one line."""

RAIN = ("precip_mm", *(f"precip_{n}d_mm" for n in RAIN_WINDOWS_DAYS), "dry_spell_days")
WARMTH = (
    *("temp_max_c", "temp_min_c", "temp_max_7d_c", "temp_max_anomaly_c"),
    *("rel_humidity_pct", "vapour_pressure_deficit_kpa"),
)
FUEL = ("ffmc", "dmc", "dc", "isi", "bui", "fwi")
FIRES = tuple(name for name in FEATURES if "_fires_" in name)
FAMILIES: tuple[tuple[str, ...], ...] = (
    (*RAIN, *FUEL),
    (*WARMTH, *FUEL),
    ("wind_speed_kmh", *FUEL),
    FIRES,
    *TOGETHER,
)
"""Features that come from the same measures: where one is changed, the others would have changed too."""


def topics_of(names: tuple[str, ...], values: Values, day: dt.date) -> list[Topic]:
    """One topic per feature of `names`, or per group of them that is said together; in the order of `names`."""
    told: dict[tuple[str, ...], Topic] = {}
    for name in names:
        group = next((group for group in TOGETHER if name in group), (name,))
        held = tuple(member for member in group if member in names)
        told.setdefault(held, Topic(held, _say_together(held, values, day)))
    return list(told.values())


def name_topics(names: tuple[str, ...]) -> list[Topic]:
    """One topic per feature of `names`, or per group that is said together, without any value."""
    told = {topic.features: topic for topic in topics_of(names, {}, dt.date.min)}
    called = dict(zip(TOGETHER, ("Where the cell lies", "Time of the year"), strict=True))
    return [Topic(features, called.get(features) or FEATURES[features[0]].description) for features in told]


def say(name: str, value: float | None) -> str:
    """A feature's value as a phrase without a full stop."""
    feature = FEATURES.get(name, Feature(name, "", name))
    if value is None or math.isnan(value):
        return f"{feature.description}: not known"
    if name in PHRASES:
        return PHRASES[name](value)
    return f"{feature.description}: {number(value)}{f' {feature.unit}' if feature.unit else ''}"


def kindred_of(names: tuple[str, ...], among: tuple[str, ...]) -> tuple[str, ...]:
    """Features `among` those of a model that come from the same measures as `names`, and are not of them."""
    families = [family for family in FAMILIES if set(family) & set(names)]
    return tuple(name for name in among if name not in names and any(name in family for family in families))


def number(value: float) -> str:
    """One digit behind the point, none of a whole number; small figures keep two digits that say something."""
    if value and abs(value) < 0.1:  # noqa: PLR2004 - one digit would say nothing
        return f"{value:.2g}"
    shown = f"{value:.1f}"
    return shown.removesuffix(".0")


def _say_together(names: tuple[str, ...], values: Values, day: dt.date) -> str:
    if len(names) == 1:
        return say(names[0], values.get(names[0]))
    if names == TOGETHER[1]:
        return f"Time of the year: {day.day} {day:%B}"
    latitude, longitude = (values.get(name) for name in TOGETHER[0])
    if latitude is None or longitude is None:
        return "Where the cell lies: not known"
    return f"Where the cell lies: {_degrees(latitude, 'N', 'S')}, {_degrees(longitude, 'E', 'W')}"


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}° {positive if value >= 0 else negative}"


def _days(value: float) -> str:
    return f"{number(value)} day{'' if value == 1 else 's'}"


def _rain(days: int | None) -> Callable[[float], str]:
    when = "on the day" if days is None else f"in the last {days} days"
    return lambda value: f"{number(value)} mm of rain {when}" if value else f"No rain {when}"


def _dry_spell(value: float) -> str:
    wet = f"{WET_DAY_MM:g} mm of rain"
    if value == 0:
        return f"{wet} or more on the day"
    longest = " or more" if value >= DRY_SPELL_CAP_DAYS else ""
    return f"No day with {wet} for {_days(value)}{longest}"


def _anomaly(value: float) -> str:
    if number(value) == "0":
        return "The last 7 days as warm as the last 30"
    return f"The last 7 days {number(abs(value))} °C {'warmer' if value > 0 else 'cooler'} than the last 30"


def _rate(where: str, days: int) -> Callable[[float], str]:
    when = f"in the last {days} days"
    return lambda value: f"Fires {where} {when}: {number(value)} a year" if value else f"No fire {where} {when}"


def _count(where: str, days: int) -> Callable[[float], str]:
    when = f"in the last {days} days"
    return lambda value: (
        f"{number(value)} fire{'' if value == 1 else 's'} {where} {when}" if value else (f"No fire {where} {when}")
    )


_PLACES = (("cell", "in the cell", CELL_FIRE_WINDOWS_DAYS), ("park", "in the whole park", PARK_FIRE_WINDOWS_DAYS))

PHRASES: Mapping[str, Callable[[float], str]] = {
    "latitude": lambda value: f"Latitude of the cell: {_degrees(value, 'N', 'S')}",
    "longitude": lambda value: f"Longitude of the cell: {_degrees(value, 'E', 'W')}",
    "temp_max_c": lambda value: f"Highest temperature {number(value)} °C",
    "temp_min_c": lambda value: f"Lowest temperature {number(value)} °C",
    "rel_humidity_pct": lambda value: f"Relative humidity {number(value)}%",
    "wind_speed_kmh": lambda value: f"Wind {number(value)} km/h",
    "vapour_pressure_deficit_kpa": lambda value: f"Dryness of the air (saturation deficit) {number(value)} kPa",
    "precip_mm": _rain(None),
    **{f"precip_{days}d_mm": _rain(days) for days in RAIN_WINDOWS_DAYS},
    "temp_max_7d_c": lambda value: f"Mean highest temperature of the last 7 days {number(value)} °C",
    "temp_max_anomaly_c": _anomaly,
    "dry_spell_days": _dry_spell,
    **{f"{name}_fires_per_year_{days}d": _rate(where, days) for name, where, all_ in _PLACES for days in all_},
    **{f"{name}_fires_{days}d": _count(where, days) for name, where, all_ in _PLACES for days in all_},
}
"""Feature to what its value is called, where the catalogue's description would sound like a catalogue."""
