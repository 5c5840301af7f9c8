"""A verified model as a column of Spark: each worker process proves the file again and loads it once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from forest_fire_retrain.adapters.verified_models import MODEL_FILE, load_verified
from forest_fire_retrain.core.errors import ConfigurationError, RefusedRequestError

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

INSTALL = "pip install 'forest-fire-retrain[spark]'"


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
