"""The benchmark of fire weather runs on any folder, and says what the product's own codes do."""

import datetime as dt
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks import fire_weather
from forest_fire_retrain_tests.benchmarks.fire_weather import SPIN_UP_DAYS, measure_gaps, measure_spin_up
from forest_fire_retrain_tests.benchmarks.followed_record import CODES, Record, load_record
from forest_fire_retrain_tests.benchmarks.humidity import hargreaves_mm, kimball, less_two_degrees, lowest_temperature

START = dt.date(2022, 1, 1)
N_DAYS = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("park")
    days = Interval(start=START, end=START + dt.timedelta(days=N_DAYS))
    delivered = Simulator(SimulatorConfig(seed=3, n_cells=4, fire_rate=0.05), START).read(days)
    for name in ("cells", "weather", "fires"):
        pq.write_table(getattr(delivered, name), path / f"{name}.parquet")
    return path


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return load_record(folder, START)


def test_the_codes_are_those_of_the_features(record: Record) -> None:
    for code in CODES:
        stated = record.weather(code)
        assert np.isfinite(stated).any()
        np.testing.assert_array_equal(stated, np.where(np.isnan(stated), np.nan, record.codes[code]))


def test_a_wet_and_a_dry_start_come_together(record: Record) -> None:
    for row in measure_spin_up(record):
        apart = [row.apart[n] for n in SPIN_UP_DAYS]
        assert apart == sorted(apart, reverse=True)
        assert apart[0] > 5
        assert apart[-1] < apart[0] / 50
        assert row.varies_by > 0


def test_a_longer_gap_leaves_a_code_further_off_and_its_end_is_forgotten(record: Record) -> None:
    rows = {(row.gap_days, row.code, row.days_on): row for row in measure_gaps(record, 4)}
    assert 0 < rows[1, "dc", 0].mean < rows[6, "dc", 0].mean < rows[30, "dc", 0].mean
    assert rows[30, "dc", 120].mean < rows[30, "dc", 0].mean < rows[30, "dc", 0].ninth_decile
    assert measure_gaps(record, 4) == list(rows.values())


def test_published_estimates_are_drier_than_the_one_in_use(record: Record) -> None:
    in_use = lowest_temperature(record)
    assert (less_two_degrees(record) < in_use).mean() > 0.9
    dry = kimball(record)
    assert np.isnan(dry[: int(0.8 * 365) - 1]).all()
    assert np.isfinite(dry[365:]).mean() > 0.9


def test_evapotranspiration_is_that_of_the_published_example(record: Record) -> None:
    """FAO-56, example 15, is Lyon in July: 45°43' N, 26.6 and 14.8 °C, 40.6 MJ/m²; equation 52 makes 5.0 mm of it."""
    day = (dt.date(2022, 7, 15) - START).days * record.panel.n_cells
    features = record.panel.features.copy()
    features.loc[day, ["temp_max_c", "temp_min_c"]] = (26.6, 14.8)
    at_lyon = record.cells.set_column(1, "latitude", [np.full(record.panel.n_cells, 45 + 43 / 60)])
    example = record._replace(panel=record.panel._replace(features=features), cells=at_lyon)
    assert hargreaves_mm(example)[day // record.panel.n_cells, 0] == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize("asked", [["--json"], ["--table", "gaps"]])
def test_the_command_prints_what_is_asked_for(
    folder: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(folder), "--start", str(START), "--gaps", "2", "--judged", "2024"]
    monkeypatch.setattr(sys, "argv", ["fire_weather", *arguments, *asked])
    fire_weather.main()
    printed = capsys.readouterr().out
    if asked == ["--json"]:
        assert list(json.loads(printed)) == ["spin-up", "gaps", "humidity"]
    else:
        assert printed.startswith("gaps\n")
        assert len(printed.split("\n\n")[0].splitlines()) == 2 + len(fire_weather.GAP_DAYS)
