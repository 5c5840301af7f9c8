"""Measures on a history small enough to reckon by hand: three decisions, a hundred days apart, one cell."""

import datetime as dt

import numpy as np
import pytest

from forest_fire_retrain.backtest.measures import RuleMeasures, find_common_start, measure_regret, measure_rule
from forest_fire_retrain.backtest.rules import NO_CHAMPION, Promotion
from forest_fire_retrain.backtest.score_table import ScoreTable
from forest_fire_retrain.backtest.streams import TRUTH_DAYS, RuleName

FIRST = dt.date(2024, 1, 1)
AS_OF = tuple(FIRST + dt.timedelta(days=100 * place) for place in range(3))
N_SERVED = 300
N_DAYS = N_SERVED + TRUTH_DAYS
DAILY = (1.0, 1.1, 0.8)  # candidate 1 is truly worse than 0, candidate 2 truly better


def make_table(daily: tuple[float, ...] = DAILY, *, corrupt: tuple[int, ...] = (), truth: bool = True) -> ScoreTable:
    losses = np.full((3, N_DAYS), np.nan)
    for place, loss in enumerate(daily):
        losses[place, 100 * place :] = loss
    return ScoreTable(
        as_of=AS_OF,
        end=FIRST + dt.timedelta(days=N_SERVED),
        n_cells=1,
        holdout=np.zeros((3, 3)),
        realised=losses,
        expected=losses if truth else None,
        climatology_realised=np.full(N_DAYS, 1.05),
        climatology_expected=np.full(N_DAYS, 1.05) if truth else None,
        is_corrupt=np.isin(np.arange(3), corrupt),
    )


ALWAYS = [Promotion(0, NO_CHAMPION, "first"), Promotion(1, 0, "newest"), Promotion(2, 1, "newest")]


def measure(
    promotions: list[Promotion], table: ScoreTable, drift_start: dt.date | None = None, since: int = 0
) -> RuleMeasures:
    return measure_rule(RuleName.NEWEST, promotions, table, since=since, drift_start=drift_start)


def test_production_loss_is_that_of_whoever_served_each_day() -> None:
    measures = measure(ALWAYS, make_table())
    assert measures.log_loss == pytest.approx((1.0 + 1.1 + 0.8) / 3)
    assert measures.n_promotions == 2
    assert sum(year.n_days for year in measures.years) == N_SERVED


def test_nothing_is_measured_before_every_rule_has_a_champion() -> None:
    late = [Promotion(1, NO_CHAMPION, "INAUGURAL"), Promotion(2, 1, "SUPERIOR")]
    assert find_common_start([ALWAYS, late, []]) == 1
    measures = measure(ALWAYS, make_table(), since=2)
    assert measures.measured_from == AS_OF[2]
    assert measures.log_loss == pytest.approx(0.8)
    assert (measures.n_decisions, measures.n_promotions, len(measures.promotions)) == (1, 1, 3)
    assert sum(year.n_days for year in measures.years) == 100
    assert measures.regret == pytest.approx(0.0)
    assert measures.truth is not None
    assert measures.truth.n_worse_promotions == 0


def test_climatology_serves_until_there_is_a_champion() -> None:
    measures = measure([Promotion(2, NO_CHAMPION, "INAUGURAL")], make_table())
    assert measures.log_loss == pytest.approx((1.05 + 1.05 + 0.8) / 3)
    assert (measures.n_periods_without_champion, measures.n_promotions) == (2, 0)


def test_regret_is_taken_against_the_best_candidate_trained_by_then() -> None:
    best = 1.0 + 1.0 + 0.8
    assert measure_regret(np.array([0, 1, 2]), make_table()) == pytest.approx((1.0 + 1.1 + 0.8) / best - 1)
    assert measure_regret(np.array([0, 0, 2]), make_table()) == pytest.approx(0.0)


def test_a_promotion_is_truly_worse_when_the_year_ahead_says_so() -> None:
    truth = measure(ALWAYS, make_table()).truth
    assert truth is not None
    assert truth.n_worse_promotions == 1
    assert truth.worse_loss == pytest.approx(0.1)
    gains = [promotion.true_gain for promotion in measure(ALWAYS, make_table()).promotions]
    assert gains[0] is None
    assert gains[1:] == pytest.approx([-0.1, 1 - 0.8 / 1.1])


def test_detection_is_the_first_truly_better_promotion_decided_after_the_drift_began() -> None:
    drift_start = FIRST + dt.timedelta(days=60)
    truth = measure(ALWAYS, make_table(), drift_start).truth
    assert truth is not None
    assert truth.detection_delay_days == 140  # the promotion after 40 days is for the worse
    kept = measure(ALWAYS[:1], make_table(), drift_start).truth
    assert kept is not None
    assert kept.detection_delay_days is None


def test_a_period_is_corrupted_only_by_a_broken_model_that_is_truly_worse_than_the_newest_clean_one() -> None:
    def count(corrupt: tuple[int, ...], daily: tuple[float, ...] = DAILY) -> int:
        truth = measure(ALWAYS, make_table(daily, corrupt=corrupt)).truth
        assert truth is not None
        return truth.n_corrupted_periods

    assert count(()) == 0
    assert count((1,)) == 1
    assert count((2,)) == 0  # broken, yet better than the clean one
    assert count((1,), (1.0, 1.019, 0.8)) == 0  # worse by less than 2 %


def test_without_a_truth_nothing_is_said_about_it_and_regret_is_by_what_happened() -> None:
    measures = measure(ALWAYS, make_table(truth=False))
    assert measures.truth is None
    assert [promotion.true_gain for promotion in measures.promotions] == [None, None, None]
    assert measures.regret == pytest.approx(2.9 / 2.8 - 1)
