"""A model as a Spark column: the same bits as without Spark, and the bytes proved again on every worker."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import skops.io

from forest_fire_retrain.adapters.spark_scoring import find_on_worker, scoring_column
from forest_fire_retrain.adapters.verified_models import MODEL_FILE, sha256_of_file
from forest_fire_retrain.core.errors import ConfigurationError, RefusedRequestError
from forest_fire_retrain_tests.example_models import example_model, example_rows

MODEL = example_model()
ROWS = example_rows(400)[0]
EXPECTED = MODEL.predict_proba(ROWS)[:, 1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    skops.io.dump(MODEL, tmp_path / MODEL_FILE)
    return tmp_path


def test_without_pyspark_the_message_says_what_to_install(folder: Path) -> None:
    with (
        patch.dict(sys.modules, {"pyspark": None, "pyspark.sql": None}),
        pytest.raises(ConfigurationError, match=r"forest-fire-retrain\[spark\]"),
    ):
        scoring_column(None, folder, sha256="", feature_names=MODEL.feature_names)  # type: ignore[arg-type] # never used


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A Spark of this machine, where one is installed."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Spark says of itself
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        session = builder.config("spark.executorEnv.PYTHONPATH", ":".join(sys.path)).getOrCreate()
        yield session
        session.stop()


def frame_of(spark: Any, rows: pd.DataFrame) -> Any:
    return spark.createDataFrame(rows.assign(number=range(len(rows)))).repartition(3)


def collect(scored: Any) -> np.ndarray:
    return scored.select("number", "probability").toPandas().sort_values("number")["probability"].to_numpy()


@pytest.mark.slow
def test_every_row_has_the_same_bits_as_without_spark(spark: Any, folder: Path) -> None:
    probability = scoring_column(
        spark, folder, sha256=sha256_of_file(folder / MODEL_FILE), feature_names=MODEL.feature_names
    )
    rows = frame_of(spark, ROWS)
    assert np.array_equal(collect(rows.withColumn("probability", probability())), EXPECTED)
    renamed = rows.withColumnsRenamed({name: f"x_{name}" for name in MODEL.feature_names})
    given = [f"x_{name}" for name in MODEL.feature_names]
    assert np.array_equal(collect(renamed.withColumn("probability", probability(*given))), EXPECTED)
    with pytest.raises(RefusedRequestError, match="takes 6 features and was given 1"):
        probability("dc")


@pytest.mark.slow
def test_a_worker_that_finds_other_bytes_predicts_nothing(spark: Any, folder: Path) -> None:
    from pyspark.errors import PythonException  # noqa: PLC0415 - an extra

    probability = scoring_column(spark, folder, sha256="0" * 64, feature_names=MODEL.feature_names)
    scored = frame_of(spark, ROWS).withColumn("probability", probability())
    with pytest.raises(PythonException, match="ArtifactTamperedError"):
        scored.collect()


@pytest.mark.slow
def test_workers_get_the_folder_or_see_it_under_its_own_path(spark: Any, folder: Path, tmp_path: Path) -> None:
    spark.sparkContext.addFile(str(folder), recursive=True)
    assert find_on_worker(folder) != folder
    assert sha256_of_file(find_on_worker(folder) / MODEL_FILE) == sha256_of_file(folder / MODEL_FILE)
    elsewhere = tmp_path / "never handed out"
    assert find_on_worker(elsewhere) == elsewhere
