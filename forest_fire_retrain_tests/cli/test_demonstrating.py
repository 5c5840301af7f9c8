"""`up` lays out the demonstration where a home is empty and nothing was set, and nowhere else."""

import datetime as dt
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.demonstration import FILE_NAME, N_DECISIONS
from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.cli import demonstrating
from forest_fire_retrain.cli.demonstrating import lay_out_demonstration
from forest_fire_retrain.settings import load_settings

NOW = dt.datetime(2026, 3, 18, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def a_wednesday_in_march(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstrating, "read_clock", lambda: NOW)


def test_an_empty_home_gets_the_demonstration_and_keeps_it_for_ever(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out = lay_out_demonstration(load_settings())
    first = dt.date.fromisoformat(laid_out.periods.closed_keys(NOW)[-N_DECISIONS])
    assert (laid_out.simulator.seed, laid_out.simulator.n_cells) == (4, 81)
    assert laid_out.start_date == first - dt.timedelta(weeks=112)
    assert laid_out.simulator.drift.start == laid_out.periods.windows_of(first.isoformat()).training_cutoff
    assert load_settings() == laid_out
    monkeypatch.setattr(demonstrating, "read_clock", lambda: NOW + dt.timedelta(days=300))
    written = (home / FILE_NAME).read_bytes()
    (home / "lake").mkdir()
    assert lay_out_demonstration(load_settings()) == laid_out
    assert (home / FILE_NAME).read_bytes() == written


@pytest.mark.parametrize("is_filled", ["lake", "ledger.duckdb"])
def test_a_home_that_holds_something_goes_on_as_it_is(home: Path, is_filled: str) -> None:
    (home / is_filled).mkdir(parents=True)
    settings = load_settings()
    assert lay_out_demonstration(settings) is settings
    assert not (home / FILE_NAME).exists()
    assert settings.simulator == SimulatorConfig()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("START_DATE", "2022-01-03"),
        ("END_DATE", "2026-02-02"),
        ("SIMULATOR__SEED", "20260101"),
        ("CADENCE", "monthly"),
        ("LAKE_URI", "s3://bucket/lake"),
    ],
)
def test_what_somebody_set_is_what_they_get(home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FOREST_FIRE_{name}", value)
    settings = load_settings()
    assert lay_out_demonstration(settings) is settings
    assert not (home / FILE_NAME).exists()


def test_a_park_that_is_set_wins_over_the_one_in_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out = lay_out_demonstration(load_settings())
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__SEED", "7")
    settings = load_settings()
    assert settings.simulator == SimulatorConfig(seed=7)
    assert settings.start_date == laid_out.start_date
    monkeypatch.setenv("FOREST_FIRE_SOURCE", "folder")
    monkeypatch.setenv("FOREST_FIRE_DATA", str(home))
    assert load_settings().start_date == dt.date(2022, 1, 3)
