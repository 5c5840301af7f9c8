"""Deliveries that look like something else: renames, half files, a cell before its weather, another lag or start."""

import datetime as dt

import pytest

from forest_fire_retrain.core.errors import LakeError, ShrunkDeliveryError
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain_tests.pipeline.preparing.delivering import (
    ENGINE,
    START,
    AcceptsAll,
    Folder,
    Home,
    cell_row,
    day,
    fire_row,
    rebuild,
    said,
    weather_of,
)

CELLS = ("a", "b")


def park(until: int, cells: tuple[str, ...] = CELLS, *, burning: str = "b") -> Folder:
    """Weather of all days before `until`, and a fire every third day in one cell."""
    fires = [fire_row(f"f{number}", burning, number) for number in range(0, until, 3)]
    places = {"a": 0.0, "b": 0.5, "B": 0.5, "c": 0.8, "ab": 0.25, "far": 5.0}
    listed = [cell_row(name, places.get(name, ord(name[0]) / 50)) for name in cells]
    return Folder(weather=weather_of(cells, range(until)), fires=fires, cells=listed)


def at(number: int) -> dt.datetime:
    return midnight(day(number))


def positives(home: Home, known_at: int) -> int:
    features, fires = (home.lake.read(table) for table in (TableName.FEATURES, TableName.FIRES))
    rows = labelled_rows(ENGINE, features=features, fires=fires, known_at=at(known_at))
    return int(sum(rows["label"].to_pylist()))


@pytest.mark.parametrize("weather_first", [True, False])
@pytest.mark.parametrize("has_new_fire_ids", [True, False])
def test_a_renamed_cell_has_its_fires_from_when_they_were_known(*, weather_first: bool, has_new_fire_ids: bool) -> None:
    renamed = park(49, ("a", "B"), burning="B")
    if has_new_fire_ids:
        renamed.fires = [{**row, "fire_id": f"B-{row['fire_id']}"} for row in renamed.fires]
    home, fresh = Home(weather_first=weather_first), Home()
    home.ingest(park(42), 42)
    home.build(42)
    home.ingest(renamed, 49)
    fresh.ingest(renamed, 49)
    for each in (home, fresh):
        each.build(49)
    assert home.known(TableName.FIRES) == said(renamed, TableName.FIRES)
    assert positives(home, 60) == positives(fresh, 60) == len(renamed.fires)
    if not has_new_fire_ids:
        assert positives(home, 49) == positives(fresh, 49)
        features = [each.lake.read(TableName.FEATURES).sort_by([("date", "ascending")]) for each in (home, fresh)]
        assert features[0]["cell_fires_30d"].to_pylist() == features[1]["cell_fires_30d"].to_pylist()
    assert [row["withdrawn"] for row in home.versions(TableName.FIRES)].count(True) == (14 if has_new_fire_ids else 0)


def test_one_fire_that_moves_far_away_dissolves_no_cell() -> None:
    home, fewer = Home(), park(35, ("a", "far"))
    before = park(28)
    before.fires = [fire_row("x", "b", 3)]
    home.ingest(before, 28)
    fewer.fires = [fire_row("x", "far", 3)]
    home.ingest(fewer, 35)
    assert home.cell("b")["last_day"] == day(27)


def test_a_cell_that_is_renamed_in_two_steps_is_not_kept_twice() -> None:
    home = Home()
    home.ingest(park(28), 28)
    home.ingest(park(35, ("a", "b", "B")), 35)
    home.ingest(park(42, ("a", "B"), burning="B"), 42)
    home.build(42)
    assert home.cell("b")["last_day"] == START - dt.timedelta(days=1)
    assert set(home.lake.read(TableName.FEATURES)["cell_id"].to_pylist()) == {"a", "B"}


@pytest.mark.parametrize("weather_first", [True, False])
def test_a_cell_that_is_listed_before_its_weather_keeps_its_past(*, weather_first: bool) -> None:
    home, listed = Home(weather_first=weather_first), park(35)
    home.ingest(park(28), 28)
    listed.cells.append(cell_row("c", 0.8))
    home.ingest(listed, 35)
    whole = park(42, ("a", "b", "c"))
    whole.fires.append(fire_row("old", "c", 5))
    home.ingest(whole, 42)
    assert home.versions(TableName.WEATHER, cell_id="c", date=day(3))[0]["recorded_at"] == at(4)
    assert home.versions(TableName.FIRES, fire_id="old")[0]["recorded_at"] == at(7)


@pytest.mark.parametrize("weather_first", [True, False])
def test_a_new_cell_on_a_period_that_is_ingested_keeps_its_past(*, weather_first: bool) -> None:
    home, grown = Home(weather_first=weather_first), park(28, ("a", "b", "c"))
    home.ingest(park(28), 28)
    grown.fires.append(fire_row("old", "c", 5))
    home.ingest(grown, 28)
    assert home.versions(TableName.FIRES, fire_id="old")[0]["recorded_at"] == at(7)
    assert home.versions(TableName.WEATHER, cell_id="c", date=day(3))[0]["recorded_at"] == at(4)


