"""Fingerprints of tables that stay the same across library versions: SHA-256 over values, never over files."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def fingerprint_table(table: pa.Table) -> str:
    """SHA-256 over names, validity and values of `table`, in row order.

    Two tables have the same fingerprint if and only if they have the same columns in the same
    order and the same values, nulls included, row by row (chunking plays no part).
    """
    digest = hashlib.sha256(f"{table.num_rows}".encode())
    for name in table.column_names:
        column = table[name].combine_chunks()
        digest.update(f"|{json.dumps(name)}:{_kind(column.type)}|".encode())
        digest.update(np.packbits(pc.is_null(column).to_numpy(zero_copy_only=False)).tobytes())
        for part in _value_bytes(column):
            digest.update(part)
    return digest.hexdigest()


def _kind(kind: pa.DataType) -> str:
    """A type name that does not depend on offsets' width."""
    return "string" if _is_text(kind) else str(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _value_bytes(column: pa.Array) -> Iterator[bytes | memoryview]:
    """The values as little-endian bytes, nulls as a fixed filler; of text the lengths in bytes, then the texts."""
    if _is_text(column.type):
        texts = pc.fill_null(column.cast(pa.large_string()), "")
        yield np.asarray(pc.binary_length(texts).to_numpy(zero_copy_only=False), dtype="<i8").tobytes()
        yield _bytes_of_texts(texts)
    elif pa.types.is_boolean(column.type):
        filled = pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False)
        yield np.asarray(filled, dtype="u1").tobytes()
    elif pa.types.is_floating(column.type):
        yield np.asarray(column.fill_null(0.0).to_numpy(zero_copy_only=False), dtype="<f8").tobytes()
    else:
        integers = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
        filled = integers.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        yield np.asarray(filled, dtype="<i8").tobytes()


def _bytes_of_texts(texts: pa.LargeStringArray) -> memoryview:
    """All texts behind each other as UTF-8: Arrow holds them so."""
    _validity, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype="<i8")[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(content)[bounds[0] : bounds[-1]]
