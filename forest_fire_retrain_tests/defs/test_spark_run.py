"""A run whose features Spark computes: its messages and figures are the run's, the bits those of one machine."""

import datetime as dt
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.defs import spark_run
from forest_fire_retrain.defs.asset_arguments import Shape
from forest_fire_retrain.defs.features import build_feature_assets
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import ROW_ORDER, build_features
from forest_fire_retrain_tests.example_installation import example_installation

pytestmark = pytest.mark.slow

PERIOD = dt.date(2024, 8, 5)
END = PERIOD + dt.timedelta(days=7)
PARTITIONS = dg.StaticPartitionsDefinition([PERIOD.isoformat()])


def installation_at(home: Path, **changes: object) -> Installation:
    """An installation with a lake of its own, in which weather and fires are up to the end of the period."""
    made = replace(example_installation(home, **changes), lake=DeltaLake(str(home / "lake")))
    days = Interval(start=made.settings.start_date, end=END)
    delivered = made.source.read(days)
    made.lake.overwrite(TableName.CELLS, delivered.cells)
    made.lake.append(TableName.WEATHER, delivered.weather, through=END)
    made.lake.append(TableName.FIRES, delivered.fires, through=END)
    return made


def materialize(installation: Installation, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        (features,) = build_feature_assets(Shape(PARTITIONS), [])
    return dg.materialize(
        [features],
        partition_key=PERIOD.isoformat(),
        resources={"installation": installation},
        instance=instance,
        raise_on_error=False,
    )


def features_of(lake: DeltaLake) -> pa.Table:
    return lake.read(TableName.FEATURES).sort_by(ROW_ORDER)


def test_the_run_shows_what_spark_says_and_the_lake_has_the_bits_of_one_machine(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up")
    on_spark = installation_at(tmp_path / "spark", feature_engine="spark", spark={"master": "local[2]"})
    alone = installation_at(tmp_path / "alone")
    build_features(alone.lake, alone.engine, Interval(start=PERIOD, end=END), alone.settings.calendar)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(on_spark, instance)
        assert result.success
        said = [event.user_message for event in instance.all_logs(result.run_id)]
    assert any("computing the features of" in message for message in said)
    assert any("cell-days of" in message and "computed in" in message for message in said)
    (made,) = result.asset_materializations_for_node("features")
    assert {"Spark", "Spark application", "cell-days computed by Spark", "content hash"} <= set(made.metadata)
    assert fingerprint_table(features_of(on_spark.lake)) == fingerprint_table(features_of(alone.lake))


def test_a_fault_of_the_process_is_the_runs_fault_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up")
    installation = installation_at(tmp_path, feature_engine="spark")
    with patch.dict("os.environ", {"JAVA_HOME": str(tmp_path / "no java")}), dg.DagsterInstance.ephemeral() as instance:
        (failed,) = materialize(installation, instance).filter_events(lambda event: event.is_step_failure)
    message = str(failed.step_failure_data.error)
    assert "Spark needs a Java of 17 or up" in message
    assert "Install one, or set JAVA_HOME" in message
    assert installation.lake.version(TableName.FEATURES) is None


def test_it_ends_with_the_run_that_holds_its_input() -> None:
    words = "from forest_fire_retrain.spark_job import end_with_input; end_with_input(); print('on'); time.sleep(99)"
    with subprocess.Popen(
        [sys.executable, "-uc", f"import time; {words}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        assert process.poll() is None
        process.communicate(timeout=20)
    assert process.returncode == 1


def test_a_process_that_is_killed_leaves_a_sentence_and_the_lake_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_run, "JOB", "forest_fire_retrain.no_such_job")
    installation = installation_at(tmp_path, feature_engine="spark")
    with dg.DagsterInstance.ephemeral() as instance:
        (failed,) = materialize(installation, instance).filter_events(lambda event: event.is_step_failure)
    assert "ended before it was done" in str(failed.step_failure_data.error)
    assert installation.lake.version(TableName.FEATURES) is None
