"""Queries share a database and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine

ENGINE = DuckDbEngine()


def add_up(*values: int) -> int:
    result = ENGINE.query("SELECT sum(value) AS total FROM given", {"given": pa.table({"value": values})})
    return int(result["total"][0].as_py())


def test_a_query_sees_no_table_of_the_query_before() -> None:
    assert add_up(1, 2) == 3
    with pytest.raises(duckdb.CatalogException, match="given"):
        ENGINE.query("SELECT * FROM given", {})


def test_queries_of_parallel_threads_see_their_own_tables() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(add_up, range(200), range(200))) == [2 * value for value in range(200)]


def test_days_are_days_in_utc() -> None:
    shown = ENGINE.query("SELECT CAST(TIMESTAMPTZ '2024-01-01 23:30:00+00' AS VARCHAR) AS shown", {})["shown"][
        0
    ].as_py()
    assert shown == "2024-01-01 23:30:00+00"
