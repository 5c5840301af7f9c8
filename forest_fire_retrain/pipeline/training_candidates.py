"""Train the candidate of a partition: same inputs, same predictions bit for bit, one tracking run."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.fingerprints import fingerprint_table
from forest_fire_retrain.core.ports import Lake, RecordStore, SqlEngine, Tracker
from forest_fire_retrain.core.records import Candidate, Environment, HoldoutSet, Recipe, RecipeScore
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.scoring import brier_score, log_loss
from forest_fire_retrain.core.training import fit
from forest_fire_retrain.pipeline.holding_out import read_labelled

CANDIDATE_KIND = "candidate_model"
N_REFERENCE_ROWS = 64


def train_candidate(
    lake: Lake,
    engine: SqlEngine,
    records: RecordStore,
    tracker: Tracker,
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
    lake, engine, records, tracker : Lake, SqlEngine, RecordStore, Tracker
        Where rows come from and where the model and its record go.
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
    with tracker.candidate_run(f"{windows.partition_key} {recipe.name}", tags) as run:
        training = read_labelled(lake, engine, holdout.snapshot, windows.training)
        model = fit(recipe, feature_frame(training), label_array(training), seed=seed, n_threads=environment.n_threads)
        judged = read_holdout(lake, engine, holdout)
        probabilities = predict(model, judged)
        labels = label_array(judged)
        metrics = {
            "holdout_log_loss": log_loss(labels, probabilities),
            "holdout_brier": brier_score(labels, probabilities),
            "holdout_expected_fires": float(probabilities.sum()),
            "holdout_fires": float(labels.sum()),
            "training_log_loss": log_loss(label_array(training), predict(model, training)),
        }
        training_hash = fingerprint_table(training)
        run.log(parameters=_parameters(holdout, recipe, seed, training_hash), metrics=metrics, tags={})
        stored = run.save_model(model, feature_frame(judged.slice(0, N_REFERENCE_ROWS)))
        candidate = Candidate(
            windows=windows,
            snapshot=holdout.snapshot,
            recipe=recipe,
            seed=seed,
            n_rows=training.num_rows,
            n_fires=int(label_array(training).sum()),
            training_hash=training_hash,
            prediction_hash=hash_probabilities(probabilities),
            reference_predictions=tuple(float(value) for value in probabilities[:N_REFERENCE_ROWS]),
            metrics=metrics,
            null_share=null_shares(training),
            stored=stored,
            environment=environment,
            competition=competition,
        )
        records.put(CANDIDATE_KIND, windows.partition_key, candidate)
    return candidate


def read_holdout(lake: Lake, engine: SqlEngine, holdout: HoldoutSet) -> pa.Table:
    """The holdout's rows, in the order (date, cell).

    Raises
    ------
    EvidenceError
        If they no longer have the hash that was recorded.
    """
    rows = read_labelled(lake, engine, holdout.snapshot, holdout.windows.holdout)
    observed = fingerprint_table(rows)
    if observed != holdout.content_hash:
        msg = (
            f"partition {holdout.windows.partition_key}: the holdout's rows have the hash {observed[:12]}, "
            f"recorded was {holdout.content_hash[:12]}; nothing was judged on them. Run: forest-fire verify"
        )
        raise EvidenceError(msg)
    return rows


def feature_frame(rows: pa.Table) -> pd.DataFrame:
    """The model inputs of `rows`, in the catalogue's order; missing is NaN."""
    frame: pd.DataFrame = rows.select(list(FEATURE_NAMES)).to_pandas()
    return frame


def label_array(rows: pa.Table) -> np.ndarray:
    """Labels of `rows` as 0 and 1, shape (n_rows,)."""
    return np.asarray(rows["label"].to_numpy(), dtype=np.int8)


def predict(model: RiskModel, rows: pa.Table) -> np.ndarray:
    """Probability of a fire start per row, shape (n_rows,)."""
    return np.asarray(model.predict_proba(feature_frame(rows))[:, 1], dtype=np.float64)


def null_shares(rows: pa.Table) -> dict[str, float]:
    """Share of missing values per feature."""
    return {name: rows[name].null_count / max(rows.num_rows, 1) for name in FEATURE_NAMES}


def hash_probabilities(probabilities: Sequence[float] | np.ndarray) -> str:
    """SHA-256 over the bits of the probabilities, in their order."""
    return fingerprint_table(pa.table({"probability": pa.array(probabilities, pa.float64())}))


def _parameters(holdout: HoldoutSet, recipe: Recipe, seed: int, training_hash: str) -> dict[str, object]:
    windows = holdout.windows
    return {
        "recipe": recipe.name,
        "estimator": recipe.estimator,
        **{f"recipe.{name}": value for name, value in recipe.parameters.items()},
        "seed": seed,
        "partition_key": windows.partition_key,
        "training_window": str(windows.training),
        "holdout_window": str(windows.holdout),
        "training_hash": training_hash,
        "holdout_hash": holdout.content_hash,
        **{f"version.{name}": version for name, version in holdout.snapshot.table_versions.items()},
    }
