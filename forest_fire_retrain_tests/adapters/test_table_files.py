"""A table is found under each of its spellings, read the same from each, and a file of another kind is named."""

import datetime as dt
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forest_fire_retrain.adapters.table_files import FAULTS, find_tables, read_table
from forest_fire_retrain.core.rows.tables import TableName

CSV = "fire_id,note\r\nf1,snow\r\n002,\r\n"
AS_TEXT = {"fire_id": ["f1", "002"], "note": ["snow", None]}
ALLOWED = "allowed exactly one of fires.csv, fires.csv.gz, fires.parquet"


def find(folder: Path) -> tuple[Path | None, list[str]]:
    states, violations = find_tables(folder, [TableName.FIRES])
    return (states[TableName.FIRES].path if states else None), violations


@pytest.mark.parametrize("name", ["fires.csv", "FIRES.CSV", "fires.csv.gz", "Fires.CSV.GZ"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_text_is_read_the_same_packed_or_not_in_upper_or_lower_case(tmp_path: Path, name: str, mark: bytes) -> None:
    content = mark + CSV.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    assert find(tmp_path) == (tmp_path / name, [])
    assert read_table(tmp_path / name).to_pydict() == AS_TEXT


def test_a_folder_of_parts_is_one_table_whatever_columns_each_part_has(tmp_path: Path) -> None:
    folder = tmp_path / "year=1" / "fires.parquet"  # the folder above is no column
    parts = {
        "date=2024-07-01/part-0000.parquet": {"fire_id": ["f1"], "area_ha": [1]},
        "date=2024-07-02/part-0001.snappy.parquet": {
            "fire_id": ["f2"],
            "area_ha": [2.5],
            "recorded_at": ["2024-07-03"],
        },
    }
    for name, columns in parts.items():
        (folder / name).parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / name)
    (folder / "_SUCCESS").touch()
    assert find(folder.parent) == (folder, [])
    assert read_table(folder).to_pydict() == {
        "fire_id": ["f1", "f2"],
        "area_ha": [1.0, 2.5],
        "date": ["2024-07-01", "2024-07-02"],
        "recorded_at": [None, "2024-07-03"],
    }


def test_a_part_that_is_added_or_replaced_is_another_state(tmp_path: Path) -> None:
    folder = tmp_path / "fires.parquet"
    folder.mkdir()
    pq.write_table(pa.table({"fire_id": ["f1"]}), folder / "part-0.parquet")
    first, _ = find_tables(tmp_path, [TableName.FIRES])
    again, _ = find_tables(tmp_path, [TableName.FIRES])
    pq.write_table(pa.table({"fire_id": ["f2"]}), folder / "part-1.parquet")
    grown, _ = find_tables(tmp_path, [TableName.FIRES])
    pq.write_table(pa.table({"fire_id": ["f3", "f4"]}), folder / "part-0.parquet")
    replaced, _ = find_tables(tmp_path, [TableName.FIRES])
    assert first == again
    assert first != grown
    assert grown != replaced


@pytest.mark.parametrize("name", ["fires.xlsx", "fires.csv.zip", "fires.json", "fires", "fires.tsv"])
def test_a_file_of_another_kind_is_named_in_the_refusal(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert find(tmp_path) == (None, [f"fires: found {name}; {ALLOWED}"])


def test_a_folder_that_is_called_like_a_text_file_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "fires.csv").mkdir()
    assert find(tmp_path) == (None, [f"fires: found fires.csv; {ALLOWED}"])


def test_two_spellings_are_not_chosen_between_and_a_copy_beside_the_table_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "fires.csv").touch()
    (tmp_path / "fires.csv.bak").touch()
    assert find(tmp_path) == (tmp_path / "fires.csv", [])
    (tmp_path / "fires.csv.gz").touch()
    assert find(tmp_path) == (None, [f"fires: found fires.csv, fires.csv.bak, fires.csv.gz; {ALLOWED}"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fires.csv.gz", gzip.compress(CSV.encode() * 500)[:-10]),
        ("fires.csv.gz", CSV.encode()),
        ("fires.parquet", CSV.encode()),
        ("fires.csv", b"fire_id\xff"),
        ("fires.csv", b""),
    ],
    ids=["cut short", "not packed", "no Parquet", "no UTF-8", "empty"],
)
def test_a_damaged_file_raises_one_of_the_faults_that_are_reported(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FAULTS):
        read_table(tmp_path / name)


def test_parts_that_contradict_each_other_in_type_are_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "fires.parquet"
    folder.mkdir()
    pq.write_table(pa.table({"date": [dt.date(2024, 7, 1)]}), folder / "part-0.parquet")
    pq.write_table(pa.table({"date": [20240702]}), folder / "part-1.parquet")
    with pytest.raises(FAULTS):
        read_table(folder)
