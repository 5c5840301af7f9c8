"""The paired comparison: windows pooled into blocks, champion's loss less challenger's."""

import math
from collections.abc import Sequence

import numpy as np

from forest_fire_retrain.core.block_tests import (
    BlockStatistics,
    bootstrap_interval,
    describe_blocks,
    e_value,
    sum_blocks,
)
from forest_fire_retrain.core.decision_rule import DecisionRule
from forest_fire_retrain.core.evidence import Figure, WindowEvidence
from forest_fire_retrain.core.guardrails import day_numbers
from forest_fire_retrain.core.records import Record


class Comparison(Record):
    """The paired comparison, per block and relative to the champion's mean block loss.

    Attributes
    ----------
    n_blocks, n_fires, n_windows : int
        Evidence in use.
    mean_gain : float
        Mean over blocks of champion's loss less challenger's.
    champion_loss : float
        Mean block loss of the champion (of climatology, where there is none).
    relative_gain, interval_low, interval_high : float
        Gain over champion's loss with its two-sided t interval.
    bootstrap_low, bootstrap_high : float
        The same interval by the block bootstrap.
    e_value : float
        Anytime-valid evidence; 10 or more is strong.
    own_gain, own_upper : float
        Gain of the newest challengers on their own windows, and its upper bound, per block.
    block_gains : tuple of float
        The gains themselves, oldest first.
    """

    n_blocks: int
    n_fires: int
    n_windows: int
    mean_gain: Figure
    champion_loss: Figure
    relative_gain: Figure
    interval_low: Figure
    interval_high: Figure
    bootstrap_low: Figure
    bootstrap_high: Figure
    e_value: Figure
    own_gain: Figure
    own_upper: Figure
    block_gains: tuple[Figure, ...]


def compare(windows: Sequence[WindowEvidence], rule: DecisionRule) -> Comparison:
    """Pool windows into blocks and describe champion's loss less challenger's.

    Where the windows have no champion, climatology stands in its place.
    """
    losses = [window.loss_champion or window.loss_climatology for window in windows]
    days = day_numbers(windows)
    against = np.array([value for series in losses for value in series])
    gains = against - np.array([value for window in windows for value in window.loss_challenger])
    blocks = sum_blocks(days, gains, rule.block_days)
    champion_blocks = sum_blocks(days, against, rule.block_days)
    pooled = describe_blocks(blocks)
    base = float(champion_blocks.mean()) if len(champion_blocks) else math.nan
    own = _own_statistics(days, gains, rule)
    low, high = bootstrap_interval(blocks, rule.interval_confidence)
    one_sided = (1 + rule.interval_confidence) / 2
    return Comparison(
        n_blocks=pooled.n_blocks,
        n_fires=sum(window.n_fires for window in windows),
        n_windows=len(windows),
        mean_gain=pooled.mean,
        champion_loss=base,
        relative_gain=_ratio(pooled.mean, base),
        interval_low=_ratio(pooled.lower_bound(one_sided), base),
        interval_high=_ratio(pooled.upper_bound(one_sided), base),
        bootstrap_low=_ratio(low, base),
        bootstrap_high=_ratio(high, base),
        e_value=e_value(blocks, champion_blocks),
        own_gain=own.mean,
        own_upper=own.upper_bound(rule.own_window_confidence),
        block_gains=tuple(blocks.tolist()),
    )


def _own_statistics(days: np.ndarray, gains: np.ndarray, rule: DecisionRule) -> BlockStatistics:
    """Blocks of the last `own_window_days` days."""
    if len(days) == 0:
        return describe_blocks(np.empty(0))
    recent = days > days.max() - rule.own_window_days
    return describe_blocks(sum_blocks(days[recent], gains[recent], rule.block_days))


def _ratio(value: float, base: float) -> float:
    return value / base if base > 0 else math.nan
