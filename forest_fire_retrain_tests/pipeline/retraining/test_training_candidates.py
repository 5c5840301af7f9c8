"""The candidate of a partition: the same inputs give the same bits, and everything it was made of is recorded."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.optuna_search import OptunaSearch
from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.losses import log_loss
from forest_fire_retrain.core.models.model_rows import (
    feature_frame,
    hash_probabilities,
    label_array,
    null_shares,
    predict,
)
from forest_fire_retrain.core.ports import Workshop
from forest_fire_retrain.core.records import Candidate, Recipe
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.rows.tables import LAKE_SCHEMAS, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.pipeline.preparing import reading_training
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout, read_labelled
from forest_fire_retrain.pipeline.retraining.training_candidates import (
    CANDIDATE_KIND,
    N_REFERENCE_ROWS,
    train_candidate,
)
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING
from forest_fire_retrain_tests.example_park import (
    ENGINE,
    ENVIRONMENT,
    N_PARK_CELLS,
    PERIOD_DAYS,
    example_lake,
    hold_out,
    windows_of,
)
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.records import FakeRecordStore
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

DAY = dt.timedelta(days=1)


class Bench:
    """Stores to train in, the holdout of the first partition, and what came of training on it."""

    def __init__(self, lake: FakeLake | None = None) -> None:
        self.lake = lake or example_lake()
        self.tracker, self.records = FakeTracker(), FakeRecordStore()
        self.holdout = hold_out(self.lake, 0)

    def train(self, recipe: Recipe = SMALL_BOOSTING, seed: int = 1) -> Candidate:
        return train_candidate(
            Workshop(self.lake, ENGINE, self.records, self.tracker, self.tracker, OptunaSearch()),
            holdout=self.holdout,
            recipe=recipe,
            seed=seed,
            environment=ENVIRONMENT,
            tags={"dagster_run_id": "run-a"},
        )


@pytest.fixture(scope="module")
def trained() -> tuple[Bench, Candidate]:
    workshop = Bench()
    return workshop, workshop.train()


def test_the_same_inputs_give_the_same_candidate_bit_for_bit(trained: tuple[Bench, Candidate]) -> None:
    _, candidate = trained
    again = Bench().train()
    assert again == candidate
    assert again.candidate_id == candidate.candidate_id


def test_another_seed_or_recipe_is_another_candidate(trained: tuple[Bench, Candidate]) -> None:
    workshop, candidate = trained
    thinned = SMALL_BOOSTING.model_copy(update={"parameters": {"max_iter": 5, "negatives_per_positive": 3}})
    others = [Bench(workshop.lake).train(thinned, seed) for seed in (1, 2)]
    assert len({other.prediction_hash for other in (candidate, *others)}) == 3
    assert len({other.candidate_id for other in (candidate, *others)}) == 3


def test_training_ends_where_the_gap_begins(trained: tuple[Bench, Candidate]) -> None:
    workshop, candidate = trained
    windows = windows_of(0)
    assert windows.training == candidate.windows.training
    assert (windows.holdout.start - windows.training.end).days == 14
    assert candidate.n_rows == N_PARK_CELLS * windows.training.n_days
    rows = read_labelled(workshop.lake, ENGINE, workshop.holdout.snapshot, windows.training)
    assert candidate.training_hash == fingerprint_table(rows)
    assert candidate.n_fires == label_array(rows).sum() > 0


def test_nothing_in_or_after_the_gap_reaches_the_model(trained: tuple[Bench, Candidate]) -> None:
    """With the gap's and holdout's own rows rewritten, training gives the same model."""
    workshop, candidate = trained
    lake = example_lake()
    held = lake.tables[TableName.FEATURES][-1]
    after = held.rows["date"].to_numpy() >= np.datetime64(candidate.windows.training.end)
    for name in ("temp_max_c", "dc"):
        place = held.rows.schema.get_field_index(name)
        changed = pa.array(np.where(after, 0.0, held.rows[name].to_numpy(zero_copy_only=False)), from_pandas=True)
        rows = held.rows.set_column(place, held.rows.schema.field(name), changed)
        held = held._replace(rows=rows)
    lake.tables[TableName.FEATURES][-1] = held
    other = Bench(lake)
    assert other.holdout.content_hash != workshop.holdout.content_hash
    retrained = other.train()
    assert retrained.training_hash == candidate.training_hash
    rows = read_holdout(workshop.lake, ENGINE, workshop.holdout)
    probabilities = predict(other.tracker.load(retrained.stored), rows)
    assert hash_probabilities(probabilities) == candidate.prediction_hash


def test_the_stored_model_predicts_what_was_recorded(trained: tuple[Bench, Candidate]) -> None:
    workshop, candidate = trained
    rows = read_holdout(workshop.lake, ENGINE, workshop.holdout)
    probabilities = predict(workshop.tracker.load(candidate.stored), rows)
    assert hash_probabilities(probabilities) == candidate.prediction_hash
    assert candidate.reference_predictions == tuple(probabilities[:N_REFERENCE_ROWS])
    assert candidate.metrics["holdout_log_loss"] == log_loss(label_array(rows), probabilities)
    assert candidate.metrics["holdout_fires"] == workshop.holdout.n_fires
    assert candidate.metrics["holdout_expected_fires"] == pytest.approx(probabilities.sum())
    assert len(probabilities) == N_PARK_CELLS * PERIOD_DAYS


def test_the_run_carries_parameters_metrics_and_the_way_back(trained: tuple[Bench, Candidate]) -> None:
    workshop, candidate = trained
    (run,) = workshop.tracker.runs
    assert (run.run_id, run.status, run.name) == (candidate.stored.mlflow_run_id, "FINISHED", "2024-05-27 small")
    assert run.tags == {"dagster_run_id": "run-a"}
    assert run.metrics == candidate.metrics
    assert run.parameters == {
        "recipe": "small",
        "estimator": "gradient_boosting",
        "recipe.max_iter": 5,
        "recipe.min_fires_per_leaf": 2,
        "seed": 1,
        "partition_key": "2024-05-27",
        "training_window": "[2023-03-06, 2024-04-29)",
        "holdout_window": "[2024-05-13, 2024-06-10)",
        "training_hash": candidate.training_hash,
        "holdout_hash": workshop.holdout.content_hash,
        "version.cells": 0,
        "version.weather": 0,
        "version.fires": 0,
        "version.features": workshop.holdout.snapshot.table_versions["features"],
    }


def test_the_record_is_kept_and_reads_back(trained: tuple[Bench, Candidate]) -> None:
    workshop, candidate = trained
    text = workshop.records.newest(CANDIDATE_KIND, "2024-05-27")
    assert Candidate.model_validate_json(text or "") == candidate
    assert candidate.snapshot == workshop.holdout.snapshot
    assert candidate.environment == ENVIRONMENT


def test_missing_shares_are_those_of_the_training_rows(trained: tuple[Bench, Candidate]) -> None:
    _, candidate = trained
    assert set(candidate.null_share) == set(FEATURE_NAMES)
    assert 0 < candidate.null_share["wind_speed_kmh"] < 0.01
    assert candidate.null_share["latitude"] == 0.0
    table = pa.table({name: pa.array([1.0, None, 2.0, 3.0]) for name in FEATURE_NAMES})
    assert set(null_shares(table).values()) == {0.25}
    assert set(null_shares(table.slice(0, 0)).values()) == {0.0}


def test_rows_of_one_class_only_are_refused_and_the_run_ends_failed() -> None:
    lake = example_lake()
    lake.overwrite(TableName.FIRES, LAKE_SCHEMAS[TableName.FIRES].empty_table())
    workshop = Bench(lake)
    with pytest.raises(EvidenceError, match="0 cell-days with a fire start"):
        workshop.train()
    assert [run.status for run in workshop.tracker.runs] == ["FAILED"]
    assert workshop.records.kept == {}
    assert workshop.tracker.models == {}


def test_a_holdout_whose_rows_changed_is_refused() -> None:
    workshop = Bench()
    workshop.holdout = workshop.holdout.model_copy(update={"content_hash": "0" * 64})
    with pytest.raises(
        EvidenceError, match=r"2024-05-27: the holdout's rows have the hash .* but 000000000000 was recorded"
    ):
        workshop.train()
    assert [run.status for run in workshop.tracker.runs] == ["FAILED"]
    assert workshop.records.kept == {}


def test_model_inputs_are_the_catalogue_in_its_order() -> None:
    workshop = Bench()
    rows = read_holdout(workshop.lake, ENGINE, workshop.holdout)
    assert list(feature_frame(rows).columns) == list(FEATURE_NAMES)
    assert set(label_array(rows).tolist()) == {0, 1}


def test_the_hash_of_probabilities_sees_every_bit_and_the_order() -> None:
    probabilities = [0.1, 0.2, 0.3]
    same = hash_probabilities(np.array(probabilities))
    assert hash_probabilities(probabilities) == same
    assert hash_probabilities([0.1, 0.2, np.nextafter(0.3, 1)]) != same
    assert hash_probabilities([0.2, 0.1, 0.3]) != same


def test_of_a_large_window_the_training_loss_is_that_of_rows_spread_over_it(
    trained: tuple[Bench, Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, candidate = trained
    monkeypatch.setattr(reading_training, "MAX_PROBED_ROWS", 1_000)
    large = Bench().train()
    assert "training_log_loss_rows" not in candidate.metrics
    assert candidate.n_rows > 1_000 >= large.metrics["training_log_loss_rows"] > 500
    assert large.metrics["training_log_loss"] != candidate.metrics["training_log_loss"]
    assert large.candidate_id == candidate.candidate_id
    assert large.prediction_hash == candidate.prediction_hash
    rows = read_labelled(workshop.lake, ENGINE, candidate.snapshot, candidate.windows.training)
    spread = rows.take(list(range(0, rows.num_rows, -(-rows.num_rows // 1_000))))
    model = workshop.tracker.load(candidate.stored)
    assert large.metrics["training_log_loss"] == log_loss(label_array(spread), predict(model, spread))
