"""Every foreseeable wrong input ends with one clear message, exit code 2, and nothing half-written."""

import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain_tests.cli.conftest import Answer, Run

CELLS = "cell_id,name,latitude,longitude\na,North,40.0,-120.0\nb,South,36.0,-118.0\n"
WEEK = ("retrain", "--partition", "2025-07-07")


def write_folder(folder: Path, *, weather: str | None = None, fires: str | None = None) -> Path:
    """A source folder with two cells and two days; `weather` and `fires` replace its tables."""
    folder.mkdir(parents=True)
    head = "cell_id,date,temp_max_c,temp_min_c,rel_humidity_pct,wind_speed_kmh,precip_mm\n"
    rows = "".join(f"{cell},2024-01-0{day},10.0,2.0,60,12.0,0.0\n" for cell in "ab" for day in (1, 2))
    (folder / "cells.csv").write_text(CELLS)
    (folder / "weather.csv").write_text(head + rows if weather is None else weather)
    (folder / "fires.csv").write_text("fire_id,cell_id,date,area_ha\nf1,a,2024-01-01,5\n" if fires is None else fires)
    return folder


@pytest.fixture
def folder(small_park: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOREST_FIRE_SOURCE", "folder")
    path = small_park.parent / "source"
    monkeypatch.setenv("FOREST_FIRE_DATA", str(path))
    return path


def assert_refused(answer: Answer, home: Path, *expected: str) -> None:
    """One message without a traceback, and neither rows nor a ledger."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert answer.err.count("forest-fire: ") == 1, answer.err
    for text in expected:
        assert text in answer.err, answer.err
    assert not (home / "ledger.duckdb").exists()
    assert all(DeltaLake(str(home / "lake")).version(table) is None for table in ("cells", "weather", "fires"))


def test_a_missing_folder(folder: Path, small_park: Path, forest_fire: Run) -> None:
    assert_refused(forest_fire(*WEEK), small_park, str(folder), "nothing was written")


@pytest.mark.slow
def test_a_missing_column(folder: Path, small_park: Path, forest_fire: Run) -> None:
    write_folder(folder, weather="cell_id,date,temp_max_c\na,2024-01-01,10\n")
    assert_refused(forest_fire(*WEEK), small_park, "weather.csv", "precip_mm", "wind_speed_kmh")


@pytest.mark.slow
def test_a_text_in_a_number_column(folder: Path, small_park: Path, forest_fire: Run) -> None:
    write_folder(folder, fires="fire_id,cell_id,date,area_ha\nf1,a,2024-01-01,large\n")
    assert_refused(forest_fire(*WEEK), small_park, "fires.csv", "area_ha", "large")


@pytest.mark.slow
def test_a_duplicate_key_with_other_values(folder: Path, small_park: Path, forest_fire: Run) -> None:
    write_folder(folder, fires="fire_id,cell_id,date,area_ha\nf1,a,2024-01-01,5\nf1,b,2024-01-01,5\n")
    assert_refused(forest_fire(*WEEK), small_park, "fires.csv", "share a key and differ")


@pytest.mark.slow
def test_a_future_date(folder: Path, small_park: Path, forest_fire: Run) -> None:
    write_folder(folder, fires="fire_id,cell_id,date,area_ha\nf1,a,2999-01-01,5\n")
    assert_refused(forest_fire(*WEEK), small_park, "fires.csv", "2999-01-01", "future")


def test_several_violations_are_one_message(folder: Path, small_park: Path, forest_fire: Run) -> None:
    write_folder(
        folder, weather="cell_id,date,temp_max_c\na,2024-01-01,10\n", fires="fire_id,cell_id,date,area_ha\nf,z,x,-1\n"
    )
    assert_refused(forest_fire(*WEEK), small_park, "weather.csv", "fires.csv", " violations of the data contract")


@pytest.mark.parametrize("key", ["2025-07-08", "next week", "2999-01-04", "2001-01-01"])
def test_an_unknown_partition_key(small_park: Path, forest_fire: Run, key: str) -> None:
    answer = forest_fire("retrain", "--partition", key)
    assert_refused(answer, small_park, repr(key), "not a closed weekly retraining period", "nearest")


def test_a_range_the_wrong_way_round(small_park: Path, forest_fire: Run) -> None:
    answer = forest_fire("backfill", "--from", "2025-07-14", "--to", "2025-07-07")
    assert_refused(answer, small_park, "wrong way round")


def test_another_version_of_the_rule(small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_ADJUDICATION__VERSION", "4")
    assert_refused(forest_fire("status"), small_park, "the rule's version is 7 and cannot be set")


def test_an_unknown_setting(small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_CADANCE", "weekly")
    assert_refused(forest_fire("status"), small_park, "FOREST_FIRE_CADANCE", "no such setting")


def test_a_folder_source_without_a_folder(small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_SOURCE", "folder")
    assert_refused(forest_fire("status"), small_park, "FOREST_FIRE_DATA")


def test_an_unreadable_ledger_is_left_as_it_is(small_park: Path, forest_fire: Run) -> None:
    ledger = small_park / "ledger.duckdb"
    ledger.write_bytes(b"this is no database" * 500)
    answer = forest_fire(*WEEK)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "ledger.duckdb cannot be used" in answer.err
    assert ledger.read_bytes() == b"this is no database" * 500


@pytest.mark.slow
def test_a_locked_ledger_names_the_process_that_holds_it(small_park: Path, forest_fire: Run) -> None:
    assert forest_fire(*WEEK).code == 0
    with holding_open(small_park / "ledger.duckdb") as holder:
        answer = forest_fire("retrain", "--partition", "2025-07-14")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert f"process {holder}" in answer.err
    history = forest_fire("history", "--retrainings", "--json")
    assert "2025-07-07" in history.out
    assert "2025-07-14" not in history.out


@pytest.mark.slow
def test_history_and_champion_are_read_while_the_ledger_is_locked(small_park: Path, forest_fire: Run) -> None:
    assert forest_fire(*WEEK).code == 0
    with holding_open(small_park / "ledger.duckdb"):
        assert "2025-07-07" in forest_fire("history", "--retrainings").out
        assert forest_fire("champion", "--json").code == 0


def test_a_busy_port_is_named_before_anything_starts(
    small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        monkeypatch.setenv("FOREST_FIRE_DAGSTER_PORT", str(port))
        assert_refused(forest_fire("up"), small_park, f"127.0.0.1:{port} is taken", "FOREST_FIRE_DAGSTER_PORT")


@contextmanager
def holding_open(ledger: Path) -> Iterator[int]:
    """Another process, a notebook say, that keeps the database open."""
    program = """
        import sys, time, duckdb
        connection = duckdb.connect(sys.argv[1])
        print("open", flush=True)
        time.sleep(120)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(ledger)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "open"
        try:
            yield holder.pid
        finally:
            holder.kill()
            holder.wait()
            time.sleep(0.05)


def test_a_dagster_store_that_cannot_be_read(small_park: Path, forest_fire: Run) -> None:
    store = small_park / "dagster" / "history" / "runs.db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"no database " * 100)
    assert_refused(forest_fire(*WEEK), small_park, "file is not a database", "run the same command again")


def test_what_is_odd_and_not_wrong_is_said_and_the_work_goes_on(folder: Path, forest_fire: Run) -> None:
    write_folder(folder, fires="fire_id,cell_id,date,area_ha,cause\nf1,a,2024-01-01,5,lightning\n")
    answer = forest_fire(*WEEK)
    said = [line.removeprefix("weather").strip() for line in answer.out.splitlines() if line.startswith("weather ")]
    assert "warning: fires.csv: the contract does not know column cause; ignored." in said
    assert any(line.startswith("warning: weather: 1114 of 1118 cell-days from ") for line in said), said
    assert any(line.startswith("features") for line in answer.out.splitlines())
