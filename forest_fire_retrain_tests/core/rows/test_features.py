"""Features are the same bits alone or rebuilt, and nothing recorded later reaches them."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, build_query, compute_features
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.property_examples import examples

ENGINE = DuckDbEngine()
DAY = dt.timedelta(days=1)
START = dt.date(2023, 1, 2)
SPAN = Interval(start=START, end=START + 200 * DAY)
CELLS = pa.Table.from_pylist(
    [
        {"cell_id": cell, "name": cell, "latitude": latitude, "longitude": -120.0, "elevation_m": None}
        for cell, latitude in (("ridge", 41.0), ("Bay", 38.5), ("été", -20.0))
    ],
    schema=CELLS_SCHEMA,
)
CELL_IDS = sorted(CELLS["cell_id"].to_pylist(), key=str.encode)
Row = dict[str, object]


class Park(NamedTuple):
    """What is known of a small park."""

    weather: pa.Table
    fires: pa.Table

    def plus(self, *, weather: list[Row] | None = None, fires: list[Row] | None = None) -> "Park":
        """The park with further rows."""
        return Park(
            pa.concat_tables([self.weather, pa.Table.from_pylist(weather or [], schema=WEATHER_SCHEMA)]),
            pa.concat_tables([self.fires, pa.Table.from_pylist(fires or [], schema=FIRES_SCHEMA)]),
        )


def at(day: dt.date, hour: float = 6.0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC) + dt.timedelta(hours=hour)


def weather_row(cell: str, day: dt.date, recorded_at: dt.datetime | None = None, **measures: float | None) -> Row:
    plain: Mapping[str, float | None] = {
        "temp_max_c": 21.3,
        "temp_min_c": 9.7,
        "rel_humidity_pct": 41.0,
        "wind_speed_kmh": 12.0,
        "precip_mm": 0.0,
    }
    return {"cell_id": cell, "date": day, **plain, **measures, "recorded_at": recorded_at or at(day)}


def fire_row(fire: str, cell: str, day: dt.date, recorded_at: dt.datetime | None = None) -> Row:
    return {
        "fire_id": fire,
        "cell_id": cell,
        "date": day,
        "area_ha": 12.0,
        "recorded_at": recorded_at or at(day + 2 * DAY),
    }


def days_of(window: Interval) -> list[dt.date]:
    return [window.start + offset * DAY for offset in range(window.n_days)]


def random_park(seed: int = 5) -> Park:
    """Weather with gaps and measures missing, fires, and a correction of every fourth fire."""
    rng = np.random.default_rng(seed)
    weather = [
        weather_row(
            cell,
            day,
            temp_max_c=rng.normal(24, 9) if rng.random() > 0.05 else None,
            temp_min_c=rng.normal(9, 4),
            rel_humidity_pct=rng.uniform(10, 95) if rng.random() > 0.5 else None,
            wind_speed_kmh=rng.gamma(2, 6) if rng.random() > 0.2 else None,
            precip_mm=rng.gamma(0.3, 12) if rng.random() > 0.05 else None,
        )
        for cell in CELL_IDS
        for day in days_of(SPAN)
        if rng.random() > 0.03
    ]
    fires = []
    for number in range(40):
        day = START + int(rng.integers(0, 190)) * DAY
        fires.append(fire_row(f"f{number}", str(rng.choice(CELL_IDS)), day))
        if number % 4 == 0:
            moved = fire_row(f"f{number}", str(rng.choice(CELL_IDS)), day - 3 * DAY, at(day + 9 * DAY))
            fires.append(moved)
    empty = Park(WEATHER_SCHEMA.empty_table(), FIRES_SCHEMA.empty_table())
    return empty.plus(weather=weather, fires=fires)


RANDOM_PARK = random_park()


def compute(
    park: Park,
    window: Interval = SPAN,
    carried: pa.Table | None = None,
    *,
    cells: pa.Table = CELLS,
    weather_lag_days: int = 1,
    time_zone: str = "UTC",
) -> pa.Table:
    return compute_features(
        ENGINE,
        cells=cells,
        weather=park.weather,
        fires=park.fires,
        window=window,
        carried=carried,
        weather_lag_days=weather_lag_days,
        time_zone=time_zone,
    )


def between(rows: pa.Table, start: dt.date, end: dt.date) -> pa.Table:
    days = rows["date"].to_pylist()
    return rows.filter(pa.array([start <= day < end for day in days]))


def value(rows: pa.Table, cell: str, day: dt.date, name: str) -> float | None:
    (row,) = (row for row in rows.to_pylist() if row["cell_id"] == cell and row["date"] == day)
    found: float | None = row[name]
    return found


FULL_REBUILD = compute(RANDOM_PARK)


def test_there_is_one_row_per_cell_and_day_in_the_order_of_day_and_cell() -> None:
    expected = [(day, cell) for day in days_of(SPAN) for cell in CELL_IDS]
    assert list(zip(FULL_REBUILD["date"].to_pylist(), FULL_REBUILD["cell_id"].to_pylist(), strict=True)) == expected
    assert FULL_REBUILD.schema == FEATURES_SCHEMA


def test_the_example_park_has_values_and_gaps_in_every_weather_feature() -> None:
    always = {"latitude", "longitude", "season_sin", "season_cos", "ffmc", "dmc", "dc"}
    for name in FEATURE_NAMES:
        distinct = set(FULL_REBUILD[name].to_pylist())
        assert len(distinct - {None}) > 1 or name == "longitude", name
        assert (None in distinct) == (name not in always and "fires" not in name), name
    assert not any(math.isnan(v) for name in FEATURE_NAMES for v in FULL_REBUILD[name].to_pylist() if v is not None)


@examples(15)
@given(offset=st.integers(0, 190), n_days=st.integers(1, 31))
def test_one_period_alone_equals_the_full_rebuild_bit_for_bit(offset: int, n_days: int) -> None:
    window = Interval(start=START + offset * DAY, end=min(START + (offset + n_days) * DAY, SPAN.end))
    first = window.start - WEATHER_LOOK_BACK_DAYS * DAY
    recent = Park(
        RANDOM_PARK.weather.filter(
            pa.array([first <= day < window.end for day in RANDOM_PARK.weather["date"].to_pylist()])
        ),
        RANDOM_PARK.fires,
    )
    carried = between(FULL_REBUILD, window.start - DAY, window.start) if offset else None
    alone = compute(recent, window, carried)
    assert fingerprint_table(alone) == fingerprint_table(between(FULL_REBUILD, window.start, window.end))


@examples(10)
@given(random=st.randoms(use_true_random=False))
def test_the_order_in_which_rows_arrive_plays_no_part(random: object) -> None:
    def shuffled(table: pa.Table) -> pa.Table:
        places = list(range(table.num_rows))
        random.shuffle(places)  # type: ignore[attr-defined] # a random.Random made by Hypothesis
        return table.take(places)

    park = Park(shuffled(RANDOM_PARK.weather), shuffled(RANDOM_PARK.fires))
    assert fingerprint_table(compute(park)) == fingerprint_table(FULL_REBUILD)


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


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "UTC'; DROP TABLE fires --", "../UTC", "/etc/localtime"])
def test_a_time_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no time zone"):
        build_query(SPAN, 1, name)


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


def with_column(park: Park, *, weather: list[Row] | None = None, fires: list[Row] | None = None) -> Park:
    """The park with further rows, in tables that have the column `withdrawn`."""
    column = pa.field("withdrawn", pa.bool_())

    def extend(table: pa.Table, rows: list[Row] | None) -> pa.Table:
        schema = table.schema.append(column)
        added = pa.Table.from_pylist(rows or [], schema=schema)
        return pa.concat_tables([table.append_column(column, pa.nulls(table.num_rows, pa.bool_())), added])

    return Park(extend(park.weather, weather), extend(park.fires, fires))


def cells_with_days(**days: tuple[dt.date | None, dt.date | None]) -> pa.Table:
    """The cells with their first and last day; a cell not named has neither."""
    bounds = [days.get(cell, (None, None)) for cell in CELLS["cell_id"].to_pylist()]
    columns = zip(("first_day", "last_day"), zip(*bounds, strict=True), strict=True)
    cells = CELLS
    for name, values in columns:
        cells = cells.append_column(name, pa.array(values, pa.date32()))
    return cells


def test_a_cell_has_rows_from_its_first_day_to_its_last() -> None:
    cells = cells_with_days(Bay=(START + 50 * DAY, START + 60 * DAY), ridge=(None, START + 10 * DAY))
    rows = compute(RANDOM_PARK, cells=cells)
    days = {cell: rows.filter(pc.equal(rows["cell_id"], cell))["date"].to_pylist() for cell in CELL_IDS}
    assert days["Bay"] == [START + n * DAY for n in range(50, 61)]
    assert days["ridge"] == [START + n * DAY for n in range(11)]
    assert days["été"] == days_of(SPAN)
    kept = FULL_REBUILD.filter(pc.equal(FULL_REBUILD["cell_id"], "été"))
    assert fingerprint_table(rows.filter(pc.equal(rows["cell_id"], "été"))) == fingerprint_table(kept)


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


def plain_weather(missing: frozenset[int] = frozenset(), rain_on: Mapping[int, float] = {}) -> pa.Table:
    """Rain per day of the span; days in `missing` were not observed."""
    rows = [
        weather_row(
            "ridge", START + n * DAY, precip_mm=rain_on.get(n, 0.0) if n not in missing else None, temp_max_c=20.0
        )
        for n in range(SPAN.n_days)
    ]
    return pa.Table.from_pylist(rows, schema=WEATHER_SCHEMA)


def features_of(weather: pa.Table) -> pa.Table:
    return compute(Park(weather, FIRES_SCHEMA.empty_table()))


def test_missing_rain_is_no_dry_day() -> None:
    day = START + 150 * DAY
    rows = features_of(plain_weather(missing=frozenset({150})))
    dry = features_of(plain_weather())
    assert value(rows, "ridge", day, "precip_mm") is None
    assert value(rows, "ridge", day, "fwi") is None
    assert value(rows, "ridge", day, "dc") == value(rows, "ridge", day - DAY, "dc")
    assert (value(dry, "ridge", day, "dc") or 0) > (value(dry, "ridge", day - DAY, "dc") or 0)


def test_a_rolling_figure_is_missing_when_too_few_of_its_days_were_observed() -> None:
    day = START + 150 * DAY
    one = features_of(plain_weather(missing=frozenset({149}), rain_on={148: 3.0}))
    two = features_of(plain_weather(missing=frozenset({147, 149}), rain_on={148: 3.0}))
    assert value(one, "ridge", day, "precip_7d_mm") == 3.0
    assert value(two, "ridge", day, "precip_7d_mm") is None
    assert value(two, "ridge", day, "precip_30d_mm") == 3.0


def test_a_cell_without_any_weather_has_rows_with_missing_figures_and_no_zeros() -> None:
    row = features_of(plain_weather()).filter(pa.array([c == "Bay" for c in CELL_IDS] * SPAN.n_days)).to_pylist()[-1]
    given_anyway = {"cell_id", "date", "latitude", "longitude", "season_sin", "season_cos", "ffmc", "dmc", "dc"}
    present = {name for name, held in row.items() if held is not None}
    assert {name for name in present if "fires" not in name} == given_anyway
    assert (row["ffmc"], row["dmc"], row["dc"]) == (85.0, 6.0, 15.0)


@pytest.mark.parametrize(("rain_on", "expected"), [({150: 5.0}, 0.0), ({140: 1.0}, 10.0), ({140: 0.9}, 120.0)])
def test_the_dry_spell_counts_days_since_a_wet_one(rain_on: dict[int, float], expected: float) -> None:
    rows = features_of(plain_weather(rain_on=rain_on))
    assert value(rows, "ridge", START + 150 * DAY, "dry_spell_days") == expected


def test_humidity_is_estimated_only_where_it_was_not_observed() -> None:
    day = START + 3 * DAY
    weather = [
        weather_row("ridge", day, rel_humidity_pct=None, temp_max_c=30.0, temp_min_c=10.0),
        weather_row("Bay", day, rel_humidity_pct=77.0, temp_max_c=30.0, temp_min_c=10.0),
    ]
    rows = features_of(pa.Table.from_pylist(weather, schema=WEATHER_SCHEMA))
    assert value(rows, "ridge", day, "rel_humidity_pct") == pytest.approx(100 * 1.228 / 4.243, rel=1e-3)
    assert value(rows, "Bay", day, "rel_humidity_pct") == 77.0


def test_a_new_cell_starts_with_fresh_codes_beside_cells_that_carry_theirs() -> None:
    window = Interval(start=START + 50 * DAY, end=START + 51 * DAY)
    day_before = between(FULL_REBUILD, window.start - DAY, window.start)
    carried = day_before.filter(pa.array([cell != "Bay" for cell in day_before["cell_id"].to_pylist()]))
    mixed = compute(RANDOM_PARK, window, carried)
    fresh = compute(RANDOM_PARK, window, None)
    for cell in CELL_IDS:
        expected = fresh if cell == "Bay" else FULL_REBUILD
        assert value(mixed, cell, window.start, "dc") == value(expected, cell, window.start, "dc")
