"""What is known now is what an ingest at this moment would put into the lake, whatever the deliveries were like."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain.pipeline.serving.knowing_now import know_now
from forest_fire_retrain_tests.pipeline.preparing.delivering import (
    DAY,
    Folder,
    Home,
    cell_row,
    day,
    fire_row,
    rebuild,
    weather_of,
    weather_row,
)

CELLS = ("a", "b", "c", "d", "e", "f", "g", "h")
N_DAYS = 150


def park(until: int, seed: int, cells: tuple[str, ...] = CELLS) -> Folder:
    """Weather of nearly all days before `until`, and fires."""
    rng = np.random.default_rng(seed)
    weather = [row for row in weather_of(cells, range(until)) if rng.random() > 0.02]
    fires = [fire_row(f"f{number}", str(rng.choice(cells)), number) for number in range(0, until, 4)]
    return Folder(weather=weather, fires=fires, cells=[cell_row(cell, place / 10) for place, cell in enumerate(cells)])


def changed(folder: Folder, seed: int, until: int) -> Folder:
    """The folder later: days more, values corrected, rows struck and added, a fire moved, a cell gone and one new."""
    rng = np.random.default_rng(seed)
    later = park(until, seed, ("a", "b", "c", "d", "e", "f", "g", "new"))
    kept = [row for row in folder.weather if row["cell_id"] != "h"]
    said = {(row["cell_id"], row["date"]): row for row in (*later.weather, *kept)}
    rows = list(said.values())
    for place in rng.choice(len(rows), 4, replace=False):
        rows[place] = {**rows[place], "precip_mm": 33.0}
    fires = [row for row in folder.fires if rng.random() > 0.08]
    fires[3] = {**fires[3], "date": fires[3]["date"] - DAY}  # type: ignore[operator] # a date
    return replace(later, weather=rows, fires=[row for row in (*fires, *_new(later, folder)) if row["cell_id"] != "h"])


def _new(later: Folder, folder: Folder) -> list[dict[str, object]]:
    known = {row["fire_id"] for row in folder.fires}
    return [row for row in later.fires if row["fire_id"] not in known]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
@pytest.mark.parametrize("n_missed", [0, 7, 40])
def test_it_is_what_an_ingest_at_this_moment_would_give(seed: int, n_missed: int) -> None:
    before, until = N_DAYS, N_DAYS + n_missed
    home, told = Home(), Home()
    first = park(before, seed)
    later = changed(first, seed + 100, until)
    for each in (home, told):
        each.ingest(first, before)
        each.build(before)
    known = know_now(home.intake(later), midnight(day(until)), 0)
    told.ingest(later, until)
    expected = rebuild(told.lake, until + 1, told.calendar)
    expected = expected.filter(pc.equal(expected["date"], day(until)))
    assert known.days == (day(until),)
    assert known.features.to_pylist() == expected.to_pylist()
    assert sorted(known.fires["fire_id"].to_pylist()) == sorted(
        current_rows(told.lake.read(TableName.FIRES), TableName.FIRES)["fire_id"].to_pylist()
    )
    assert home.lake.read(TableName.WEATHER).num_rows == sum(row["date"] < day(before) for row in first.weather)


def test_a_delivery_that_was_cut_off_takes_nothing_away_and_is_said() -> None:
    home, whole = Home(), park(N_DAYS, 1)
    home.ingest(whole, N_DAYS)
    home.build(N_DAYS)
    cut = replace(whole, weather=whole.weather[: len(whole.weather) // 2], fires=whole.fires[:5])
    known = know_now(home.intake(cut), midnight(day(N_DAYS)), 0)
    same = know_now(home.intake(whole), midnight(day(N_DAYS)), 0)
    assert known.features.equals(same.features)
    assert len(known.warnings) == 3
    assert "the source says much less than before" in known.warnings[0]
    weather, fires = (
        [row for row in rows if str(row["cell_id"]) in CELLS[:3]] for rows in (whole.weather, whole.fires)
    )
    fewer = Folder(weather=weather, fires=fires, cells=whole.cells[:3])
    lists_fewer = know_now(home.intake(fewer), midnight(day(N_DAYS)), 0)
    assert lists_fewer.features["cell_id"].to_pylist() == list(CELLS)


def test_a_new_cell_is_predicted_and_one_that_is_gone_is_not() -> None:
    home, whole = Home(), park(N_DAYS, 2)
    home.ingest(whole, N_DAYS)
    home.build(N_DAYS)
    known = know_now(home.intake(changed(whole, 5, N_DAYS)), midnight(day(N_DAYS)), 0)
    assert known.features["cell_id"].to_pylist() == ["a", "b", "c", "d", "e", "f", "g", "new"]


def test_cells_that_came_or_went_since_the_last_ingest_are_said() -> None:
    home, whole = Home(), park(N_DAYS, 2)
    home.ingest(whole, N_DAYS)
    home.build(N_DAYS)
    weather, fires, cells = (
        [row for row in rows if row["cell_id"] != "h"] for rows in (whole.weather, whole.fires, whole.cells)
    )
    new = {**cells[0], "cell_id": "new", "latitude": 60.0}
    known = know_now(home.intake(Folder(weather=weather, fires=fires, cells=[*cells, new])), midnight(day(N_DAYS)), 0)
    assert known.features["cell_id"].to_pylist() == ["a", "b", "c", "d", "e", "f", "g", "new"]
    assert [sentence.split(".")[0] for sentence in known.warnings] == [
        "cells: 1 new: new",
        "cells: 1 no longer listed: h",
    ]
    assert know_now(home.intake(whole), midnight(day(N_DAYS)), 0).warnings == ()


def test_todays_weather_counts_where_the_source_does_not_say_when_it_came() -> None:
    home = Home()
    home.ingest(park(N_DAYS, 3), N_DAYS)
    home.build(N_DAYS)
    at_seven = midnight(day(N_DAYS)) + dt.timedelta(hours=7)
    known = know_now(home.intake(park(N_DAYS + 1, 3)), at_seven, 3)
    n_held = sum(value is not None for value in known.features["temp_max_c"].to_pylist())
    assert n_held == sum(row["date"] == day(N_DAYS) for row in park(N_DAYS + 1, 3).weather) > 5
    assert known.days == (day(N_DAYS),)


def test_a_row_that_states_a_later_instant_is_not_known_yet() -> None:
    at_seven = midnight(day(N_DAYS)) + dt.timedelta(hours=7)
    stated = park(N_DAYS, 3)
    stated.weather = [
        {**row, "recorded_at": midnight(row["date"])}  # type: ignore[arg-type] # a date
        for row in stated.weather
    ]
    home = Home()
    home.ingest(stated, N_DAYS)
    home.build(N_DAYS)
    said = [weather_row("a", N_DAYS, recorded_at=at_seven), weather_row("b", N_DAYS, recorded_at=at_seven)]
    said[1]["recorded_at"] = at_seven + dt.timedelta(microseconds=2)
    known = know_now(home.intake(replace(stated, weather=[*stated.weather, *said])), at_seven, 0)
    held = dict(zip(known.features["cell_id"].to_pylist(), known.features["temp_max_c"].to_pylist(), strict=True))
    assert (held["a"] is not None, held["b"]) == (True, None)


def test_before_the_first_ingest_there_is_nothing_to_predict_from() -> None:
    with pytest.raises(EvidenceError, match="nothing can be predicted"):
        know_now(Home().intake(park(N_DAYS, 1)), midnight(day(N_DAYS)), 0)