def test_a_run_cut_behind_the_cells_gives_a_new_cell_its_past_all_the_same() -> None:
    home, grown = Home(), park(35, ("a", "b", "c"))
    home.ingest(park(28), 28)

    def cut(point: str) -> None:
        if point == "before append weather":
            raise LakeError(point)

    home.lake.interrupt = cut
    with pytest.raises(LakeError):
        home.ingest(grown, 35)
    home.lake.interrupt = lambda _point: None
    home.ingest(grown, 35)
    assert home.versions(TableName.WEATHER, cell_id="c", date=day(3))[0]["recorded_at"] == at(4)


def test_all_fires_of_a_small_park_are_not_erased_by_an_empty_file() -> None:
    home, empty = Home(), park(35)
    few = park(28)
    few.fires, empty.fires = few.fires[:4], []
    home.ingest(few, 28)
    with pytest.raises(ShrunkDeliveryError, match=r"fires: 4 of 4 rows are no longer delivered.*\(allowed: 2\)"):
        home.ingest(empty, 35)


def test_rows_that_are_withdrawn_are_named() -> None:
    home, without = Home(), park(35)
    home.ingest(park(28), 28)
    without.fires = [row for row in without.fires if row["fire_id"] not in {"f6", "f9"}]
    (told,) = home.ingest(without, 35)["fires"].warnings
    assert told == "fires: 2 rows are no longer delivered, and withdrawn from now on: f6, f9."


def test_weather_cut_behind_half_the_cells_is_refused() -> None:
    names = tuple("abcdefgh")
    home, cut = Home(), park(35, names)
    home.ingest(park(28, names), 28)
    cut.weather = [row for row in cut.weather if row["cell_id"] in "abcd"]
    with pytest.raises(ShrunkDeliveryError, match="weather: 4 of 8 cells have no row or end earlier than before: e, f"):
        home.ingest(cut, 35)


def test_an_accepted_earlier_end_is_withdrawn_and_not_asked_about_again() -> None:
    home, cut = Home(), park(20)
    home.ingest(park(28), 28)
    home.consent = AcceptsAll()
    assert home.ingest(cut, 35)["weather"].n_withdrawn == 16
    assert home.known(TableName.WEATHER) == said(cut, TableName.WEATHER)
    strict = Home(lake=home.lake)
    assert strict.ingest(cut, 35)["weather"].written is False
    assert strict.ingest(park(42), 42)["weather"].n_withdrawn == 0


def test_a_shorter_weather_lag_does_not_make_held_weather_late() -> None:
    home = Home(weather_lag_days=3)
    home.ingest(park(28), 28)
    home.build(28)
    shorter = Home(lake=home.lake)
    shorter.ingest(park(35), 35)
    shorter.build(35)
    features = shorter.lake.read(TableName.FEATURES)
    assert features["temp_max_c"].null_count == 0
    assert shorter.ingest(park(35), 35)["weather"].written is False


def test_a_later_start_computes_all_days_anew() -> None:
    home = Home()
    home.ingest(park(35), 35)
    home.build(35)
    home.start = day(14)
    later = park(42)
    later.start = day(14)
    home.ingest(later, 42)
    home.build(42)
    order = [("date", "ascending"), ("cell_id", "ascending")]
    held = home.lake.read(TableName.FEATURES).sort_by(order)
    of_start = held.filter([date >= day(14) for date in held["date"].to_pylist()])
    assert fingerprint_table(of_start) == fingerprint_table(rebuild(home.lake, 42, home.calendar).sort_by(order))


def test_a_correction_behind_the_lag_is_said() -> None:
    home, corrected = Home(), park(35)
    home.ingest(park(28), 28)
    corrected.weather = [{**row, "temp_max_c": 40.0} if row["date"] == day(20) else row for row in corrected.weather]
    (told,) = home.ingest(corrected, 35)["weather"].warnings
    assert told.startswith("weather: 2 of 16 new cell-days correct what was known, more than 1 day after their day.")


def test_a_cell_that_is_first_listed_on_an_old_period_is_not_dated_back() -> None:
    home, listed = Home(), park(35)
    home.ingest(park(35), 35)
    listed.cells.append(cell_row("c", 0.8))
    home.ingest(listed, 7)
    assert home.cell("c")["first_day"] == day(35)


def test_a_home_of_an_earlier_release_knows_a_renamed_cell() -> None:
    home = Home()
    home.ingest(park(28), 28)
    newest = home.lake.tables[TableName.CELLS][-1]
    old = newest.rows.drop(["first_day", "last_day", "recorded_at"])
    home.lake.tables[TableName.CELLS] = [newest._replace(rows=old)]
    home.ingest(park(35, ("a", "B"), burning="B"), 35)
    home.build(35)
    assert set(home.lake.read(TableName.FEATURES)["cell_id"].to_pylist()) == {"a", "B"}
