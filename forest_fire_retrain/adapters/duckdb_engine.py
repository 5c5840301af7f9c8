"""Runs query text over Arrow tables in a private, in-memory DuckDB."""

from collections.abc import Mapping
from contextlib import closing

import duckdb
import pyarrow as pa


class DuckDbEngine:
    """The SQL engine; each query gets a connection of its own that sees only its tables.

    Parameters
    ----------
    n_threads : int
        Threads of a query.
    """

    def __init__(self, n_threads: int = 1) -> None:
        self._n_threads = n_threads

    def query(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """Result of `sql` over `tables`, which the text names by their keys."""
        with closing(duckdb.connect(":memory:", config={"threads": self._n_threads})) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, table in tables.items():
                connection.register(name, table)
            result: pa.Table = connection.sql(sql).to_arrow_table()
            return result
