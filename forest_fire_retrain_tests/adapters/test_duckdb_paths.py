"""DuckDB reads the one file that was meant, whatever else its path would match."""

from pathlib import Path

import duckdb
import pytest

from forest_fire_retrain.adapters.duckdb_paths import only, quoted

NAMES = ["a?b", "aXb", "a*b", "a[X]b", "a[b", "a]b", "a\\b", "a{X}b", "a'b", "**"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file in a folder of each name, which holds that name."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        duckdb.execute(
            f"COPY (SELECT ? AS name) TO '{quoted(tmp_path / name / 'it.parquet')}' (FORMAT parquet)", [name]
        )
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_one_file_is_read(folder: Path, name: str) -> None:
    path = folder / name / "it.parquet"
    asked = duckdb.execute("SELECT name FROM read_parquet(?)", [only(path)]).fetchall()
    written = duckdb.execute(f"SELECT name FROM read_parquet('{quoted(only(path))}')").fetchall()  # noqa: S608 - a path
    assert asked == written == [(name,)]


def test_without_it_others_would_be_read_too(folder: Path) -> None:
    (found,) = duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(folder / "a?b" / "it.parquet")]).fetchall()
    assert found[0] > 1
