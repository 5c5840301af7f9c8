"""The rows of the ledger's copy: one file, and parts behind it that continue it.

Rules
-----
- `ledger.parquet` begins with row 1. A part is called by its first and last row, `ledger-FIRST-LAST.parquet`, and holds
  exactly these; each file is written beside and renamed, so that there is no half a part.
- An export writes one part, for its new rows. Where that makes eight parts of about one size, it writes one for all of
  them and removes them then: few files are many rows, and each row is written again a few times at most.
- A part whose rows a longer file holds too counts for nothing: it was left by a process that was killed before it
  removed it. A part that does not continue the rows before it is damage.
- Whoever reads reads the first file, then looks which parts there are: what is put together meanwhile is there under
  its new name before it goes under its old one. If the first file is another one by then, all is read again.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.duckdb_paths import only, quoted
from forest_fire_retrain.adapters.ledger_schema import (
    COLUMNS,
    LEDGER_FILE,
    NAMES,
    collector_at_rest,
    entry_among,
    fetched,
)
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, LedgerEntry

PART = re.compile(r"ledger-(\d{9})-(\d{9})\.parquet")
HEXADECIMAL = re.compile(r"[0-9a-f]+")
TOGETHER = 8
"""Parts of about one size that become one."""
ROWS_TOGETHER = 4096
"""Rows of a group: fewer make the footer long that every reader reads, more make a row slow to find."""
ATTEMPTS = 5
Answer = TypeVar("Answer")


class Part(NamedTuple):
    """A file of rows behind the first one, by its first and last row."""

    first: int
    last: int
    path: Path

    @property
    def order(self) -> int:
        """Of what order of size it is."""
        return ((self.last - self.first + 1).bit_length() - 1) // (TOGETHER.bit_length() - 1)


class Head(NamedTuple):
    """How many rows a copy has, the number and the hash of its last one, and the parts behind its first file."""

    n_rows: int
    last: int
    last_hash: str
    parts: tuple[Part, ...] = ()


def open_memory() -> duckdb.DuckDBPyConnection:
    """A connection that reads and writes files alone, to be closed; a process starts DuckDB once for all of them."""
    try:
        return _begin(_start_duckdb(os.getpid()))
    except duckdb.FatalException:  # an earlier fault ended it
        _start_duckdb.cache_clear()
        return _begin(_start_duckdb(os.getpid()))


@lru_cache(maxsize=1)
def _start_duckdb(_process: int) -> duckdb.DuckDBPyConnection:
    """A database without a file, of a process; one that was forked starts its own. No file's content is kept."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET GLOBAL enable_external_file_cache = false")
    return connection


