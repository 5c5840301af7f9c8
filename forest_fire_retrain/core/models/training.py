"""Fit a recipe to labelled rows: same inputs, same prediction bits.

Rules
-----
- A recipe is data; whatever it leaves out takes the default below, and an unknown name is refused.
- Everything random takes the seed; threads are pinned; the order of the rows is the caller's.
- A feature without a single value in training is left out of the pipeline, not guessed at.
- Leaves are sized by the fires expected in them, so that a recipe means the same for 20,000 rows
  and for millions; the number of rows it came to is in `RiskModel.resolved_parameters`.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import get_cached_controller

from forest_fire_retrain.core.errors import ConfigurationError, EvidenceError
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.risk_model import RiskModel, RowwiseLogisticRegression, refuse_infinite
from forest_fire_retrain.core.rows.labelled_rows import Drawn

SMALLEST_LEAF_ROWS = 20
MAX_LOGISTIC_ITERATIONS = 5_000

Value = float | int | str | bool | None


class Parameter(NamedTuple):
    """A number a recipe may set; `default` holds where it does not, `None` switches it off."""

    default: float | None
    minimum: float
    maximum: float
    kind: type[int] | type[float]
    meaning: str


NEGATIVES_PER_POSITIVE = Parameter(None, 1, 1e6, float, "rows without a fire kept per row with one; none: all")

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "gradient_boosting": {
        "max_iter": Parameter(75, 1, 5_000, int, "number of trees"),
        "learning_rate": Parameter(0.1, 1e-4, 1.0, float, "weight of each tree"),
        "max_leaf_nodes": Parameter(8, 2, 1_024, int, "leaves of a tree"),
        "min_fires_per_leaf": Parameter(10.0, 0.0, 1e6, float, "fires expected in the smallest leaf"),
        "l2_regularization": Parameter(10.0, 0.0, 1e6, float, "shrinkage of leaf values"),
        "max_features": Parameter(1.0, 0.01, 1.0, float, "share of the features tried at a split"),
        "max_bins": Parameter(255, 2, 255, int, "bins of a feature"),
        "negatives_per_positive": NEGATIVES_PER_POSITIVE,
    },
    "logistic": {
        "C": Parameter(0.1, 1e-6, 1e6, float, "inverse strength of the penalty"),
        "negatives_per_positive": NEGATIVES_PER_POSITIVE,
    },
}

DEFAULT_RECIPES: Mapping[str, Recipe] = {
    name: Recipe(name=name, estimator=name, parameters={key: entry.default for key, entry in allowed.items()})
    for name, allowed in PARAMETERS.items()
}


def find_recipe(name: str) -> Recipe:
    """The default recipe of that name, every parameter spelt out.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    if name not in DEFAULT_RECIPES:
        msg = f"no recipe is called {name!r}; there are: {', '.join(DEFAULT_RECIPES)}. Set FOREST_FIRE_RECIPE_NAMES."
        raise ConfigurationError(msg)
    return DEFAULT_RECIPES[name]


def fit(recipe: Recipe, features: pd.DataFrame, labels: np.ndarray, *, seed: int, n_threads: int) -> RiskModel:
    """Train `recipe`; the same arguments give a model with the same prediction bits.

    Parameters
    ----------
    recipe : Recipe
        Estimator and parameters.
    features : pandas.DataFrame
        One row per cell and day in a total order, numeric columns; missing is NaN. Shape (n_rows, n_features).
    labels : numpy.ndarray
        1 where a fire started, else 0; shape (n_rows,).
    seed : int
        Seed of everything random.
    n_threads : int
        Threads of BLAS and OpenMP, in training and in prediction.

    Raises
    ------
    ConfigurationError
        If the estimator or a parameter is unknown or out of range; all faults are listed.
    EvidenceError
        If the rows hold one class only, no value at all, or an infinite value.
    """
    names = tuple(str(name) for name in features.columns)
    _refuse_malformed(len(features), names, labels)
    rows, kept_share = sample_rows(recipe, labels, seed)
    chosen = features if len(rows) == len(features) else features.iloc[rows]
    matrix = np.empty((len(rows), len(names)), dtype=np.float64, order="F")
    for place, name in enumerate(features.columns):  # a column at a time: nothing is held twice
        matrix[:, place] = chosen[name].to_numpy(dtype=np.float64, na_value=np.nan)
    drawn = Drawn(matrix, np.asarray(labels)[rows], names, kept_share)
    return fit_drawn(recipe, drawn, seed=seed, n_threads=n_threads)


