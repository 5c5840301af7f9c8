"""Fingerprints of tables that stay the same across library versions: SHA-256 over values, never over files."""

import hashlib
import json

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
        digest.update(_value_bytes(column))
    return digest.hexdigest()


def _kind(kind: pa.DataType) -> str:
    """A type name that does not depend on offsets' width."""
    return "string" if _is_text(kind) else str(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _value_bytes(column: pa.Array) -> bytes:
    """The values as little-endian bytes, nulls as a fixed filler."""
    if _is_text(column.type):
        texts = [text or "" for text in column.to_pylist()]
        lengths = np.array([len(text.encode()) for text in texts], dtype="<i8")
        return lengths.tobytes() + "".join(texts).encode()
    if pa.types.is_boolean(column.type):
        return np.asarray(pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False), dtype="u1").tobytes()
    if pa.types.is_floating(column.type):
        return np.asarray(column.fill_null(0.0).to_numpy(zero_copy_only=False), dtype="<f8").tobytes()
    integers = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    return np.asarray(integers.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), dtype="<i8").tobytes()
