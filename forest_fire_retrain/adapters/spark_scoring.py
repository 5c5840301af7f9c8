"""A verified model on Spark, as a column or over whole files: each worker process proves the file again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow as pa

from forest_fire_retrain.adapters.spark_session import INSTALL, fault_behind, first_line, only
from forest_fire_retrain.adapters.verified_models import MODEL_FILE, load_verified
from forest_fire_retrain.core.errors import ConfigurationError, EvidenceError, RefusedRequestError, list_capped

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession
    from pyspark.sql.types import StructType


def scoring_column(
    spark: "SparkSession", folder: Path, *, sha256: str, feature_names: tuple[str, ...]
) -> Callable[..., "Column"]:
    """A function of columns whose value is the probability of a fire start, the same bits as without Spark.

    Called without columns it takes those that are called as the features; given ones stand in the features' order.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Whose workers score; the folder is handed to them where the session can.
    folder : Path
        The verified folder.
    sha256 : str
        SHA-256 of the model's file as the ledger recorded it.
    feature_names : tuple of str
        Columns that the model takes, in its order.

    Raises
    ------
    ConfigurationError
        If pyspark is not installed.
    """
    try:
        from pyspark.sql import functions as spark_functions  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"pyspark is not installed; install it: {INSTALL}"
        raise ConfigurationError(msg) from error

    hand_out(spark, folder)

    @spark_functions.pandas_udf("double")  # type: ignore[untyped-decorator] # pyspark carries no types here
    def probability(batches: Iterator[pd.DataFrame]) -> Iterator[pd.Series]:
        model = load_verified(find_on_worker(folder) / MODEL_FILE, expected_sha256=sha256)
        for rows in batches:
            rows.columns = pd.Index(feature_names)
            yield pd.Series(model.predict_proba(rows)[:, 1])

    def score(*columns: "Column | str") -> "Column":
        given = columns or feature_names
        if len(given) != len(feature_names):
            msg = (
                f"the model takes {len(feature_names)} features and was given {len(given)} columns; nothing was scored"
            )
            raise RefusedRequestError(msg)
        plain = [spark_functions.col(column) if isinstance(column, str) else column for column in given]
        named = zip(plain, feature_names, strict=True)
        return probability(spark_functions.struct(*(column.cast("double").alias(name) for column, name in named)))

    score.__name__ = "forest_fire_probability"
    return score


class SparkSource(NamedTuple):
    """Rows to score.

    Attributes
    ----------
    where : str
        What they are, for people.
    addresses : tuple of str
        Their Parquet files.
    schema : pyarrow.Schema
        All columns; a file may lack some.
    columns : tuple of str
        Those that are asked for.
    """

    where: str
    addresses: tuple[str, ...]
    schema: pa.Schema
    columns: tuple[str, ...]

    @property
    def chosen(self) -> pa.Schema:
        """The columns asked for."""
        return pa.schema([self.schema.field(name) for name in self.columns])


def map_rows(
    spark: "SparkSession",
    source: SparkSource,
    answer: Callable[[Iterator[pa.RecordBatch], Path], Iterator[pa.RecordBatch]],
    *,
    schema: pa.Schema,
    target: Path,
    folder: Path,
) -> None:
    """Write to the folder `target` what `answer` makes of the rows and the verified `folder` that a worker finds.

    Raises
    ------
    EvidenceError
        If Spark cannot read the rows' columns as what they are, or the answer's `schema`; or a worker raised it.
    ArtifactTamperedError
        If a worker finds other bytes.
    """
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

    wanted, answered = (_as_spark_has_it(source.where, found) for found in (source.chosen, schema))
    hand_out(spark, folder)
    try:
        files, none = [only(file) for file in source.addresses], spark.createDataFrame([], wanted)
        rows = (spark.read.schema(wanted).parquet(*files) if files else none).select(*source.columns)
        rows.mapInArrow(lambda batches: answer(batches, find_on_worker(folder)), answered).write.parquet(str(target))
    except PySparkException as error:
        fault = fault_behind(error)
        if fault is not None:
            raise fault from error
        msg = f"Spark could not score {source.where}: {first_line(error)}; nothing was kept. Use --engine local"
        raise EvidenceError(msg) from error


def _as_spark_has_it(where: str, schema: pa.Schema) -> "StructType":
    """The columns as Spark's.

    Raises
    ------
    EvidenceError
        If it would make others of them.
    """
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema  # noqa: PLC0415 - an extra

    changed = []
    for field in _plain(schema):
        try:
            same = to_arrow_schema(from_arrow_schema(pa.schema([field])), timezone="UTC").field(0).type == field.type
        except (TypeError, ValueError, NotImplementedError):
            same = False
        if not same:
            changed.append(f"{field.name} ({field.type})")
    if not changed:
        return from_arrow_schema(_plain(schema))
    msg = (
        f"Spark would keep {len(changed)} of the columns of {where} as another type: {list_capped(changed)}; nothing "
        "was scored. Use --engine local, or leave these columns out"
    )
    raise EvidenceError(msg)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The columns as nullable ones with plain strings, which is all the same to whoever reads them."""
    wide = (pa.large_string(), pa.string_view())
    return pa.schema([pa.field(f.name, pa.string() if f.type in wide else f.type) for f in schema])


def hand_out(spark: "SparkSession", folder: Path) -> None:
    """Give the folder to all workers; over a remote session they have to see it under its own path."""
    context = getattr(spark, "sparkContext", None)
    if context is not None:
        context.addFile(str(folder), recursive=True)


def find_on_worker(folder: Path) -> Path:
    """Where a worker finds what was handed out, or the folder itself."""
    from pyspark import SparkFiles  # noqa: PLC0415 - an extra

    handed_out = Path(SparkFiles.get(folder.name))
    return handed_out if handed_out.is_dir() else folder
