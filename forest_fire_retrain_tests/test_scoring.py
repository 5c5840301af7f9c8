"""Any table of features is scored by a proved version, a batch at a time, into one whole file or none."""

import datetime as dt
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forest_fire_retrain import get_model, scoring
from forest_fire_retrain.adapters import spark_session
from forest_fire_retrain.adapters.row_files import open_rows, parts_written
from forest_fire_retrain.adapters.spark_settings import SparkSettings
from forest_fire_retrain.adapters.verified_models import MODEL_FILE
from forest_fire_retrain.core.errors import (
    ArtifactTamperedError,
    EvidenceError,
    InputContractError,
    RefusedRequestError,
)
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.scoring import STAMP, score_rows, score_rows_on_spark
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import furnish, run_command, settle_in
from forest_fire_retrain_tests.prepared_store import prepare_store

pytestmark = pytest.mark.slow
ORDER = [("date", "ascending"), ("cell_id", "ascending")]
NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.getbasetemp()
    template = prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("scored") / "home", environment)
        furnish(home, environment, template)
        assert run_command(environment, "retrain", "--partition", "2025-07-07") == 0
        yield home


@pytest.fixture(scope="module")
def served(home: Path) -> ServedModel:
    return get_model(settings=load_settings(home=home))


@pytest.fixture(scope="module")
def features(home: Path) -> pa.Table:
    return open_rows(str(home / "lake" / "features")).dataset.to_table()


def score(served: ServedModel, source: Path | str, target: Path) -> pa.Table:
    score_rows(served, open_rows(str(source)), target, NOW, lambda _done: None)
    return pq.read_table(target)


def test_a_delta_table_gets_the_very_chances_of_the_model(
    served: ServedModel, home: Path, features: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 100)
    said = score(served, home / "lake" / "features", tmp_path / "said.parquet")
    expected = served.score(features.to_pandas()).to_numpy()
    assert np.array_equal(said["probability"].to_numpy(), expected)
    assert np.array_equal(said["expected_fires"].to_numpy(), -np.log1p(-expected))
    assert said.select(["cell_id", "date"]).equals(features.select(["cell_id", "date"]))
    assert not set(said.column_names) & set(served.feature_names)


def test_every_row_says_what_scored_it(served: ServedModel, home: Path, tmp_path: Path) -> None:
    said = score(served, home / "lake" / "features", tmp_path / "said.parquet").select(list(STAMP))
    assert said.group_by(said.column_names).aggregate([]).to_pylist() == [
        {
            "model_name": served.model_name,
            "model_version": 1,
            "candidate_id": served.candidate.candidate_id,
            "artifact_sha256": served.artifact_sha256,
            "scored_at": NOW,
        }
    ]


