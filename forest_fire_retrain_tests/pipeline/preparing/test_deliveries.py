"""After an ingest the lake says what the source says now, and nothing counts as known before it could be."""

import datetime as dt

import pytest

from forest_fire_retrain.core.errors import ShrunkDeliveryError
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain_tests.pipeline.preparing.delivering import (
    START,
    AcceptsAll,
    Folder,
    Home,
    Row,
    cell_row,
    day,
    fire_row,
    said,
    weather_of,
)

CELLS = ("a", "b")
FIRE_DAYS = range(0, 60, 3)
FIRES = [fire_row(f"f{number}", "a", number) for number in FIRE_DAYS]


def folder(until: int, *, cells: tuple[str, ...] = CELLS, fires: list[Row] | None = None) -> Folder:
    """Everything up to day `until`, without instants."""
    started = [fire for fire, number in zip(FIRES, FIRE_DAYS, strict=True) if number < until]
    return Folder(weather=weather_of(cells, range(until)), fires=started if fires is None else fires)


def at(number: int) -> dt.datetime:
    return midnight(day(number))


# ---- late rows ----


def test_rows_without_an_instant_are_dated_by_the_assumed_lag_as_long_as_nothing_speaks_against_it() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    home.ingest(folder(35), 35)
    for number in (3, 27, 28, 34):
        (row,) = home.versions(TableName.WEATHER, cell_id="a", date=day(number))
        assert row["recorded_at"] == at(number + 1)
    (fire,) = home.versions(TableName.FIRES, fire_id="f30")
    assert fire["recorded_at"] == at(32)


def test_weather_that_an_earlier_ingest_did_not_find_counts_from_the_one_that_did() -> None:
    home = Home()
    home.ingest(folder(25), 28)
    report = home.ingest(folder(35), 35)["weather"]
    assert home.known(TableName.WEATHER) == said(folder(35), TableName.WEATHER)
    for number in (25, 26):
        (row,) = home.versions(TableName.WEATHER, cell_id="a", date=day(number))
        assert row["recorded_at"] == at(35)
    assert report.n_added == 20
    (late,) = (warning for warning in report.warnings if "recorded more than" in warning)
    assert late.startswith("weather: 4 of 20 new cell-days (20.0 %) were recorded more than 1 day after their day")


def test_a_fire_that_an_earlier_ingest_did_not_find_counts_from_the_one_that_did() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    later = folder(35)
    later.fires.append(fire_row("late", "b", 20))
    report = home.ingest(later, 35)["fires"]
    (row,) = home.versions(TableName.FIRES, fire_id="late")
    assert row["recorded_at"] == at(35)
    assert report.changed == (Interval(start=day(20), end=day(21)),)


def test_a_late_row_that_states_its_instant_is_believed() -> None:
    home, stated = Home(), [{**row, "recorded_at": at(30)} for row in folder(28).fires]
    home.ingest(folder(28, fires=[]), 28)
    home.ingest(folder(35, fires=stated), 35)
    (row,) = home.versions(TableName.FIRES, fire_id="f3")
    assert row["recorded_at"] == at(30)


def test_what_states_an_instant_after_the_period_is_left_for_a_later_one() -> None:
    home, fire = Home(), fire_row("late", "b", 20, at(40))
    home.ingest(folder(35, fires=[fire]), 35)
    assert home.known(TableName.FIRES) == []
    home.ingest(folder(42, fires=[fire]), 42)
    assert home.known(TableName.FIRES) == said(Folder(fires=[fire]), TableName.FIRES)


def test_a_station_whose_file_was_empty_on_one_monday_comes_back_with_all_its_rows() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    silent = folder(35)
    silent.weather = [row for row in silent.weather if row["cell_id"] == "a"]
    assert home.ingest(silent, 35)["weather"].n_withdrawn == 0
    home.ingest(folder(42), 42)
    assert home.known(TableName.WEATHER) == said(folder(42), TableName.WEATHER)
    assert home.versions(TableName.WEATHER, cell_id="b", date=day(30))[0]["recorded_at"] == at(42)


