"""Losses of probabilities against what happened, per row and on average; natural logarithm, lower is better."""

import numpy as np

MIN_PROBABILITY = 1e-6
"""The served model's probabilities lie within [1e-6, 1-1e-6]."""


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """-[y log q + (1-y) log(1-q)] per row, q clipped to [1e-6, 1-1e-6]; shape (n_rows,)."""
    clipped = clip(probabilities)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


def brier_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(q - y)² per row, shape (n_rows,). Source: Brier (1950)."""
    return np.asarray((probabilities - labels) ** 2)


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean log loss per row."""
    return float(log_losses(labels, probabilities).mean())


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of the probabilities."""
    return float(brier_losses(labels, probabilities).mean())


def clip(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as the served model gives them, within [1e-6, 1-1e-6]."""
    return np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
