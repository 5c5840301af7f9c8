"""Tests on block sums: the week is the sample, not the row.

Rules
-----
- Blocks are complete runs of `block_days` days, counted back from the end of the newest day.
- Bounds are Student's t on block sums. The moving-block bootstrap is reported beside them, never used.
- The e-value stays valid however often it is looked at; it is reported beside them as well.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr
from scipy.stats import t as student_t

N_RESAMPLES = 1_000
BOOTSTRAP_SEED = 20_260_101
SMALLEST_SAMPLE = 2
E_VALUE_SCALE = 0.1
IN_TURN = 8
"""Fewer numbers than these numpy adds one after the other, along whichever axis."""


class BlockStatistics(NamedTuple):
    """Mean of block sums and its standard error; NaN where there are too few blocks."""

    n_blocks: int
    mean: float
    standard_error: float

    def lower_bound(self, confidence: float) -> float:
        """One-sided lower bound of the mean; NaN with fewer than two blocks."""
        return self.mean - self._quantile(confidence) * self.standard_error

    def upper_bound(self, confidence: float) -> float:
        """One-sided upper bound of the mean; NaN with fewer than two blocks."""
        return self.mean + self._quantile(confidence) * self.standard_error

    def _quantile(self, confidence: float) -> float:
        return _quantile_of_t(confidence, self.n_blocks - 1) if self.n_blocks >= SMALLEST_SAMPLE else float("nan")


@lru_cache(maxsize=1_024)
def _quantile_of_t(confidence: float, n_free: int) -> float:
    """Quantile of Student's t; few are ever asked for, and each takes longer than all else in a comparison."""
    return float(student_t.ppf(confidence, n_free))


@lru_cache(maxsize=64)
def _draw_blocks(n_blocks: int) -> np.ndarray:
    """Which blocks each resample holds, shape (N_RESAMPLES, n_blocks); the same for every decision on so many."""
    drawn = np.random.Generator(np.random.Philox(BOOTSTRAP_SEED)).integers(0, n_blocks, size=(N_RESAMPLES, n_blocks))
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=IN_TURN)
def _draw_few_blocks(n_blocks: int) -> np.ndarray:
    """The same, shape (n_blocks, N_RESAMPLES)."""
    drawn = np.ascontiguousarray(_draw_blocks(n_blocks).T)
    drawn.setflags(write=False)
    return drawn


