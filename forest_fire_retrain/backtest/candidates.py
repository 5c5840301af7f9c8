"""Each period's candidate: trained once, exactly as the retraining trains it, and asked for every later day.

Its model is dropped at once; what any rule needs of it are its probabilities.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.scenarios import Breakage, break_labels, break_probabilities
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.core.models.climatology import MONTHS, Climatology, shrink_rates
from forest_fire_retrain.core.models.recipe_choice import InnerRows, choose_best, score_recipe
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.windows import Interval, RetrainingWindows


class TrainedCandidate(NamedTuple):
    """A period's candidate.

    Attributes
    ----------
    windows : RetrainingWindows
        Windows of its period.
    fault : Breakage, optional
        How its retrain was broken.
    days : Interval
        From the first day of its holdout to the horizon.
    probabilities : numpy.ndarray
        Of a fire start, shape (n_days, n_cells).
    climatology : Climatology
        Rates of its training window.
    null_shares : dict
        Share of missing values per feature in its training rows.
    lost_share : float
        Share of the fires of its training window that were not known at training.
    """

    windows: RetrainingWindows
    fault: Breakage | None
    days: Interval
    probabilities: np.ndarray
    climatology: Climatology
    null_shares: dict[str, float]
    lost_share: float

    def probabilities_on(self, window: Interval) -> np.ndarray:
        """Its probabilities on a later window, shape (n_days, n_cells)."""
        first = (window.start - self.days.start).days
        return self.probabilities[first : first + window.n_days]


def train_on_panel(
    panel: Panel, plan: StreamPlan, windows: RetrainingWindows, fault: Breakage | None
) -> TrainedCandidate:
    """Fit the recipe of choice on what was known at `windows.as_of` and predict every day from its holdout on.

    Raises
    ------
    EvidenceError
        If the training rows hold only one class.
    """
    training = windows.training
    known = panel.labels_known_at(windows.as_of, training)
    labels = break_labels(known.ravel(), fault, plan.seed * 100_003 + windows.as_of.toordinal())
    features = panel.feature_rows(training)
    recipe = choose_recipe(features, labels, plan, windows)
    model = fit(recipe, features, labels, seed=plan.training_seed, n_threads=plan.n_threads)
    days = Interval(start=windows.holdout.start, end=panel.days.end)
    predicted = model.predict_proba(panel.feature_rows(days))[:, 1]
    n_happened = int(panel.happened[panel.places(training)].sum())
    return TrainedCandidate(
        windows=windows,
        fault=fault,
        days=days,
        probabilities=break_probabilities(predicted, fault).reshape(days.n_days, panel.n_cells),
        climatology=fit_climatology_on_panel(panel, training, known),
        null_shares=panel.null_shares(training),
        lost_share=1 - int(known.sum()) / max(n_happened, 1),
    )


def choose_recipe(features: pd.DataFrame, labels: np.ndarray, plan: StreamPlan, windows: RetrainingWindows) -> Recipe:
    """The plan's only recipe, or the best of several by the product's competition inside the training window."""
    if len(plan.recipes) == 1:
        return plan.recipes[0]
    n_cells = len(labels) // windows.training.n_days
    rows = InnerRows(features, labels, days_of(windows.training).repeat(n_cells))
    scored = [
        score_recipe(recipe, rows, windows, seed=plan.training_seed, n_threads=plan.n_threads)
        for recipe in plan.recipes
    ]
    return choose_best(scored)


def fit_climatology_on_panel(panel: Panel, window: Interval, labels: np.ndarray) -> Climatology:
    """The product's climatology from labels of shape (n_days, n_cells)."""
    months = months_of(window)
    fires = np.stack([labels[months == month].sum(axis=0, dtype=np.float64) for month in range(MONTHS)], axis=1)
    days = np.tile(np.bincount(months, minlength=MONTHS), (panel.n_cells, 1))
    return shrink_rates(panel.cell_ids, fires, days)


def predict_climatology(climatology: Climatology, window: Interval) -> np.ndarray:
    """Probabilities of the panel's cells, shape (n_days, n_cells)."""
    return climatology.cell_month_rates.T[months_of(window)]


def months_of(window: Interval) -> np.ndarray:
    """Calendar month of each day, 0 for January, shape (n_days,)."""
    return (days_of(window).astype("datetime64[M]").astype(np.int64) % MONTHS).astype(np.intp)


def days_of(window: Interval) -> np.ndarray:
    """Days as `datetime64[D]`, shape (n_days,)."""
    return np.arange(np.datetime64(window.start), np.datetime64(window.end))
