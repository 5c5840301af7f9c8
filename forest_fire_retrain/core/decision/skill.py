"""How much better than climatology a candidate is on its own holdout window, with an interval; it decides nothing."""

from typing import NamedTuple

import numpy as np

from forest_fire_retrain.core.decision.block_statistics import SMALLEST_SAMPLE, describe_blocks, quotient, sum_blocks
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence

CONFIDENCE = 0.95


class Skill(NamedTuple):
    """Share of climatology's loss that a candidate saves; below 0 it is worse.

    Attributes
    ----------
    value : float
        1 - loss / climatology's loss, over the whole window; NaN where climatology lost nothing.
    low, high : float
        Two-sided 95 % Student t interval of it on block sums; NaN with fewer than two blocks.
    n_blocks, block_days : int
        Blocks that the interval rests on, and the days of one.
    """

    value: float
    low: float
    high: float
    n_blocks: int
    block_days: int


def skill_against_climatology(window: WindowEvidence, block_days: int) -> Skill:
    """Skill of a window's challenger; a window too short for two blocks is taken day by day.

    Parameters
    ----------
    window : WindowEvidence
        The holdout window, day by day.
    block_days : int
        Days of a block, as the rule has them.
    """
    climatology = np.array(window.loss_climatology)
    gains = climatology - np.array(window.loss_challenger)
    days = np.arange(window.window.n_days)
    size = block_days if window.window.n_days >= SMALLEST_SAMPLE * block_days else 1
    pooled, base = describe_blocks(sum_blocks(days, gains, size)), sum_blocks(days, climatology, size).mean()
    one_sided = (1 + CONFIDENCE) / 2
    return Skill(
        value=quotient(float(gains.sum()), float(climatology.sum())),
        low=quotient(pooled.lower_bound(one_sided), float(base)),
        high=quotient(pooled.upper_bound(one_sided), float(base)),
        n_blocks=pooled.n_blocks,
        block_days=size,
    )
