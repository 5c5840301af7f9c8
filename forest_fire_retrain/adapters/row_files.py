"""Files of rows as people have them, Parquet or Delta: read a batch at a time, written as one file or not at all.

Reading goes a batch ahead, writing a table behind, each in a thread of its own: whoever works on a batch waits for
neither, and no more of the rows is in memory.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.atomic_files import folder_written_beside, written_beside
from forest_fire_retrain.adapters.delta_lake import without_trace
from forest_fire_retrain.core.errors import InputContractError, RefusedRequestError

BATCHES_AHEAD = 2
"""Batches of a row group that are decoded before they are asked for."""


class RowFiles(NamedTuple):
    """Rows of a Delta table at one version, of a Parquet file, or of a folder of such files.

    Attributes
    ----------
    where : str
        What was opened, for people.
    dataset : pyarrow.dataset.Dataset
        The files.
    addresses : tuple of str
        Where each of them lies, for engines that read them on their own; none where they alone do not hold all columns.
    """

    where: str
    dataset: pads.Dataset
    addresses: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.dataset.schema.names)

    @property
    def n_rows(self) -> int:
        """Number of rows, by the files' footers."""
        return int(self.dataset.count_rows())

    def batches(self, columns: Sequence[str], n_rows: int) -> Iterator[pa.Table]:
        """The rows in the order of the files, at least `n_rows` at a time but for the last.

        Raises
        ------
        InputContractError
            If a file cannot be read.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="rows ahead") as pool:
            parts = self._parts(columns, n_rows)
            following = pool.submit(next, parts, None)
            while (part := following.result()) is not None:
                following = pool.submit(next, parts, None)
                yield part

    def _parts(self, columns: Sequence[str], n_rows: int) -> Iterator[pa.Table]:
        """The rows, read as they are asked for.

        A scan of a whole dataset would hold up to a gigabyte before it waits; one of a row group holds that group.
        """
        held: list[pa.RecordBatch] = []
        n_held = 0
        with _foreseen(self.where):
            for group in self._groups():
                for batch in group.to_batches(
                    schema=self.dataset.schema,
                    columns=list(columns),
                    batch_size=n_rows,
                    batch_readahead=BATCHES_AHEAD,
                    fragment_readahead=1,
                ):
                    held.append(batch)
                    n_held += batch.num_rows
                    if n_held >= n_rows:
                        yield pa.Table.from_batches(held)
                        held, n_held = [], 0
            if n_held:
                yield pa.Table.from_batches(held)

    def _groups(self) -> Iterator[pads.Fragment]:
        """The row groups of the files, in their order."""
        for file in self.dataset.get_fragments():
            yield from file.split_by_row_group()


def open_rows(where: str) -> RowFiles:
    """Open a Delta table, at its newest version, or Parquet files.

    Parameters
    ----------
    where : str
        A Delta table's folder or address, a Parquet file, or a folder of Parquet files of one schema.

    Raises
    ------
    InputContractError
        If it is none of these or cannot be read.
    """
    with _foreseen(where):
        if _may_be_delta(where) and DeltaTable.is_deltatable(where):
            table = DeltaTable(where)
            stored = () if table.metadata().partition_columns else _addresses(table, where)
            return RowFiles(f"{where} at version {table.version()}", table.to_pyarrow_dataset(), stored)
        dataset = pads.dataset(where, format="parquet")
        return RowFiles(where, dataset, tuple(str(Path(file).resolve()) for file in dataset.files))


def _addresses(table: DeltaTable, where: str) -> tuple[str, ...]:
    root = where.rstrip("/") if "://" in where else str(Path(where).resolve())
    return tuple(f"{root}/{path}" for path in pa.table(table.get_add_actions())["path"].to_pylist())


def _may_be_delta(where: str) -> bool:
    """Whether it is worth asking: delta-rs takes a path that is no folder for a fault."""
    return "://" in where or (Path(where) / "_delta_log").is_dir()


def count_rows(folder: Path) -> int:
    """Rows of the Parquet files in a folder, by their footers."""
    with _foreseen(str(folder)):
        return int(pads.dataset(folder, format="parquet").count_rows())


class RowWriter:
    """Writes tables behind each other, each while the next one is made.

    Parameters
    ----------
    writer : pyarrow.parquet.ParquetWriter
        The open file.
    pool : ThreadPoolExecutor
        One thread.
    """

    def __init__(self, writer: pq.ParquetWriter, pool: ThreadPoolExecutor) -> None:
        self._writer, self._pool = writer, pool
        self._behind: Future[None] | None = None

    def write(self, table: pa.Table) -> None:
        """Hand a table over, as soon as the one before it is written; what went wrong with that one is raised."""
        self.finish()
        self._behind = self._pool.submit(self._writer.write_table, table)

    def finish(self) -> None:
        """Wait until everything is written."""
        if self._behind is not None:
            self._behind.result()


@contextmanager
def rows_written(target: Path, schema: pa.Schema) -> Iterator[RowWriter]:
    """A writer for `target`, which is there in whole after the block, or not at all if the block raises.

    Raises
    ------
    RefusedRequestError
        If something stands there already, or the folder cannot be written.
    """
    texts = [field.name for field in schema if not pa.types.is_floating(field.type)]  # numbers rarely return
    with (
        _foreseen_in_writing(target),
        written_beside(target) as beside,
        pq.ParquetWriter(beside, schema, use_dictionary=texts) as file,
        ThreadPoolExecutor(1, thread_name_prefix="rows behind") as pool,
    ):
        writer = RowWriter(file, pool)
        yield writer
        writer.finish()


@contextmanager
def parts_written(target: Path) -> Iterator[Path]:
    """A folder to write files to, which is called `target` after the block, or is gone if the block raises.

    Raises
    ------
    RefusedRequestError
        As `rows_written`.
    """
    with _foreseen_in_writing(target), folder_written_beside(target) as beside:
        yield beside


@contextmanager
def _foreseen_in_writing(target: Path) -> Iterator[None]:
    if target.exists():
        msg = f"{target} is there already; nothing was written. Name another file, or remove it first"
        raise RefusedRequestError(msg)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror or error}; nothing of it was kept. Free disk space or "
        raise RefusedRequestError(msg + "correct the permissions, then run the same command again") from error


@contextmanager
def _foreseen(where: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError, pa.ArrowException) as error:
        fault = f"cannot be read as a Delta table or as Parquet: {without_trace(error)}"
        raise InputContractError(where, [fault]) from error
