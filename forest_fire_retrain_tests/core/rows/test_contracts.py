"""Every breach of the data contract is named with file, column, rows and limit; nothing passes in part."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from forest_fire_retrain.core.errors import InputContractError
from forest_fire_retrain.core.rows.contracts import MAX_INVERSION_C, CheckedTables, RawTable, check_tables
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName

TODAY = dt.date(2024, 7, 31)
Columns = dict[str, Any]  # lists and Arrow arrays
Tables = dict[TableName, Columns]


def valid() -> Tables:
    """Text as a CSV file delivers it; row 2 is the first of data."""
    return {
        TableName.CELLS: {
            "cell_id": ["a", "b"],
            "name": ["Park", "Park"],
            "latitude": ["34.5", "-12"],
            "longitude": ["-118.0", "130"],
        },
        TableName.WEATHER: {
            "cell_id": ["a", "b", "a"],
            "date": ["2024-07-01", "2024-07-01", "2024-07-02"],
            "temp_max_c": ["30.1", "31", "32"],
            "temp_min_c": ["12", "11.5", "10"],
            "rel_humidity_pct": [None, None, None],
            "wind_speed_kmh": ["5", "6", None],
            "precip_mm": ["0", None, "1.5"],
        },
        TableName.FIRES: {
            "fire_id": ["f1", "f2"],
            "cell_id": ["a", "b"],
            "date": ["2024-07-01", "2024-07-02"],
            "area_ha": ["3.5", None],
        },
    }


def check(tables: Tables) -> CheckedTables:
    raw = {name: RawTable(f"{name}.csv", pa.table(columns)) for name, columns in tables.items()}
    return check_tables("park", raw, today=TODAY, assumed_report_lag_days=2)


def violations_of(tables: Tables) -> tuple[str, ...]:
    with pytest.raises(InputContractError) as caught:
        check(tables)
    return caught.value.violations


def with_columns(table: str, **columns: Any) -> Tables:
    tables = valid()
    tables[TableName(table)].update(columns)
    return tables


def test_a_source_that_keeps_the_contract_comes_out_in_the_canonical_schemas() -> None:
    checked = check(valid())
    assert checked.cells.schema.equals(CELLS_SCHEMA, check_metadata=True)
    assert checked.weather.schema.equals(WEATHER_SCHEMA, check_metadata=True)
    assert checked.fires.schema.equals(FIRES_SCHEMA, check_metadata=True)
    assert checked.warnings == ()


def test_missing_is_never_taken_for_zero() -> None:
    checked = check(valid())
    assert checked.weather["precip_mm"].to_pylist() == [0.0, None, 1.5]
    assert checked.weather["rel_humidity_pct"].to_pylist() == [None, None, None]
    assert checked.fires["area_ha"].to_pylist() == [3.5, None]
    assert checked.cells["elevation_m"].to_pylist() == [None, None]


A_DAY = "a day such as 2024-07-31"
AN_INSTANT = "an instant such as 2024-07-31T06:00:00Z"
HERE = "in UTC, the FOREST_FIRE_TIME_ZONE"
IF_STATED = "only with a column recorded_at"
SEEN = "text without blanks at its ends and without control characters"
IN_EVERY_ROW = "a value in every row"
AT_ONCE = ["2024-07-03", "2024-07-03T00:00Z"]
ONE_PER_KEY = "one row per key (a correction states a later recorded_at)"
NOON = dt.datetime(2024, 7, 1, 12)  # noqa: DTZ001 - naive on purpose
BREACHES = {
    "a number that is text": (
        ("weather", "temp_max_c", ["30", "3,5", "warm"]),
        "2 values cannot be read as a decimal number, rows 3, 4: observed '3,5', 'warm'; allowed a decimal number",
    ),
    "a number that is a yes or no": (
        ("weather", "precip_mm", [True, None, None]),
        "1 value cannot be read as a decimal number, row 2: observed True; allowed a decimal number",
    ),
    "a number that is a list": (
        ("fires", "area_ha", [[1.0], None]),
        "1 value cannot be read as a decimal number, row 2: observed [1.0]; allowed a decimal number",
    ),
    "a day that is not in the calendar": (
        ("weather", "date", ["2024-07-01", "2024-02-30", "2024-07-02"]),
        f"1 value cannot be read as {A_DAY}, row 3: observed '2024-02-30'; allowed {A_DAY}",
    ),
    "a day beyond the calendar": (
        ("fires", "date", pa.array([6_666_666, 19_905], pa.int32()).cast(pa.date32())),
        f"1 value cannot be read as {A_DAY}, row 2: observed '20222-09-18'; allowed {A_DAY}",
    ),
    "a day before the calendar": (
        ("fires", "date", pa.array([19_905, -800_000], pa.int32()).cast(pa.date32())),
        f"1 value cannot be read as {A_DAY}, row 3: observed '-0221-09-04'; allowed {A_DAY}",
    ),
    "a midnight beyond the calendar": (
        (
            "fires",
            "date",
            pa.array([253_402_300_800_000_000, 1_719_792_000_000_000], pa.int64()).cast(pa.timestamp("us")),
        ),
        f"1 value cannot be read as {A_DAY}, row 2: observed '10000-01-01 00:00:00.000000'; allowed {A_DAY}",
    ),
    "an instant beyond the calendar": (
        (
            "fires",
            "recorded_at",
            pa.array([253_402_300_800_000_000, 1_720_000_000_000_000], pa.int64()).cast(pa.timestamp("us")),
        ),
        f"1 value cannot be read as {AN_INSTANT}, row 2: observed '10000-01-01 00:00:00.000000'; allowed {AN_INSTANT}",
    ),
    "a number without end": (
        ("fires", "area_ha", ["1e308", "2"]),
        "1 value impossible, row 2: observed 1e+308; allowed 0 to 100,000,000 ha",
    ),
    "an id that is blank": (
        ("fires", "fire_id", ["  ", "f2"]),
        f"1 value with something that cannot be seen, row 2: observed '  '; allowed {SEEN}",
    ),
    "an id with a blank at its end": (
        ("fires", "fire_id", ["f1", "f2\u00a0"]),
        f"1 value with something that cannot be seen, row 3: observed 'f2\\xa0'; allowed {SEEN}",
    ),
    "an id with a control character": (
        ("fires", "fire_id", ["f\x001", "f2"]),
        f"1 value with something that cannot be seen, row 2: observed 'f\\x001'; allowed {SEEN}",
    ),
    "an id with a mark of no width": (
        ("fires", "fire_id", ["\ufefff1", "f2"]),
        f"1 value with something that cannot be seen, row 2: observed '\\ufefff1'; allowed {SEEN}",
    ),
    "a day in an ambiguous notation": (
        ("fires", "date", ["01/07/2024", "2024-07-02"]),
        f"1 value cannot be read as {A_DAY}, row 2: observed '01/07/2024'; allowed {A_DAY}",
    ),
    "a day with an hour": (
        ("fires", "date", [NOON, NOON.replace(hour=0)]),
        f"1 value cannot be read as {A_DAY}, row 2: observed 2024-07-01 12:00:00; allowed {A_DAY}",
    ),
    "a day with a time zone": (
        ("fires", "date", [dt.datetime(2024, 7, 1, tzinfo=dt.UTC)] * 2),
        f"2 values cannot be read as {A_DAY}, rows 2, 3: observed 2024-07-01 00:00:00+00:00; allowed {A_DAY}",
    ),
    "an instant that is none": (
        ("fires", "recorded_at", ["2024-07-03 25:00", "2024-07-03"]),
        f"1 value cannot be read as {AN_INSTANT}, row 2: observed '2024-07-03 25:00'; allowed {AN_INSTANT}",
    ),
    "an identifier that is a fraction": (
        ("fires", "fire_id", [1.5, 2.0]),
        "2 values cannot be read as text, rows 2, 3: observed 1.5, 2.0; allowed text",
    ),
    "an unknown cell of weather": (
        ("weather", "cell_id", ["a", "A", "zz"]),
        "2 values unknown, rows 3, 4: observed 'A', 'zz'; allowed the cells of cells.csv",
    ),
    "an unknown cell of a fire": (
        ("fires", "cell_id", ["a", "zz"]),
        "1 value unknown, row 3: observed 'zz'; allowed the cells of cells.csv",
    ),
    "an empty text as a key": (
        ("fires", "fire_id", ["f1", ""]),
        f"1 value missing, row 3: observed nothing; allowed {IN_EVERY_ROW}",
    ),
    "a fire without a day": (
        ("fires", "date", [None, "2024-07-02"]),
        f"1 value missing, row 2: observed nothing; allowed {IN_EVERY_ROW}",
    ),
    "a recording time stated for some rows only": (
        ("fires", "recorded_at", ["2024-07-03", None]),
        f"1 value missing, row 3: observed nothing; allowed {IN_EVERY_ROW}",
    ),
    "a cell without a latitude": (
        ("cells", "latitude", ["NaN", "34"]),
        f"1 value missing, row 2: observed nothing; allowed {IN_EVERY_ROW}",
    ),
    "a date after today": (
        ("weather", "date", ["2024-08-01", "2024-07-31", "2024-07-02"]),
        f"1 value in the future, row 2: observed 2024-08-01; allowed up to 2024-07-31 {HERE}, and later {IF_STATED}",
    ),
    "a recording after today": (
        ("fires", "recorded_at", ["2024-07-31T23:59:59Z", "2024-07-31T22:00:00-03:00"]),
        f"1 value in the future, row 3: observed 2024-08-01 01:00:00+00:00; allowed up to 2024-07-31 {HERE}",
    ),
    "a report before its fire": (
        ("fires", "recorded_at", ["2024-07-01", "2024-07-01T23:59:59"]),
        f"1 value before the fire, row 3: observed 2024-07-01 23:59:59+00:00; allowed the fire's date or later {HERE}",
    ),
    "the lowest temperature far above the highest": (
        ("weather", "temp_min_c", ["12", "41.5", "10"]),
        "1 value too far above temp_max_c, row 3: observed 10.5; allowed at most 10 °C above",
    ),
}


@pytest.mark.parametrize(("changed", "sentence"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_is_named_with_file_column_rows_and_limit(changed: tuple[str, str, Any], sentence: str) -> None:
    table, column, values = changed
    assert violations_of(with_columns(table, **{column: values})) == (f"{table}.csv, column {column}: {sentence}",)


@pytest.mark.parametrize(
    ("table", "columns", "keys", "observed"),
    [
        (
            "weather",
            {"date": ["2024-07-01"] * 3},
            "cell_id, date, recorded_at",
            "temp_max_c 30.1 and 32.0 in rows 2 and 4",
        ),
        ("fires", {"fire_id": ["f", "f"], "cell_id": ["a", "a"]}, "fire_id", "date 2024-07-01 and 2024-07-02"),
        (
            "fires",
            {"fire_id": ["f", "f"], "recorded_at": AT_ONCE},
            "fire_id, recorded_at",
            "cell_id a and b in rows 2 and 3",
        ),
    ],
    ids=["weather", "a fire's id used again, recording unstated", "reports of one instant"],
)
def test_rows_that_share_a_key_and_contradict_are_refused(
    table: str, columns: Columns, keys: str, observed: str
) -> None:
    (sentence,) = violations_of(with_columns(table, **columns))
    assert sentence.startswith(f"{table}.csv, column {keys}: 2 rows share a key and differ, rows 2, ")
    assert f": observed {observed}" in sentence
    assert sentence.endswith(f"; allowed {ONE_PER_KEY}")


def test_two_accounts_of_one_cell_are_refused() -> None:
    violations = violations_of(with_columns("cells", cell_id=["a", "a"]))
    assert violations[0] == (
        "cells.csv, column cell_id: 2 rows share a key and differ, rows 2, 3: "
        f"observed latitude 34.5 and -12.0 in rows 2 and 3; allowed {ONE_PER_KEY}"
    )


@pytest.mark.parametrize(
    ("table", "column", "low", "high", "allowed"),
    [
        ("cells", "latitude", -90, 90, "-90 to 90 degrees north"),
        ("cells", "longitude", -180, 180, "-180 to 180 degrees east"),
        ("cells", "elevation_m", -450, 9000, "-450 to 9,000 m"),
        ("weather", "rel_humidity_pct", 0, 100, "0 to 100 %"),
        ("weather", "wind_speed_kmh", 0, 300, "0 to 300 km/h"),
        ("weather", "precip_mm", 0, 2000, "0 to 2,000 mm"),
        ("fires", "area_ha", 0, 100_000_000, "0 to 100,000,000 ha"),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_limits_are_allowed_and_anything_beyond_is_impossible(
    table: str, column: str, low: int, high: int, allowed: str, *, as_text: bool
) -> None:
    n_rows = len(next(iter(valid()[TableName(table)].values())))
    for edge, beyond in ((low, low - 0.001), (high, high + 0.001), (high, float("inf"))):
        good, bad = [edge] * n_rows, [edge] * (n_rows - 1) + [beyond]
        if as_text and beyond != float("inf"):
            good, bad = [str(value) for value in good], [str(value) for value in bad]
        check(with_columns(table, **{column: good}))
        assert violations_of(with_columns(table, **{column: bad})) == (
            (
                f"{table}.csv, column {column}: 1 value impossible, row {n_rows + 1}: observed {float(beyond)}; "
                f"allowed {allowed}"
            ),
        )


@pytest.mark.parametrize(
    ("column", "value"), [("temp_max_c", "5537"), ("temp_min_c", "-60.1"), ("temp_max_c", "1e999")]
)
def test_a_temperature_nobody_has_measured_is_impossible(column: str, value: str) -> None:
    values = valid()[TableName.WEATHER][column]
    (sentence,) = violations_of(with_columns("weather", **{column: [*values[:2], value]}))
    assert f"column {column}: 1 value impossible, row 4: observed {float(value)}; allowed -60 to 60 °C" in sentence


def test_a_lowest_temperature_slightly_above_the_highest_is_let_through() -> None:
    checked = check(with_columns("weather", temp_min_c=[str(30.1 + MAX_INVERSION_C), "11", "10"]))
    assert checked.weather["temp_min_c"].to_pylist()[0] == 30.1 + MAX_INVERSION_C


def test_all_missing_columns_are_listed_beside_those_found() -> None:
    tables = valid()
    del tables[TableName.WEATHER]["precip_mm"], tables[TableName.WEATHER]["cell_id"]
    assert violations_of(tables) == (
        (
            "weather.csv: missing column cell_id, precip_mm; found date, temp_max_c, temp_min_c, rel_humidity_pct, "
            "wind_speed_kmh"
        ),
    )


def test_a_column_that_stands_twice_is_refused_not_chosen() -> None:
    fires = pa.table(valid()[TableName.FIRES])
    twice = fires.append_column("date", fires["date"])
    raw = {name: RawTable(f"{name}.csv", pa.table(columns)) for name, columns in valid().items()}
    raw[TableName.FIRES] = RawTable("fires.csv", twice)
    with pytest.raises(InputContractError, match=r"fires\.csv: column date is there more than once"):
        check_tables("park", raw, today=TODAY, assumed_report_lag_days=2)


def test_no_cells_are_no_source() -> None:
    tables = {name: {column: [] for column in columns} for name, columns in valid().items()}
    assert violations_of(tables) == ("cells.csv: 0 rows; allowed at least one cell",)


def test_everything_wrong_in_every_table_stands_in_one_message() -> None:
    tables = valid()
    tables[TableName.CELLS]["latitude"] = ["91", "34"]
    tables[TableName.WEATHER] |= {"temp_max_c": ["5537", "x", "30"], "precip_mm": ["-1", "0", "0"]}
    tables[TableName.FIRES] |= {"cell_id": ["a", "zz"], "date": ["2031-01-01", "2024-07-02"]}
    raw = {name: RawTable(f"{name}.csv", pa.table(columns)) for name, columns in tables.items()}
    with pytest.raises(InputContractError) as caught:
        check_tables("park", raw, today=TODAY, assumed_report_lag_days=2, found_before=["seen before"])
    assert len(caught.value.violations) == 7
    for part in ("park", "seen before", "91.0", "5537.0", "'x'", "-1.0", "'zz'", "2031-01-01", "nothing was written"):
        assert part in str(caught.value)


def test_rows_beyond_the_first_five_are_counted() -> None:
    tables = valid()
    tables[TableName.FIRES] = {
        "fire_id": [f"f{number}" for number in range(12)],
        "cell_id": ["a"] * 12,
        "date": ["2024-07-01"] * 12,
        "area_ha": [f"-{number}" for number in range(12)],
    }
    (sentence,) = violations_of(tables)
    assert "11 values impossible, rows 3, 4, 5, 6, 7 and 6 more: observed -1.0, -2.0, -3.0;" in sentence


def test_identical_duplicates_are_dropped_and_named() -> None:
    tables = valid()
    for columns in tables.values():
        for values in columns.values():
            values.append(values[0])
    checked = check(tables)
    assert [table.num_rows for table in checked[:3]] == [2, 3, 2]
    assert checked.warnings == (
        "cells.csv: identical duplicates dropped: 1, row 4.",
        "weather.csv: identical duplicates dropped: 1, row 5.",
        "fires.csv: identical duplicates dropped: 1, row 4.",
    )


def test_columns_the_contract_does_not_know_are_ignored_and_named() -> None:
    checked = check(with_columns("cells", park_unit=["x", "y"], acres=["1", "2"]))
    assert checked.warnings == ("cells.csv: the contract does not know column acres, park_unit; ignored.",)
