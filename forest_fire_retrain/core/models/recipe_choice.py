"""Choose a period's recipe inside its training window; the holdout plays no part in it.

Rules
-----
- The last fifth of the training window, a gap behind the rest, is the inner validation window.
- The recipe with the lowest mean log loss there is taken; of equal ones the first named.
- Without a fire in the validation window nothing can be told apart, and the first named is taken.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.losses import log_loss
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.records import Recipe, RecipeScore
from forest_fire_retrain.core.windows import Interval, RetrainingWindows

VALIDATION_SHARE = 0.2


class InnerRows(NamedTuple):
    """The training rows of a period, as models take them.

    Attributes
    ----------
    features : pandas.DataFrame
        Shape (n_rows, n_features), ordered by (date, cell).
    labels : numpy.ndarray
        1 where a fire started, else 0; shape (n_rows,).
    dates : numpy.ndarray
        Day of the row, `datetime64[D]`, shape (n_rows,).
    """

    features: pd.DataFrame
    labels: np.ndarray
    dates: np.ndarray


def split_training(windows: RetrainingWindows) -> tuple[Interval, Interval]:
    """The inner fitting and validation windows of a period, a gap apart.

    Raises
    ------
    ConfigurationError
        If the training window is too short to be split.
    """
    training = windows.training
    n_validation = int(training.n_days * VALIDATION_SHARE)
    start = training.end - dt.timedelta(days=n_validation)
    end = start - dt.timedelta(days=windows.gap.n_days)
    if n_validation < 1 or end <= training.start:
        msg = (
            f"partition {windows.partition_key}: the training window of {training.n_days} days is too short to let "
            "recipes compete in it; name one recipe in FOREST_FIRE_RECIPE_NAMES or set FOREST_FIRE_MIN_TRAINING_DAYS"
        )
        raise ConfigurationError(msg)
    return Interval(start=training.start, end=end), Interval(start=start, end=training.end)


def score_recipe(
    recipe: Recipe, rows: InnerRows, windows: RetrainingWindows, *, seed: int, n_threads: int
) -> RecipeScore:
    """Mean log loss of `recipe` on the inner validation window, fitted on the inner fitting window.

    Raises
    ------
    ConfigurationError, EvidenceError
        As `split_training` and `training.fit`.
    """
    fitting, validation = split_training(windows)
    learned, judged = _lie_in(rows.dates, fitting), _lie_in(rows.dates, validation)
    model = fit(recipe, rows.features[learned], rows.labels[learned], seed=seed, n_threads=n_threads)
    probabilities = model.predict_proba(rows.features[judged])[:, 1]
    n_fires = int(rows.labels[judged].sum())
    return RecipeScore(
        recipe=recipe, window=validation, n_fires=n_fires, log_loss=log_loss(rows.labels[judged], probabilities)
    )


def choose_best(scores: Sequence[RecipeScore]) -> Recipe:
    """The recipe to train with; of equal ones, or without a fire to tell them apart, the first.

    Raises
    ------
    ConfigurationError
        If there is nothing to choose from.
    """
    if not scores:
        msg = "no recipe takes part; name at least one in FOREST_FIRE_RECIPE_NAMES"
        raise ConfigurationError(msg)
    if scores[0].n_fires == 0:
        return scores[0].recipe
    return min(scores, key=lambda score: score.log_loss).recipe


def _lie_in(dates: np.ndarray, window: Interval) -> np.ndarray:
    return np.asarray((dates >= np.datetime64(window.start)) & (dates < np.datetime64(window.end)))
