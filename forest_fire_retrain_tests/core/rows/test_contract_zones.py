"""Dates are days of the park's time zone: what the contract refuses, accepts and fills in on both sides of the line."""

import datetime as dt

import pyarrow as pa
import pytest

from forest_fire_retrain.core.errors import InputContractError
from forest_fire_retrain.core.rows.contracts import CheckedTables, RawTable, check_tables
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain_tests.core.rows.test_contracts import valid

AUCKLAND, KIRITIMATI = "Pacific/Auckland", "Pacific/Kiritimati"
PAGO_PAGO, LOS_ANGELES = "Pacific/Pago_Pago", "America/Los_Angeles"
FIRE_DAY = dt.date(2024, 7, 1)


def check(
    zone: str, recorded_at: object = None, date: str = "2024-07-01", today: dt.date = dt.date(2024, 7, 31)
) -> CheckedTables:
    """A park with one fire; without `recorded_at` the report says nothing of when it came."""
    tables = valid()
    stated = {} if recorded_at is None else {"recorded_at": pa.array([recorded_at])}
    tables[TableName.FIRES] = {"fire_id": ["f1"], "cell_id": ["a"], "date": [date], "area_ha": ["1"], **stated}
    raw = {name: RawTable(f"{name}.csv", pa.table(columns)) for name, columns in tables.items()}
    return check_tables("park", raw, today=today, assumed_report_lag_days=2, time_zone=zone)


def recorded_at(checked: CheckedTables) -> str:
    return checked.fires["recorded_at"][0].as_py().isoformat()


@pytest.mark.parametrize(
    ("zone", "report"),
    [
        (AUCKLAND, "2024-07-01T07:30:00+12:00"),  # in UTC still the day before
        (AUCKLAND, "2024-06-30T12:00:00Z"),
        (KIRITIMATI, "2024-07-01T00:00:00+14:00"),
        (LOS_ANGELES, "2024-07-01T07:00:00Z"),
        (PAGO_PAGO, "2024-07-01T11:00:00Z"),
        (PAGO_PAGO, "2024-07-01T23:59:59-11:00"),
    ],
)
def test_a_report_of_the_fires_own_day_in_the_zone_is_accepted(zone: str, report: str) -> None:
    assert recorded_at(check(zone, report)) == dt.datetime.fromisoformat(report).astimezone(dt.UTC).isoformat()


@pytest.mark.parametrize(
    ("zone", "report"),
    [
        (AUCKLAND, "2024-06-30T11:59:59Z"),
        (KIRITIMATI, "2024-06-30T23:59:59+14:00"),
        (LOS_ANGELES, "2024-07-01T06:59:59Z"),
        (PAGO_PAGO, "2024-07-01T10:59:59Z"),  # in UTC the fire's day already
    ],
)
def test_a_report_of_the_day_before_in_the_zone_is_refused_and_the_zone_is_named(zone: str, report: str) -> None:
    with pytest.raises(InputContractError, match=f"before the fire.*in {zone}, the FOREST_FIRE_TIME_ZONE"):
        check(zone, report)


def test_what_the_zone_accepts_is_refused_where_it_is_not_set() -> None:
    with pytest.raises(InputContractError, match=r"before the fire.*in UTC, the FOREST_FIRE_TIME_ZONE"):
        check("UTC", "2024-07-01T07:30:00+12:00")


def test_the_summer_hour_counts() -> None:
    first_second = "2026-01-14T11:00:00Z"  # 00:00+13:00 of the 15th
    assert recorded_at(check(AUCKLAND, first_second, "2026-01-15", dt.date(2026, 2, 1))).startswith("2026-01-14T11:00")
    with pytest.raises(InputContractError, match="before the fire"):
        check(AUCKLAND, "2026-07-14T11:00:00Z", "2026-07-15", dt.date(2026, 8, 1))  # 23:00+12:00 of the 14th


@pytest.mark.parametrize(
    ("zone", "last", "first_refused"),
    [
        (AUCKLAND, "2024-07-31T11:59:59Z", "2024-07-31T12:00:00Z"),
        (PAGO_PAGO, "2024-08-01T10:59:59Z", "2024-08-01T11:00:00Z"),
        ("UTC", "2024-07-31T23:59:59Z", "2024-08-01T00:00:00Z"),
    ],
)
def test_the_future_begins_when_today_is_over_in_the_zone(zone: str, last: str, first_refused: str) -> None:
    assert check(zone, last).fires.num_rows == 1
    with pytest.raises(InputContractError, match="in the future"):
        check(zone, first_refused)


@pytest.mark.parametrize(
    ("zone", "date", "known_from"),
    [
        (AUCKLAND, "2024-07-01", "2024-07-02T12:00:00+00:00"),
        (AUCKLAND, "2024-04-06", "2024-04-07T12:00:00+00:00"),  # 25 hours in between
        (LOS_ANGELES, "2024-03-09", "2024-03-11T07:00:00+00:00"),  # 23 hours in between
        (PAGO_PAGO, "2024-07-01", "2024-07-03T11:00:00+00:00"),
        ("UTC", "2024-07-01", "2024-07-03T00:00:00+00:00"),
    ],
)
def test_a_report_that_says_nothing_counts_from_the_midnight_of_the_assumed_day(
    zone: str, date: str, known_from: str
) -> None:
    assert recorded_at(check(zone, date=date)) == known_from


def test_weather_that_says_nothing_counts_from_the_midnight_of_its_day() -> None:
    weather = check(KIRITIMATI).weather
    assert weather["recorded_at"][0].as_py() == dt.datetime(2024, 6, 30, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize("day", ["2024-07-01", FIRE_DAY], ids=["text", "date"])
@pytest.mark.parametrize(("zone", "began"), [(AUCKLAND, "2024-06-30T12:00"), (PAGO_PAGO, "2024-07-01T11:00")])
def test_a_day_in_the_place_of_an_instant_stands_for_its_beginning(zone: str, began: str, day: object) -> None:
    assert recorded_at(check(zone, day)) == f"{began}:00+00:00"


@pytest.mark.parametrize("instant", ["2024-07-01T13:00", dt.datetime(2024, 7, 1, 13)], ids=["text", "timestamp"])  # noqa: DTZ001
def test_an_instant_without_a_zone_is_utc_in_every_park(instant: object) -> None:
    assert recorded_at(check(PAGO_PAGO, instant)) == "2024-07-01T13:00:00+00:00"


def test_absurd_dates_are_refused_and_nothing_breaks() -> None:
    for zone in (KIRITIMATI, PAGO_PAGO):
        with pytest.raises(InputContractError, match="in the future"):
            check(zone, date="2200-01-01")
        assert check(zone, date="1700-01-01").fires.num_rows == 1
