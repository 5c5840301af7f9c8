"""Fingerprints of tables that stay the same across library versions: SHA-256 over values, never over files."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class TableFingerprint:
    """The fingerprint of a table whose columns are had one after the other, in their order.

    Parameters
    ----------
    n_rows : int
        Rows of the table.
    """

    def __init__(self, n_rows: int) -> None:
        self._digest = hashlib.sha256(f"{n_rows}".encode())

    def add(self, name: str, values: pa.ChunkedArray) -> None:
        """Take in the next column."""
        column = values.combine_chunks()
        self._digest.update(f"|{json.dumps(name)}:{_kind(column.type)}|".encode())
        self._digest.update(_missing_bits(column))
        for part in _value_bytes(column):
            self._digest.update(part)

    def hexdigest(self) -> str:
        """SHA-256 of what was taken in."""
        return self._digest.hexdigest()


def fingerprint_table(table: pa.Table) -> str:
    """SHA-256 over names, validity and values of `table`, in row order.

    Two tables have the same fingerprint if and only if they have the same columns in the same
    order and the same values, nulls included, row by row (chunking plays no part).
    """
    fingerprint = TableFingerprint(table.num_rows)
    for name in table.column_names:
        fingerprint.add(name, table[name])
    return fingerprint.hexdigest()


def _missing_bits(column: pa.Array) -> bytes:
    """A bit per row, set where the value is missing, the first row's the highest of its byte."""
    if not column.null_count:
        return bytes(-(-len(column) // 8))
    return np.packbits(pc.is_null(column).to_numpy(zero_copy_only=False)).tobytes()


def _kind(kind: pa.DataType) -> str:
    """A type name that does not depend on offsets' width."""
    return "string" if _is_text(kind) else str(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _value_bytes(column: pa.Array) -> Iterator[bytes | memoryview]:
    """The values as little-endian bytes, nulls as a fixed filler; of text the lengths in bytes, then the texts."""
    if _is_text(column.type):
        is_plain = pa.types.is_string(column.type) and not column.null_count
        texts = column if is_plain else pc.fill_null(column.cast(pa.large_string()), "")
        bounds = _bounds_of_texts(texts)
        yield np.diff(bounds).astype("<i8").data
        yield _bytes_of_texts(texts, bounds)
    elif pa.types.is_boolean(column.type):
        filled = pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False)
        yield np.asarray(filled, dtype="u1").tobytes()
    elif pa.types.is_floating(column.type):
        yield np.ascontiguousarray(column.fill_null(0.0).to_numpy(zero_copy_only=False), dtype="<f8").data
    else:
        integers = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
        filled = integers.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        yield np.asarray(filled, dtype="<i8").tobytes()


def _bounds_of_texts(texts: pa.StringArray | pa.LargeStringArray) -> np.ndarray:
    """Where each text begins in the array's content, and where the last one ends; shape (n_texts + 1,)."""
    offsets = texts.buffers()[1]
    if not len(texts) or offsets is None:
        return np.zeros(1, dtype=np.int64)
    width = "<i4" if pa.types.is_string(texts.type) else "<i8"
    return np.frombuffer(offsets, dtype=width)[texts.offset : texts.offset + len(texts) + 1]


def _bytes_of_texts(texts: pa.StringArray | pa.LargeStringArray, bounds: np.ndarray) -> memoryview:
    """All texts behind each other as UTF-8: Arrow holds them so."""
    content = texts.buffers()[2]
    return memoryview(b"") if content is None else memoryview(content)[bounds[0] : bounds[-1]]
