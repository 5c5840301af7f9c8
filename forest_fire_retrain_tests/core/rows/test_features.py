"""Features are the same bits alone or rebuilt, and a figure is missing where too little was observed."""

import math
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.carried_codes import MEMORIES
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.core.rows.feature_park import (
    CELL_IDS,
    DAY,
    FULL_REBUILD,
    LONG_AGO,
    RANDOM_PARK,
    SPAN,
    START,
    Park,
    between,
    cells_with_days,
    compute,
    days_of,
    fire_row,
    value,
    weather_row,
)
from forest_fire_retrain_tests.property_examples import examples


def test_there_is_one_row_per_cell_and_day_in_the_order_of_day_and_cell() -> None:
    expected = [(day, cell) for day in days_of(SPAN) for cell in CELL_IDS]
    assert list(zip(FULL_REBUILD["date"].to_pylist(), FULL_REBUILD["cell_id"].to_pylist(), strict=True)) == expected
    assert FULL_REBUILD.schema == FEATURES_SCHEMA


def test_the_example_park_has_values_and_gaps_in_every_weather_feature() -> None:
    always = {"latitude", "longitude", "season_sin", "season_cos"}
    for name in FEATURE_NAMES:
        distinct = set(FULL_REBUILD[name].to_pylist())
        assert len(distinct - {None}) > 1 or name == "longitude", name
        assert (None in distinct) == (name not in always and "fires" not in name), name
    assert not any(math.isnan(v) for name in FEATURE_NAMES for v in FULL_REBUILD[name].to_pylist() if v is not None)


@examples(25)
@given(offset=st.integers(0, 190), n_days=st.integers(1, 31), age=st.sampled_from([0, 60, 200, 320, 1400]))
def test_one_period_alone_equals_the_full_rebuild_bit_for_bit(offset: int, n_days: int, age: int) -> None:
    history_start = START - age * DAY
    rebuilt = compute(RANDOM_PARK, history_start=history_start)
    window = Interval(start=START + offset * DAY, end=min(START + (offset + n_days) * DAY, SPAN.end))
    first = window.start - WEATHER_LOOK_BACK_DAYS * DAY
    recent = Park(
        RANDOM_PARK.weather.filter(
            pa.array([first <= day < window.end for day in RANDOM_PARK.weather["date"].to_pylist()])
        ),
        RANDOM_PARK.fires,
    )
    carried = between(rebuilt, window.start - DAY, window.start) if offset else None
    alone = compute(recent, window, carried, history_start=history_start)
    assert fingerprint_table(alone) == fingerprint_table(between(rebuilt, window.start, window.end))


@examples(10)
@given(random=st.randoms(use_true_random=False))
def test_the_order_in_which_rows_arrive_plays_no_part(random: object) -> None:
    def shuffled(table: pa.Table) -> pa.Table:
        places = list(range(table.num_rows))
        random.shuffle(places)  # type: ignore[attr-defined] # a random.Random made by Hypothesis
        return table.take(places)

    park = Park(shuffled(RANDOM_PARK.weather), shuffled(RANDOM_PARK.fires))
    assert fingerprint_table(compute(park)) == fingerprint_table(FULL_REBUILD)


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
    carried = {"ffmc_carried", "dmc_carried", "dc_carried"}
    given_anyway = {"cell_id", "date", "latitude", "longitude", "season_sin", "season_cos", *carried}
    present = {name for name, held in row.items() if held is not None}
    assert {name for name in present if "fires" not in name} == given_anyway
    assert (row["ffmc_carried"], row["dmc_carried"], row["dc_carried"]) == (85.0, 6.0, 15.0)


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
        assert value(mixed, cell, window.start, "dc_carried") == value(expected, cell, window.start, "dc_carried")


def is_stated(rows: pa.Table, name: str) -> list[bool]:
    """Whether the ridge has a value, day by day."""
    return [held is not None for held in rows.filter(pc.equal(rows["cell_id"], "ridge"))[name].to_pylist()]


@pytest.mark.parametrize("code", MEMORIES)
def test_a_code_is_stated_once_it_has_left_its_start_behind(code: str) -> None:
    """The codes start on the first day of the history, or of the cell; before that there are none to carry."""
    first = 190 - MEMORIES[code].spin_up_days
    for history_start, cells in (
        (START + first * DAY, cells_with_days()),
        (LONG_AGO, cells_with_days(ridge=(START + first * DAY, None))),
    ):
        rows = compute(Park(plain_weather(), FIRES_SCHEMA.empty_table()), cells=cells, history_start=history_start)
        stated = is_stated(rows, code)[-10 - MEMORIES[code].spin_up_days :]
        assert stated[-10:] == [True] * 10
        assert not any(stated[:-10])


