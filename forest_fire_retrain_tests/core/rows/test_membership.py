"""How many rows a holdout has to have where cells come and go."""

import datetime as dt

import pyarrow as pa
import pytest

from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.rows.membership import count_cell_days
from forest_fire_retrain.core.windows import Interval

NAMES = ("first_day", "last_day")
WEEK = Interval(start=dt.date(2024, 6, 3), end=dt.date(2024, 6, 10))


CellSpan = tuple[dt.date | None, dt.date | None]


def count(*spans: CellSpan) -> int:
    days = {name: pa.array([span[place] for span in spans], pa.date32()) for place, name in enumerate(NAMES)}
    ids = pa.array([f"c{number}" for number in range(len(spans))], pa.string())
    return sum(count_cell_days(pa.table({"cell_id": ids, **days}), WEEK).values())


def june(day: int) -> dt.date:
    return dt.date(2024, 6, day)


@pytest.mark.parametrize(
    ("span", "n_days"),
    [
        ((None, None), 7),
        ((june(1), june(30)), 7),
        ((june(3), june(9)), 7),
        ((june(5), None), 5),
        ((june(9), None), 1),
        ((june(10), None), 0),
        ((None, june(5)), 3),
        ((None, june(3)), 1),
        ((None, june(2)), 0),
        ((june(5), june(6)), 2),
        ((june(5), june(5)), 1),
        ((june(20), june(1)), 0),
    ],
)
def test_a_cell_counts_on_the_days_on_which_it_is_there(span: CellSpan, n_days: int) -> None:
    assert count(span) == n_days


def test_cells_add_up() -> None:
    assert count((None, None), (june(5), None), (None, june(5))) == 7 + 5 + 3
    assert count() == 0


def test_cells_of_earlier_releases_exist_on_all_days() -> None:
    assert count_cell_days(pa.table({"cell_id": ["a", "b"]}), WEEK) == {"a": 7, "b": 7}


def test_raw_measures_are_features() -> None:
    assert set(RAW_MEASURES) < set(FEATURE_NAMES)
