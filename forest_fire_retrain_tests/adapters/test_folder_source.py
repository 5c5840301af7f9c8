"""A folder delivers all of what it holds or nothing, the same from CSV and Parquet, whole or in slices."""

import csv
import datetime as dt
import itertools
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.adapters.folder_source import FolderSource, slice_recorded
from forest_fire_retrain.core.errors import InputContractError
from forest_fire_retrain.core.rows.contracts import RawTable, check_tables
from forest_fire_retrain.core.rows.ports import Source, SourceSlice
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.property_examples import examples

START = dt.date(2024, 7, 1)
TODAY = dt.date(2024, 7, 31)
N_DAYS = 8
CALIFORNIA = Path(__file__).parents[3] / "shared" / "data" / "california"

CELLS = [
    {"cell_id": "007", "name": "Höhe, north", "latitude": 34.1, "longitude": -118.25, "elevation_m": 1200.0},
    {"cell_id": "NA", "name": "Line\nbreak", "latitude": 33.0, "longitude": -117.0, "elevation_m": None},
]
WEATHER = [
    {
        "cell_id": cell["cell_id"],
        "date": START + dt.timedelta(days=day),
        "temp_max_c": 30.1 + day / 3,
        "temp_min_c": 11.7,
        "rel_humidity_pct": None,
        "wind_speed_kmh": 7.0 if day else None,
        "precip_mm": 0.0,
    }
    for day in range(N_DAYS)
    for cell in CELLS
]
FIRES = [
    {"fire_id": "f1", "cell_id": "007", "date": START, "area_ha": 0.1, "recorded_at": "2024-07-01T09:30:00+00:00"},
    {"fire_id": "f2", "cell_id": "NA", "date": START, "area_ha": None, "recorded_at": "2024-07-02T23:59:59+00:00"},
    {"fire_id": "f1", "cell_id": "007", "date": START, "area_ha": 2.5, "recorded_at": "2024-07-05T00:00:00+00:00"},
]
Rows = list[dict[str, Any]]
Columns = dict[str, Any]


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: Rows) -> None:
    table = pa.Table.from_pylist(rows)
    if "recorded_at" in table.column_names:
        instants = pa.array([dt.datetime.fromisoformat(row["recorded_at"]) for row in rows])
        table = table.set_column(table.column_names.index("recorded_at"), "recorded_at", instants)
    pq.write_table(table, path)


@pytest.fixture
def park(tmp_path: Path) -> Path:
    for name, rows in (("cells", CELLS), ("weather", WEATHER), ("fires", FIRES)):
        write_csv(tmp_path / f"{name}.csv", rows)
    return tmp_path


def source_of(folder: Path, *, history_start: dt.date = START, today: dt.date = TODAY) -> FolderSource:
    return FolderSource(folder, history_start=history_start, assumed_report_lag_days=2, today=today)


def days(first: int, last: int) -> Interval:
    """From the `first` day of the park's history to before the `last`."""
    return Interval(start=START + dt.timedelta(days=first), end=START + dt.timedelta(days=last))


WHOLE = days(0, N_DAYS)


def prints(delivered: SourceSlice) -> list[str]:
    return [fingerprint_table(table) for table in delivered[:3]]


def violations_of(folder: Path) -> tuple[str, ...]:
    with pytest.raises(InputContractError) as caught:
        source_of(folder).read(WHOLE)
    assert str(folder) in str(caught.value)
    return caught.value.violations


def test_csv_and_parquet_deliver_the_same_slices_and_warnings(park: Path, tmp_path: Path) -> None:
    other = tmp_path / "park=1"  # a name that a partitioned data set would turn into a column
    other.mkdir()
    for name, rows in (("cells", CELLS), ("weather", WEATHER), ("fires", FIRES)):
        write_parquet(other / f"{name}.parquet", rows)
    for window in (WHOLE, days(1, 4)):
        from_csv, from_parquet = source_of(park).read(window), source_of(other).read(window)
        assert prints(from_csv) == prints(from_parquet)
        assert from_csv.warnings == from_parquet.warnings


