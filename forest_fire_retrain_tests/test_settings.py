"""Settings that are checked against each other or against a list: one clear message, and nothing is done."""

from pathlib import Path

import pytest

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.defs.metadata import mlflow_page
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
    assert message.startswith("1 setting wrong")
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


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a[b]", "a^b", "a|b", "a\\b"])
def test_a_home_whose_path_libraries_misread_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert "Rename the folder" in refusal(monkeypatch, HOME=str(tmp_path / name))


def test_only_the_lake_minds_a_bracket_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_HOME", str(tmp_path / "a[b]"))
    monkeypatch.setenv("FOREST_FIRE_LAKE_URI", str(tmp_path / "lake"))
    assert load_settings().home == tmp_path / "a[b]"


def test_the_value_of_a_secret_setting_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_MLFLOW_TRACKING_URI", "http://u:s3cr3t@h:5000")
    monkeypatch.setenv("FOREST_FIRE_LAKE_URI", "s3://key:s3cr3t@bucket")
    settings = load_settings()
    assert (settings.tracking_uri, settings.lake_root) == ("http://u:s3cr3t@h:5000", "s3://key:s3cr3t@bucket")
    assert "s3cr3t" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert "s3cr3t" not in settings.model_dump_json()
    assert mlflow_page(settings, "#/x") == "http://h:5000/#/x?workflowType=machine_learning"
    with pytest.raises(ConfigurationError) as caught:
        load_settings(lake_uri=("s3cr3t",))
    assert "FOREST_FIRE_LAKE_URI: Input should be a valid string (its value is not shown)" in str(caught.value)


def test_a_wrong_value_with_a_password_in_it_is_said_without(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, HOST="127.0.0.1", SOURCE="postgresql://u:s3c/r3t@h")
    assert "observed: 'postgresql://***@h'" in message


@pytest.mark.parametrize("mode", ["off", "alert", "retrain"])
def test_monitoring_does_one_of_three_things(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("FOREST_FIRE_ACTIVE", mode)
    assert load_settings().active == mode
    monkeypatch.setenv("FOREST_FIRE_ACTIVE", "promote")
    with pytest.raises(ConfigurationError, match="FOREST_FIRE_ACTIVE"):
        load_settings()
