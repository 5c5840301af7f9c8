"""Score any table of features with one proved version: a batch at a time, each row stamped with what scored it."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.adapters.row_files import RowFiles, count_rows, parts_written, rows_written
from forest_fire_retrain.adapters.spark_scoring import SparkSource, map_rows
from forest_fire_retrain.adapters.spark_session import refuse_missing_spark, spark_session
from forest_fire_retrain.adapters.spark_settings import SparkSettings
from forest_fire_retrain.adapters.verified_models import MODEL_FILE, load_verified
from forest_fire_retrain.core.errors import EvidenceError, list_capped
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.rows.tables import UTC_INSTANT

ROWS_AT_ONCE = 65_536
ANSWERS = {"probability": pa.float64(), "expected_fires": pa.float64()}
STAMP = {
    "model_name": pa.string(),
    "model_version": pa.int32(),
    "candidate_id": pa.string(),
    "artifact_sha256": pa.string(),
    "scored_at": UTC_INSTANT,
}
"""What a row says of its origin, and its types."""


class Scored(NamedTuple):
    """How much was scored, by which version."""

    n_rows: int
    model_name: str
    version: int
    artifact_sha256: str


def score_rows(
    served: ServedModel, rows: RowFiles, target: Path, scored_at: dt.datetime, tell: Callable[[int], None]
) -> Scored:
    """Write what `served` says of every row of `rows` to the Parquet file `target`, in their order.

    The columns that are no features are kept. Memory does not grow with the number of rows.

    Parameters
    ----------
    served : ServedModel
        The version, whose bytes were proved.
    rows : RowFiles
        Rows with the version's features, in any order of columns.
    target : Path
        The file to write; it is there in whole or not at all.
    scored_at : datetime.datetime
        Now, UTC.
    tell : callable
        Told the number of rows done.

    Raises
    ------
    EvidenceError
        If features are missing or hold no numbers, a value is infinite, or a kept column has a name of the answer's.
    InputContractError
        If a file cannot be read.
    RefusedRequestError
        If something stands at `target` already, or it cannot be written.
    """
    kept = _choose_kept(served, rows)
    schema = pa.schema(
        [*(rows.dataset.schema.field(name) for name in kept), *(pa.field(*item) for item in (ANSWERS | STAMP).items())]
    )
    stamp = _stamp(served, scored_at)
    n_done = 0
    with rows_written(target, schema) as writer:
        for batch in rows.batches([*kept, *served.feature_names], ROWS_AT_ONCE):
            writer.write(_answer(served, batch, kept, stamp).cast(schema))
            n_done += batch.num_rows
            tell(n_done)
    return Scored(n_done, served.model_name, served.version, served.artifact_sha256)


def score_rows_on_spark(
    served: ServedModel, rows: RowFiles, target: Path, scored_at: dt.datetime, spark: SparkSettings
) -> Scored:
    """As `score_rows`, by the workers of a Spark, which prove the model's file again; `target` becomes a folder.

    The same rows with the same bits, in any order, in as many files as Spark writes.

    Raises
    ------
    ConfigurationError
        If there is no Spark.
    EvidenceError
        As `score_rows`; or if Spark would keep a column as another type, or did not write every row.
    ArtifactTamperedError
        If a worker finds other bytes.
    RefusedRequestError
        As `score_rows`.
    """
    kept = _choose_kept(served, rows)
    schema = pa.schema(
        [*(rows.dataset.schema.field(name) for name in kept), *(pa.field(*item) for item in (ANSWERS | STAMP).items())]
    )
    refuse_missing_spark(spark.master)
    if rows.n_rows and not rows.addresses:
        msg = f"{rows.where} is partitioned: its files alone lack columns; nothing was scored. Use --engine local"
        raise EvidenceError(msg)
    source = SparkSource(rows.where, rows.addresses, rows.dataset.schema, (*kept, *served.feature_names))
    answer = _worker(served, kept, schema, _stamp(served, scored_at))
    with parts_written(target) as beside, spark_session(spark.master, f"forest-fire score {rows.where}") as session:
        map_rows(session, source, answer, schema=schema, target=beside, folder=Path(served.folder))
        n_rows, n_expected = count_rows(beside), rows.n_rows
        if n_rows != n_expected:
            msg = f"Spark wrote {n_rows} of {n_expected} rows of {rows.where}; nothing was kept. Run the same again"
            raise EvidenceError(msg)
    return Scored(n_rows, served.model_name, served.version, served.artifact_sha256)


def _worker(
    served: ServedModel, kept: list[str], schema: pa.Schema, stamp: Mapping[str, pa.Scalar]
) -> Callable[[Iterator[pa.RecordBatch], Path], Iterator[pa.RecordBatch]]:
    """What a worker does with its batches and the folder it found: all but the model travels."""
    said = {name: (value.as_py(), value.type) for name, value in stamp.items()}
    names, version, candidate = served.model_name, served.version, served.candidate

    def answer(batches: Iterator[pa.RecordBatch], folder: Path) -> Iterator[pa.RecordBatch]:
        sha256 = candidate.stored.artifact_sha256
        model = load_verified(folder / MODEL_FILE, expected_sha256=sha256)
        proved = ServedModel(model, names, version, candidate, str(folder))
        stamped = {name: pa.scalar(value, kind) for name, (value, kind) in said.items()}
        for batch in batches:
            answered = _answer(proved, pa.Table.from_batches([batch]), kept, stamped).cast(schema)
            yield from answered.combine_chunks().to_batches()

    return answer


def _choose_kept(served: ServedModel, rows: RowFiles) -> list[str]:
    """The columns that are no features."""
    features = set(served.feature_names)
    missing = sorted(features - set(rows.columns))
    if missing:
        msg = (
            f"{rows.where} lacks {len(missing)} of the {len(features)} features of version {served.version} of "
            f"{served.model_name}: {list_capped(missing)}; nothing was scored. docs/features.md says what they mean"
        )
        raise EvidenceError(msg)
    kept = [name for name in rows.columns if name not in features]
    taken = sorted(set(kept) & (ANSWERS | STAMP).keys())
    if taken:
        msg = (
            f"{rows.where} has columns of the same names as the answer: {list_capped(taken)}; nothing was scored. "
            "Rename them first"
        )
        raise EvidenceError(msg)
    return kept


def _stamp(served: ServedModel, scored_at: dt.datetime) -> Mapping[str, pa.Scalar]:
    said = (served.model_name, served.version, served.candidate.candidate_id, served.artifact_sha256, scored_at)
    return {name: pa.scalar(value, kind) for (name, kind), value in zip(STAMP.items(), said, strict=True)}


def _score(served: ServedModel, batch: pa.Table) -> np.ndarray:
    """Probabilities; numbers go straight into the model's matrix, what may be something else through a frame."""
    kinds = [batch.schema.field(name).type for name in served.feature_names]
    if not all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in kinds):
        frame = batch.select(list(served.feature_names)).to_pandas(split_blocks=True)
        return served.score(frame).to_numpy()
    used = served.model.used_features
    matrix = np.empty((batch.num_rows, len(used)), dtype=np.float64)
    for place, name in enumerate(used):
        matrix[:, place] = batch[name].to_numpy()
    return served.score_matrix(matrix)


def _answer(served: ServedModel, batch: pa.Table, kept: list[str], stamp: Mapping[str, pa.Scalar]) -> pa.Table:
    probabilities = _score(served, batch)
    answers = {"probability": probabilities, "expected_fires": -np.log1p(-probabilities)}
    told = {name: pa.repeat(value, batch.num_rows) for name, value in stamp.items()}
    return pa.table({**{name: batch[name] for name in kept}, **answers, **told})
