"""Sum a scored holdout up to the evidence of its window: per day, and per region."""

import datetime as dt
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
from scipy.special import logit

from forest_fire_retrain.core.decision.scored_rows import ScoredRows
from forest_fire_retrain.core.decision.scoring import daily_losses, daily_sums
from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.decision.window_evidence import Series, SliceSums, WindowEvidence
from forest_fire_retrain.core.losses import clip, log_losses


def sum_up_slices(rows: ScoredRows) -> tuple[SliceSums, ...]:
    """Sums per region, sorted by name; empty without a champion.

    The expectation and variance of the loss difference under the challenger's probabilities q with
    the champion's c: each row's difference is linear in the label, so its mean is
    KL-like, q·Δ1 + (1-q)·Δ0, and its variance q(1-q)(logit q - logit c)².
    """
    if rows.champion is None:
        return ()
    new, old = clip(rows.challenger), clip(rows.champion)
    loss_old = log_losses(rows.labels, old)
    difference = log_losses(rows.labels, new) - loss_old
    expected = new * np.log(old / new) + (1 - new) * np.log((1 - old) / (1 - new))
    variance = new * (1 - new) * (logit(new) - logit(old)) ** 2
    codes, names = pd.factorize(rows.regions.astype(object), sort=True)
    per_row = {
        "n_fires": rows.labels,
        "loss_champion": loss_old,
        "loss_difference": difference,
        "expected_difference": expected,
        "variance": variance,
    }
    sums = {field: np.bincount(codes, weights=values, minlength=len(names)) for field, values in per_row.items()}
    counts = sums.pop("n_fires").astype(np.int64)
    return tuple(
        SliceSums(
            name=str(name),
            n_fires=int(counts[place]),
            **{field: float(values[place]) for field, values in sums.items()},
        )
        for place, name in enumerate(names)
    )


def sum_up_window(
    rows: ScoredRows,
    *,
    partition_key: str,
    metric: Metric,
    challenger_id: str,
    challenger_cutoff: dt.date,
    challenger_is_tainted: bool,
    champion_version: int | None,
    champion_cutoff: dt.date | None,
) -> WindowEvidence:
    """Daily sums of a scored window; `labels_are_suspect` is left to the label gate."""
    n_days, day_index = rows.window.n_days, rows.day_index

    def losses(probabilities: np.ndarray) -> Series:
        return tuple(daily_losses(metric, rows.labels, probabilities, day_index, n_days).tolist())

    def sums(values: np.ndarray) -> Series:
        return tuple(daily_sums(values, day_index, n_days).tolist())

    return WindowEvidence(
        partition_key=partition_key,
        window=rows.window,
        metric=metric,
        n_rows=len(rows.labels),
        challenger_id=challenger_id,
        challenger_cutoff=challenger_cutoff,
        challenger_is_tainted=challenger_is_tainted,
        champion_version=champion_version,
        champion_cutoff=champion_cutoff,
        fires=tuple(int(count) for count in sums(rows.labels)),
        expected_challenger=sums(rows.challenger),
        expected_champion=() if rows.champion is None else sums(rows.champion),
        expected_climatology=sums(rows.climatology),
        loss_challenger=losses(rows.challenger),
        loss_champion=() if rows.champion is None else losses(rows.champion),
        loss_climatology=losses(rows.climatology),
        slices=sum_up_slices(rows),
        labels_are_suspect=False,
    )


def day_numbers(windows: Sequence[WindowEvidence]) -> np.ndarray:
    """Ordinal number of every day of the windows, in their order, shape (n_days,)."""
    days = (range(window.window.start.toordinal(), window.window.end.toordinal()) for window in windows)
    return np.fromiter(chain.from_iterable(days), dtype=np.int64)


def join_days(series: Sequence[np.ndarray]) -> np.ndarray:
    """Series of several windows, one behind the other; empty where there is none."""
    return np.concatenate(series) if series else np.empty(0)
