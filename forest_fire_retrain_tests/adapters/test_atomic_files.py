"""Files that are written beside and renamed: old or new, never half, and nothing left lying about."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.atomic_files import remove_left_overs, written_beside

NO_PROCESS = 4_194_303  # beyond the highest process id of a common system


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_takes_the_place_of_the_old_one_at_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "copy.parquet"
    target.write_text("old")
    with written_beside(target) as beside:
        beside.write_text("new")
        assert target.read_text() == "old"
        assert beside.parent == target.parent
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["copy.parquet"]


def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "copy.parquet"
    target.write_text("old")
    with suppress(KeyboardInterrupt), written_beside(target) as beside:
        beside.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["copy.parquet"]


def test_a_block_that_writes_nothing_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "copy.parquet"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), written_beside(target):
        pass
    assert target.read_text() == "old"


def test_what_a_process_that_is_gone_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    gone = [f"ledger.duckdb.{NO_PROCESS}.part", f"ledger.duckdb.{NO_PROCESS}.part.wal", f"a.json.{NO_PROCESS}.part"]
    kept = [f"ledger.duckdb.{os.getpid()}.part", "notes.part", "party.txt", f"x.{NO_PROCESS}.part.txt"]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    remove_left_overs(tmp_path)
    assert names_in(tmp_path) == sorted(kept)


def test_another_persons_process_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    (tmp_path / f"a.json.{NO_PROCESS}.part").touch()
    monkeypatch.setattr(os, "kill", refuse)
    remove_left_overs(tmp_path)
    assert len(names_in(tmp_path)) == 1
