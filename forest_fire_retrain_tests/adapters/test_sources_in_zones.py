"""Sources of parks far from Greenwich: slices are days of the park, and a row belongs to the day its people had."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain import installation
from forest_fire_retrain.adapters.folder_source import FolderSource
from forest_fire_retrain.adapters.simulator import Simulator, SimulatorConfig
from forest_fire_retrain.core.errors import InputContractError
from forest_fire_retrain.core.rows.contracts import RawTable, check_tables
from forest_fire_retrain.core.rows.park_days import days_of
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.settings import Settings, SourceKind

AUCKLAND, KIRITIMATI = "Pacific/Auckland", "Pacific/Kiritimati"
PAGO_PAGO, LOS_ANGELES = "Pacific/Pago_Pago", "America/Los_Angeles"
FAR_ZONES = (AUCKLAND, KIRITIMATI, PAGO_PAGO, LOS_ANGELES)
DAY = dt.timedelta(days=1)
TODAY = dt.date(2026, 7, 31)

CELLS = "cell_id,name,latitude,longitude\na,Park,-38,176\n"
WEATHER = "cell_id,date,temp_max_c,temp_min_c,rel_humidity_pct,wind_speed_kmh,precip_mm\n{rows}"
FIRES = "fire_id,cell_id,date,area_ha,recorded_at\nf1,a,{date},1,{recorded_at}\n"


def folder_of(folder: Path, *, date: str = "2026-07-31", recorded_at: str, weather_days: tuple[str, ...] = ()) -> Path:
    """A park with one cell and one fire."""
    rows = "".join(f"a,{day},15,5,60,10,0\n" for day in weather_days or (date,))
    (folder / "cells.csv").write_text(CELLS)
    (folder / "weather.csv").write_text(WEATHER.format(rows=rows))
    (folder / "fires.csv").write_text(FIRES.format(date=date, recorded_at=recorded_at))
    return folder


def source_of(folder: Path, time_zone: str, today: dt.date = TODAY) -> FolderSource:
    return FolderSource(
        folder, history_start=dt.date(2026, 1, 1), assumed_report_lag_days=2, today=today, time_zone=time_zone
    )


def days(first: str, n_days: int = 1) -> Interval:
    return Interval(start=dt.date.fromisoformat(first), end=dt.date.fromisoformat(first) + n_days * DAY)


def test_a_report_at_half_past_seven_of_its_own_day_is_accepted_and_lies_in_that_days_slice(tmp_path: Path) -> None:
    source = source_of(folder_of(tmp_path, recorded_at="2026-07-31T07:30:00+12:00"), AUCKLAND)
    assert source.read(days("2026-07-31")).fires["fire_id"].to_pylist() == ["f1"]
    assert source.read(days("2026-07-30")).fires.num_rows == 0


def test_west_of_the_line_an_evenings_report_lies_in_its_own_days_slice(tmp_path: Path) -> None:
    source = source_of(folder_of(tmp_path, recorded_at="2026-08-01T05:30:00Z"), PAGO_PAGO)
    assert source.read(days("2026-07-31")).fires.num_rows == 1
    assert source.read(days("2026-08-01")).fires.num_rows == 0


def test_weather_that_says_nothing_is_in_time_in_every_zone(tmp_path: Path) -> None:
    for zone in FAR_ZONES:
        delivered = source_of(folder_of(tmp_path, recorded_at="2026-07-31T20:00:00Z"), zone, TODAY + DAY)
        weather = delivered.read(days("2026-07-31")).weather
        assert days_of(weather["recorded_at"], zone).to_pylist() == [TODAY]
        assert not [warning for warning in delivered.read(days("2026-07-31")).warnings if "weather" in warning]


@pytest.mark.parametrize(
    ("zone", "change"),
    [(AUCKLAND, "2026-04-05"), (AUCKLAND, "2026-09-27"), (LOS_ANGELES, "2026-03-08"), (LOS_ANGELES, "2026-11-01")],
)
def test_slices_tile_the_days_on_which_clocks_change(tmp_path: Path, zone: str, change: str) -> None:
    day = dt.date.fromisoformat(change)
    dates = tuple((day + offset * DAY).isoformat() for offset in range(-2, 3))
    folder_of(tmp_path, date=dates[0], recorded_at=f"{change}T12:00:00Z", weather_days=dates)
    source = source_of(tmp_path, zone, today=dt.date(2026, 12, 31))
    for date in dates:
        assert source.read(days(date)).weather["date"].to_pylist() == [dt.date.fromisoformat(date)]


@pytest.mark.parametrize(
    ("zone", "now", "today"),
    [
        (AUCKLAND, "2026-07-30T12:00:00+00:00", "2026-07-31"),
        (KIRITIMATI, "2026-07-30T10:00:00+00:00", "2026-07-31"),
        (PAGO_PAGO, "2026-08-01T10:59:59+00:00", "2026-07-31"),
    ],
)
def test_a_fire_dated_today_in_the_zone_is_not_in_the_future_and_tomorrows_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, now: str, today: str
) -> None:
    monkeypatch.setattr(installation, "read_clock", lambda: dt.datetime.fromisoformat(now))
    folder = folder_of(tmp_path, date=today, recorded_at=today)
    settings = Settings(home=tmp_path, source=SourceKind.FOLDER, data=folder, time_zone=zone)
    assert installation.build_installation(settings).source.read(days(today)).fires.num_rows == 1
    tomorrow = (dt.date.fromisoformat(today) + DAY).isoformat()
    folder_of(tmp_path, date=tomorrow, recorded_at=today)
    with pytest.raises(InputContractError, match="column date: 1 value in the future"):
        installation.build_installation(settings).source.read(days(today))


# --- the simulated park

PARK = SimulatorConfig(seed=3, n_cells=200, fire_rate=0.05)  # so many fires that some are reported in any hour
YEAR = Interval(start=dt.date(2026, 1, 1), end=dt.date(2027, 1, 1))


def park_in(zone: str) -> Simulator:
    return Simulator(PARK, YEAR.start, zone)


def without_instants(delivered: SourceSlice) -> list[pa.Table]:
    return [table.drop_columns(["recorded_at"]) for table in (delivered.weather, delivered.fires)]


@pytest.mark.parametrize("zone", FAR_ZONES)
def test_a_simulated_park_is_the_same_in_every_zone_but_for_its_instants(zone: str) -> None:
    here, there = park_in("UTC").read(YEAR), park_in(zone).read(YEAR)
    assert without_instants(here) == without_instants(there)
    for name in ("weather", "fires"):
        expected, observed = getattr(here, name)["recorded_at"], getattr(there, name)["recorded_at"]
        assert days_of(observed, zone) == days_of(expected, "UTC")
        assert observed != expected


@pytest.mark.parametrize("zone", FAR_ZONES)
def test_a_simulated_park_keeps_the_contract_of_its_zone(zone: str) -> None:
    delivered = park_in(zone).read(YEAR)
    tables: dict[TableName, Any] = {
        TableName.CELLS: delivered.cells,
        TableName.WEATHER: delivered.weather,
        TableName.FIRES: delivered.fires,
    }
    raw = {name: RawTable(f"{name}.parquet", rows) for name, rows in tables.items()}
    checked = check_tables("park", raw, today=YEAR.end, assumed_report_lag_days=2, time_zone=zone)
    late = pc.greater(days_of(checked.weather["recorded_at"], zone), checked.weather["date"])
    assert not pc.any(late).as_py()


@pytest.mark.parametrize("zone", [AUCKLAND, LOS_ANGELES])
def test_the_days_of_a_simulated_park_read_one_by_one_are_those_of_the_year(zone: str) -> None:
    park, whole = park_in(zone), park_in(zone).read(YEAR)
    parts = [park.read(Interval(start=day, end=day + DAY)) for day in (YEAR.start + n * DAY for n in range(365))]
    assert pa.concat_tables(part.weather for part in parts).combine_chunks() == whole.weather.combine_chunks()
    assert pa.concat_tables(part.fires for part in parts).combine_chunks() == whole.fires.combine_chunks()