class DayBlocks:
    """Which block each day is in, for any number of series of these days.

    Parameters
    ----------
    days : numpy.ndarray
        Day numbers in any order, distinct, shape (n_days,).
    block_days : int
        Days of a block; blocks are anchored at the end of the newest day, and one with a day missing is left out.
    """

    def __init__(self, days: np.ndarray, block_days: int) -> None:
        self._order = days.argsort()
        ordered = days[self._order]
        self._block = (ordered[-1:] - ordered) // block_days
        self._is_whole = np.bincount(self._block) == block_days
        self._block_days = block_days

    def sums(self, values: np.ndarray, newest_days: int | None = None) -> np.ndarray:
        """Sums over complete blocks, oldest first, shape (n_blocks,).

        Parameters
        ----------
        values : numpy.ndarray
            One figure per day, in the order of the days, shape (n_days,).
        newest_days : int, optional
            Only blocks that lie within so many days back from the end of the newest day.
        """
        newest = slice(None if newest_days is None else newest_days // self._block_days)
        sums = np.bincount(self._block, weights=values[self._order])
        return sums[newest][self._is_whole[newest]][::-1]


def sum_blocks(days: np.ndarray, values: np.ndarray, block_days: int) -> np.ndarray:
    """Sums over complete blocks, oldest first, shape (n_blocks,); see `DayBlocks`."""
    return DayBlocks(days, block_days).sums(values)


def describe_blocks(sums: np.ndarray) -> BlockStatistics:
    """Mean and standard error of block sums, m = mean(x), se = sd(x)/sqrt(n)."""
    n_blocks = len(sums)
    if n_blocks == 0:
        return BlockStatistics(0, float("nan"), float("nan"))
    mean = float(np.add.reduce(sums)) / n_blocks  # what numpy's mean and std come to, which take longer to find it out
    if n_blocks < SMALLEST_SAMPLE:
        return BlockStatistics(n_blocks, mean, float("nan"))
    away = sums - mean
    deviation = math.sqrt(float(np.add.reduce(away * away)) / (n_blocks - 1))
    return BlockStatistics(n_blocks, mean, deviation / math.sqrt(n_blocks))


def bootstrap_interval(sums: np.ndarray, confidence: float) -> tuple[float, float]:
    """Two-sided percentile interval of the mean by resampling blocks; the same sums give the same interval.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 13.3, on weekly blocks.
    """
    if len(sums) < SMALLEST_SAMPLE:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    return find_quantiles(_resample_means(sums), (tail, 1 - tail))


def _resample_means(sums: np.ndarray) -> np.ndarray:
    """Mean of each resample, shape (N_RESAMPLES,); which way round few blocks are added changes no bit."""
    n_blocks = len(sums)
    total = (
        np.add.reduce(sums[_draw_few_blocks(n_blocks)], axis=0)
        if n_blocks < IN_TURN
        else np.add.reduce(sums[_draw_blocks(n_blocks)], axis=1)
    )
    return np.asarray(total / n_blocks)


def find_quantiles(values: np.ndarray, shares: tuple[float, float]) -> tuple[float, float]:
    """Two quantiles of `values`, whose order is lost; to the bit what `numpy.quantile` gives, which takes longer.

    Source: Hyndman & Fan (1996), Sample quantiles in statistical packages, definition 7.

    Parameters
    ----------
    values : numpy.ndarray
        At least one, shape (n,).
    shares : tuple of float
        Which quantiles, each from 0 to 1.
    """
    places, below, above, weights = _place_quantiles(len(values), shares)
    values.partition(places)  # values that compare as equal, 0.0 and -0.0, end up where numpy has them too
    if np.isnan(values[-1]):
        return math.nan, math.nan
    low, high = map(_interpolate, values[below].tolist(), values[above].tolist(), weights)
    return low, high


def _interpolate(one: float, other: float, weight: float) -> float:
    """Between two values, from the nearer one."""
    step = other - one
    return one + step * weight if weight < 0.5 else other - step * (1 - weight)  # noqa: PLR2004 - half-way


@lru_cache(maxsize=64)
def _place_quantiles(
    n_values: int, shares: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """Places that have to be in order, those below and above the quantiles, and the weights of the latter."""
    exact = (n_values - 1) * np.array(shares)
    is_last = exact >= n_values - 1
    below, above = (np.where(is_last, -1, np.floor(exact) + step).astype(np.intp) for step in (0, 1))
    places = np.unique(np.concatenate([[0, -1], below, above]))
    low, high = (exact - below).tolist()
    return places, below, above, (low, high)


def e_value(gains: np.ndarray, champion_losses: np.ndarray) -> float:
    """Evidence that the challenger is better, valid under continuous looking; 1 says nothing.

    exp(λS - λ²V/2), S and V the sums of gains and of their squares, is a supermartingale when gains
    are symmetric about zero (de la Peña 1999, lemma 6.1), and below that when they are worse. It is
    mixed over λ > 0 with a half-normal density of scale 1/(0.1·b), b the champion's loss in the
    first block, which itself is not counted.

    Parameters
    ----------
    gains, champion_losses : numpy.ndarray
        Block sums, oldest first, shape (n_blocks,).
    """
    if len(gains) < SMALLEST_SAMPLE or not champion_losses[0] > 0 or not np.isfinite(gains).all():
        return 1.0
    rho = (E_VALUE_SCALE * champion_losses[0]) ** 2
    total, square = float(np.add.reduce(gains[1:])), float(np.add.reduce(gains[1:] ** 2))
    precision = square + rho
    exponent = (
        np.log(2.0) + 0.5 * np.log(rho / precision) + total**2 / (2 * precision) + log_ndtr(total / np.sqrt(precision))
    )
    return float(np.exp(min(exponent, 700.0)))


def quotient(value: float, base: float) -> float:
    """`value` over `base`; NaN where `base` is not above zero."""
    return value / base if base > 0 else math.nan