def sample_rows(recipe: Recipe, labels: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """The rows that `recipe` takes, told from their labels alone, and the share of negatives among them.

    See `choose_rows`.

    Raises
    ------
    ConfigurationError, EvidenceError
        If the recipe is wrong, as `resolve_parameters`, or the labels are of one class.
    """
    per_positive = resolve_parameters(recipe)["negatives_per_positive"]
    return choose_rows(_positives(labels), per_positive, seed)


def fit_drawn(recipe: Recipe, drawn: Drawn, *, seed: int, n_threads: int) -> RiskModel:
    """As `fit`, on the rows that `sample_rows` chose.

    Raises
    ------
    ConfigurationError, EvidenceError
        As `fit`.
    """
    parameters = resolve_parameters(recipe)
    _refuse_malformed(len(drawn.matrix), drawn.names, drawn.labels)
    targets = _positives(drawn.labels).astype(np.int8)
    held = [place for place in range(len(drawn.names)) if not np.isnan(drawn.matrix[:, place]).all()]
    if not held:
        n_features, n_rows = len(drawn.names), len(targets)
        msg = f"none of the {n_features} features has a value in the {n_rows} training rows; nothing to learn"
        raise EvidenceError(msg)
    values = drawn.matrix if len(held) == len(drawn.names) else np.asfortranarray(drawn.matrix[:, held])
    used = tuple(drawn.names[place] for place in held)
    refuse_infinite(values, used)
    pipeline = _BUILDERS[recipe.estimator](parameters, float(targets.mean()), seed)
    with get_cached_controller().limit(limits=n_threads):
        pipeline.fit(values, targets)
    return RiskModel(pipeline, drawn.names, used, drawn.kept_share, n_threads)


def resolve_parameters(recipe: Recipe) -> dict[str, float | None]:
    """All parameters of `recipe`, defaults filled in.

    Raises
    ------
    ConfigurationError
        If the estimator or a parameter is unknown or out of range; all faults are listed.
    """
    allowed = PARAMETERS.get(recipe.estimator)
    if allowed is None:
        msg = f"recipe {recipe.name}: unknown estimator {recipe.estimator!r}; allowed are: {', '.join(PARAMETERS)}"
        raise ConfigurationError(msg)
    checked = {name: _fault(name, value, allowed.get(name)) for name, value in recipe.parameters.items()}
    faults = [fault for fault in checked.values() if fault]
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        known = "\n".join(f"  {name} [{_range(entry)}]: {entry.meaning}" for name, entry in allowed.items())
        msg = f"recipe {recipe.name}: wrong parameters:\n{listed}\n{recipe.estimator} takes:\n{known}"
        raise ConfigurationError(msg)
    defaults: dict[str, float | None] = {name: entry.default for name, entry in allowed.items()}
    given = {name: None if value is None else float(value) for name, value in recipe.parameters.items()}
    return {**defaults, **given}


def choose_rows(positive: np.ndarray, per_positive: float | None, seed: int) -> tuple[np.ndarray, float]:
    """Row numbers to train on, ascending, and the share of negatives among them that was kept.

    Parameters
    ----------
    positive : numpy.ndarray
        Whether a fire started, shape (n_rows,), bool.
    per_positive : float, optional
        Negatives to keep per positive; `None`, or more than there are, keeps all.
    seed : int
        Seed of the draw.
    """
    negatives = np.flatnonzero(~positive)
    n_kept = len(negatives) if per_positive is None else math.ceil(per_positive * np.count_nonzero(positive))
    if n_kept >= len(negatives):
        return np.arange(len(positive)), 1.0
    kept = np.random.default_rng(seed).choice(negatives, size=n_kept, replace=False)
    return np.union1d(np.flatnonzero(positive), kept), n_kept / len(negatives)


def _refuse_malformed(n_rows: int, names: tuple[str, ...], labels: np.ndarray) -> None:
    if n_rows != len(labels) or len(set(names)) < len(names) or not np.isin(labels, (0, 1)).all():
        msg = (
            f"training rows are malformed: {n_rows} rows of {len(names)} features ({len(set(names))} distinct names), "
            f"{len(labels)} labels, allowed labels are 0 and 1"
        )
        raise EvidenceError(msg)


def _positives(labels: np.ndarray) -> np.ndarray:
    """`labels` as booleans; there have to be both."""
    positive = np.asarray(labels) == 1
    n_fires = int(np.count_nonzero(positive))
    if n_fires in (0, len(positive)):
        msg = (
            f"the training window holds {n_fires} cell-days with a fire start among {len(positive)}, training needs "
            "both kinds. Check the fire reports of the window, or set FOREST_FIRE_TRAINING_WINDOW_DAYS higher."
        )
        raise EvidenceError(msg)
    return positive


def _fault(name: str, value: Value, entry: Parameter | None) -> str | None:
    """What is wrong with a recipe's parameter, if anything."""
    if entry is None:
        return f"{name}: no such parameter"
    if value is None:
        return None if entry.default is None else f"{name}: may not be none, allowed is {_range(entry)}"
    if isinstance(value, bool | str) or not entry.minimum <= value <= entry.maximum:
        return f"{name}: is {value!r}, allowed is {_range(entry)}"
    if entry.kind is int and value != int(value):
        return f"{name}: is {value!r}, has to be a whole number"
    return None


def _range(entry: Parameter) -> str:
    return f"{entry.minimum:g} to {entry.maximum:g}"


def _build_gradient_boosting(parameters: Mapping[str, float | None], fire_rate: float, seed: int) -> Pipeline:
    given = {name: value for name, value in parameters.items() if value is not None}
    leaf_rows = max(SMALLEST_LEAF_ROWS, math.ceil(given["min_fires_per_leaf"] / fire_rate))
    estimator = HistGradientBoostingClassifier(
        max_iter=int(given["max_iter"]),
        learning_rate=given["learning_rate"],
        max_leaf_nodes=int(given["max_leaf_nodes"]),
        min_samples_leaf=leaf_rows,
        l2_regularization=given["l2_regularization"],
        max_features=given["max_features"],
        max_bins=int(given["max_bins"]),
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("model", estimator)])


def _build_logistic(parameters: Mapping[str, float | None], _fire_rate: float, seed: int) -> Pipeline:
    estimator: ClassifierMixin = RowwiseLogisticRegression(
        C=parameters["C"], max_iter=MAX_LOGISTIC_ITERATIONS, random_state=seed
    )
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", imputer), ("scale", StandardScaler()), ("model", estimator)])


_BUILDERS: Mapping[str, Callable[[Mapping[str, float | None], float, int], Pipeline]] = {
    "gradient_boosting": _build_gradient_boosting,
    "logistic": _build_logistic,
}
