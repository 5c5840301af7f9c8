"""Files of rows as people have them, Parquet or Delta: read a batch at a time, written as one file or not at all."""

from collections.abc import Iterator, Sequence
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
"""Batches that are read before they are asked for: memory does not grow with the number of rows."""


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
        held: list[pa.RecordBatch] = []
        n_held = 0
        read = self.dataset.to_batches(
            columns=list(columns), batch_size=n_rows, batch_readahead=BATCHES_AHEAD, fragment_readahead=1
        )
        with _foreseen(self.where):
            for batch in read:
                held.append(batch)
                n_held += batch.num_rows
                if n_held >= n_rows:
                    yield pa.Table.from_batches(held)
                    held, n_held = [], 0
            if n_held:
                yield pa.Table.from_batches(held)


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


@contextmanager
def rows_written(target: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer for `target`, which is there in whole after the block, or not at all if the block raises.

    Raises
    ------
    RefusedRequestError
        If something stands there already, or the folder cannot be written.
    """
    with _foreseen_in_writing(target), written_beside(target) as beside, pq.ParquetWriter(beside, schema) as writer:
        yield writer


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