def _begin(database: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection = database.cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def list_parts(folder: Path) -> list[Part]:
    """Every part there is, by first row, the longest first; those that count for nothing too."""
    found = ((PART.fullmatch(path.name), path) for path in folder.glob("ledger-*.parquet"))
    parts = [Part(int(named[1]), int(named[2]), path) for named, path in found if named is not None]
    return sorted(parts, key=lambda part: (part.first, -part.last))


def choose_parts(folder: Path, last: int, first: os.stat_result | None) -> list[Part]:
    """The parts that continue a first file whose last row is `last`, in their order.

    Parameters
    ----------
    folder : Path
        The copy's folder.
    last : int
        The last row of the first file; 0 without one.
    first : os.stat_result, optional
        What `look_at_first` gave before the first file was read.

    Raises
    ------
    LedgerError
        If rows are missing between them.
    duckdb.IOException
        If the first file was replaced meanwhile; it has to be read again.
    """
    chosen, parts = list[Part](), list_parts(folder)
    if _tell_apart(look_at_first(folder)) != _tell_apart(first):
        msg = f"{folder / LEDGER_FILE} was replaced while it was read"
        raise duckdb.IOException(msg)
    for part in parts:
        if part.last <= last:
            continue
        if part.first != last + 1:
            raise _damaged(f"{part.path} does not continue row {last} of the copy: a file is missing")
        chosen.append(part)
        last = part.last
    return chosen


def look_at_first(folder: Path) -> os.stat_result | None:
    """How the first file looks from outside; `None` where there is none."""
    try:
        return (folder / LEDGER_FILE).stat()
    except FileNotFoundError:
        return None


def _tell_apart(look: os.stat_result | None) -> tuple[int, int, int] | None:
    return None if look is None else (look.st_ino, look.st_size, look.st_mtime_ns)


def read_rows(
    connection: duckdb.DuckDBPyConnection, folder: Path, known: Sequence[LedgerEntry] = ()
) -> list[LedgerEntry]:
    """All rows in order; none if nothing was exported yet.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        What reads.
    folder : Path
        The copy's folder.
    known : sequence of LedgerEntry
        Rows that may be the same; those that are, are these.

    Raises
    ------
    LedgerError
        If rows are missing.
    duckdb.Error, pydantic.ValidationError
        If a file cannot be read, or holds values that no ledger writes.
    """
    return try_again(lambda: list(_read_all(connection, folder, known)))


def read_head(connection: duckdb.DuckDBPyConnection, folder: Path) -> Head | None:
    """The end of the copy; `None` where there is no row.

    Raises
    ------
    LedgerError, duckdb.Error
        If a file is missing or cannot be read.
    """
    return try_again(lambda: _read_head(connection, folder))


def read_hashes(connection: duckdb.DuckDBPyConnection, folder: Path, head: Head) -> list[str]:
    """The hashes of the rows of a copy that ends so, in order, without anything else of the rows.

    Raises
    ------
    duckdb.Error
        If a file cannot be read.
    """
    files = [only(folder / LEDGER_FILE), *(only(part.path) for part in head.parts)]
    sql = "SELECT CAST(entry_hash AS VARCHAR) FROM read_parquet(?)"
    return [written for (written,) in connection.execute(sql, [files]).fetchall()]


def list_files(connection: duckdb.DuckDBPyConnection, folder: Path, row: int | None = None) -> list[str]:
    """Patterns of the files with the copy's rows, each row once; of those that may hold `row`, if one is named.

    Raises
    ------
    LedgerError, duckdb.Error
        If a file is missing or cannot be read.
    """
    first, look = only(folder / LEDGER_FILE), look_at_first(folder)
    if not list_parts(folder):
        return [first]
    last = connection.execute("SELECT max(sequence) FROM read_parquet(?)", [first]).fetchall()[0][0] or 0
    parts = choose_parts(folder, last, look)
    holding = [only(part.path) for part in parts if row is None or part.first <= row <= part.last]
    return holding if row is not None and row > last and holding else [first, *holding]


def write_whole(connection: duckdb.DuckDBPyConnection, folder: Path, entries: Sequence[LedgerEntry]) -> None:
    """Write all rows into the first file, and remove the parts."""
    head, obsolete = entries[-1].entry_hash if entries else GENESIS_HASH, list_parts(folder)
    with written_beside(folder / LEDGER_FILE) as beside:
        write_rows(connection, beside, COLUMNS, entries, notes={"head": fingerprint_text(head)})
    _remove(obsolete)


def append_rows(
    connection: duckdb.DuckDBPyConnection, folder: Path, entries: Sequence[LedgerEntry], head: Head
) -> None:
    """Write a part for the rows that the copy lacks, or for those of several parts with them.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        What writes.
    folder : Path
        The copy's folder.
    entries : sequence of LedgerEntry
        All rows of the ledger, numbered from 1 on, more of them than the copy has.
    head : Head
        The end of the copy, which they continue.
    """
    parts = [*head.parts, _part_of(folder, head.last + 1, len(entries))]
    while len(alike := _list_alike(parts)) >= TOGETHER:
        parts = [*parts[: -len(alike)], _part_of(folder, alike[0].first, len(entries))]
    new = parts[-1]
    with written_beside(new.path) as beside:
        noted = {"head": fingerprint_text(entries[-1].entry_hash)}
        write_rows(connection, beside, COLUMNS, entries[new.first - 1 : new.last], notes=noted)
    _remove([part for part in list_parts(folder) if part not in parts])


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    columns: dict[str, str],
    rows: Sequence[object],
    *,
    notes: dict[str, str] | None = None,
    before: str = "",
) -> None:
    """Write the attributes of `rows` that `columns` names, each a list that is handed over at once.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        What writes.
    path : Path
        The file.
    columns : dict
        Names and kinds.
    rows : sequence
        What is written.
    notes : dict, optional
        Hexadecimal digits, which stand in the footer.
    before : str
        A statement for rows that stand before these.
    """
    kinds = {name: kind.split()[0] for name, kind in columns.items()}
    selected = ", ".join(f'unnest(CAST(? AS {kind}[])) AS "{name}"' for name, kind in kinds.items())
    values = [[getattr(row, name) for row in rows] for name in kinds]
    statement = f"{before} UNION ALL SELECT {selected}" if before else f"SELECT {selected}"
    connection.execute(f"COPY ({statement}) TO '{quoted(path)}' ({copy_options(notes or {})})", values)


