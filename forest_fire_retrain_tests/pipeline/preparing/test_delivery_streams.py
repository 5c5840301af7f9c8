"""Whatever a source delivers in whatever order, a home ends with what a fresh one would have, and nothing leaks."""

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.rows.features import compute_features
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain_tests.pipeline.preparing.delivering import (
    ENGINE,
    START,
    WEATHER_LAG_DAYS,
    AcceptsAll,
    Folder,
    Home,
    Row,
    cell_row,
    day,
    fire_row,
    rebuild,
    said,
    weather_row,
)
from forest_fire_retrain_tests.property_examples import examples

N_WEEKS, N_DAYS = 6, 42
CELLS = {"a": 0.0, "b": 0.5, "c": 1.0}
ORDER = [("date", "ascending"), ("cell_id", "ascending")]


class Change(NamedTuple):
    """What happens to a row between two deliveries: it is left out, says something else, or goes elsewhere."""

    kind: str
    cell: str
    number: int


CHANGES = st.builds(
    Change,
    st.sampled_from(["no weather", "other weather", "no fire", "fire elsewhere", "fire on another day", "late fire"]),
    st.sampled_from(sorted(CELLS)),
    st.integers(0, N_DAYS - 1),
)
STREAMS = st.lists(st.tuples(st.integers(1, N_WEEKS), st.lists(CHANGES, max_size=4)), min_size=1, max_size=4)


