"""The paired comparison: windows pooled into blocks, champion's loss less challenger's."""

import math
from collections.abc import Sequence

import numpy as np

from forest_fire_retrain.core.decision.block_statistics import (
    BlockStatistics,
    DayBlocks,
    bootstrap_interval,
    describe_blocks,
    e_value,
    quotient,
)
from forest_fire_retrain.core.decision.case import Comparison
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.decision.window_sums import day_numbers


def compare(windows: Sequence[WindowEvidence], rule: DecisionRule) -> tuple[Comparison, BlockStatistics]:
    """Pool windows into blocks and describe champion's loss less challenger's; with the mean gain and its error.

    Where the windows have no champion, climatology stands in its place.
    """
    losses = [window.loss_champion or window.loss_climatology for window in windows]
    against = np.array([value for series in losses for value in series])
    gains = against - np.array([value for window in windows for value in window.loss_challenger])
    days = DayBlocks(day_numbers(windows), rule.block_days)
    blocks, champion_blocks = days.sums(gains), days.sums(against)
    pooled = describe_blocks(blocks)
    base = float(np.add.reduce(champion_blocks)) / len(champion_blocks) if len(champion_blocks) else math.nan
    own = describe_blocks(days.sums(gains, rule.own_window_days))
    low, high = bootstrap_interval(blocks, rule.interval_confidence)
    one_sided = (1 + rule.interval_confidence) / 2
    comparison = Comparison(
        n_blocks=pooled.n_blocks,
        n_fires=sum(window.n_fires for window in windows),
        n_windows=len(windows),
        mean_gain=pooled.mean,
        champion_loss=base,
        relative_gain=quotient(pooled.mean, base),
        interval_low=quotient(pooled.lower_bound(one_sided), base),
        interval_high=quotient(pooled.upper_bound(one_sided), base),
        bootstrap_low=quotient(low, base),
        bootstrap_high=quotient(high, base),
        e_value=e_value(blocks, champion_blocks),
        own_gain=own.mean,
        own_upper=own.upper_bound(rule.own_window_confidence),
        block_gains=tuple(blocks.tolist()),
    )
    return comparison, pooled
