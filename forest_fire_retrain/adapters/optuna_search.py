"""Parameter search by Optuna: bounded in trials, seeded, started from parameters known to be good.

Optuna is optional (`pip install 'forest-fire-retrain[tuning]'`); without it, switched-on tuning is one
clear error before anything is trained.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.records import Recipe, RecipeScore

if TYPE_CHECKING:
    from optuna import Trial

SPACES: dict[str, dict[str, tuple[float, float, bool, bool]]] = {
    "gradient_boosting": {
        # lowest, highest, on a logarithmic scale, whole numbers only
        "max_iter": (50, 400, True, True),
        "learning_rate": (0.01, 0.2, True, False),
        "max_leaf_nodes": (4, 63, True, True),
        "min_fires_per_leaf": (2, 50, True, False),
        "l2_regularization": (0.1, 100, True, False),
        "max_features": (0.3, 1.0, False, False),
    },
    "logistic": {"C": (1e-4, 10, True, False)},
}


class OptunaSearch:
    """Implements `RecipeSearch`."""

    def run(
        self, start: Recipe, evaluate: Callable[[Recipe], RecipeScore], *, n_trials: int, seed: int
    ) -> list[RecipeScore]:
        """Scores of `n_trials` recipes, `start` first; the same seed and scores propose the same.

        Raises
        ------
        ConfigurationError
            If Optuna is not installed.
        """
        try:
            import optuna  # noqa: PLC0415 - optional
        except ImportError as error:
            msg = (
                f"FOREST_FIRE_TUNING_TRIALS is {n_trials}, but Optuna is not installed; install the extra 'tuning' or "
                "set FOREST_FIRE_TUNING_TRIALS=0"
            )
            raise ConfigurationError(msg) from error
        logging.getLogger("optuna").setLevel(logging.ERROR)
        scores: list[RecipeScore] = []

        def objective(trial: "Trial") -> float:
            scores.append(evaluate(_propose(start, trial)))
            return scores[-1].log_loss

        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        space = SPACES[start.estimator]
        study.enqueue_trial({name: start.parameters[name] for name in space if name in start.parameters})
        study.optimize(objective, n_trials=n_trials)
        return scores


def _propose(start: Recipe, trial: "Trial") -> Recipe:
    drawn = {
        name: trial.suggest_int(name, int(low), int(high), log=log)
        if whole
        else trial.suggest_float(name, low, high, log=log)
        for name, (low, high, log, whole) in SPACES[start.estimator].items()
    }
    name = start.name if trial.number == 0 else f"{start.estimator}-trial-{trial.number}"
    return Recipe(name=name, estimator=start.estimator, parameters={**start.parameters, **drawn})
