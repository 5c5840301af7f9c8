"""A delivery that takes back much ends with one message; a person may accept it, and only it, with a reason."""

import datetime as dt
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.ingestion import intake_of
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run

FIRST, DAY = dt.date(2024, 1, 1), dt.timedelta(days=1)
N_DAYS, N_FIRES = 40, 12


def write_folder(folder: Path, *, n_days: int = N_DAYS, n_fires: int = N_FIRES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    days = [FIRST + number * DAY for number in range(n_days)]
    weather = [f"{cell},{day},20.0,9.0,40,7.0,0.0" for day in days for cell in "ab"]
    fires = [f"f{number},a,{FIRST + 3 * number * DAY},1" for number in range(n_fires)]
    (folder / "cells.csv").write_text("cell_id,name,latitude,longitude\na,A,40,-120\nb,B,41,-120\n")
    head = "cell_id,date,temp_max_c,temp_min_c,rel_humidity_pct,wind_speed_kmh,precip_mm"
    (folder / "weather.csv").write_text("\n".join([head, *weather]))
    (folder / "fires.csv").write_text("\n".join(["fire_id,cell_id,date,area_ha", *fires]))


@pytest.fixture
def filled(small_park: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that took one whole delivery of a folder; the folder."""
    folder = small_park.parent / "source"
    monkeypatch.setenv("FOREST_FIRE_SOURCE", "folder")
    monkeypatch.setenv("FOREST_FIRE_DATA", str(folder))
    write_folder(folder)
    ingest()
    return folder


def ingest() -> None:
    intake = intake_of(build_installation(load_settings()))
    window = Interval(start=FIRST, end=FIRST + N_DAYS * DAY)
    for step in (ingest_weather, ingest_fire_reports):
        step(intake, window)


def versions(home: Path) -> dict[str, int | None]:
    lake = DeltaLake(str(home / "lake"))
    return {table: lake.version(table) for table in TableName}


def test_fires_that_are_no_longer_delivered_are_refused_until_accepted(
    filled: Path, small_park: Path, forest_fire: Run
) -> None:
    nothing = forest_fire("accept-delivery", "--reason", "to be sure")
    assert (nothing.code, "says nothing less than before" in nothing.err) == (2, True)
    before = versions(small_park)
    write_folder(filled, n_fires=4)
    refused = forest_fire("retrain", "--partition", "2024-07-29")
    assert refused.code == 2, refused
    assert "fires: 8 of 12 rows are no longer delivered, dated 2024-01-13 to 2024-02-03" in refused.err
    assert "forest-fire accept-delivery --reason TEXT" in refused.err
    assert versions(small_park) == before
    accepted = forest_fire("accept-delivery", "--reason", "the department struck them")
    assert accepted.code == 0, accepted
    assert "the department struck them" in accepted.out.casefold()
    (entry,) = DuckDbLedger(small_park / "ledger.duckdb", patience_seconds=1).entries()
    assert entry.kind is EntryKind.DELIVERY_ACCEPTED
    again = forest_fire("accept-delivery", "--reason", "once more")
    assert again.code == 2
    ingest()
    held = DeltaLake(str(small_park / "lake")).read(TableName.FIRES)
    assert (held.num_rows, current_rows(held, TableName.FIRES).num_rows) == (20, 4)


def test_another_loss_than_the_accepted_one_is_refused_again(filled: Path, forest_fire: Run) -> None:
    write_folder(filled, n_fires=5)
    assert forest_fire("accept-delivery", "--reason", "seven false alarms").code == 0
    write_folder(filled, n_fires=4)
    refused = forest_fire("retrain", "--partition", "2024-07-29")
    assert (refused.code, "fires: 8 of 12 rows" in refused.err) == (2, True)


def test_a_truncated_file_of_weather_erases_nothing(filled: Path, small_park: Path, forest_fire: Run) -> None:
    before = versions(small_park)
    write_folder(filled, n_days=30)
    refused = forest_fire("retrain", "--partition", "2024-07-29")
    assert refused.code == 2, refused
    assert "weather: it ends on 2024-01-30, and went on until 2024-02-09 before" in refused.err
    assert versions(small_park) == before


def test_accepting_needs_a_reason(filled: Path, forest_fire: Run) -> None:
    write_folder(filled, n_fires=4)
    refused = forest_fire("accept-delivery", "--reason", " ")
    assert (refused.code, "accepting a delivery needs a reason" in refused.err) == (2, True)