def copy_options(notes: dict[str, str]) -> str:
    """How a file of the copy is written; `notes` are hexadecimal digits, which stand in its footer."""
    assert all(HEXADECIMAL.fullmatch(value) for value in notes.values())  # noqa: S101 - they become part of a statement
    noted = ", ".join(f"{name}: '{value}'" for name, value in notes.items())
    return f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_TOGETHER}" + (
        f", KV_METADATA {{{noted}}}" if noted else ""
    )


def try_again(read: Callable[[], Answer]) -> Answer:
    """Read; once more if a file went meanwhile, because it was put together with others."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except (duckdb.IOException, FileNotFoundError):
            continue
    return read()


def _read_all(
    connection: duckdb.DuckDBPyConnection, folder: Path, known: Sequence[LedgerEntry]
) -> Iterator[LedgerEntry]:
    last, look = 0, look_at_first(folder)
    if look is not None:
        for entry in _read_file(connection, folder / LEDGER_FILE, known):
            last = entry.sequence
            yield entry
    for part in choose_parts(folder, last, look):
        rows = _read_file(connection, part.path, known)
        if [row.sequence for row in rows] != list(range(part.first, part.last + 1)):
            raise _damaged(f"{part.path} does not hold the rows that its name says")
        yield from rows


def _read_file(connection: duckdb.DuckDBPyConnection, path: Path, known: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    connection.execute(f"SELECT {NAMES} FROM read_parquet(?)", [only(path)])  # noqa: S608 - constant names
    with collector_at_rest():
        return [entry_among(known, row) for row in fetched(connection)]


def _read_head(connection: duckdb.DuckDBPyConnection, folder: Path) -> Head | None:
    path, look, n_rows, last = folder / LEDGER_FILE, look_at_first(folder), 0, 0
    if look is not None:
        n_rows, last = _count(connection, path)
    parts = choose_parts(folder, last, look)
    if parts:
        path, n_rows = parts[-1].path, n_rows + sum(part.last - part.first + 1 for part in parts)
        last = parts[-1].last
        if _count(connection, path) != (last - parts[-1].first + 1, last):
            raise _damaged(f"{path} does not hold the rows that its name says")
    if not n_rows:
        return None
    sql = "SELECT CAST(entry_hash AS VARCHAR) FROM read_parquet(?) WHERE sequence = ?"
    return Head(n_rows, last, connection.execute(sql, [only(path), last]).fetchall()[0][0], tuple(parts))


def _count(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, int]:
    """How many rows a file has, and the number of its last one; both stand in its footer."""
    sql = "SELECT count(*), coalesce(max(sequence), 0) FROM read_parquet(?)"
    n_rows, last = connection.execute(sql, [only(path)]).fetchall()[0]
    return int(n_rows), int(last)


def _list_alike(parts: Sequence[Part]) -> list[Part]:
    """The last parts, back to the first that is of a higher order of size than the last one."""
    found = list[Part]()
    for part in reversed(parts):
        if part.order > parts[-1].order:
            break
        found.append(part)
    return found[::-1]


def _part_of(folder: Path, first: int, last: int) -> Part:
    return Part(first, last, folder / f"ledger-{first:09d}-{last:09d}.parquet")


def _remove(parts: Sequence[Part]) -> None:
    for part in parts:
        part.path.unlink(missing_ok=True)


def _damaged(fault: str) -> LedgerError:
    return LedgerError(f"the exported ledger cannot be read: {fault}. Run: forest-fire ledger export")
