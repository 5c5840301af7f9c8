"""Settings that are checked against each other or against a list: one clear message, and nothing is done."""

from pathlib import Path

import pytest

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import settle_in


@pytest.fixture(autouse=True)
def _settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(tmp_path, monkeypatch)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"FOREST_FIRE_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Pacific/Aukland", "Pacific/Auckland"),
        ("auckland", "Pacific/Auckland"),
        ("pacific/kiritimati", "Pacific/Kiritimati"),
        ("Los Angeles", "America/Los_Angeles"),
        ("utc", "UTC"),
        ("Pacific/Pago-Pago", "Pacific/Pago_Pago"),
    ],
)
def test_a_time_zone_that_is_none_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    message = refusal(monkeypatch, TIME_ZONE=typed)
    assert message.startswith("1 setting(s) are wrong")
    assert f"FOREST_FIRE_TIME_ZONE: no such time zone; it has to be an IANA name, nearest: {meant}" in message
    assert repr(typed) in message


@pytest.mark.parametrize("typed", ["", "Pacific", "../etc/passwd", "localtime", "+12:00", "x" * 5000])
def test_what_is_no_name_at_all_is_refused_too(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    assert "FOREST_FIRE_TIME_ZONE: no such time zone" in refusal(monkeypatch, TIME_ZONE=typed)


@pytest.mark.parametrize("name", ["UTC", "Pacific/Auckland", "Pacific/Kiritimati", "America/Los_Angeles", "Etc/GMT+11"])
def test_an_iana_name_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FOREST_FIRE_TIME_ZONE", name)
    assert load_settings().time_zone == load_settings().periods.time_zone == name


def test_a_weather_lag_beyond_the_label_delay_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, WEATHER_LAG_DAYS="15")
    assert "FOREST_FIRE_WEATHER_LAG_DAYS is 15, must be at most FOREST_FIRE_LABEL_DELAY_DAYS (14)" in message
    monkeypatch.setenv("FOREST_FIRE_WEATHER_LAG_DAYS", "14")
    assert load_settings().weather_lag_days == 14


def test_a_negative_weather_lag_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FOREST_FIRE_WEATHER_LAG_DAYS: Input should be greater than" in refusal(monkeypatch, WEATHER_LAG_DAYS="-1")


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "a[b]", "a^b", "a|b", "a\\b"])
def test_a_home_whose_path_libraries_misread_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert "Rename the folder" in refusal(monkeypatch, HOME=str(tmp_path / name))


def test_only_the_lake_minds_a_hash_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_HOME", str(tmp_path / "a#b"))
    monkeypatch.setenv("FOREST_FIRE_LAKE_URI", str(tmp_path / "lake"))
    assert load_settings().home == tmp_path / "a#b"