def test_files_of_a_folder_and_columns_in_another_order_are_the_same(
    served: ServedModel, features: pa.Table, tmp_path: Path
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    shuffled = features.select(list(reversed(features.column_names)))
    pq.write_table(shuffled.slice(0, 50), folder / "a.parquet")
    pq.write_table(shuffled.slice(50, 70), folder / "b.parquet")
    said = score(served, folder, tmp_path / "said.parquet")
    assert np.array_equal(said["probability"].to_numpy(), served.score(features.slice(0, 120).to_pandas()).to_numpy())


def test_no_rows_give_an_empty_file(served: ServedModel, features: pa.Table, tmp_path: Path) -> None:
    pq.write_table(features.slice(0, 0), tmp_path / "none.parquet")
    assert score(served, tmp_path / "none.parquet", tmp_path / "said.parquet").num_rows == 0


def test_missing_features_and_names_of_the_answer_are_refused(
    served: ServedModel, features: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(features.drop_columns([served.feature_names[0]]), tmp_path / "less.parquet")
    with pytest.raises(EvidenceError, match=f"lacks 1 of the .* {served.feature_names[0]}"):
        score(served, tmp_path / "less.parquet", tmp_path / "said.parquet")
    pq.write_table(features.append_column("probability", features["date"]), tmp_path / "more.parquet")
    with pytest.raises(EvidenceError, match="same names as the answer: probability"):
        score(served, tmp_path / "more.parquet", tmp_path / "said.parquet")
    assert not (tmp_path / "said.parquet").exists()


def test_what_is_no_table_is_refused_with_its_name(served: ServedModel, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"no Parquet")
    with pytest.raises(InputContractError, match="cannot be read as a Delta table or as Parquet"):
        score(served, tmp_path / "rows.parquet", tmp_path / "said.parquet")
    with pytest.raises(InputContractError, match="cannot be read"):
        score(served, tmp_path / "nowhere", tmp_path / "said.parquet")


def test_a_run_that_is_cut_leaves_nothing_and_what_is_there_stays(
    served: ServedModel, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 100)
    target = tmp_path / "out" / "said.parquet"

    def cut(n_done: int) -> None:
        if n_done > 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_rows(served, open_rows(str(home / "lake" / "features")), target, NOW, cut)
    assert list(target.parent.iterdir()) == []
    target.write_bytes(b"kept")
    with pytest.raises(RefusedRequestError, match="is there already"):
        score(served, home / "lake" / "features", target)
    assert target.read_bytes() == b"kept"


@pytest.fixture
def spark() -> SparkSettings:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up")
    return SparkSettings(master="local[2]")


def score_on_spark(served: ServedModel, source: Path, target: Path, spark: SparkSettings) -> pa.Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Spark says of itself
        score_rows_on_spark(served, open_rows(str(source)), target, NOW, spark)
    return pq.read_table(target)


def test_spark_writes_the_same_rows_with_the_same_bits_and_stamp(
    served: ServedModel, home: Path, tmp_path: Path, spark: SparkSettings
) -> None:
    source = home / "lake" / "features"
    here = score(served, source, tmp_path / "said.parquet").sort_by(ORDER)
    there = score_on_spark(served, source, tmp_path / "said", spark).sort_by(ORDER)
    assert there.num_rows > 100
    assert there.schema.remove_metadata() == here.schema.remove_metadata()
    assert fingerprint_table(there) == fingerprint_table(here)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_spark_cannot_do_leaves_nothing_and_says_why(
    served: ServedModel, features: pa.Table, tmp_path: Path, spark: SparkSettings
) -> None:
    first = served.feature_names[-1]
    place = features.column_names.index(first)
    infinite = pa.array([np.inf] * features.num_rows)
    pq.write_table(features.set_column(place, first, infinite), tmp_path / "infinite.parquet")
    with pytest.raises(EvidenceError, match="infinite"):
        score_on_spark(served, tmp_path / "infinite.parquet", tmp_path / "said", spark)
    counted = features.append_column("tries", pa.array(range(features.num_rows), pa.uint64()))
    pq.write_table(counted, tmp_path / "counted.parquet")
    with pytest.raises(EvidenceError, match=r"another type: tries \(uint64\).*--engine local"):
        score_on_spark(served, tmp_path / "counted.parquet", tmp_path / "said", spark)
    other = replace(served, folder=str(tmp_path / "other" / "model"))
    shutil.copytree(served.folder, other.folder)
    model = Path(other.folder) / MODEL_FILE
    model.chmod(0o600)
    model.write_bytes(model.read_bytes() + b" ")
    pq.write_table(features, tmp_path / "rows.parquet")
    with pytest.raises(ArtifactTamperedError, match="was not loaded"):
        score_on_spark(other, tmp_path / "rows.parquet", tmp_path / "said", spark)
    deltalake.write_deltalake(str(tmp_path / "parts"), features, partition_by=["cell_id"])
    with pytest.raises(EvidenceError, match="is partitioned"):
        score_on_spark(served, tmp_path / "parts", tmp_path / "said", spark)
    assert not (tmp_path / "said").exists()
    assert list(tmp_path.glob(".said*")) == []


def test_no_rows_give_a_folder_without_any_on_spark(
    served: ServedModel, features: pa.Table, tmp_path: Path, spark: SparkSettings
) -> None:
    pq.write_table(features.slice(0, 0), tmp_path / "none.parquet")
    assert score_on_spark(served, tmp_path / "none.parquet", tmp_path / "said", spark).num_rows == 0


def test_a_spark_run_that_was_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    gone = tmp_path / ".said.999999999.parts"
    gone.mkdir()
    (gone / "part-0.parquet").write_bytes(b"half")
    assert not (tmp_path / "said").exists()
    with parts_written(tmp_path / "said") as beside:
        beside.mkdir()
        (beside / "part-0.parquet").write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["said"]
    with pytest.raises(RefusedRequestError, match="is there already"), parts_written(tmp_path / "said"):
        pass


@pytest.mark.parametrize("missing", ["pyspark", "sqlglot"])
def test_without_spark_one_sentence_says_what_to_install(
    missing: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None if name == missing else object())
    words = ("score", "--input", str(home / "lake" / "features"), "--output", str(tmp_path / "said"))
    assert run_command(monkeypatch, *words, "--engine", "spark") == 2
    assert f"{missing} is not installed; install it: pip install" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "said").exists()


def test_the_command_says_what_was_scored_by_whom(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("score", "--input", str(home / "lake" / "features"), "--output", str(tmp_path / "said.parquet"))
    assert run_command(monkeypatch, *words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["n_rows"]) == (1, pq.read_metadata(tmp_path / "said.parquet").num_rows)
    assert run_command(monkeypatch, *words) == 2
    assert "is there already; nothing was written" in capsys.readouterr().err
