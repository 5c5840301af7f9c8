"""Promotion rules that look at the holdout losses of a score table: who is champion after each decision.

Rules
-----
- Where there is no champion, the candidate becomes it.
- `frozen`: never again. `newest`: always.
- `any-improvement`: the candidate's loss on the newest window is below the champion's there.
- `margin`: it is at least 1 % below.
- `listing3`: the candidate's loss on the newest window is below the one stored with the champion when that
  was trained, on the champion's own window: two figures from different days.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.streams import RuleName

MARGIN = 0.01
NO_CHAMPION = -1


class Promotion(NamedTuple):
    """A change of champion.

    Attributes
    ----------
    place : int
        The decision; its candidate is the promoted one.
    replaced : int
        The candidate that was champion, -1 for none.
    reason : str
        Why.
    """

    place: int
    replaced: int
    reason: str


class Challenge(NamedTuple):
    """What a simple rule may look at: mean log losses.

    Attributes
    ----------
    challenger, champion : float
        Both on the newest window.
    champion_stored : float
        The champion's on its own window, as stored with it.
    """

    challenger: float
    champion: float
    champion_stored: float


WINS: Mapping[RuleName, Callable[[Challenge], bool]] = {
    RuleName.FROZEN: lambda _: False,
    RuleName.NEWEST: lambda _: True,
    RuleName.ANY_IMPROVEMENT: lambda losses: losses.challenger < losses.champion,
    RuleName.MARGIN: lambda losses: losses.challenger <= (1 - MARGIN) * losses.champion,
    RuleName.LISTING3: lambda losses: losses.challenger < losses.champion_stored,
}


def replay_rule(rule: RuleName, holdout_losses: np.ndarray) -> list[Promotion]:
    """Promotions under a simple rule, oldest first; the first one has no predecessor.

    Parameters
    ----------
    rule : RuleName
        Any but the product's own.
    holdout_losses : numpy.ndarray
        Loss of candidate i on window j, shape (n, n).
    """
    promotions: list[Promotion] = []
    champion = NO_CHAMPION
    for place in range(len(holdout_losses)):
        if champion != NO_CHAMPION:
            losses = holdout_losses[[place, champion, champion], [place, place, champion]]
            if not WINS[rule](Challenge(*losses.tolist())):
                continue
        promotions.append(Promotion(place, champion, "first" if champion == NO_CHAMPION else str(rule)))
        champion = place
    return promotions


def champions_of(promotions: list[Promotion], n_periods: int) -> np.ndarray:
    """Champion after each decision, -1 for none, shape (n_periods,)."""
    champions = np.full(n_periods, NO_CHAMPION)
    for promotion in promotions:
        champions[promotion.place :] = promotion.place
    return champions
