"""A day or an instant as a person writes it is one instant, and never one that the park's clocks did not show once."""

import datetime as dt
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.moments import read_moment
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain_tests.property_examples import examples

NOW = dt.datetime(2026, 7, 14, 12, tzinfo=dt.UTC)
ZONES = ("UTC", "Europe/Lisbon", "America/Los_Angeles", "Pacific/Auckland", "America/St_Johns")
DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2026, 7, 12))


@given(DAYS, st.sampled_from(ZONES))
@examples(100)
def test_a_day_that_is_over_stands_for_its_last_instant(day: dt.date, zone: str) -> None:
    moment = read_moment(day.isoformat(), zone, NOW)
    assert moment.day == day
    assert day_of(moment.instant, zone) == day
    assert day_of(moment.instant + dt.timedelta(microseconds=1), zone) == day + dt.timedelta(days=1)


@given(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2026, 7, 12)), st.sampled_from(ZONES))  # noqa: DTZ001 - naive
@examples(200)
def test_an_instant_without_a_zone_is_what_the_parks_clocks_show_or_refused(naive: dt.datetime, zone: str) -> None:
    try:
        moment = read_moment(naive.isoformat(), zone, NOW)
    except RefusedRequestError:
        instants = {naive.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
        assert len(instants) > 1
    else:
        assert moment.instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == naive
        assert zone in moment.reading


@pytest.mark.parametrize("text", ["2026-07-14T06:30Z", "2026-07-14T08:30+02:00", "2026-07-14 06:30:00+00:00"])
def test_an_instant_with_an_offset_means_the_same_in_every_zone(text: str) -> None:
    instants = {read_moment(text, zone, NOW).instant for zone in ZONES}
    assert instants == {dt.datetime(2026, 7, 14, 6, 30, tzinfo=dt.UTC)}


def test_the_day_that_lasts_stands_for_now_and_is_the_parks() -> None:
    today = read_moment("2026-07-14", "UTC", NOW)
    assert (today.instant, today.reading) == (NOW, "now, as 2026-07-14 lasts in UTC")
    assert read_moment("2026-07-15", "Pacific/Auckland", NOW).instant == NOW
    with pytest.raises(RefusedRequestError, match="lies in the future"):
        read_moment("2026-07-15", "UTC", NOW)


@pytest.mark.parametrize("text", ["", "now", "2026-7-4", "2026-02-30", "12:00", "2026-07-14T25:00", "0001-13-01"])
def test_what_is_neither_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(RefusedRequestError, match=r"neither a day nor an instant\. Write 2026-07-14, or"):
        read_moment(text, "Europe/Lisbon", NOW)


@pytest.mark.parametrize(
    "text", ["0001-01-01", "0001-01-01T00:00", "0001-01-01T00:00+14:00", "0001-01-01T00:00Z", "9999-12-31T23:59-12:00"]
)
def test_the_ends_of_the_calendar_are_refused_or_read(text: str) -> None:
    for zone in ZONES:
        with suppress(RefusedRequestError):
            assert day_of(read_moment(text, zone, NOW).instant, zone).year == 1
