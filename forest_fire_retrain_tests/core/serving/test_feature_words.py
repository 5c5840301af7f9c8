"""Feature values are said in plain words with their units; missing is never nothing."""

import datetime as dt
import math

import pytest

from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES, INPUTS
from forest_fire_retrain.core.serving.chances import chance_of, show_chance, show_factor
from forest_fire_retrain.core.serving.feature_words import (
    FAMILIES,
    FEATURES,
    PHRASES,
    TOGETHER,
    kindred_of,
    name_topics,
    say,
    topics_of,
)

DAY = dt.date(2007, 10, 20)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dry_spell_days", 23.0, "No day with 1 mm of rain for 23 days"),
        ("dry_spell_days", 1.0, "No day with 1 mm of rain for 1 day"),
        ("dry_spell_days", 120.0, "No day with 1 mm of rain for 120 days or more"),
        ("dry_spell_days", 0.0, "1 mm of rain or more on the day"),
        ("precip_7d_mm", 0.0, "No rain in the last 7 days"),
        ("precip_30d_mm", 31.24, "31.2 mm of rain in the last 30 days"),
        ("precip_mm", 0.02, "0.02 mm of rain on the day"),
        ("temp_max_c", 23.94, "Highest temperature 23.9 °C"),
        ("temp_max_anomaly_c", -2.34, "The last 7 days 2.3 °C cooler than the last 30"),
        ("temp_max_anomaly_c", 0.0, "The last 7 days as warm as the last 30"),
        ("cell_fires_per_year_30d", 0.0, "No fire in the cell in the last 30 days"),
        ("park_fires_per_year_7d", 52.18, "Fires in the whole park in the last 7 days: 52.2 a year"),
        ("cell_fires_365d", 1.0, "1 fire in the cell in the last 365 days"),
        ("park_fires_30d", 4.0, "4 fires in the whole park in the last 30 days"),
        ("longitude", -118.0, "Longitude of the cell: 118.00° W"),
        ("fwi", 42.0, "Fire Weather Index: 42"),
        ("precip_mm", None, "Precipitation of the day: not known"),
        ("wind_speed_kmh", math.nan, "Wind speed: not known"),
    ],
)
def test_a_value_is_said_in_words(name: str, value: float | None, said: str) -> None:
    assert say(name, value) == said


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_of_every_version_has_words_for_any_value(name: str) -> None:
    for value in (-1.5, 0.0, 0.04, 1.0, 250.0):
        assert "None" not in say(name, value)
    assert say(name, None).endswith("not known")


def test_phrases_and_families_are_of_features_that_exist() -> None:
    assert set(PHRASES) <= set(FEATURES)
    assert {name for family in FAMILIES for name in family} == set(FEATURES)
    assert set(FEATURES) == {name for names in INPUTS.values() for name in names}


def test_what_means_something_only_together_is_one_line() -> None:
    topics = topics_of(FEATURE_NAMES, {"latitude": 34.32, "longitude": -118.0}, DAY)
    assert topics[0] == (("latitude", "longitude"), "Where the cell lies: 34.32° N, 118.00° W")
    assert topics[1] == (("season_sin", "season_cos"), "Time of the year: 20 October")
    assert [name for topic in topics for name in topic.features] == list(FEATURE_NAMES)
    assert [topic.sentence for topic in name_topics(TOGETHER[0] + TOGETHER[1])] == [
        "Where the cell lies",
        "Time of the year",
    ]


def test_one_of_a_pair_is_said_alone_where_the_model_has_only_that() -> None:
    assert [topic.features for topic in topics_of(("season_cos", "dc"), {}, DAY)] == [("season_cos",), ("dc",)]


def test_what_comes_from_the_same_measures_is_kindred() -> None:
    kindred = kindred_of(("precip_7d_mm",), FEATURE_NAMES)
    assert {"precip_mm", "dry_spell_days", "ffmc", "fwi"} <= set(kindred)
    assert not {"precip_7d_mm", "temp_max_c", "latitude"} & set(kindred)
    assert kindred_of(("latitude",), FEATURE_NAMES) == ("longitude",)


def test_log_odds_become_chances_and_factors() -> None:
    assert chance_of(0) == 0.5
    assert (chance_of(800), chance_of(-700)) == (1.0, pytest.approx(0, abs=1e-300))
    assert (show_chance(0.0074), show_chance(0.043)) == ("0.74%", "4.3%")
    assert (show_factor(0.59), show_factor(-0.6), show_factor(3.2)) == ("odds x1.8", "odds x0.55", "odds x25")
    assert (show_factor(0.03), show_factor(-0.02), show_factor(0.0)) == ("odds x1.03", "odds x0.98", "odds x1.00")
