"""Every lake says which of its old versions it cannot give any more; run on the fake and on Delta."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain_tests.fakes.lake import FakeLake


class Bench(NamedTuple):
    """A lake with three versions of a table, and what a vacuum does to the newest."""

    lake: Lake
    lose_newest: Callable[[], None]


@pytest.fixture(params=["fake", "delta"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    fake = FakeLake()
    lake: Lake = fake if request.param == "fake" else DeltaLake(str(tmp_path))
    for number in range(3):
        lake.append("fires", pa.table({"fire_id": [f"f{number}"]}))

    def lose_newest() -> None:
        if request.param == "fake":
            fake.lose("fires", 2)
        else:
            max((tmp_path / "fires").glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns).unlink()

    return Bench(lake, lose_newest)


def test_versions_that_are_there_are_readable(bench: Bench) -> None:
    assert bench.lake.unreadable_versions("fires", [0, 1, 2]) == {}
    assert bench.lake.unreadable_versions("fires", []) == {}


def test_versions_and_tables_that_never_were_are_named(bench: Bench) -> None:
    assert set(bench.lake.unreadable_versions("fires", [1, 7])) == {7}
    assert set(bench.lake.unreadable_versions("trees", [0])) == {0}


def test_a_version_whose_file_is_gone_is_named_and_the_others_are_not(bench: Bench) -> None:
    bench.lose_newest()
    faults = bench.lake.unreadable_versions("fires", [0, 1, 2])
    assert set(faults) == {2}
    assert faults[2]


def test_a_file_that_is_damaged_makes_its_versions_unreadable(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    lake.append("fires", pa.table({"fire_id": ["f0"]}))
    (file,) = (tmp_path / "fires").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-8])
    assert set(lake.unreadable_versions("fires", [0])) == {0}
