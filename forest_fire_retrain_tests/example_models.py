"""Small rows, a small fitted model and a candidate record, for tests that need one of them."""

import datetime as dt
from functools import lru_cache

import numpy as np
import pandas as pd

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.records import Candidate, Environment, Knowledge, Recipe, Snapshot, StoredModel
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.windows import Interval, WindowPolicy, plan_windows

SMALL_BOOSTING = Recipe(
    name="small", estimator="gradient_boosting", parameters={"max_iter": 5, "min_fires_per_leaf": 2}
)
SMALL_LOGISTIC = Recipe(name="small", estimator="logistic", parameters={})


def example_rows(n_rows: int = 1_500, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """Features with gaps and a column without any value, and labels with about 5 % fires."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(
        rng.normal(size=(n_rows, 6)), columns=["dc", "dmc", "ffmc", "precip_mm", "rel_humidity_pct", "wind"]
    )
    features["rel_humidity_pct"] = np.nan
    features.loc[rng.random(n_rows) < 0.2, "wind"] = np.nan
    labels = rng.random(n_rows) < 1 / (1 + np.exp(3.5 - 1.2 * features["dc"].to_numpy()))
    return features, labels.astype(np.int8)


@lru_cache
def example_model() -> RiskModel:
    """A fitted model; whoever changes it copies it first."""
    features, labels = example_rows()
    return fit(SMALL_BOOSTING, features, labels, seed=1, n_threads=1)


def example_candidate(stored: StoredModel, partition_start: dt.date = dt.date(2024, 1, 1)) -> Candidate:
    """A candidate record around `stored`."""
    policy = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=1000, min_training_days=100)
    partition = Interval(start=partition_start, end=partition_start + dt.timedelta(days=7))
    return Candidate(
        candidate_id=fingerprint_text(partition.start.isoformat())[:16],
        windows=plan_windows(partition, dt.date(2022, 1, 3), policy),
        snapshot=Snapshot(
            knowledge=Knowledge.LIVE,
            table_versions={"features": 3, "fires": 5},
            known_at=dt.datetime(2024, 1, 8, tzinfo=dt.UTC),
        ),
        recipe=SMALL_BOOSTING,
        seed=1,
        n_rows=1_500,
        n_fires=70,
        training_hash="a" * 64,
        prediction_hash="b" * 64,
        reference_predictions=(0.01, 0.02),
        metrics={"holdout_log_loss": 0.05},
        null_share={},
        stored=stored,
        environment=Environment(python_version="3.11", package_versions={}, code_version="c" * 64, n_threads=1),
    )
