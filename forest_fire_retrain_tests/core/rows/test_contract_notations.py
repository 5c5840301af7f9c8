"""What keeps the data contract is read the same in every type, order and notation, and dated as the contract says."""

import datetime as dt
import decimal
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain_tests.core.rows.test_contracts import (
    Columns,
    check,
    valid,
    with_columns,
)
from forest_fire_retrain_tests.property_examples import examples


def test_unstated_recording_is_the_day_for_weather_and_the_lag_later_for_fires() -> None:
    checked = check(valid())
    assert checked.weather["recorded_at"].to_pylist()[-1] == dt.datetime(2024, 7, 2, tzinfo=dt.UTC)
    assert checked.fires["recorded_at"].to_pylist() == [dt.datetime(2024, 7, day, tzinfo=dt.UTC) for day in (3, 4)]


def test_an_assumed_report_of_tomorrow_is_no_date_in_the_future() -> None:
    checked = check(with_columns("fires", date=["2024-07-31", "2024-07-30"]))
    assert checked.fires["recorded_at"].to_pylist()[-1] == dt.datetime(2024, 8, 2, tzinfo=dt.UTC)


def test_recording_without_a_time_zone_is_utc_and_with_one_becomes_it() -> None:
    checked = check(with_columns("fires", recorded_at=["2024-07-03 06:00", "2024-07-03T06:00:00-08:00"]))
    assert checked.fires["recorded_at"].to_pylist() == [
        dt.datetime(2024, 7, 3, hour, tzinfo=dt.UTC) for hour in (6, 14)
    ]


def test_a_later_row_of_a_fire_and_weather_recorded_late_are_corrections() -> None:
    tables = with_columns("fires", fire_id=["f1", "f1"], recorded_at=["2024-07-03", "2024-07-09"])
    tables[TableName.WEATHER] |= {
        "date": ["2024-07-01", "2024-07-01", "2024-07-01"],
        "recorded_at": ["2024-07-01", "2024-06-30", "2024-07-09"],
    }
    checked = check(tables)
    assert (checked.fires.num_rows, checked.weather.num_rows) == (2, 3)


@pytest.mark.parametrize(
    "columns",
    [
        {"cell_id": pa.array(["a", "b", "a"]).dictionary_encode()},
        {"cell_id": pa.array(["a", "b", "a"], pa.large_string())},
        {"date": [dt.date(2024, 7, 1), dt.date(2024, 7, 1), dt.date(2024, 7, 2)]},
        {"date": [dt.datetime(2024, 7, day) for day in (1, 1, 2)]},  # noqa: DTZ001 - naive on purpose
        {"date": ["2024-07-01T00:00:00", "2024-07-01 00:00", "2024-07-02"]},
        {"precip_mm": [0.0, float("nan"), 1.5]},
        {"precip_mm": [decimal.Decimal("0.0"), None, decimal.Decimal("1.5")]},
        {"precip_mm": [" 0.00", "N/A", "+15e-1"]},
        {"temp_max_c": ["30.1", "31.0", "32."]},
        {"rel_humidity_pct": pa.nulls(3)},
        {"recorded_at": pa.array([dt.date(2024, 7, 1), dt.date(2024, 7, 1), dt.date(2024, 7, 2)])},
        {"recorded_at": pa.array([dt.datetime(2024, 7, day) for day in (1, 1, 2)], pa.timestamp("ns"))},  # noqa: DTZ001 - naive on purpose
    ],
    ids=lambda columns: f"{next(iter(columns))} {next(iter(columns.values()))!s:.30}",
)
def test_the_same_values_in_another_type_are_the_same_table(columns: Columns) -> None:
    expected, found = check(valid()), check(with_columns("weather", **columns))
    assert found.weather.equals(expected.weather)


def test_whole_numbers_identify_cells_alike_in_every_table() -> None:
    tables = with_columns("cells", cell_id=[7, 8])
    tables[TableName.WEATHER]["cell_id"] = ["7", "8", "7"]
    tables[TableName.FIRES]["cell_id"] = [8, 7]
    assert check(tables).fires["cell_id"].to_pylist() == ["8", "7"]


@examples(50)
@given(area_ha=st.floats(0, 1e8))
def test_a_number_written_as_text_is_read_to_the_last_bit(area_ha: float) -> None:
    checked = check(with_columns("fires", area_ha=[repr(area_ha), None]))
    assert checked.fires["area_ha"].to_pylist() == [area_ha, None]


@examples(25)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_plays_no_part(random: random.Random) -> None:
    tables = with_columns("fires", fire_id=["f1", "f1"], recorded_at=["2024-07-03", "2024-07-09"])
    for columns in tables.values():
        order = [*range(n_rows := len(columns["cell_id"])), random.randrange(n_rows)]
        random.shuffle(order)
        columns.update({name: [values[position] for position in order] for name, values in columns.items()})
    expected = check(with_columns("fires", fire_id=["f1", "f1"], recorded_at=["2024-07-03", "2024-07-09"]))
    for found, table in zip(check(tables)[:3], expected[:3], strict=True):
        assert fingerprint_table(found) == fingerprint_table(table)
