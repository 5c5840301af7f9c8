"""What people order, and which period is next: the same for command line, launchpad, schedule and notebook."""

import datetime as dt
from pathlib import Path

from forest_fire_retrain.operations import describe_passed_over, find_next, find_waiting, has_decided
from forest_fire_retrain_tests.example_installation import NOW, example_installation
from forest_fire_retrain_tests.example_reigns import EASY, WEEKS, Reigns, decide, ingest, three_reigns


def test_the_next_period_is_the_oldest_that_waits() -> None:
    installation = three_reigns().installation
    waiting = find_waiting(installation, NOW)
    after = dt.date.fromisoformat(WEEKS[-1]) + dt.timedelta(days=7)
    assert waiting[0] == after.isoformat() == find_next(installation, NOW)
    assert len(waiting) > 1


def test_where_nothing_waits_the_next_period_is_the_newest_that_is_over() -> None:
    installation = three_reigns().installation
    then = dt.datetime.fromisoformat(f"{WEEKS[-1]}T00:00:00+00:00") + dt.timedelta(days=8)
    assert find_waiting(installation, then) == []
    assert find_next(installation, then) == WEEKS[-1]


def test_on_an_empty_ledger_the_newest_period_starts_the_history(tmp_path: Path) -> None:
    installation = example_installation(tmp_path, adjudication=EASY)
    assert not has_decided(installation)
    assert find_waiting(installation, NOW) == []
    assert find_next(installation, NOW) == installation.settings.periods.closed_keys(NOW)[-1]


def test_before_any_period_is_over_there_is_no_next_one() -> None:
    installation = three_reigns().installation
    assert find_next(installation, dt.datetime(2024, 1, 2, tzinfo=dt.UTC)) is None


def skip_one_week(reigns: Reigns) -> tuple[str, int]:
    """Decide the week after the next one; the week left out, and the rows before."""
    installation, n_rows = reigns.installation, len(reigns.ledger.rows)
    left_out, later = find_waiting(installation, NOW)[:2]
    ingest(installation, [left_out, later])
    decide(installation, later)
    return left_out, n_rows


def test_a_period_that_is_passed_over_is_named_once() -> None:
    reigns = three_reigns()
    left_out, n_rows = skip_one_week(reigns)
    said = describe_passed_over(reigns.installation, NOW, n_rows_before=n_rows)
    assert said is not None
    assert said.startswith(f"Passed over: {left_out}. A later period is decided now")
    assert describe_passed_over(reigns.installation, NOW, n_rows_before=len(reigns.ledger.rows)) is None
