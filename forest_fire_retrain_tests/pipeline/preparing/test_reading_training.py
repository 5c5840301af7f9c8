"""Training rows that are streamed into one matrix are, bit for bit, those of the tables they come from."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.models.model_rows import (
    feature_frame,
    label_array,
    matrix_frame,
    null_shares,
    predict,
    predict_drawn,
)
from forest_fire_retrain.core.models.training import choose_rows, find_recipe, fit_drawn
from forest_fire_retrain.core.records import Knowledge, Recipe, Snapshot
from forest_fire_retrain.core.risk_model import RiskModel, input_matrix
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing import reading_training
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.preparing.reading_training import (
    TrainingRows,
    draw_all,
    fingerprint_labelled,
    read_training,
)
from forest_fire_retrain.pipeline.retraining.training_candidates import sampler_of
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING
from forest_fire_retrain_tests.fakes.lake import FakeLake

ENGINE = DuckDbEngine()
START, DAY = dt.date(2024, 1, 1), dt.timedelta(days=1)
N_DAYS, CELLS = 30, [f"cell {number} é" for number in range(40)]
WINDOW = Interval(start=START + 3 * DAY, end=START + 27 * DAY)
NOON = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
NEVER = "rel_humidity_pct"
SEED = 7
FEW_NEGATIVES = {"negatives_per_positive": 3.0}


def features() -> pa.Table:
    """A row per cell and day, a tenth of the values missing, some not a number, one feature never there."""
    rng, n_rows = np.random.default_rng(0), N_DAYS * len(CELLS)
    columns: dict[str, object] = {
        "cell_id": [cell for _ in range(N_DAYS) for cell in CELLS],
        "date": [START + day * DAY for day in range(N_DAYS) for _ in CELLS],
    }
    for name in FEATURES_SCHEMA.names[2:]:
        missing = rng.random(n_rows) < (1.0 if name == NEVER else 0.1)
        columns[name] = pa.array(np.where(rng.random(n_rows) < 0.01, np.nan, rng.normal(size=n_rows)), mask=missing)
    return pa.table(columns, schema=FEATURES_SCHEMA)


def fires() -> pa.Table:
    rng = np.random.default_rng(1)
    places = [(CELLS[rng.integers(len(CELLS))], START + int(rng.integers(N_DAYS)) * DAY) for _ in range(60)]
    rows = [
        {"fire_id": f"fire {number}", "cell_id": cell, "date": day, "recorded_at": NOON - dt.timedelta(days=100)}
        for number, (cell, day) in enumerate([*places, ("a cell of no day", START)])
    ]
    return pa.Table.from_pylist(rows, schema=FIRES_SCHEMA)


def filled(lake: Lake, order: str) -> Snapshot:
    """A lake in which the days lie as they came, or the last ones first and their rows shuffled."""
    rows = features()
    if order == "shuffled":
        rows = rows.take(np.random.default_rng(2).permutation(rows.num_rows))
    for first in (0, 1, 2) if order == "as they came" else (2, 0, 1):
        window = Interval(start=START + 10 * first * DAY, end=START + 10 * (first + 1) * DAY)
        days = rows["date"].to_numpy()
        part = rows.filter((days >= np.datetime64(window.start)) & (days < np.datetime64(window.end)))
        lake.replace(TableName.FEATURES, part, day_column="date", window=window, through=window.end)
    lake.append(TableName.FIRES, fires())
    versions = {str(table): lake.version(table) or 0 for table in (TableName.FEATURES, TableName.FIRES)}
    return Snapshot(knowledge=Knowledge.LIVE, table_versions=versions, known_at=NOON)


@pytest.fixture(params=["fake", "delta"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return FakeLake() if request.param == "fake" else DeltaLake(str(tmp_path / "lake"))


def former_training(table: pa.Table, recipe: Recipe) -> tuple[np.ndarray, np.ndarray, float]:
    """Matrix, labels and share as they were had at first: the frame exists, then rows are drawn, then it is copied."""
    labels = label_array(table)
    rows, share = choose_rows(labels == 1, recipe.parameters.get("negatives_per_positive"), SEED)  # type: ignore[arg-type] # a number
    return input_matrix(feature_frame(table).iloc[rows], FEATURE_NAMES), labels[rows], share


def with_negatives(recipe: Recipe, **parameters: float) -> Recipe:
    return recipe.model_copy(update={"parameters": {**recipe.parameters, **parameters}})


@pytest.mark.parametrize("order", ["as they came", "shuffled"])
@pytest.mark.parametrize("parameters", [{}, FEW_NEGATIVES], ids=["all", "some negatives"])
def test_the_matrix_has_the_bits_of_the_frame_that_was_drawn_from(
    lake: Lake, order: str, parameters: dict[str, float]
) -> None:
    snapshot, recipe = filled(lake, order), with_negatives(SMALL_BOOSTING, **parameters)
    training = read_training(lake, ENGINE, snapshot, WINDOW, sampler_of(recipe, SEED))
    table = read_labelled(lake, ENGINE, snapshot, WINDOW)
    matrix, labels, share = former_training(table, recipe)
    assert training.drawn.names == FEATURE_NAMES
    assert training.drawn.matrix.flags.f_contiguous
    assert training.drawn.matrix.tobytes("F") == matrix.tobytes("F")
    assert training.drawn.labels.tobytes() == labels.tobytes()
    assert training.drawn.kept_share == share
    assert (len(labels) < table.num_rows) == bool(parameters)
    assert_facts_of(training, table)
    assert fingerprint_labelled(lake, ENGINE, snapshot, WINDOW) == training.facts


def assert_facts_of(training: TrainingRows, table: pa.Table) -> None:
    """What is said of all rows is what the table says."""
    assert training.facts == (table.num_rows, int(label_array(table).sum()), fingerprint_table(table))
    assert training.null_share == null_shares(table)
    assert training.columns == {field.name: str(field.type) for field in table.schema}
    assert training.dates.tolist() == table["date"].to_pylist()
    assert training.facts.n_fires > 10


@pytest.mark.parametrize("name", ["gradient_boosting", "logistic"])
@pytest.mark.parametrize("parameters", [{}, FEW_NEGATIVES], ids=["all", "some negatives"])
def test_a_model_has_the_bits_of_one_that_was_fitted_to_the_frame(name: str, parameters: dict[str, float]) -> None:
    lake, recipe = FakeLake(), with_negatives(find_recipe(name), **parameters)
    snapshot = filled(lake, "as they came")
    training = read_training(lake, ENGINE, snapshot, WINDOW, sampler_of(recipe, SEED))
    model = fit_drawn(recipe, training.drawn, seed=SEED, n_threads=1)
    table = read_labelled(lake, ENGINE, snapshot, WINDOW)
    former = fit_as_before(recipe, table)
    assert NEVER not in model.used_features == former.used_features
    assert model.resolved_parameters == former.resolved_parameters
    expected = former.predict_proba(feature_frame(table))[:, 1]
    assert predict(model, table).tobytes() == expected.tobytes()
    assert predict_drawn(model, training.probed).tobytes() == expected.tobytes()
    assert matrix_frame(training.probed).to_numpy().tobytes() == feature_frame(table).to_numpy().tobytes()


def fit_as_before(recipe: Recipe, table: pa.Table) -> RiskModel:
    """The pipeline fitted to a copy of the frame's columns that have a value."""
    matrix, labels, share = former_training(table, recipe)
    used = tuple(name for place, name in enumerate(FEATURE_NAMES) if not np.isnan(matrix[:, place]).all())
    plain = fit_drawn(recipe, read_drawn(matrix, labels, share), seed=SEED, n_threads=1)
    pipeline = plain.pipeline.fit(input_matrix(matrix_frame(read_drawn(matrix, labels, share)), used), labels)
    return RiskModel(pipeline, FEATURE_NAMES, used, share, 1)


