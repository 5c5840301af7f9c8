"""Retraining periods as plain dates: the same as Dagster's partitions, and a message for a key that is none."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.errors import UnknownPartitionError
from forest_fire_retrain.core.periods import (
    MIN_ACTIVE_DAYS,
    Period,
    PeriodKind,
    Periods,
    active_days,
    active_key,
    align_to_cadence,
    day_in,
    is_active,
    key_of,
    period_holding,
    period_starting,
    read_key,
)
from forest_fire_retrain.core.windows import Cadence, Interval, WindowPolicy, midnight
from forest_fire_retrain.defs.partitions import build_partitions
from forest_fire_retrain.settings import Settings

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=400, min_training_days=60)
CADENCES = st.sampled_from(Cadence)
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2028, 12, 31))
ZONES = st.sampled_from(
    (
        *("UTC", "Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Apia", "Pacific/Pago_Pago"),
        *("America/Los_Angeles", "America/Havana", "America/Asuncion", "Africa/Cairo"),
    )
)
INSTANTS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2028, 12, 31), timezones=st.just(dt.UTC))  # noqa: DTZ001


def periods_of(
    cadence: Cadence = Cadence.WEEKLY, start: dt.date = dt.date(2024, 1, 1), time_zone: str = "UTC"
) -> Periods:
    return Periods(history_start=start, history_end=None, cadence=cadence, policy=POLICY, time_zone=time_zone)


@given(CADENCES, DAYS, st.none() | DAYS, INSTANTS, ZONES)
def test_closed_periods_are_dagsters_partitions(
    cadence: Cadence, start: dt.date, end: dt.date | None, now: dt.datetime, time_zone: str
) -> None:
    settings = Settings(
        home=Path("nowhere"),
        cadence=cadence,
        start_date=start,
        end_date=end,
        min_training_days=60,
        time_zone=time_zone,
    )
    if end is not None and end <= settings.periods.first_start:
        return  # Dagster takes no partitions that end before they start
    assert settings.periods.closed_keys(now) == build_partitions(settings).get_partition_keys(current_time=now)


def test_a_period_is_closed_at_midnight_after_its_last_day() -> None:
    periods = periods_of()
    last_moment = dt.datetime(2024, 4, 14, 23, 59, 59, tzinfo=dt.UTC)
    assert periods.closed_keys(last_moment)[-1] == "2024-04-01"
    assert periods.closed_keys(last_moment + dt.timedelta(seconds=1))[-1] == "2024-04-08"


@given(CADENCES, st.integers(0, 300), ZONES, st.sampled_from((-1, 0)))
def test_dagster_has_a_partition_from_the_second_at_which_its_period_is_over(
    cadence: Cadence, place: int, time_zone: str, second: int
) -> None:
    settings = Settings(home=Path("nowhere"), cadence=cadence, start_date=dt.date(2010, 1, 1), time_zone=time_zone)
    period = settings.periods.closed(dt.datetime(2037, 12, 31, tzinfo=dt.UTC))[place]
    now = midnight(period.end, time_zone) + dt.timedelta(seconds=second)
    keys = build_partitions(settings).get_partition_keys(current_time=now)
    assert keys == settings.periods.closed_keys(now)
    assert (key_of(period) in keys) == (second == 0)


@pytest.mark.parametrize(
    ("time_zone", "start", "over"),
    [
        ("Pacific/Auckland", "2026-09-21", "2026-09-27T11:00"),  # 167 hours: Sunday has 23
        ("Pacific/Auckland", "2026-03-30", "2026-04-05T12:00"),  # 169 hours: Sunday has 25
        ("America/Los_Angeles", "2026-03-02", "2026-03-09T07:00"),
        ("America/Los_Angeles", "2026-10-26", "2026-11-02T08:00"),
        ("Pacific/Kiritimati", "2026-06-01", "2026-06-07T10:00"),
        ("Pacific/Pago_Pago", "2026-06-01", "2026-06-08T11:00"),
    ],
)
def test_a_week_is_over_at_its_ends_midnight_in_the_zone(time_zone: str, start: str, over: str) -> None:
    periods, instant = periods_of(time_zone=time_zone), dt.datetime.fromisoformat(f"{over}+00:00")
    assert start not in periods.closed_keys(instant - dt.timedelta(seconds=1))
    assert periods.closed_keys(instant)[-1] == start


def test_another_zones_instant_counts_as_the_utc_day_it_lies_on() -> None:
    sydney = dt.timezone(dt.timedelta(hours=11))
    now = dt.datetime(2024, 4, 15, 9, tzinfo=sydney)  # still the 14th in UTC
    assert periods_of().closed_keys(now)[-1] == "2024-04-01"


@given(CADENCES, DAYS)
def test_periods_tile_time(cadence: Cadence, day: dt.date) -> None:
    start = align_to_cadence(day, cadence)
    period = period_starting(start, cadence)
    assert day <= start
    assert align_to_cadence(period.end, cadence) == period.end


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("2024-04-09", "nearest: 2024-04-08 and 2024-04-15"),
        ("2023-01-02", "nearest: 2024-04-01"),
        ("2031-01-06", "nearest: 2024-04-29"),
        ("soon", "'soon' is not a closed weekly retraining period"),
    ],
)
def test_a_key_that_is_no_closed_period_is_refused_with_the_nearest(key: str, says: str) -> None:
    with pytest.raises(UnknownPartitionError, match=says):
        periods_of().check_key(key, dt.datetime(2024, 5, 6, tzinfo=dt.UTC))


def test_before_the_first_period_is_over_its_start_is_named() -> None:
    with pytest.raises(UnknownPartitionError, match="the first one starts on 2024-04-01"):
        periods_of().check_key("2024-04-01", dt.datetime(2024, 2, 6, tzinfo=dt.UTC))


def test_a_span_reaches_over_all_its_periods() -> None:
    span = periods_of().span_of(["2024-04-15", "2024-04-01", "2024-04-08"])
    assert (span.start, span.end) == (dt.date(2024, 4, 1), dt.date(2024, 4, 22))


@given(CADENCES, DAYS)
def test_the_period_that_holds_a_day_is_one_of_the_calendar(cadence: Cadence, day: dt.date) -> None:
    held = period_holding(day, cadence)
    assert day in held
    assert held == period_starting(align_to_cadence(held.start, cadence), cadence)


def test_an_active_period_begins_with_the_one_that_is_open_on_its_day() -> None:
    days = Interval(start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 24))
    assert read_key("2026-11-24+active", Cadence.MONTHLY) == Period(PeriodKind.ACTIVE, days)
    scheduled = Interval(start=dt.date(2026, 11, 1), end=dt.date(2026, 12, 1))
    assert read_key("2026-11-01", Cadence.MONTHLY) == Period(PeriodKind.SCHEDULED, scheduled)
    assert [is_active(key) for key in ("2026-11-24+active", "2026-11-24")] == [True, False]


@given(CADENCES, DAYS)
def test_an_active_period_lies_in_the_next_scheduled_one_and_has_a_week_or_more(cadence: Cadence, day: dt.date) -> None:
    key = active_key(day)
    assert day_in(key) == day
    if active_days(day, cadence) < MIN_ACTIVE_DAYS:
        with pytest.raises(UnknownPartitionError, match="needs 7"):
            read_key(key, cadence)
        return
    assert cadence is Cadence.MONTHLY
    days, scheduled = read_key(key, cadence).days, period_holding(day, cadence)
    assert days.start == scheduled.start
    assert days.end <= scheduled.end
    periods = Periods(history_start=dt.date(2018, 1, 1), history_end=None, cadence=cadence, policy=POLICY)
    active, next_one = periods.windows_of(key), periods.windows_of(key_of(scheduled))
    assert (active.partition_key, active.as_of) == (key, day)
    assert active.holdout.end == day - dt.timedelta(days=POLICY.label_delay_days)
    assert (active.training, active.gap, active.holdout.start) == (
        next_one.training,
        next_one.gap,
        next_one.holdout.start,
    )
    assert periods.span_of([key]) == days


@pytest.mark.parametrize("key", ["", "soon", "2026-13-01", "+active", "2026-11-24+ACTIVE", "2026-11-24active"])
def test_a_key_that_means_no_period_says_how_one_is_called(key: str) -> None:
    with pytest.raises(UnknownPartitionError, match="YYYY-MM-DD"):
        read_key(key, Cadence.MONTHLY)
