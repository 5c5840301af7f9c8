"""The decisions that rest on changed days are named, and no other."""

import datetime as dt

import pytest

from forest_fire_retrain.core.ledger.touched_decisions import describe_touched_decisions
from forest_fire_retrain.core.windows import Interval, runs_of_days
from forest_fire_retrain_tests.example_reigns import WEEKS, three_reigns

pytestmark = pytest.mark.slow

FIRST_HOLDOUT = Interval(start=dt.date(2025, 6, 23), end=dt.date(2025, 6, 30))


def describe(*days: dt.date) -> list[str]:
    return describe_touched_decisions(three_reigns().ledger.rows, runs_of_days(days), "fires")


def test_days_after_every_holdout_touch_nothing() -> None:
    assert describe(dt.date(2025, 7, 14), dt.date(2025, 8, 1)) == []


def test_a_day_of_one_holdout_touches_its_decision() -> None:
    (told,) = describe(FIRST_HOLDOUT.start)
    assert told.startswith("fires: rows for 2025-06-23 came or changed after decisions that rest on them: ")
    assert f"judged on them {WEEKS[0]}; trained on them none." in told


def test_days_between_two_changes_are_not_taken_for_changed() -> None:
    (told,) = describe(FIRST_HOLDOUT.start, dt.date(2025, 7, 8))
    assert "rows for 2025-06-23, 2025-07-08 came" in told
    assert f"judged on them {WEEKS[0]}, {WEEKS[2]}; trained" in told


def test_days_of_training_touch_all_that_were_trained_on_them() -> None:
    (told,) = describe(*(dt.date(2025, 1, 1) + number * dt.timedelta(days=40) for number in range(4)))
    assert "rows for 4 days from 2025-01-01 on came" in told
    assert f"judged on them none; trained on them {', '.join(WEEKS)}." in told
