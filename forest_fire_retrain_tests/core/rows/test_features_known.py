"""Features use what was known in time, of the cells that belong to the park, and nothing recorded later."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain_tests.core.rows.feature_park import (
    CELL_IDS,
    DAY,
    FULL_REBUILD,
    RANDOM_PARK,
    SPAN,
    START,
    Park,
    Row,
    at,
    between,
    cells_with_days,
    compute,
    days_of,
    fire_row,
    value,
    weather_row,
    with_column,
)
from forest_fire_retrain_tests.property_examples import examples

LATER_DAYS = st.integers(60, 199)
LATER_WEATHER = st.builds(
    lambda known, back, cell, temp, rain, withdrawn: {
        **weather_row(
            cell, START + max(known - back, 0) * DAY, at(START + known * DAY, 7.0), temp_max_c=temp, precip_mm=rain
        ),
        "withdrawn": withdrawn,
    },
    LATER_DAYS,
    st.integers(-2, 60),
    st.sampled_from(CELL_IDS),
    st.none() | st.floats(-20, 45),
    st.none() | st.floats(0, 80),
    st.none() | st.booleans(),
)
LATER_FIRES = st.builds(
    lambda known, back, cell, fire, withdrawn: {
        **fire_row(fire, cell, START + max(known - back, 0) * DAY, at(START + known * DAY)),
        "withdrawn": withdrawn,
    },
    LATER_DAYS,
    st.integers(0, 90),
    st.sampled_from(CELL_IDS),
    st.sampled_from([*(f"f{number}" for number in range(40)), "new", "newer"]),
    st.none() | st.booleans(),
)


@pytest.mark.slow
@examples(25)
@given(weather=st.lists(LATER_WEATHER, max_size=8), fires=st.lists(LATER_FIRES, max_size=8))
def test_rows_recorded_later_never_change_earlier_features(weather: list[Row], fires: list[Row]) -> None:
    """Weather counts from the day before it is recorded on, a fire report from the day after."""
    known_weather = [
        recorded.date() - DAY for row in weather if isinstance(recorded := row["recorded_at"], dt.datetime)
    ]
    known_fires = [recorded.date() + DAY for row in fires if isinstance(recorded := row["recorded_at"], dt.datetime)]
    first_touched = min([*known_weather, *known_fires], default=SPAN.end)
    after = compute(RANDOM_PARK.plus(weather=weather, fires=fires))
    assert fingerprint_table(between(after, START, first_touched)) == fingerprint_table(
        between(FULL_REBUILD, START, first_touched)
    )


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_weather_counts_until_the_weather_lag_is_over_and_never_after(lag: int) -> None:
    day = START + 150 * DAY
    in_time = RANDOM_PARK.plus(weather=[weather_row("ridge", day, at(day + lag * DAY, 23.9), temp_max_c=44.4)])
    late = RANDOM_PARK.plus(weather=[weather_row("ridge", day, at(day + lag * DAY, 24.0), temp_max_c=44.4)])
    assert value(compute(in_time, weather_lag_days=lag), "ridge", day, "temp_max_c") == 44.4
    expected = compute(RANDOM_PARK, weather_lag_days=lag)
    assert fingerprint_table(compute(late, weather_lag_days=lag)) == fingerprint_table(expected)


def test_days_are_those_of_the_parks_time_zone() -> None:
    """Auckland is 12 hours ahead of UTC in July: 11:59 UTC is the same day there, 12:00 the next."""
    day = dt.date(2023, 7, 10)
    for hour, observed in ((11.9, 44.4), (12.0, None)):
        row = weather_row("ridge", day, at(day + DAY, hour), temp_max_c=44.4)
        park = Park(pa.Table.from_pylist([row], schema=WEATHER_SCHEMA), FIRES_SCHEMA.empty_table())
        rows = compute(park, time_zone="Pacific/Auckland")
        assert value(rows, "ridge", day, "temp_max_c") == observed
    for hour, first in ((11.9, 1), (12.0, 2)):
        rows = one_fire_park(fire_row("a", "ridge", day, at(day, hour)), time_zone="Pacific/Auckland")
        assert [value(rows, "ridge", day + n * DAY, "cell_fires_7d") for n in (first - 1, first)] == [0, 1]


@pytest.mark.parametrize("zone", ["America/Vancouver", "Africa/Casablanca", "America/Winnipeg", "Pacific/Auckland"])
def test_a_zones_days_are_those_of_the_periods_whatever_zone_data_the_engine_has(zone: str) -> None:
    """Where a zone was given other rules lately, engine and machine may disagree on when a day ends."""
    day = dt.date(2026, 12, 7)
    window, weather = Interval(start=day, end=day + 4 * DAY), WEATHER_SCHEMA.empty_table()
    for recorded_at, counts in (
        (midnight(day + DAY, zone) - dt.timedelta(seconds=1), [0, 1, 1]),
        (midnight(day + DAY, zone), [0, 0, 1]),
    ):
        fires = pa.Table.from_pylist([fire_row("a", "ridge", day, recorded_at)], schema=FIRES_SCHEMA)
        rows = compute(Park(weather, fires), window, time_zone=zone)
        assert [value(rows, "ridge", day + n * DAY, "cell_fires_7d") for n in range(3)] == counts


def test_withdrawn_weather_is_missing_when_that_was_known_in_time() -> None:
    day = START + 150 * DAY
    withdrawal = {**weather_row("ridge", day, at(day + DAY, 8)), "withdrawn": True}
    late = {**withdrawal, "recorded_at": at(day + 2 * DAY)}
    again = {**weather_row("ridge", day, at(day + DAY, 9), temp_max_c=31.0), "withdrawn": None}
    assert value(compute(with_column(RANDOM_PARK, weather=[withdrawal])), "ridge", day, "temp_min_c") is None
    unchanged = compute(with_column(RANDOM_PARK, weather=[late]))
    assert fingerprint_table(unchanged) == fingerprint_table(FULL_REBUILD)
    assert value(compute(with_column(RANDOM_PARK, weather=[withdrawal, again])), "ridge", day, "temp_max_c") == 31.0


def test_a_withdrawn_fire_counts_until_the_day_its_withdrawal_was_recorded() -> None:
    day = START + 100 * DAY
    withdrawal = {**fire_row("a", "ridge", day, at(day + 4 * DAY)), "withdrawn": True}
    again = {**fire_row("a", "ridge", day, at(day + 6 * DAY)), "withdrawn": False}
    park = Park(RANDOM_PARK.weather, pa.Table.from_pylist([fire_row("a", "ridge", day)], schema=FIRES_SCHEMA))
    rows = compute(with_column(park, fires=[withdrawal, again]))
    assert [value(rows, "ridge", day + n * DAY, "cell_fires_30d") for n in range(2, 9)] == [0, 1, 1, 0, 0, 1, 1]


def test_a_cell_has_rows_from_its_first_day_to_its_last() -> None:
    cells = cells_with_days(Bay=(START + 50 * DAY, START + 60 * DAY), ridge=(None, START + 10 * DAY))
    rows = compute(RANDOM_PARK, cells=cells)
    days = {cell: rows.filter(pc.equal(rows["cell_id"], cell))["date"].to_pylist() for cell in CELL_IDS}
    assert days["Bay"] == [START + n * DAY for n in range(50, 61)]
    assert days["ridge"] == [START + n * DAY for n in range(11)]
    assert days["été"] == days_of(SPAN)
    kept = FULL_REBUILD.filter(pc.equal(FULL_REBUILD["cell_id"], "été"))
    assert fingerprint_table(rows.filter(pc.equal(rows["cell_id"], "été"))) == fingerprint_table(kept)


def test_a_cells_codes_start_on_its_first_day_whatever_its_weather_was_before() -> None:
    first = START + 50 * DAY
    rows = compute(RANDOM_PARK, cells=cells_with_days(Bay=(first, None)))
    afresh = compute(RANDOM_PARK, Interval(start=first, end=SPAN.end))
    kept = value(FULL_REBUILD, "Bay", first, "dc_carried")
    assert value(rows, "Bay", first, "dc_carried") == value(afresh, "Bay", first, "dc_carried") != kept
    assert value(rows, "Bay", SPAN.end - DAY, "dmc_carried") == value(afresh, "Bay", SPAN.end - DAY, "dmc_carried")


@examples(15)
@given(offset=st.integers(1, 190), n_days=st.integers(1, 31), first=st.integers(0, 200), last=st.integers(0, 200))
def test_one_period_alone_equals_the_full_rebuild_while_cells_come_and_go(
    offset: int, n_days: int, first: int, last: int
) -> None:
    cells = cells_with_days(Bay=(START + first * DAY, None), ridge=(None, START + last * DAY))
    window = Interval(start=START + offset * DAY, end=min(START + (offset + n_days) * DAY, SPAN.end))
    rebuilt = compute(RANDOM_PARK, cells=cells)
    carried = between(rebuilt, window.start - DAY, window.start)
    alone = compute(RANDOM_PARK, window, carried, cells=cells)
    assert fingerprint_table(alone) == fingerprint_table(between(rebuilt, window.start, window.end))


def test_of_two_weather_rows_the_one_recorded_last_counts() -> None:
    day = START + 150 * DAY
    rows = [weather_row("ridge", day, at(day, hour), temp_max_c=temp) for hour, temp in ((9, 10.0), (8, 40.0))]
    assert value(compute(RANDOM_PARK.plus(weather=rows)), "ridge", day, "temp_max_c") == 10.0


def one_fire_park(*fires: Row, time_zone: str = "UTC") -> pa.Table:
    reports = pa.Table.from_pylist(list(fires), schema=FIRES_SCHEMA)
    return compute(Park(RANDOM_PARK.weather, reports), time_zone=time_zone)


def test_a_fire_counts_from_the_day_after_its_report() -> None:
    day = START + 100 * DAY
    rows = one_fire_park(fire_row("a", "ridge", day, at(day + 2 * DAY, 23.9)))
    counts = [value(rows, "ridge", day + n * DAY, "cell_fires_7d") for n in range(9)]
    assert counts == [0, 0, 0, 1, 1, 1, 1, 1, 0]
    assert value(rows, "Bay", day + 3 * DAY, "cell_fires_7d") == 0
    assert value(rows, "Bay", day + 3 * DAY, "park_fires_7d") == 1
    assert [value(rows, "ridge", day + n * DAY, "cell_fires_30d") for n in (30, 31)] == [1, 0]


def test_a_correction_moves_a_fire_from_the_day_after_it_was_recorded() -> None:
    day = START + 100 * DAY
    moved_at = at(day + 10 * DAY)
    rows = one_fire_park(fire_row("a", "ridge", day), fire_row("a", "Bay", day - 25 * DAY, moved_at))
    before, after = day + 10 * DAY, day + 11 * DAY
    assert (value(rows, "ridge", before, "cell_fires_30d"), value(rows, "Bay", before, "cell_fires_30d")) == (1, 0)
    assert (value(rows, "ridge", after, "cell_fires_365d"), value(rows, "Bay", after, "cell_fires_365d")) == (0, 1)
    assert value(rows, "Bay", after, "cell_fires_30d") == 0
    assert {value(rows, "été", d, "park_fires_30d") for d in (before, after)} == {1, 0}


def test_a_correction_of_the_same_day_replaces_the_report_it_corrects() -> None:
    day = START + 100 * DAY
    first, second = at(day + DAY, 8), at(day + DAY, 9)
    rows = one_fire_park(fire_row("a", "ridge", day, first), fire_row("a", "Bay", day, second))
    assert [value(rows, cell, day + 2 * DAY, "cell_fires_7d") for cell in ("ridge", "Bay")] == [0, 1]
