"""A table that stays open shows what anybody wrote, and never what a home that is gone held."""

import datetime as dt
import pickle
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from forest_fire_retrain.adapters import delta_handles
from forest_fire_retrain.adapters.delta_compaction import COMMITS_OF_A_CHECKPOINT
from forest_fire_retrain.adapters.delta_lake import DeltaLake, DeltaRows
from forest_fire_retrain.core.errors import LakeError

TABLE = "fires"
DAY = dt.date(2024, 1, 1)


def add(root: Path, *names: str) -> None:
    """Commits of another process: a lake that knows nothing of the one under test."""
    for name in names:
        DeltaLake(str(root)).append(TABLE, pa.table({"fire_id": [name]}), through=DAY)


def held(lake: DeltaLake) -> list[str]:
    return sorted(lake.read(TABLE)["fire_id"].to_pylist())


def test_what_others_wrote_since_is_there(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    assert lake.version(TABLE) is None
    add(tmp_path, "a")
    assert (lake.version(TABLE), held(lake)) == (0, ["a"])
    add(tmp_path, "b", "c")
    assert (lake.version(TABLE), held(lake)) == (2, ["a", "b", "c"])
    lake.append(TABLE, pa.table({"fire_id": ["d"]}))
    assert held(lake) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("others", [("x",), ("x", "y", "z")], ids=["shorter", "longer"])
def test_a_home_that_was_restored_below_it_is_opened_again(tmp_path: Path, others: tuple[str, ...]) -> None:
    lake = DeltaLake(str(tmp_path / "home"))
    add(tmp_path / "home", "a", "b")
    add(tmp_path / "backup", *others)
    assert held(lake) == ["a", "b"]
    shutil.rmtree(tmp_path / "home")
    shutil.copytree(tmp_path / "backup", tmp_path / "home")
    assert held(lake) == list(others)
    assert lake.version(TABLE) == len(others) - 1


def test_a_table_that_is_gone_is_missing(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    add(tmp_path, "a")
    assert held(lake) == ["a"]
    shutil.rmtree(tmp_path / TABLE)
    assert lake.version(TABLE) is None


def test_a_table_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "a")
    opened: list[str] = []

    class Counted(DeltaTable):
        def __init__(self, address: str) -> None:
            opened.append(address)
            super().__init__(address)

    monkeypatch.setattr(delta_handles, "DeltaTable", Counted)
    lake = DeltaLake(str(tmp_path))
    for name in "bcd":
        lake.append(TABLE, pa.table({"fire_id": [name]}))
        assert lake.complete_through(TABLE) == DAY
    assert len(opened) == 1


def count_openings(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    opened: list[int | None] = []

    class Counted(DeltaTable):
        def __init__(self, address: str, version: int | None = None) -> None:
            opened.append(version)
            super().__init__(address, version=version)

    monkeypatch.setattr(delta_handles, "DeltaTable", Counted)
    return opened


def names_at(lake: DeltaLake, version: int) -> list[str]:
    return sorted(lake.read(TABLE, version=version)["fire_id"].to_pylist())


def test_a_version_is_opened_once_and_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "a", "b")
    opened, lake = count_openings(monkeypatch), DeltaLake(str(tmp_path))
    assert [names_at(lake, version) for version in (0, 1, 0, 1)] == [["a"], ["a", "b"], ["a"], ["a", "b"]]
    assert opened == [0, 1]
    add(tmp_path, "c")
    assert names_at(lake, 1) == ["a", "b"]
    assert names_at(lake, 2) == ["a", "b", "c"]


def test_a_version_of_a_home_that_was_restored_below_it_is_opened_again(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path / "home"))
    add(tmp_path / "home", "a")
    add(tmp_path / "backup", "x")
    assert names_at(lake, 0) == ["a"]
    shutil.rmtree(tmp_path / "home")
    shutil.copytree(tmp_path / "backup", tmp_path / "home")
    assert names_at(lake, 0) == ["x"]


def test_a_small_table_is_read_once_as_long_as_its_files_look_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, "a", "b")
    reads: list[DeltaRows] = []
    read = DeltaRows.read_at_once
    monkeypatch.setattr(DeltaRows, "read_at_once", lambda rows, columns: reads.append(rows) or read(rows, columns))
    lake = DeltaLake(str(tmp_path))
    assert [names_at(lake, version) for version in (1, 0, 1)] == [["a", "b"], ["a"], ["a", "b"]]
    assert len(reads) == 2
    part = next((tmp_path / TABLE).glob("*.parquet"))
    part.write_bytes(part.read_bytes())
    assert names_at(lake, 1) == ["a", "b"]
    assert len(reads) == 3
    part.write_bytes(b"no rows")
    with pytest.raises(LakeError):
        names_at(lake, 1)
    part.unlink()
    with pytest.raises(LakeError):
        names_at(lake, 1)


def test_a_large_table_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "a")
    monkeypatch.setattr(delta_handles, "MAX_BYTES", 0)
    lake = DeltaLake(str(tmp_path))
    assert lake.read(TABLE, version=0) is not lake.read(TABLE, version=0)


def test_only_the_last_versions_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, *(str(number) for number in range(delta_handles.MAX_PINNED + 1)))
    opened, lake = count_openings(monkeypatch), DeltaLake(str(tmp_path))
    for version in range(delta_handles.MAX_PINNED + 1):
        names_at(lake, version)
    names_at(lake, delta_handles.MAX_PINNED)
    names_at(lake, 0)
    assert opened == [*range(delta_handles.MAX_PINNED + 1), 0]


def test_a_lake_that_was_used_can_be_handed_to_another_process(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    add(tmp_path, "a")
    assert held(lake) == ["a"]
    assert held(pickle.loads(pickle.dumps(lake))) == ["a"]  # noqa: S301 - made in the line


def test_the_log_of_a_table_is_put_together_every_few_commits(tmp_path: Path) -> None:
    add(tmp_path, *(str(number) for number in range(3 * COMMITS_OF_A_CHECKPOINT)))
    checkpoints = list((tmp_path / TABLE / "_delta_log").glob("*.checkpoint.parquet"))
    assert len(checkpoints) >= 3
