"""The files of a folder in which tables are delivered: which file is which table, and what stands in it.

Rules
-----
- A table is `<table>.csv`, `<table>.csv.gz` or `<table>.parquet`, in any mix of upper and lower case.
- `<table>.parquet` may be a folder of parts, as distributed engines write it. Its rows are counted in the order of
  the parts' names, and a column that some parts lack is missing there.
- Two spellings of one table contradict each other. A file of another kind is named, never passed over.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.rows.tables import TableName

SUFFIXES = (".csv", ".csv.gz", ".parquet")
FAULTS = (OSError, pa.ArrowException, UnicodeError, csv.Error)
"""What reading a damaged file raises."""


class FileState(NamedTuple):
    """What tells one state of a table's file from another; of a folder, all of its parts count."""

    path: Path
    parts: tuple[tuple[str, int, int], ...]


def find_tables(folder: Path, names: Iterable[TableName]) -> tuple[dict[TableName, FileState], list[str]]:
    """The file of each table, and one violation for each table that has none or two.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    if not folder.is_dir():
        return {}, [f"{folder}: no such folder; allowed a folder with cells, weather and fires (.csv or .parquet)"]
    entries = sorted(folder.iterdir())
    states, violations = {}, []
    for name in names:
        allowed = [f"{name}{suffix}" for suffix in SUFFIXES]
        of_table = [path for path in entries if path.name.lower().split(".")[0] == name]
        found = [path for path in of_table if path.name.lower() in allowed and (path.is_file() or _is_parquet(path))]
        if len(found) == 1:
            states[name] = _look_at(found[0])
            continue
        others = [path.name for path in of_table]
        observed = f"found {list_capped(others)}" if others else "not found"
        violations.append(f"{name}: {observed}; allowed exactly one of {', '.join(allowed)}")
    return states, violations


def read_table(path: Path) -> pa.Table:
    """All rows of one file: Parquet in its types, CSV as text, so that the contract names what is no number.

    Raises
    ------
    OSError, pyarrow.ArrowException, UnicodeError, csv.Error
        If the file cannot be read, see `FAULTS`.
    """
    if path.is_dir():
        return _read_parts(path)
    if _is_parquet(path):
        with pq.ParquetFile(path) as file:
            return file.read()
    compression = "gzip" if path.name.lower().endswith(".gz") else None
    with pa.input_stream(path, compression=compression) as stream:
        header = next(csv.reader(io.TextIOWrapper(stream, "utf-8-sig", newline="")), [])
    as_text = pacsv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    with pa.input_stream(path, compression=compression) as stream:
        return pacsv.read_csv(
            stream, convert_options=as_text, parse_options=pacsv.ParseOptions(newlines_in_values=True)
        )


def _read_parts(folder: Path) -> pa.Table:
    first = pads.dataset(folder, format="parquet", partitioning="hive")
    schemas = [first.schema, *(part.physical_schema for part in first.get_fragments())]
    whole = pa.unify_schemas(schemas, promote_options="permissive")
    return pads.dataset(folder, schema=whole, format="parquet", partitioning="hive").to_table()


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(".parquet")


def _look_at(path: Path) -> FileState:
    files = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    states = ((part, part.stat()) for part in files)
    return FileState(path, tuple((str(part), status.st_mtime_ns, status.st_size) for part, status in states))
