"""What commits noted is read wherever a table lies, and is what delta-rs says of tables whose path it can read."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.delta_log import read_log

N_COMMITS = 4


def write(folder: Path) -> DeltaTable:
    """A table of some commits, of which each notes its number."""
    for number in range(N_COMMITS):
        noted = CommitProperties(custom_metadata={"number": str(number)})
        write_deltalake(folder, pa.table({"a": [number]}), mode="append", commit_properties=noted)
    return DeltaTable(folder)


def test_it_is_what_delta_rs_says(tmp_path: Path) -> None:
    table = write(tmp_path / "t")
    for n_commits in (0, 1, N_COMMITS, N_COMMITS + 9):
        assert read_log(table, n_commits) == (table.history(n_commits) if n_commits else [])


@pytest.mark.parametrize("name", ["a?b", "a#b", "100%", "a b*"])
def test_any_folder_has_its_notes(tmp_path: Path, name: str) -> None:
    noted = read_log(write(tmp_path / name / "t"), N_COMMITS)
    assert [(entry["version"], entry["number"]) for entry in noted] == [(k, str(k)) for k in reversed(range(N_COMMITS))]


def test_a_version_that_was_opened_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path / "t")
    assert [entry["number"] for entry in read_log(DeltaTable(tmp_path / "t", version=1), 9)] == ["1", "0"]


def test_a_damaged_commit_is_named(tmp_path: Path) -> None:
    table = write(tmp_path / "t")
    (tmp_path / "t" / "_delta_log" / f"{2:020}.json").write_text("{half", encoding="utf-8")
    with pytest.raises(DeltaError, match=r"0002\.json is damaged"):
        read_log(table, N_COMMITS)