def park(until: int, cells: dict[str, float], changes: list[Change], *, is_stated: bool = False) -> Folder:
    """What a source says of the days before `until`, after these changes."""
    stamp: Callable[[int], dt.datetime | None] = lambda number: midnight(day(number)) if is_stated else None  # noqa: E731
    weather = {(c, n): weather_row(c, n, recorded_at=stamp(n)) for c in cells for n in range(until)}
    days = {f"f{n}": n for n in range(0, until, 4)}
    fires = {fire: fire_row(fire, min(cells), n, stamp(n + 1)) for fire, n in days.items()}
    for kind, cell, number in changes:
        key, fire = (cell, number), f"f{number - number % 4}"
        if kind == "no weather":
            weather.pop(key, None)
        elif kind == "other weather" and key in weather:
            weather[key] = {**weather[key], "temp_max_c": 33.5}
        elif kind == "no fire":
            fires.pop(fire, None)
        elif kind == "late fire" and cell in cells and number < until:
            fires[f"late {cell} {number}"] = fire_row(f"late {cell} {number}", cell, number, stamp(number + 3))
        elif fire in fires:
            moved = {"cell_id": max(cells)} if kind == "fire elsewhere" else {"date": day(days[fire] // 2)}
            fires[fire] = {**fires[fire], **moved}
    listed = [cell_row(cell, place) for cell, place in cells.items()]
    return Folder(weather=list(weather.values()), fires=list(fires.values()), cells=listed)


def state(rows: pa.Table) -> str:
    return fingerprint_table(rows.sort_by(ORDER))


def labels(home: Home, known_at: dt.datetime) -> pa.Table:
    features, fires = (home.lake.read(table) for table in (TableName.FEATURES, TableName.FIRES))
    return labelled_rows(ENGINE, features=features, fires=fires, known_at=known_at)


def labels_said(rows: list[Row]) -> set[tuple[object, object]]:
    return {(row["cell_id"], row["date"]) for row in rows}


@examples(25)
@given(stream=STREAMS, weather_first=st.booleans())
def test_any_stream_of_deliveries_ends_as_a_fresh_home_that_gets_the_last_one(
    stream: list[tuple[int, list[Change]]], *, weather_first: bool
) -> None:
    home = Home(consent=AcceptsAll(), weather_first=weather_first)
    for weeks, changes in stream:
        cells = CELLS if weeks > 2 else {"a": 0.0, "b": 0.5}
        home.ingest(park(7 * weeks, cells, changes), 7 * weeks)
        home.build(7 * weeks)
    last = park(N_DAYS, CELLS, [change for _, changes in stream for change in changes if change.kind != "no weather"])
    home.ingest(last, N_DAYS)
    home.build(N_DAYS)
    fresh = Home()
    fresh.ingest(last, N_DAYS)
    for table in (TableName.WEATHER, TableName.FIRES):
        assert home.known(table) == fresh.known(table) == said(last, table)
    spans = [home.lake.read(TableName.CELLS).select(["cell_id", "first_day", "last_day"]) for home in (home, fresh)]
    assert spans[0].sort_by("cell_id").equals(spans[1].sort_by("cell_id"))
    labelled = labels(home, midnight(day(N_DAYS + 9)))
    burned = labelled.filter(labelled["label"]).select(["cell_id", "date"]).to_pylist()
    assert labels_said(burned) == labels_said(said(last, TableName.FIRES))
    assert state(home.lake.read(TableName.FEATURES)) == state(rebuild(home.lake, N_DAYS, home.calendar))


@examples(25)
@given(
    windows=st.lists(st.integers(1, N_WEEKS), min_size=1, max_size=4),
    arrivals=st.dictionaries(st.tuples(st.sampled_from(sorted(CELLS)), st.integers(0, N_DAYS - 1)), st.integers(1, 4)),
    fire_arrivals=st.lists(st.integers(0, 4), min_size=14, max_size=14),
)
def test_late_rows_that_state_their_instants_end_bit_for_bit_as_in_a_fresh_home(
    windows: list[int], arrivals: dict[tuple[str, int], int], fire_arrivals: list[int]
) -> None:
    whole = park(N_DAYS, CELLS, [], is_stated=True)
    whole.fires += [
        fire_row("late", "b", 3, midnight(day(12))),
        fire_row("f4", "c", 4, midnight(day(30))),
        fire_row("f8", "a", 2, midnight(day(15))),
    ]
    whole.weather.append(weather_row("a", 9, 12.0, midnight(day(10))))
    home = Home()
    for place, weeks in enumerate(windows):
        part = Folder(cells=whole.cells)
        keys = [(str(row["cell_id"]), (row["date"] - START).days) for row in whole.weather]  # type: ignore[operator]
        part.weather = [row for row, key in zip(whole.weather, keys, strict=True) if arrivals.get(key, 0) <= place]
        part.fires = [row for row, arrival in zip(whole.fires, fire_arrivals, strict=True) if arrival <= place]
        home.ingest(part, 7 * weeks)
        home.build(7 * weeks)
    fresh = Home()
    for ends in (home, fresh):
        ends.ingest(whole, N_DAYS)
        ends.build(N_DAYS)
    for table in (TableName.WEATHER, TableName.FIRES, TableName.FEATURES):
        assert state(home.lake.read(table)) == state(fresh.lake.read(table)), table


@examples(15)
@given(stream=STREAMS, number=st.integers(0, N_DAYS - 1))
def test_no_feature_of_a_day_uses_what_was_recorded_after_it_may(
    stream: list[tuple[int, list[Change]]], number: int
) -> None:
    home = Home(consent=AcceptsAll())
    for weeks, changes in [*stream, (N_WEEKS, [])]:
        home.ingest(park(7 * weeks, CELLS, changes), 7 * weeks)
    home.build(N_DAYS)
    weather, fires = home.lake.read(TableName.WEATHER), home.lake.read(TableName.FIRES)
    known = compute_features(
        ENGINE,
        cells=home.lake.read(TableName.CELLS),
        weather=weather.filter(pc.less(weather["recorded_at"], midnight(day(number + 1 + WEATHER_LAG_DAYS)))),
        fires=fires.filter(pc.less(fires["recorded_at"], midnight(day(number)))),
        window=Interval(start=START, end=day(number + 1)),
        history_start=START,
        carried=None,
        weather_lag_days=WEATHER_LAG_DAYS,
    )
    held = home.lake.read(TableName.FEATURES)
    of_day = [rows.filter(pc.equal(rows["date"], day(number))) for rows in (known, held)]
    assert state(of_day[0]) == state(of_day[1])