def test_a_folder_that_only_holds_the_last_weeks_takes_nothing_away() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    rolling = folder(35)
    rolling.weather = weather_of(CELLS, range(20, 35))
    rolling.fires = [fire for fire, number in zip(rolling.fires, FIRE_DAYS, strict=False) if number >= 20]
    reports = home.ingest(rolling, 35)
    assert [report.n_withdrawn for report in reports.values()] == [0, 0]
    assert home.known(TableName.FIRES) == said(folder(35), TableName.FIRES)


def test_an_earlier_start_date_brings_the_history_before_it_with_its_assumed_instants() -> None:
    home = Home(start=day(14))
    late_start = folder(28)
    late_start.start = day(14)
    home.ingest(late_start, 28)
    home.start = START
    reports = home.ingest(folder(28), 28)
    assert reports["weather"].n_added == 28
    assert home.known(TableName.WEATHER) == said(folder(28), TableName.WEATHER)
    assert home.versions(TableName.WEATHER, cell_id="a", date=day(3))[0]["recorded_at"] == at(4)
    assert home.versions(TableName.FIRES, fire_id="f3")[0]["recorded_at"] == at(5)
    assert home.cell("a")["first_day"] == START


# ---- corrections ----


def test_a_value_that_changed_counts_from_the_ingest_that_found_it() -> None:
    home, changed = Home(), folder(35)
    home.ingest(folder(28), 28)
    changed.weather[2] = {**changed.weather[2], "temp_max_c": 31.5}
    assert home.ingest(changed, 35)["weather"].n_changed == 1
    before, after = home.versions(TableName.WEATHER, cell_id="a", date=day(1))
    assert (before["recorded_at"], after["recorded_at"], after["temp_max_c"]) == (at(2), at(35), 31.5)
    assert home.ingest(changed, 35)["weather"].written is False


def test_a_row_that_was_changed_silently_follows_a_stated_correction_of_an_earlier_instant() -> None:
    home, first = Home(), fire_row("x", "a", 3, at(4))
    home.ingest(folder(14, fires=[first]), 14)
    home.ingest(folder(14, fires=[{**first, "cell_id": "b"}]), 14)
    assert [row["cell_id"] for row in home.versions(TableName.FIRES)] == ["a", "b"]
    home.ingest(folder(21, fires=[first, {**first, "area_ha": 9.0, "recorded_at": at(10)}]), 21)
    assert home.known(TableName.FIRES) == [{**fire_row("x", "a", 3), "area_ha": 9.0}]


@pytest.mark.parametrize("is_redated", [True, False])
def test_a_fire_that_moves_leaves_its_old_day_or_cell(*, is_redated: bool) -> None:
    home, moved = Home(), folder(35)
    home.ingest(folder(28), 28)
    changes = {"date": day(10)} if is_redated else {"cell_id": "b"}
    moved.fires = [{**row, **changes} if row["fire_id"] == "f6" else row for row in moved.fires]
    report = home.ingest(moved, 35)["fires"]
    assert (report.n_changed, report.n_added) == (1, 2)
    assert home.known(TableName.FIRES) == said(moved, TableName.FIRES)
    runs = [(6, 7), (10, 11)] if is_redated else [(6, 7)]
    assert report.changed == tuple(Interval(start=day(first), end=day(end)) for first, end in runs)


def test_instants_that_are_stamped_anew_at_each_delivery_write_nothing() -> None:
    home = Home()
    stamped = [{**row, "recorded_at": at(8)} for row in FIRES[:2]]
    home.ingest(folder(14, fires=stamped), 14)
    again = home.ingest(folder(21, fires=[{**row, "recorded_at": at(15)} for row in stamped]), 21)["fires"]
    assert (again.n_added, again.n_changed, again.n_withdrawn) == (0, 0, 0)
    later = home.ingest(folder(21, fires=[{**row, "recorded_at": at(30)} for row in stamped]), 21)["fires"]
    assert later.written is False


def test_another_assumed_lag_changes_nothing_that_is_held() -> None:
    home, slower = Home(), folder(28)
    home.ingest(folder(28), 28)
    slower.fire_lag_days = 9
    assert home.ingest(slower, 28)["fires"].written is False
    slower = folder(35)
    slower.fire_lag_days = 9
    home.ingest(slower, 35)
    assert home.versions(TableName.FIRES, fire_id="f6")[0]["recorded_at"] == at(8)
    assert home.versions(TableName.FIRES, fire_id="f33")[0]["recorded_at"] == at(42)


