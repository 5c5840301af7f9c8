"""Let recipes compete for a period's candidate, on its training rows only, and train the one that wins."""

from collections.abc import Mapping
from typing import NamedTuple

from forest_fire_retrain.core.models.model_rows import matrix_frame
from forest_fire_retrain.core.models.ports import Tracker
from forest_fire_retrain.core.models.recipe_choice import InnerRows, choose_best, score_recipe
from forest_fire_retrain.core.ports import Workshop
from forest_fire_retrain.core.records import Candidate, Environment, HoldoutSet, Recipe, RecipeScore
from forest_fire_retrain.core.windows import RetrainingWindows
from forest_fire_retrain.pipeline.preparing.reading_training import draw_all, read_training
from forest_fire_retrain.pipeline.retraining.training_candidates import train_candidate

TRIAL = "trial"


class Entrants(NamedTuple):
    """Who competes.

    Attributes
    ----------
    recipes : tuple of Recipe
        Recipes by name, in the order of preference.
    last_good : Recipe, optional
        The champion's recipe, where tuning starts.
    n_trials : int
        Parameter sets to try; 0 for none.
    seed, n_threads : int
        Seed and threads of every fit.
    """

    recipes: tuple[Recipe, ...]
    last_good: Recipe | None
    n_trials: int
    seed: int
    n_threads: int


def train_winner(
    workshop: Workshop,
    holdout: HoldoutSet,
    entrants: Entrants,
    environment: Environment,
    tags: Mapping[str, str],
) -> Candidate:
    """Let the entrants compete, and train the candidate with the recipe that wins.

    Raises
    ------
    ConfigurationError, EvidenceError
        If a recipe is wrong, or the training window cannot be split or learned from.
    """
    recipe, competition = choose_recipe(workshop, holdout, entrants, tags)
    return train_candidate(
        workshop,
        holdout=holdout,
        recipe=recipe,
        seed=entrants.seed,
        environment=environment,
        tags=tags,
        competition=competition,
    )


def choose_recipe(
    workshop: Workshop, holdout: HoldoutSet, entrants: Entrants, tags: Mapping[str, str]
) -> tuple[Recipe, tuple[RecipeScore, ...]]:
    """The recipe to train a period's candidate with, and the scores it was chosen by.

    Parameters
    ----------
    workshop : Workshop
        Where rows come from, who proposes parameters where tuning is on, and where trials are logged.
    holdout : HoldoutSet
        Whose snapshot pins the training rows.
    entrants : Entrants
        Who competes.
    tags : mapping
        Tags of the trials' tracking runs.

    Raises
    ------
    ConfigurationError, EvidenceError
        If a recipe is wrong, or the training window cannot be split or learned from.
    """
    if len(entrants.recipes) == 1 and not entrants.n_trials:
        return entrants.recipes[0], ()
    window = holdout.windows.training
    training = read_training(workshop.lake, workshop.engine, holdout.snapshot, window, draw_all)
    rows = InnerRows(matrix_frame(training.drawn), training.drawn.labels, training.dates)
    contest = _Contest(workshop.tracker, holdout.windows, entrants, rows, tags)
    scores = [contest.score(recipe) for recipe in entrants.recipes]
    if entrants.n_trials:
        start = entrants.last_good or choose_best(scores)
        scores += workshop.search.run(start, contest.score, n_trials=entrants.n_trials, seed=entrants.seed)
    return choose_best(scores), tuple(scores)


class _Contest(NamedTuple):
    """One period's competition: every entrant is scored on the same rows, in a tracking run of its own."""

    tracker: Tracker
    windows: RetrainingWindows
    entrants: Entrants
    rows: InnerRows
    tags: Mapping[str, str]

    def score(self, recipe: Recipe) -> RecipeScore:
        """How `recipe` does in the inner validation."""
        seed, n_threads = self.entrants.seed, self.entrants.n_threads
        name = f"{self.windows.partition_key} {TRIAL} {recipe.name}"
        with self.tracker.candidate_run(name, {**self.tags, "asset": TRIAL}) as run:
            score = score_recipe(recipe, self.rows, self.windows, seed=seed, n_threads=n_threads)
            parameters: dict[str, object] = {"recipe": recipe.name, "estimator": recipe.estimator, **recipe.parameters}
            run.log(parameters=parameters, metrics={"inner_log_loss": score.log_loss})
            return score
