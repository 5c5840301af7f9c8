"""Differences are paired, and their intervals are Student's."""

import pytest

from forest_fire_retrain.backtest.served_losses import LossMeasures, YearLoss
from forest_fire_retrain.backtest.study_summary import Pair, compare_excesses, compare_losses


def losses(log_loss: float, excess: float | None = None, years: tuple[float, ...] = ()) -> LossMeasures:
    return LossMeasures(
        n_days=365,
        log_loss=log_loss,
        expected_log_loss=None,
        excess=excess,
        years=tuple(YearLoss(year=2000 + place, n_days=365, log_loss=loss) for place, loss in enumerate(years)),
    )


def test_a_difference_over_streams_has_students_interval() -> None:
    found = compare_losses([Pair(losses(0.99), losses(1.0)), Pair(losses(1.03), losses(1.0))])
    assert found.mean == pytest.approx(0.01)
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(12.706 * 0.02, rel=1e-4)


def test_a_single_stream_is_compared_over_its_years() -> None:
    found = compare_losses([Pair(losses(0.98, years=(0.9, 1.0)), losses(1.0, years=(1.0, 1.0)))])
    assert found.mean == pytest.approx(-0.02)
    assert found.low is not None
    assert found.low < -0.05


def test_one_figure_alone_has_no_interval() -> None:
    found = compare_excesses([Pair(losses(1.0, 0.02), losses(1.0, 0.03))])
    assert found is not None
    assert (found.mean, found.low) == (pytest.approx(-0.01), None)


def test_without_a_truth_there_is_no_excess_to_compare() -> None:
    assert compare_excesses([Pair(losses(1.0), losses(1.0))]) is None