def test_identifiers_stay_text_and_names_stay_what_they_are(park: Path) -> None:
    cells = source_of(park).read(WHOLE).cells
    assert cells["cell_id"].to_pylist() == ["007", "NA"]
    assert cells["name"].to_pylist() == ["Höhe, north", "Line\nbreak"]
    assert cells["elevation_m"].to_pylist() == [1200.0, None]


def test_a_byte_order_mark_and_trailing_empty_lines_do_no_harm(park: Path) -> None:
    write_csv(park / "fires.csv", [row | {"fire_id": "01"} for row in FIRES])
    expected = source_of(park).read(WHOLE)
    for file in park.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\r\n\r\n")
    assert prints(source_of(park).read(WHOLE)) == prints(expected)


def test_names_of_many_lines_survive_in_a_file_of_many_blocks(park: Path) -> None:
    name = "line\n" * 50
    write_csv(
        park / "cells.csv", [CELLS[0] | {"cell_id": cell_id, "name": name} for cell_id in ("007", "NA", *range(9999))]
    )
    assert set(source_of(park).read(WHOLE).cells["name"].unique().to_pylist()) == {name}


def test_a_folder_source_is_a_source(park: Path) -> None:
    source: Source = source_of(park)
    delivered = source.read(days(1, 2))
    assert delivered.cells.num_rows == 2
    assert delivered.weather["date"].unique().to_pylist() == [dt.date(2024, 7, 2)]
    assert delivered.fires["fire_id"].to_pylist() == ["f2"]


@examples(30)
@given(cuts=st.sets(st.integers(1, N_DAYS - 1)))
def test_slices_of_consecutive_windows_add_up_to_the_whole(cuts: set[int]) -> None:
    raw = {
        name: RawTable(name, pa.Table.from_pylist(rows))
        for name, rows in ((TableName.CELLS, CELLS), (TableName.WEATHER, WEATHER), (TableName.FIRES, FIRES))
    }
    tables = check_tables("park", raw, today=TODAY, assumed_report_lag_days=2)
    bounds = [0, *sorted(cuts), N_DAYS]
    slices = [
        slice_recorded(tables, days(first, last), history_start=START, today=TODAY)
        for first, last in itertools.pairwise(bounds)
    ]
    weather = pa.concat_tables([part.weather for part in slices])
    fires = pa.concat_tables([part.fires for part in slices])
    assert weather.combine_chunks().equals(tables.weather)
    assert fires.combine_chunks().equals(tables.fires)


def test_rows_for_dates_before_the_history_starts_are_left_out(park: Path) -> None:
    delivered = source_of(park, history_start=dt.date(2024, 7, 3)).read(WHOLE)
    assert delivered.weather.num_rows == 2 * (N_DAYS - 2)
    assert delivered.fires.num_rows == 0


def test_files_are_checked_once_and_later_slices_come_from_memory(park: Path) -> None:
    source = source_of(park)
    source.read(days(0, 2))
    held = source._held
    assert held is not None
    source.read(days(2, 4))
    assert source._held is held


def test_a_changed_file_is_read_again_by_the_same_source(park: Path) -> None:
    source = source_of(park)
    assert source.read(WHOLE).fires.num_rows == 3
    write_csv(park / "fires.csv", FIRES[:2])
    assert source.read(WHOLE).fires.num_rows == 2


