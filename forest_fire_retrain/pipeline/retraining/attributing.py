"""When a candidate wins: how much is newer data, how much the recipe.

The champion's recipe is refitted on the candidate's training rows and scored on the same holdout rows. What the
refit gains on the champion is newer data; what the candidate gains on the refit is the recipe.
"""

from forest_fire_retrain.core.decision.scored_rows import ScoredRows
from forest_fire_retrain.core.losses import log_loss
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.models.training import fit_drawn
from forest_fire_retrain.core.records import Attribution, Candidate, HoldoutSet
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.pipeline.preparing.reading_training import read_training
from forest_fire_retrain.pipeline.retraining.training_candidates import sampler_of


def attribute_gain(
    lake: Lake, engine: SqlEngine, *, holdout: HoldoutSet, candidate: Candidate, champion: Candidate, rows: ScoredRows
) -> Attribution | None:
    """Losses of champion, refit and candidate on the newest window; `None` if the champion was not scored.

    Raises
    ------
    EvidenceError, LakeError
        If the training rows cannot be read or learned from.
    """
    if rows.champion is None:
        return None
    candidate_loss = log_loss(rows.labels, rows.challenger)
    refit_loss = candidate_loss
    if champion.recipe != candidate.recipe:
        sampler = sampler_of(champion.recipe, candidate.seed)
        training = read_training(lake, engine, holdout.snapshot, holdout.windows.training, sampler)
        n_threads = candidate.environment.n_threads
        refit = fit_drawn(champion.recipe, training.drawn, seed=candidate.seed, n_threads=n_threads)
        refit_loss = log_loss(rows.labels, predict(refit, read_holdout(lake, engine, holdout)))
    return Attribution(
        champion_loss=log_loss(rows.labels, rows.champion), refit_loss=refit_loss, candidate_loss=candidate_loss
    )