def read_drawn(matrix: np.ndarray, labels: np.ndarray, share: float) -> reading_training.Drawn:
    return reading_training.Drawn(matrix, labels, FEATURE_NAMES, share)


def test_of_many_rows_those_the_model_is_asked_about_lie_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_training, "MAX_PROBED_ROWS", 100)
    lake = FakeLake()
    snapshot = filled(lake, "shuffled")
    every = read_training(lake, ENGINE, snapshot, WINDOW, draw_all)
    sampled = read_training(
        lake, ENGINE, snapshot, WINDOW, sampler_of(with_negatives(SMALL_BOOSTING, **FEW_NEGATIVES), 1)
    )
    step = -(-every.facts.n_rows // 100)
    assert step > 1
    for part in (every.probed, sampled.probed):
        assert part.matrix.tobytes("F") == every.drawn.matrix[::step].tobytes("F")
        assert part.labels.tobytes() == every.drawn.labels[::step].tobytes()
    assert len(every.probed.labels) <= 100


@pytest.mark.parametrize("columns_at_once", [1, 3, 100])
def test_how_many_columns_are_read_at_once_plays_no_part(columns_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = FakeLake()
    snapshot = filled(lake, "shuffled")
    usual = read_training(lake, ENGINE, snapshot, WINDOW, draw_all)
    monkeypatch.setattr(reading_training, "COLUMNS_AT_ONCE", columns_at_once)
    monkeypatch.setattr(reading_training, "VALUES_AT_ONCE", 0)
    again = read_training(lake, ENGINE, snapshot, WINDOW, draw_all)
    assert again.facts == usual.facts
    assert again.drawn.matrix.tobytes() == usual.drawn.matrix.tobytes()
