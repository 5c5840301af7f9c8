"""Columns of days and instants against the park's zone: the same days as one by one, the date line included."""

import datetime as dt
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.park_days import days_of, midnights
from forest_fire_retrain.core.rows.tables import UTC_INSTANT
from forest_fire_retrain.core.windows import day_of, midnight

ZONES = (
    *("UTC", "Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Apia", "Pacific/Pago_Pago", "America/Los_Angeles"),
    *("America/Havana", "America/Santiago", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"),
)
ANY_ZONE = st.sampled_from(ZONES)
INSTANTS = st.datetimes(dt.datetime(1985, 1, 1), dt.datetime(2036, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
DATES = st.dates(dt.date(1985, 1, 1), dt.date(2036, 1, 1))
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@given(ANY_ZONE, st.lists(st.none() | INSTANTS, max_size=6))
@example("America/St_Johns", [dt.datetime(2008, 11, 2, 3, tzinfo=dt.UTC)])  # clocks went back over midnight
@example(
    "Pacific/Apia", [dt.datetime(2011, 12, 30, 9, 59, tzinfo=dt.UTC), dt.datetime(2011, 12, 30, 10, tzinfo=dt.UTC)]
)
def test_a_columns_days_are_those_of_its_instants(zone: str, instants: list[dt.datetime | None]) -> None:
    column = pa.chunked_array([pa.array(instants, UTC_INSTANT)])
    expected = [None if instant is None else day_of(instant, zone) for instant in instants]
    assert days_of(column, zone).to_pylist() == expected


@given(ANY_ZONE, st.lists(st.none() | DATES, max_size=6))
def test_a_columns_midnights_are_those_of_its_days(zone: str, days: list[dt.date | None]) -> None:
    column = pa.chunked_array([pa.array(days, pa.date32())])
    expected = [None if day is None else midnight(day, zone) for day in days]
    assert midnights(column, zone).to_pylist() == expected


@given(ANY_ZONE, INSTANTS)
def test_every_instant_lies_between_its_days_midnight_and_the_next(zone: str, instant: dt.datetime) -> None:
    day = day_of(instant, zone)
    assert midnight(day, zone) <= instant < midnight(day + DAY, zone)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Pacific/Auckland", dt.date(2026, 9, 27), 23),
        ("Pacific/Auckland", dt.date(2026, 4, 5), 25),
        ("America/Los_Angeles", dt.date(2026, 3, 8), 23),
        ("America/Los_Angeles", dt.date(2026, 11, 1), 25),
        ("America/Havana", dt.date(2026, 3, 8), 23),  # at midnight
        ("America/Havana", dt.date(2026, 11, 1), 25),  # 00:00 comes twice
        ("Pacific/Kiritimati", dt.date(2026, 4, 5), 24),
        ("Pacific/Apia", dt.date(2011, 12, 30), 0),  # the day that the date line took
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: dt.date, hours: int) -> None:
    assert midnight(day + DAY, zone) - midnight(day, zone) == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "began"),
    [
        ("Pacific/Auckland", "2026-07-30T12:00+00:00"),
        ("Pacific/Kiritimati", "2026-07-30T10:00+00:00"),
        ("America/Los_Angeles", "2026-07-31T07:00+00:00"),
        ("Pacific/Pago_Pago", "2026-07-31T11:00+00:00"),
        ("UTC", "2026-07-31T00:00+00:00"),
    ],
)
def test_a_day_begins_at_its_zones_midnight(zone: str, began: str) -> None:
    assert midnight(dt.date(2026, 7, 31), zone) == dt.datetime.fromisoformat(began)
    assert day_of(dt.datetime.fromisoformat(began), zone) == dt.date(2026, 7, 31)
    assert day_of(dt.datetime.fromisoformat(began) - dt.timedelta(seconds=1), zone) == dt.date(2026, 7, 30)


def test_where_00_00_comes_twice_the_day_begins_with_the_first() -> None:
    first = dt.datetime(2026, 11, 1, tzinfo=ZoneInfo("America/Havana"))
    assert midnight(dt.date(2026, 11, 1), "America/Havana") == first.astimezone(dt.UTC)
    assert first.utcoffset() == -4 * HOUR  # still summer time


def test_days_at_the_ends_of_the_calendar_do_no_harm() -> None:
    column = pa.chunked_array([pa.array([dt.date.min, dt.date.max], pa.date32())])
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert (
            days_of(midnights(column, zone), zone).cast(pa.int32()).to_pylist() == column.cast(pa.int32()).to_pylist()
        )
