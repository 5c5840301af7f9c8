"""Rows of files: read ahead and written behind, and yet exactly those there are, in the order of the files."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from forest_fire_retrain.adapters.row_files import open_rows, rows_written
from forest_fire_retrain.core.errors import EvidenceError, InputContractError, RefusedRequestError
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.scoring import score_rows
from forest_fire_retrain_tests.example_models import example_candidate, example_model, example_rows

NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
STORED = StoredModel(mlflow_run_id="run", model_uri="models:/m", artifact_sha256="d" * 64)


def rows(first: int, n_rows: int) -> pa.Table:
    return pa.table({"number": pa.array(range(first, first + n_rows), pa.int64()), "half": ["a", "b"] * (n_rows // 2)})


def write_parquet(folder: Path) -> None:
    folder.mkdir()
    for number in range(3):
        pq.write_table(rows(100 * number, 100), folder / f"part-{number}.parquet", row_group_size=30)


def write_delta(folder: Path) -> None:
    for number in range(3):
        write_deltalake(str(folder), rows(100 * number, 100), mode="append")


def write_partitions(folder: Path) -> None:
    write_deltalake(str(folder), rows(0, 200), partition_by=["half"])
    write_deltalake(str(folder), rows(200, 100), mode="append")


def write_all(target: Path, schema: pa.Schema, tables: list[pa.Table]) -> None:
    with rows_written(target, schema) as writer:
        for table in tables:
            writer.write(table)


@pytest.mark.parametrize("write", [write_parquet, write_delta, write_partitions])
@pytest.mark.parametrize("n_at_once", [1, 7, 40, 1_000])
def test_rows_come_as_a_whole_scan_gives_them(tmp_path: Path, write: Callable[[Path], None], n_at_once: int) -> None:
    write(tmp_path / "rows")
    opened = open_rows(str(tmp_path / "rows"))
    parts = list(opened.batches(["half", "number"], n_at_once))
    assert all(part.num_rows >= n_at_once for part in parts[:-1])
    read = pa.concat_tables(parts)
    assert read.num_rows == opened.n_rows == 300
    assert read.to_pylist() == opened.dataset.to_table(columns=["half", "number"]).to_pylist()


def test_a_column_that_came_later_is_missing_in_the_rows_before_it(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), rows(0, 4))
    later = rows(4, 4).append_column("more", pa.array([0.5] * 4))
    write_deltalake(str(tmp_path), later, mode="append", schema_mode="merge")
    read = pa.concat_tables(open_rows(str(tmp_path)).batches(["number", "more"], 3))
    assert dict(zip(read["number"].to_pylist(), read["more"].to_pylist(), strict=True)) == {
        **dict.fromkeys(range(4)),
        **dict.fromkeys(range(4, 8), 0.5),
    }


def test_a_file_that_is_gone_is_named_although_it_is_read_ahead(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows")
    opened = open_rows(str(tmp_path / "rows"))
    (tmp_path / "rows" / "part-2.parquet").unlink()
    with pytest.raises(InputContractError, match="cannot be read"):
        list(opened.batches(["number"], 10))


def test_whoever_stops_in_between_waits_for_nothing_more(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows")
    parts = open_rows(str(tmp_path / "rows")).batches(["number"], 10)
    next(iter(parts))
    parts.close()  # type: ignore[attr-defined] # a generator


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    target, schema = tmp_path / "said.parquet", rows(0, 2).schema
    with pytest.raises(ValueError, match="schema"):
        write_all(target, schema, [rows(0, 2), pa.table({"other": [1]})])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_said_whenever_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_writer: pq.ParquetWriter, _table: pa.Table) -> None:
        raise OSError(28, "No space left on device")

    target, schema = tmp_path / "said.parquet", rows(0, 2).schema
    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    for n_tables in (1, 3):
        with pytest.raises(RefusedRequestError, match="No space left"):
            write_all(target, schema, [rows(0, 2)] * n_tables)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int64()])
def test_numbers_of_any_kind_get_the_chances_that_a_frame_gets(tmp_path: Path, kind: pa.DataType) -> None:
    served, features = (
        ServedModel(example_model(), "fires", 7, example_candidate(STORED), "/nowhere"),
        example_rows(200)[0],
    )
    rng = np.random.default_rng(4)
    columns = {
        name: pa.array(np.round(features[name].to_numpy() * 10), from_pandas=True).cast(kind) for name in features
    }
    columns = {
        name: pa.array([None if rng.random() < 0.1 else value for value in column.to_pylist()], kind)
        for name, column in columns.items()
    }
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "rows.parquet")
    score_rows(served, open_rows(str(tmp_path / "rows.parquet")), tmp_path / "said", NOW, lambda _done: None)
    said = pq.read_table(tmp_path / "said")["probability"].to_numpy()
    assert said.tobytes() == served.score(table.to_pandas()).to_numpy().tobytes()


def test_an_infinite_value_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    served, features = (
        ServedModel(example_model(), "fires", 7, example_candidate(STORED), "/nowhere"),
        example_rows(200)[0],
    )
    features = features.assign(**{served.model.used_features[1]: np.inf})
    pq.write_table(pa.Table.from_pandas(features), tmp_path / "rows.parquet")
    with pytest.raises(EvidenceError, match="infinite"):
        score_rows(served, open_rows(str(tmp_path / "rows.parquet")), tmp_path / "said", NOW, lambda _done: None)
    assert not (tmp_path / "said").exists()
