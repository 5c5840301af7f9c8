"""Which engine builds features and where Spark runs."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field


class FeatureEngineKind(StrEnum):
    """What builds features."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class SparkSettings(BaseModel, frozen=True, extra="forbid"):
    """How Spark is used.

    Attributes
    ----------
    master : str
        Spark's master: `local[*]`, or a cluster's address.
    cells_at_once : int
        Cells that a worker computes together.
    """

    master: Annotated[str, Field(min_length=1)] = "local[*]"
    cells_at_once: Annotated[int, Field(ge=1)] = 500
