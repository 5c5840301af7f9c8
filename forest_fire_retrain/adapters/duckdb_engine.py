"""Runs query text over Arrow tables in a private, in-memory DuckDB."""

from collections.abc import Mapping
from contextlib import closing
from functools import cache

import duckdb
import pyarrow as pa


class DuckDbEngine:
    """The SQL engine; each query gets a cursor of its own that sees only its tables.

    Parameters
    ----------
    n_threads : int
        Threads of a query.
    """

    def __init__(self, n_threads: int = 1) -> None:
        self._n_threads = n_threads

    def query(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """Result of `sql` over `tables`, which the text names by their keys."""
        with closing(_open(self._n_threads).cursor()) as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            for name, table in tables.items():
                cursor.register(name, table)
            result: pa.Table = cursor.sql(sql).to_arrow_table()
            return result


@cache
def _open(n_threads: int) -> duckdb.DuckDBPyConnection:
    """The process's empty database: opening one takes several times as long as a small query."""
    return duckdb.connect(":memory:", config={"threads": n_threads})
