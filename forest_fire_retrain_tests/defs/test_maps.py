"""The day's map: small for any park, every cell where it lies, nothing drawn for a cell without a place."""

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.core.serving.risk_classes import DEFAULT_LIMITS, read_classes
from forest_fire_retrain.core.serving.scored_days import rank_chances
from forest_fire_retrain.defs.maps import DayOnMap, draw_map, lay_out

CLASSES = read_classes(DEFAULT_LIMITS)
MAX_MAP_BYTES = 30_000


def park(side: int, reported: frozenset[str] = frozenset()) -> DayOnMap:
    """A square of cells whose risk changes slowly from place to place."""
    east, north = (grid.ravel() for grid in np.meshgrid(np.arange(side), np.arange(side)))
    waves = np.sin(6 * east / side) * np.cos(5 * north / side)
    chances = np.clip(0.04 + 0.06 * waves, 1e-4, 1.0)
    ids = [f"C{number:05d}" for number in range(side * side)]
    cells = pa.table({"cell_id": ids, "name": ids, "longitude": east / 10, "latitude": 40 + north / 10})
    said = {"cell_id": ids, "risk_class": CLASSES.classify(chances.tolist()), "rank": rank_chances(chances)}
    return lay_out("2026-07-01, version 3", pa.table(said), cells, CLASSES.names, reported)


@pytest.mark.parametrize("side", [2, 8, 9, 14, 20, 100])
def test_a_map_of_any_park_and_of_the_day_before_is_small(side: int) -> None:
    picture = draw_map([park(side), park(side, frozenset(["C00001"]))], CLASSES.names)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= MAX_MAP_BYTES


def test_every_cell_is_where_it_lies_and_has_its_class() -> None:
    places = park(10).places
    assert len(places) == 100
    assert {place.place_in_classes for place in places} == {0, 1, 2, 3}
    last = next(place for place in places if place.cell_id == "C00099")
    assert (last.longitude, last.latitude) == (0.9, 40.9)


def test_a_cell_that_is_on_no_list_any_more_is_left_out_of_the_map() -> None:
    rows = pa.table({"cell_id": ["a", "gone"], "risk_class": ["low", "low"], "rank": [1, 2]})
    cells = pa.table({"cell_id": ["a"], "name": ["North"], "longitude": [1.0], "latitude": [2.0]})
    assert [place.name for place in lay_out("", rows, cells, CLASSES.names, frozenset()).places] == ["North"]