def test_what_is_not_stated_is_carried_and_the_index_made_of_it_is_not_stated_either() -> None:
    young = compute(Park(plain_weather(), FIRES_SCHEMA.empty_table()), history_start=START)
    old = features_of(plain_weather())
    last = SPAN.end - DAY
    assert value(young, "ridge", last, "dc") is None
    assert value(young, "ridge", last, "dc_carried") == value(old, "ridge", last, "dc")
    assert value(young, "ridge", last, "isi") == value(old, "ridge", last, "isi")
    assert [value(young, "ridge", last, name) for name in ("bui", "fwi")] == [None, None]
    assert None not in [value(old, "ridge", last, name) for name in ("bui", "fwi")]


@pytest.mark.parametrize(
    ("code", "gap", "unstated"),
    [
        ("ffmc", range(150, 151), range(150, 153)),
        ("dmc", range(120, 123), range(0)),
        ("dmc", range(120, 125), range(123, 181)),
        ("dc", range(140, 146), range(0)),
        ("dc", range(140, 170), range(146, 200)),
    ],
)
def test_a_code_is_not_stated_after_more_days_without_weather_than_it_bears(
    code: str, gap: range, unstated: range
) -> None:
    stated = is_stated(features_of(plain_weather(missing=frozenset(gap))), code)
    assert {n for n in range(119, 200) if not stated[n]} == set(unstated)


def fires_park(*fires: tuple[str, int]) -> Park:
    """Fires by cell and day of the span, each reported two days later."""
    rows = [fire_row(f"f{n}", cell, START + day * DAY) for n, (cell, day) in enumerate(fires)]
    return Park(WEATHER_SCHEMA.empty_table(), pa.Table.from_pylist(rows, schema=FIRES_SCHEMA))


def test_fires_count_per_year_observed_and_only_where_enough_of_the_window_is() -> None:
    """30 days need 6: the 6th day has 6 days before it, and from the 30th day on the window is whole."""
    rows = compute(fires_park(("ridge", 5), ("ridge", 6), ("Bay", 6)), history_start=START)
    rates = [value(rows, "ridge", START + n * DAY, "cell_fires_per_year_30d") for n in (5, 6, 24, 29, 34, 36, 37)]
    expected = [2 * 365.25 / 24, 2 * 365.25 / 29, 2 * 365.25 / 30, 1 * 365.25 / 30, 0.0]
    assert rates == [None, 0.0, *expected]
    parks = [value(rows, "été", START + n * DAY, "park_fires_per_year_30d") for n in (5, 24, 34)]
    assert parks == [None, 3 * 365.25 / 24, 3 * 365.25 / 30]
    assert value(rows, "ridge", START + 10 * DAY, "cell_fires_30d") == 2.0


def test_a_rate_of_five_years_is_there_after_one() -> None:
    park = fires_park(("ridge", 5), ("ridge", 6))
    day = START + 100 * DAY
    for n_days, expected in ((364, None), (365, 2 * 365.25 / 365), (1825, 2 * 365.25 / 1825)):
        rows = compute(park, history_start=day - n_days * DAY)
        assert value(rows, "ridge", day, "cell_fires_per_year_1825d") == expected
        assert value(rows, "ridge", day, "cell_fires_1825d") == 2.0


def test_a_cells_rate_begins_with_the_cell_and_the_parks_with_the_first_of_its_cells() -> None:
    park = fires_park(("ridge", 5), ("ridge", 60), ("Bay", 58))
    first = START + 50 * DAY
    cells = cells_with_days(ridge=(first, None), Bay=(first - 5 * DAY, None), été=(first + DAY, None))
    rows = compute(park, cells=cells)
    assert value(rows, "ridge", first + 5 * DAY, "cell_fires_per_year_30d") is None
    assert value(rows, "ridge", first + 24 * DAY, "cell_fires_per_year_30d") == 365.25 / 24
    assert value(rows, "ridge", first + 19 * DAY, "park_fires_per_year_30d") == 2 * 365.25 / 24
    assert value(rows, "ridge", first, "park_fires_per_year_30d") is None


def test_a_fire_of_before_the_history_is_in_no_rate() -> None:
    rows = compute(fires_park(("ridge", 5), ("ridge", 20)), history_start=START + 10 * DAY)
    assert value(rows, "ridge", START + 34 * DAY, "cell_fires_per_year_30d") == 365.25 / 24
    assert value(rows, "ridge", START + 34 * DAY, "cell_fires_30d") == 2.0
