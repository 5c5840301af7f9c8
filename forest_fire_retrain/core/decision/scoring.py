"""Losses per day under the metric of the decision, and the numbers people ask for.

Rules
-----
- Every metric is brought to a loss per day that adds up over days: lower is better, 0 is perfect.
- `log_loss` and `brier` are sums over the day's cells. `roc_auc` and `average_precision` are taken
  within the day and summed over its fires: the question of a patrol is which cells *today*.
"""

import numpy as np
from scipy.special import logit
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import get_cached_controller

from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.losses import brier_losses, brier_score, clip, log_loss, log_losses

BOTH_CLASSES = 2
ONE_THREAD = 1


def daily_losses(
    metric: Metric, labels: np.ndarray, probabilities: np.ndarray, day_index: np.ndarray, n_days: int
) -> np.ndarray:
    """Loss per day, shape (n_days,); days without a row count 0.

    Parameters
    ----------
    metric : Metric
        Which loss.
    labels, probabilities : numpy.ndarray
        1 where a fire started, else 0; probability of it; shape (n_rows,).
    day_index : numpy.ndarray
        The row's day, counted from the window's first; shape (n_rows,).
    n_days : int
        Days of the window.
    """
    if metric is Metric.LOG_LOSS:
        return daily_sums(log_losses(labels, probabilities), day_index, n_days)
    if metric is Metric.BRIER:
        return daily_sums(brier_losses(labels, probabilities), day_index, n_days)
    fires = np.unique(day_index[labels == 1])
    losses = np.zeros(n_days)
    within_day = _misranked_share if metric is Metric.ROC_AUC else _imprecision
    for day in fires:
        rows = day_index == day
        losses[day] = within_day(labels[rows], probabilities[rows])
    return losses


def daily_sums(values: np.ndarray, day_index: np.ndarray, n_days: int) -> np.ndarray:
    """Sum of `values` per day, shape (n_days,)."""
    return np.bincount(day_index, weights=values, minlength=n_days)


def describe_quality(labels: np.ndarray, probabilities: np.ndarray, patrol_budget_share: float) -> dict[str, float]:
    """Figures that inform and never decide; those that one class alone cannot give are left out.

    Returns
    -------
    dict
        `log_loss`, `brier`, and with both classes `roc_auc`, `average_precision`, `recall_at_budget`
        (share of fires in the riskiest `patrol_budget_share` of cell-days), `calibration_intercept`
        and `calibration_slope` (logistic regression of the label on the log odds, Cox 1958).
    """
    figures = {"log_loss": log_loss(labels, probabilities), "brier": brier_score(labels, probabilities)}
    if len(np.unique(labels)) < BOTH_CLASSES:
        return figures
    log_odds = logit(clip(probabilities)).reshape(-1, 1)
    with get_cached_controller().limit(limits=ONE_THREAD):  # several would wait for each other longer than they compute
        cox = LogisticRegression(C=np.inf).fit(log_odds, labels)
    n_visited = max(1, int(patrol_budget_share * len(labels)))
    visited = np.argsort(-probabilities, kind="stable")[:n_visited]
    return {
        **figures,
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "recall_at_budget": float(labels[visited].sum() / labels.sum()),
        "calibration_intercept": float(cox.intercept_[0]),
        "calibration_slope": float(cox.coef_[0, 0]),
    }


def _misranked_share(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum over the day's fires of the share of fireless cells ranked above, ties half."""
    n_fires, n_cells = int(labels.sum()), len(labels)
    if n_fires == n_cells:
        return 0.0
    ranks = rankdata(probabilities)[labels == 1]
    concordant = ranks.sum() - n_fires * (n_fires + 1) / 2
    return float(n_fires * (1 - concordant / (n_fires * (n_cells - n_fires))))


def _imprecision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum over the day's fires of one minus the day's average precision."""
    return float(labels.sum() * (1 - average_precision_score(labels, probabilities)))
