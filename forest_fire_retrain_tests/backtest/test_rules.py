"""What the simple rules promote on score tables made by hand."""

import numpy as np
import pytest

from forest_fire_retrain.backtest.rules import NO_CHAMPION, champions_of, replay_rule
from forest_fire_retrain.backtest.streams import RuleName

NAN = np.nan
# Row: candidate; column: holdout window. Candidate 1 is barely better than 0, 2 clearly, 3 worse than 2
# on a window so easy that its figure is the lowest of all.
LOSSES = np.array(
    [
        [1.000, 1.000, 1.000, 0.500],
        [NAN, 0.995, 0.990, 0.490],
        [NAN, NAN, 0.950, 0.400],
        [NAN, NAN, NAN, 0.450],
    ]
)


@pytest.mark.parametrize(
    ("rule", "champions"),
    [
        (RuleName.FROZEN, [0, 0, 0, 0]),
        (RuleName.NEWEST, [0, 1, 2, 3]),
        (RuleName.ANY_IMPROVEMENT, [0, 1, 2, 2]),
        (RuleName.MARGIN, [0, 0, 2, 2]),
        (RuleName.LISTING3, [0, 1, 2, 3]),
    ],
)
def test_a_rule_promotes_what_it_says(rule: RuleName, champions: list[int]) -> None:
    assert champions_of(replay_rule(rule, LOSSES), len(LOSSES)).tolist() == champions


def test_listing3_keeps_a_worse_champion_whose_stored_figure_came_from_an_easy_window() -> None:
    easy_first = np.array([[0.4, 1.0], [NAN, 0.7]])
    assert champions_of(replay_rule(RuleName.LISTING3, easy_first), 2).tolist() == [0, 0]
    assert champions_of(replay_rule(RuleName.ANY_IMPROVEMENT, easy_first), 2).tolist() == [0, 1]


def test_exactly_one_per_cent_is_the_margin_and_equal_is_no_improvement() -> None:
    assert len(replay_rule(RuleName.MARGIN, np.array([[1.0, 1.0], [NAN, 0.99]]))) == 2
    assert len(replay_rule(RuleName.ANY_IMPROVEMENT, np.array([[1.0, 1.0], [NAN, 1.0]]))) == 1


def test_a_loss_that_is_not_a_number_promotes_nothing_but_the_newest() -> None:
    table = np.array([[1.0, 1.0], [NAN, NAN]])
    promoted = {rule: len(replay_rule(rule, table)) == 2 for rule in RuleName if rule is not RuleName.OURS}
    assert promoted == {rule: rule is RuleName.NEWEST for rule in promoted}


def test_frozen_never_promotes_again_however_good_the_candidates() -> None:
    table = np.triu(np.tile(0.9 ** np.arange(30)[:, np.newaxis], 30)) + np.tril(np.full((30, 30), NAN), -1)
    promotions = replay_rule(RuleName.FROZEN, table)
    assert [(promotion.place, promotion.replaced) for promotion in promotions] == [(0, NO_CHAMPION)]


def test_each_promotion_names_the_champion_it_replaced() -> None:
    promotions = replay_rule(RuleName.ANY_IMPROVEMENT, LOSSES)
    assert [(promotion.place, promotion.replaced) for promotion in promotions] == [(0, NO_CHAMPION), (1, 0), (2, 1)]


def test_before_the_first_promotion_there_is_no_champion() -> None:
    promotions = replay_rule(RuleName.NEWEST, LOSSES)[2:]
    assert champions_of(promotions, 4).tolist() == [NO_CHAMPION, NO_CHAMPION, 2, 3]
