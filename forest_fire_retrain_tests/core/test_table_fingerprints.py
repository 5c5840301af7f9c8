"""A table's fingerprint says exactly whether names, order, values and nulls are the same."""

import datetime as dt
import hashlib
import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.canonical_json import canonical_json, fingerprint_mapping, fingerprint_text
from forest_fire_retrain.core.table_fingerprints import TableFingerprint, fingerprint_table

VALUES: dict[pa.DataType, st.SearchStrategy[object]] = {
    pa.string(): st.text(max_size=4),
    pa.bool_(): st.booleans(),
    pa.int64(): st.integers(-3, 3),
    pa.float64(): st.floats(allow_nan=False).map(lambda value: value + 0.0),
    pa.date32(): st.dates(dt.date(1900, 1, 1)),
    pa.timestamp("us", tz="UTC"): st.datetimes(dt.datetime(1900, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001 - zone added
}
FILLERS = {
    pa.string(): "",
    pa.bool_(): False,
    pa.int64(): 0,
    pa.float64(): 0.0,
    pa.date32(): dt.date(1970, 1, 1),
    pa.timestamp("us", tz="UTC"): dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    n_rows = draw(st.integers(0, 6))
    names = draw(st.lists(st.text('ab|:"', max_size=6), min_size=1, max_size=3, unique=True))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(list(VALUES)))
        values = draw(st.lists(st.none() | VALUES[kind], min_size=n_rows, max_size=n_rows))
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def described(table: pa.Table) -> tuple[object, ...]:
    """Everything that the fingerprint is to tell apart."""
    return tuple((name, str(table[name].type), table[name].to_pylist()) for name in table.column_names)


@given(first=tables(), second=tables())
def test_two_tables_have_one_fingerprint_only_if_they_are_the_same(first: pa.Table, second: pa.Table) -> None:
    assert (fingerprint_table(first) == fingerprint_table(second)) == (described(first) == described(second))


@given(table=tables(), cut=st.integers(0, 6))
def test_chunks_play_no_part(table: pa.Table, cut: int) -> None:
    chunked = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    assert fingerprint_table(chunked) == fingerprint_table(table)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()])
def test_the_width_of_text_plays_no_part(kind: pa.DataType) -> None:
    values = ["a", None, "", "ä", "longer than twelve bytes"]
    assert fingerprint_table(pa.table({"x": pa.array(values, kind)})) == fingerprint_table(
        pa.table({"x": pa.array(values, pa.string())})
    )


@given(table=tables(), data=st.data())
def test_any_changed_value_changes_it(table: pa.Table, data: st.DataObject) -> None:
    if table.num_rows == 0:
        return
    name = data.draw(st.sampled_from(table.column_names))
    row = data.draw(st.integers(0, table.num_rows - 1))
    values = table[name].to_pylist()
    kind = table.schema.field(name).type
    values[row] = data.draw((st.none() | VALUES[kind]).filter(lambda new: new != values[row]))
    changed = table.set_column(table.column_names.index(name), name, pa.array(values, kind))
    assert fingerprint_table(changed) != fingerprint_table(table)


@pytest.mark.parametrize("kind", list(FILLERS), ids=str)
def test_a_null_differs_from_the_value_it_is_filled_with(kind: pa.DataType) -> None:
    held = pa.table({"x": pa.array([FILLERS[kind]], kind)})
    missing = pa.table({"x": pa.array([None], kind)})
    assert fingerprint_table(held) != fingerprint_table(missing)


def test_the_order_of_rows_and_of_columns_and_their_names_count() -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    others = [
        table.take([1, 0]),
        table.select(["b", "a"]),
        table.rename_columns(["a", "c"]),
        table.rename_columns(["b", "a"]),
        table.slice(0, 1),
        table.select(["a"]),
    ]
    assert len({fingerprint_table(other) for other in [table, *others]}) == 7


def test_text_cannot_flow_from_one_value_into_the_next() -> None:
    assert fingerprint_table(pa.table({"x": ["ab", "c"]})) != fingerprint_table(pa.table({"x": ["a", "bc"]}))


def test_a_fingerprint_is_the_hash_of_the_bytes_it_is_said_to_be() -> None:
    table = pa.table({"cell_id": ["a", None], "precip_mm": [0.1, None]})
    second_is_null = bytes([0b01000000])
    cells = b'|"cell_id":string|' + second_is_null + struct.pack("<qq", 1, 0) + b"a"
    rain = b'|"precip_mm":double|' + second_is_null + struct.pack("<dd", 0.1, 0.0)
    assert fingerprint_table(table) == hashlib.sha256(b"2" + cells + rain).hexdigest()
    assert fingerprint_text("ä") == hashlib.sha256(b"\xc3\xa4").hexdigest()


def test_a_mapping_has_one_fingerprint_whatever_its_order() -> None:
    assert fingerprint_mapping({"a": 1, "b": [1.5, "é"]}) == fingerprint_mapping({"b": [1.5, "é"], "a": 1})
    assert fingerprint_mapping({"a": 1}) != fingerprint_mapping({"a": "1"})
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_canonical_text(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": value})


def former_fingerprint(table: pa.Table) -> str:
    """The fingerprint as it was computed at first: whole columns, texts with wide offsets."""
    digest = hashlib.sha256(f"{table.num_rows}".encode())
    for name in table.column_names:
        column = table[name].combine_chunks()
        kind = "string" if pa.types.is_string(column.type) else str(column.type)
        digest.update(f"|{json.dumps(name)}:{kind}|".encode())
        digest.update(np.packbits(pc.is_null(column).to_numpy(zero_copy_only=False)).tobytes())
        filled = column.to_pylist()
        if kind == "string":
            texts = [(text or "").encode() for text in filled]
            digest.update(np.array([len(text) for text in texts], dtype="<i8").tobytes() + b"".join(texts))
            continue
        values = [FILLERS[column.type] if value is None else value for value in filled]
        array = pa.array(values, column.type)
        if pa.types.is_date32(array.type):
            array = array.cast(pa.int32())
        kinds = {pa.bool_(): "u1", pa.float64(): "<f8"}
        plain = array if column.type in kinds else array.cast(pa.int64())
        digest.update(plain.to_numpy(zero_copy_only=False).astype(kinds.get(column.type, "<i8")).tobytes())
    return digest.hexdigest()


@given(tables(), st.data())
def test_columns_one_after_the_other_have_the_fingerprint_that_tables_always_had(
    table: pa.Table, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, table.num_rows))
    part = table.slice(start)
    fingerprint = TableFingerprint(part.num_rows)
    for name in part.column_names:
        fingerprint.add(name, part[name])
    assert fingerprint.hexdigest() == fingerprint_table(part) == former_fingerprint(part)