def test_a_correction_and_a_late_row_end_alike_in_both_orders() -> None:
    corrected, late = folder(42), folder(42)
    corrected.fires = [{**row, "cell_id": "b"} if row["fire_id"] == "f6" else row for row in FIRES[:9]]
    late.fires = [*FIRES[:9], fire_row("late", "b", 11)]
    both = folder(42)
    both.fires = [*corrected.fires, late.fires[-1]]
    homes = []
    for first in (corrected, late):
        home = Home()
        for delivery, until in ((folder(28), 28), (first, 35), (both, 42)):
            home.ingest(delivery, until)
        homes.append(home.known(TableName.FIRES))
    assert homes[0] == homes[1] == said(both, TableName.FIRES)


# ---- withdrawals ----


def test_a_false_alarm_is_withdrawn_with_an_instant_and_comes_back_as_a_change() -> None:
    home, without = Home(), folder(35)
    home.ingest(folder(28), 28)
    without.fires = [row for row in without.fires if row["fire_id"] != "f6"]
    report = home.ingest(without, 35)["fires"]
    assert report.n_withdrawn == 1
    assert [(row["withdrawn"], row["recorded_at"]) for row in home.versions(TableName.FIRES, fire_id="f6")] == [
        (False, at(8)),
        (True, at(35)),
    ]
    assert home.ingest(without, 35)["fires"].written is False
    assert home.ingest(folder(42), 42)["fires"].n_changed == 1
    assert home.known(TableName.FIRES) == said(folder(42), TableName.FIRES)


def test_a_truncated_file_of_fires_is_refused_and_nothing_is_written() -> None:
    home, cut = Home(), folder(35, fires=FIRES[:2])
    home.ingest(folder(28), 28)
    version = home.lake.version(TableName.FIRES)
    with pytest.raises(ShrunkDeliveryError) as refused:
        home.ingest(cut, 35)
    told = str(refused.value)
    assert "fires: 8 of 10 rows are no longer delivered, dated 2024-01-07 to 2024-01-28, in cells a" in told
    assert "(allowed: 5)" in told
    assert "forest-fire accept-delivery --reason" in told
    assert home.lake.version(TableName.FIRES) == version
    home.consent = AcceptsAll()
    assert home.ingest(cut, 35)["fires"].n_withdrawn == 8


@pytest.mark.parametrize("kept", [20, 0])
def test_weather_that_ends_earlier_than_before_is_refused(kept: int) -> None:
    home, cut = Home(), folder(kept)
    home.ingest(folder(28), 28)
    before = {table: home.lake.version(table) for table in TableName}
    with pytest.raises(ShrunkDeliveryError, match=r"weather: it .*, and went on until 2024-01-28 before"):
        home.ingest(cut, 35)
    assert {table: home.lake.version(table) for table in TableName} == before


def test_a_list_that_lacks_many_cells_is_refused_and_one_that_lacks_one_is_not() -> None:
    names = tuple("abcdefgh")
    everything = folder(28, cells=names)
    everything.cells = [cell_row(name, place / 10) for place, name in enumerate(names)]
    home = Home()
    home.ingest(everything, 28)
    for gone in (("h", "g"), ("h",)):
        fewer = folder(35, cells=tuple(name for name in names if name not in gone))
        fewer.cells = [row for row in everything.cells if row["cell_id"] not in gone]
        if len(gone) > 1:
            with pytest.raises(ShrunkDeliveryError, match="cells: 2 of 8 are no longer listed: g, h"):
                home.ingest(fewer, 35)
        else:
            told = home.ingest(fewer, 35)["weather"].warnings
            assert "cells: 1 no longer listed: h. Their history is kept, until 2024-01-28 at most." in told


# ---- cells ----


@pytest.mark.parametrize("weather_first", [True, False])
def test_a_new_cell_brings_its_past_with_its_assumed_instants(*, weather_first: bool) -> None:
    home = Home(weather_first=weather_first)
    home.ingest(folder(28), 28)
    grown = folder(35, cells=("a", "b", "c"))
    grown.cells = [*grown.cells, cell_row("c", 1.0)]
    grown.fires.append(fire_row("old", "c", 5))
    home.ingest(grown, 35)
    assert home.cell("c") | {"recorded_at": None} == {
        **cell_row("c", 1.0),
        "first_day": START,
        "last_day": None,
        "recorded_at": None,
    }
    assert home.versions(TableName.WEATHER, cell_id="c", date=day(3))[0]["recorded_at"] == at(4)
    assert home.versions(TableName.FIRES, fire_id="old")[0]["recorded_at"] == at(7)
    grown = folder(42, cells=("a", "b", "c"), fires=[*grown.fires, fire_row("late", "c", 5)])
    grown.cells = [*grown.cells, cell_row("c", 1.0)]
    home.ingest(grown, 42)
    assert home.versions(TableName.FIRES, fire_id="late")[0]["recorded_at"] == at(42)