def test_a_change_that_keeps_the_size_is_noticed_by_its_time(park: Path) -> None:
    source = source_of(park)
    source.read(WHOLE)
    fires = park / "fires.csv"
    before = fires.stat()
    fires.write_bytes(fires.read_bytes().replace(b"0.1", b"0.7"))
    os.utime(fires, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert fires.stat().st_size == before.st_size
    assert 0.7 in source.read(WHOLE).fires["area_ha"].to_pylist()


def test_a_change_that_keeps_the_time_is_noticed_by_its_size(park: Path) -> None:
    source = source_of(park)
    source.read(WHOLE)
    fires = park / "fires.csv"
    before = fires.stat()
    fires.write_bytes(fires.read_bytes().replace(b"0.1", b"0.75"))
    os.utime(fires, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert 0.75 in source.read(WHOLE).fires["area_ha"].to_pylist()


def test_a_file_that_turns_bad_delivers_nothing_until_it_is_mended(park: Path) -> None:
    source = source_of(park)
    expected = prints(source.read(WHOLE))
    write_csv(park / "fires.csv", [FIRES[0] | {"cell_id": "elsewhere"}])
    for _ in range(2):
        with pytest.raises(InputContractError, match="elsewhere"):
            source.read(WHOLE)
    write_csv(park / "fires.csv", FIRES)
    assert prints(source.read(WHOLE)) == expected


def test_a_folder_that_is_not_there_is_one_violation(tmp_path: Path) -> None:
    (sentence,) = violations_of(tmp_path / "nowhere")
    assert "no such folder" in sentence


def test_a_folder_that_cannot_be_opened_is_one_violation(tmp_path: Path) -> None:
    assert violations_of(tmp_path / ("x" * 300)) == ("the folder cannot be opened: File name too long",)


def test_every_missing_table_is_named(tmp_path: Path) -> None:
    assert violations_of(tmp_path) == tuple(
        f"{name}: not found; allowed exactly one of {name}.csv, {name}.csv.gz, {name}.parquet"
        for name in ("cells", "weather", "fires")
    )


def test_two_files_for_one_table_are_not_chosen_between(park: Path) -> None:
    write_parquet(park / "fires.parquet", FIRES)
    assert violations_of(park) == (
        "fires: found fires.csv, fires.parquet; allowed exactly one of fires.csv, fires.csv.gz, fires.parquet",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Empty CSV file"),
        (b"fire_id,cell_id,date,area_ha\nf1,007\n", "Expected 4 columns, got 2"),
        (
            b"fire_id,cell_id,date,area_ha\n" + b"f,007,2024-07-01,1\n" * 999 + b"f\xff,007,2024-07-01,1\n",
            "invalid UTF8",
        ),
        (b"fire_id,cell_id,d\xff,area_ha\n", "codec can't decode byte"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_named_with_the_reason(park: Path, content: bytes, reason: str) -> None:
    (park / "fires.csv").write_bytes(content)
    (sentence,) = violations_of(park)
    assert sentence.startswith("fires.csv: cannot be read: ")
    assert reason in sentence


def test_a_parquet_file_that_is_none_is_named_with_the_reason(park: Path) -> None:
    (park / "weather.csv").replace(park / "weather.parquet")
    (sentence,) = violations_of(park)
    assert sentence.startswith("weather.parquet: cannot be read: Parquet magic bytes not found")


def test_faults_of_files_and_of_rows_stand_in_one_message(park: Path) -> None:
    (park / "cells.csv").unlink()
    (park / "fires.csv").write_bytes(b"")
    write_csv(park / "weather.csv", [WEATHER[0] | {"temp_max_c": "hot", "precip_mm": 2001, "date": "2031-01-01"}])
    violations = violations_of(park)
    parts = ("cells: not found", "fires.csv: cannot", "row 2: observed 'hot'", "observed 2001.0", "observed 2031-01-01")
    assert len(violations) == len(parts)
    for part in parts:
        assert any(part in sentence for sentence in violations)


def test_tables_with_a_header_only_are_all_gap(park: Path) -> None:
    for name, rows in (("weather", WEATHER), ("fires", FIRES)):
        (park / f"{name}.csv").write_text(",".join(rows[0]) + "\n")
    delivered = source_of(park).read(WHOLE)
    assert (delivered.weather.num_rows, delivered.fires.num_rows) == (0, 0)
    (warning,) = delivered.warnings
    assert "16 of 16 cell-days" in warning


def test_missing_measures_are_stated_with_their_share_in_the_window(park: Path) -> None:
    assert source_of(park).read(WHOLE).warnings == (
        "weather: rel_humidity_pct is missing in 16 of 16 rows (100.0 %).",
        "weather: wind_speed_kmh is missing in 2 of 16 rows (12.5 %).",
        "fires: area_ha is missing in 1 of 3 rows (33.3 %).",
    )
    assert source_of(park).read(days(4, 6)).warnings == (
        "weather: rel_humidity_pct is missing in 4 of 4 rows (100.0 %).",
    )


def gap_warnings(folder: Path, window: Interval, today: dt.date = TODAY) -> list[str]:
    warnings = source_of(folder, today=today).read(window).warnings
    return [warning for warning in warnings if "have no row" in warning]


def test_a_gap_is_stated_in_the_windows_it_touches_only(park: Path) -> None:
    write_csv(park / "weather.csv", [row for row in WEATHER if (row["cell_id"], row["date"].day) not in GONE])
    assert gap_warnings(park, WHOLE) == [
        (
            "weather: 3 of 16 cell-days from 2024-07-01 to 2024-07-08 have no row, in 2 of 2 cells, "
            "first 2024-07-03, last 2024-07-05; they are unknown, not zero."
        )
    ]
    assert "1 of 4 cell-days from 2024-07-04 to 2024-07-05" in gap_warnings(park, days(3, 5))[0]
    assert gap_warnings(park, days(5, 8)) == []


GONE = {("007", 3), ("NA", 3), ("NA", 5)}


def test_weather_recorded_after_the_window_was_a_gap_in_it(park: Path) -> None:
    late = {("007", START): "2024-07-06"}
    rows = [row | {"recorded_at": late.get((row["cell_id"], row["date"]), f"{row['date']}")} for row in WEATHER]
    write_csv(park / "weather.csv", rows)
    assert "1 of 6 cell-days" in gap_warnings(park, days(0, 3))[0]
    assert gap_warnings(park, WHOLE) == []


def test_neither_the_future_nor_the_time_before_the_history_is_a_gap(park: Path) -> None:
    window = Interval(start=dt.date(2020, 1, 1), end=dt.date(2025, 1, 1))
    assert gap_warnings(park, window, today=dt.date(2024, 7, 8)) == []
    assert "2 of 18 cell-days" in gap_warnings(park, window, today=dt.date(2024, 7, 9))[0]


def test_a_lowest_temperature_above_the_highest_is_stated(park: Path) -> None:
    write_csv(park / "weather.csv", [WEATHER[0] | {"temp_min_c": 32.6}, *WEATHER[1:]])
    stated = (
        "weather: temp_min_c is above temp_max_c in 1 of 16 rows, by at most 2.5 °C, in cells 007; taken as delivered."
    )
    assert stated in source_of(park).read(WHOLE).warnings
    assert stated not in source_of(park).read(days(1, 4)).warnings


def test_duplicates_and_unknown_columns_of_the_files_are_stated_in_every_slice(park: Path) -> None:
    write_csv(park / "fires.csv", [row | {"cause": "lightning"} for row in (*FIRES, FIRES[0])])
    delivered = source_of(park).read(days(6, 7))
    assert delivered.warnings[:2] == (
        "fires.csv: the contract does not know column cause; ignored.",
        "fires.csv: identical duplicates dropped: 1, row 5.",
    )


@pytest.mark.skipif(not CALIFORNIA.is_dir(), reason="the real data lies outside the repository, in ../shared/data")
def test_the_californian_data_keep_the_contract() -> None:
    source = source_of(CALIFORNIA, history_start=dt.date(1984, 1, 1))
    delivered = source.read(Interval(start=dt.date(1984, 1, 1), end=dt.date(2017, 11, 3)))
    assert [table.num_rows for table in delivered[:3]] == [20, 247_160, 3_053]
    assert "weather: rel_humidity_pct is missing in 247160 of 247160 rows (100.0 %)." in delivered.warnings
    assert any("temp_min_c is above temp_max_c in 7 of 247160 rows, by at most 5.1 °C" in w for w in delivered.warnings)
