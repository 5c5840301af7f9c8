"""What commits noted is read wherever a table lies, and is what delta-rs says of tables whose path it can read."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.delta_log import read_commits

N_COMMITS = 4


def write(folder: Path) -> DeltaTable:
    """A table of some commits, of which each notes its number."""
    for number in range(N_COMMITS):
        noted = CommitProperties(custom_metadata={"number": str(number)})
        write_deltalake(folder, pa.table({"a": [number]}), mode="append", commit_properties=noted)
    return DeltaTable(folder)


def test_it_is_what_delta_rs_says_without_listing_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write(tmp_path / "a lake, é")
    table.optimize.compact()
    table = DeltaTable(tmp_path / "a lake, é")
    expected = {n_commits: table.history(n_commits) for n_commits in (1, 2, N_COMMITS, N_COMMITS + 9)}
    assert expected[1][0]["operation"] == "OPTIMIZE"
    monkeypatch.delattr(DeltaTable, "history")
    assert {n_commits: read_commits(table, n_commits) for n_commits in expected} == expected


@pytest.mark.parametrize("name", ["a?b", "a#b", "100%", "a b*"])
def test_any_folder_has_its_notes(tmp_path: Path, name: str) -> None:
    noted = read_commits(write(tmp_path / name / "t"), N_COMMITS)
    assert [(entry["version"], entry["number"]) for entry in noted] == [(k, str(k)) for k in reversed(range(N_COMMITS))]


def test_a_version_that_was_opened_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path / "t")
    assert [entry["number"] for entry in read_commits(DeltaTable(tmp_path / "t", version=1), 9)] == ["1", "0"]


def test_a_damaged_commit_is_named(tmp_path: Path) -> None:
    table = write(tmp_path / "t")
    (tmp_path / "t" / "_delta_log" / f"{2:020}.json").write_text('{"commitInfo": half', encoding="utf-8")
    with pytest.raises(DeltaError, match=r"0002\.json is damaged"):
        read_commits(table, N_COMMITS)


def test_a_commit_without_notes_is_one_and_says_when_it_was(tmp_path: Path) -> None:
    table = write(tmp_path / "t")
    file = tmp_path / "t" / "_delta_log" / f"{2:020}.json"
    actions = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(action for action in actions if "commitInfo" not in action), encoding="utf-8")
    entries = read_commits(table, N_COMMITS)
    assert [entry["version"] for entry in entries] == [3, 2, 1, 0]
    assert entries[1].keys() == {"timestamp", "version"}
    assert entries[1]["timestamp"] >= entries[2]["timestamp"]