def test_a_removed_cell_keeps_its_history_until_its_last_day_and_may_come_back() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    fewer = folder(35, cells=("a",))
    fewer.cells = fewer.cells[:1]
    reports = home.ingest(fewer, 35)
    assert [report.n_withdrawn for report in reports.values()] == [0, 0]
    assert (home.cell("b")["first_day"], home.cell("b")["last_day"]) == (START, day(27))
    home.ingest(folder(42), 42)
    assert home.cell("b")["last_day"] is None
    assert home.known(TableName.WEATHER) == said(folder(42), TableName.WEATHER)


def test_a_renamed_cell_is_not_kept_twice() -> None:
    home, renamed = Home(), folder(35, cells=("a", "B"))
    home.ingest(folder(28), 28)
    renamed.cells = [cell_row("a"), cell_row("B", 0.5)]
    told = home.ingest(renamed, 35)["weather"].warnings
    assert "cells: 1 renamed or merged, by place or fires: b. Features use the new cells only." in told
    assert home.cell("b")["last_day"] == START - dt.timedelta(days=1)
    home.build(35)
    assert set(home.lake.read(TableName.FEATURES)["cell_id"].to_pylist()) == {"a", "B"}


@pytest.mark.parametrize("weather_first", [True, False])
def test_merged_cells_are_not_kept_beside_the_one_that_has_their_fires(*, weather_first: bool) -> None:
    home, before, merged = (
        Home(consent=AcceptsAll(), weather_first=weather_first),
        folder(28),
        folder(35, cells=("ab",)),
    )
    before.fires = [{**row, "cell_id": CELLS[place % 2]} for place, row in enumerate(before.fires)]
    home.ingest(before, 28)
    merged.cells = [cell_row("ab", 0.25)]
    merged.fires = [{**row, "cell_id": "ab"} for row in merged.fires]
    home.ingest(merged, 35)
    home.build(35)
    rows = home.lake.read(TableName.FEATURES).group_by("cell_id").aggregate([("date", "count")]).to_pylist()
    assert {row["cell_id"]: row["date_count"] for row in rows} == {"ab": 35}


def test_a_cell_whose_fires_moved_to_one_without_its_past_keeps_its_history() -> None:
    home, redrawn = Home(), folder(35, cells=("a",))
    home.ingest(folder(28, fires=[fire_row("f3", "b", 3)]), 28)
    redrawn.cells = [cell_row("a"), cell_row("new", 0.6)]
    redrawn.weather += weather_of(("new",), range(20, 35))
    redrawn.fires = [fire_row("f3", "new", 3)]
    home.ingest(redrawn, 35)
    assert (home.cell("b")["first_day"], home.cell("b")["last_day"]) == (START, day(27))


def test_a_cell_without_weather_exists_from_the_day_it_was_listed() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    grown = folder(35)
    grown.cells = [*grown.cells, cell_row("c", 1.0)]
    home.ingest(grown, 35)
    assert home.cell("c")["first_day"] == day(28)
    home.build(35)
    assert home.lake.read(TableName.FEATURES)["cell_id"].to_pylist().count("c") == 7


def test_a_row_of_the_earlier_release_has_no_mark_and_says_what_it_says() -> None:
    home = Home()
    home.ingest(folder(28), 28)
    for table in (TableName.WEATHER, TableName.FIRES):
        newest = home.lake.tables[table][-1]
        home.lake.tables[table] = [newest._replace(rows=newest.rows.drop(["withdrawn"]), notes={})]
    reports = home.ingest(folder(28), 28)
    assert [report.n_added + report.n_changed + report.n_withdrawn for report in reports.values()] == [0, 0]
    assert home.ingest(folder(35, fires=FIRES[1:10]), 35)["fires"].n_withdrawn == 1
