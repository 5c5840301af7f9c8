"""Train the candidate of a partition: same inputs, same predictions bit for bit, one tracking run."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.core.losses import brier_score, log_loss
from forest_fire_retrain.core.models.model_rows import (
    feature_frame,
    hash_probabilities,
    label_array,
    predict,
    predict_drawn,
)
from forest_fire_retrain.core.models.ports import RowsUsed
from forest_fire_retrain.core.models.training import fit_drawn, sample_rows
from forest_fire_retrain.core.ports import Workshop
from forest_fire_retrain.core.records import (
    Candidate,
    Environment,
    HoldoutSet,
    Recipe,
    RecipeScore,
    name_candidate,
)
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.pipeline.preparing.reading_training import Sampler, TrainingRows, read_training

CANDIDATE_KIND = "candidate_model"
N_REFERENCE_ROWS = 64


class Fitted(NamedTuple):
    """A recipe fitted to rows, and what it says of the holdout.

    Attributes
    ----------
    model : RiskModel
        The fitted model.
    probabilities : numpy.ndarray
        Probability of a fire start per holdout row, shape (n_rows,).
    metrics : dict
        Figures measured on the training rows and the holdout.
    """

    model: RiskModel
    probabilities: np.ndarray
    metrics: dict[str, float]


def sampler_of(recipe: Recipe, seed: int) -> Sampler:
    """The rows that `recipe` learns from.

    Raises
    ------
    ConfigurationError, EvidenceError
        Not before it is called, as `core.models.training.sample_rows`.
    """
    return lambda labels: sample_rows(recipe, labels, seed)


def fit_and_score(training: TrainingRows, judged: pa.Table, recipe: Recipe, *, seed: int, n_threads: int) -> Fitted:
    """Fit `recipe` to what was drawn of `training` and score `judged`; the same arguments give the same bits.

    Parameters
    ----------
    training : TrainingRows
        Rows to learn from.
    judged : pyarrow.Table
        Features and labels in the order (date, cell).
    recipe : Recipe
        How to build the model.
    seed, n_threads : int
        Seed of everything random, and threads that training and predicting are pinned to.

    Raises
    ------
    ConfigurationError, EvidenceError
        As `core.models.training.fit`.
    """
    model = fit_drawn(recipe, training.drawn, seed=seed, n_threads=n_threads)
    probabilities, labels = predict(model, judged), label_array(judged)
    metrics = {
        "holdout_log_loss": log_loss(labels, probabilities),
        "holdout_brier": brier_score(labels, probabilities),
        "holdout_expected_fires": float(probabilities.sum()),
        "holdout_fires": float(labels.sum()),
        "training_log_loss": log_loss(training.probed.labels, predict_drawn(model, training.probed)),
    }
    if len(training.probed.labels) < training.facts.n_rows:
        metrics["training_log_loss_rows"] = float(len(training.probed.labels))
    return Fitted(model, probabilities, metrics)


def train_candidate(
    workshop: Workshop,
    *,
    holdout: HoldoutSet,
    recipe: Recipe,
    seed: int,
    environment: Environment,
    tags: Mapping[str, str],
    competition: tuple[RecipeScore, ...] = (),
) -> Candidate:
    """Fit `recipe` on the rows before the gap, score the holdout, log and store everything.

    Parameters
    ----------
    workshop : Workshop
        Where rows come from, and where the model and its record go.
    holdout : HoldoutSet
        The partition's holdout; its snapshot pins the training rows too.
    recipe : Recipe
        How to build the model.
    seed : int
        Seed of everything random.
    environment : Environment
        Where this runs.
    tags : mapping
        Tags of the tracking run that lead back to the orchestrator's run.
    competition : tuple of RecipeScore
        What `recipe` was chosen among.

    Raises
    ------
    EvidenceError
        If the training rows hold only one class, or the holdout's rows changed under its hash.
    """
    windows = holdout.windows
    with workshop.tracker.candidate_run(f"{windows.partition_key} {recipe.name}", tags) as run:
        training = read_training(
            workshop.lake, workshop.engine, holdout.snapshot, windows.training, sampler_of(recipe, seed)
        )
        judged = read_holdout(workshop.lake, workshop.engine, holdout)
        fitted = fit_and_score(training, judged, recipe, seed=seed, n_threads=environment.n_threads)
        stored = workshop.models.save(run, fitted.model, feature_frame(judged.slice(0, N_REFERENCE_ROWS)))
        run.log(
            parameters=_parameters(holdout, recipe, seed, training.facts.sha256),
            metrics=fitted.metrics,
            rows=_name_rows(holdout, training),
            stored=stored,
        )
        candidate = Candidate(
            candidate_id=name_candidate(training.facts.sha256, recipe, seed, environment),
            windows=windows,
            snapshot=holdout.snapshot,
            recipe=recipe,
            seed=seed,
            n_rows=training.facts.n_rows,
            n_fires=training.facts.n_fires,
            training_hash=training.facts.sha256,
            prediction_hash=hash_probabilities(fitted.probabilities),
            reference_predictions=tuple(float(value) for value in fitted.probabilities[:N_REFERENCE_ROWS]),
            metrics=fitted.metrics,
            null_share=training.null_share,
            stored=stored,
            environment=environment,
            competition=competition,
        )
        workshop.records.put(CANDIDATE_KIND, windows.partition_key, candidate)
    return candidate


def _name_rows(holdout: HoldoutSet, training: TrainingRows) -> list[RowsUsed]:
    """The training rows and the holdout, by the fingerprints that the decision's row holds; no row is read for it."""
    windows, versions, facts = holdout.windows, holdout.snapshot.table_versions, training.facts
    return [
        RowsUsed(
            *("training", windows.training.half_open, facts.sha256, facts.n_rows, facts.n_fires),
            table_versions=versions,
            columns=training.columns,
        ),
        RowsUsed(
            *("holdout", windows.holdout.half_open, holdout.content_hash, holdout.n_rows, holdout.n_fires),
            table_versions=versions,
            columns=training.columns,
        ),
    ]


def _parameters(holdout: HoldoutSet, recipe: Recipe, seed: int, training_hash: str) -> dict[str, object]:
    windows = holdout.windows
    return {
        "recipe": recipe.name,
        "estimator": recipe.estimator,
        **{f"recipe.{name}": value for name, value in recipe.parameters.items()},
        "seed": seed,
        "partition_key": windows.partition_key,
        "training_window": windows.training.half_open,
        "holdout_window": windows.holdout.half_open,
        "training_hash": training_hash,
        "holdout_hash": holdout.content_hash,
        **{f"version.{name}": version for name, version in holdout.snapshot.table_versions.items()},
    }
