"""A Spark session as the features and the scores need it, and one clear sentence where there can be none."""

import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from forest_fire_retrain.core.errors import (
    ArtifactTamperedError,
    ConfigurationError,
    EvidenceError,
    ForestFireRetrainError,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INSTALL = "pip install 'forest-fire-retrain[spark]'"
LIBRARIES = ("pyspark", "sqlglot")
FAULT = re.compile(r"^forest_fire_retrain\.core\.errors\.(\w+): (.+)$", re.MULTILINE)
CONNECT = "sc://"
OF_PATTERNS = re.compile(r"[\\{}\[\]*?]")
SESSION = {
    "spark.sql.session.timeZone": "UTC",  # an instant is the same instant everywhere
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.driver.maxResultSize": "0",  # a chunk of features comes back; how many rows that is, is bounded already
}


def refuse_missing_spark(master: str) -> None:
    """Look before: what Spark says of a missing Java is a page long.

    Raises
    ------
    ConfigurationError
        If pyspark, sqlglot or a Java is missing.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        msg = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; install it: {INSTALL}"
        raise ConfigurationError(msg)
    if not master.startswith(CONNECT) and _find_java() is None:
        told = os.environ.get("JAVA_HOME")
        where = f"JAVA_HOME is {told}, and there is no bin/java" if told else "no java is on the PATH"
        msg = f"Spark needs a Java of 17 or up: {where}. Install one, or set JAVA_HOME to the folder of yours"
        raise ConfigurationError(msg)


def _find_java() -> str | None:
    """Where Spark's own scripts look for it."""
    told = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=None if told is None else str(Path(told) / "bin"))


def only(address: str) -> str:
    """The pattern that matches this one file: Spark reads an address as a pattern."""
    return OF_PATTERNS.sub(r"\\\g<0>", address)


@contextmanager
def spark_session(master: str, name: str) -> Iterator["SparkSession"]:
    """A session of its own, stopped at the end; what `spark-defaults.conf` says of memory and executors holds.

    Raises
    ------
    ConfigurationError
        As `refuse_missing_spark`, or if the session cannot be started.
    """
    refuse_missing_spark(master)
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Spark says of itself
        builder = SparkSession.builder.appName(name)
        builder = builder.remote(master) if master.startswith(CONNECT) else builder.master(master)
        for key, value in SESSION.items():
            builder = builder.config(key, value)
        if master.startswith("local"):  # workers of this machine run the code of this process
            builder = builder.config("spark.executorEnv.PYTHONPATH", os.pathsep.join(sys.path))
        try:
            session = builder.getOrCreate()
        except (PySparkException, RuntimeError, OSError) as error:
            msg = f"Spark cannot be started at {master}: {first_line(error)}"
            raise ConfigurationError(f"{msg}. Correct FOREST_FIRE_SPARK__MASTER, then try again") from error
        try:
            yield session
        finally:
            session.stop()


def fault_behind(error: Exception) -> ForestFireRetrainError | None:
    """The foreseeable fault that a worker met, in its own words; `None` where it was something else."""
    found = FAULT.findall(str(error))
    if not found:
        return None
    name, message = found[-1]
    kind = {"ArtifactTamperedError": ArtifactTamperedError, "EvidenceError": EvidenceError}.get(name)
    return None if kind is None else kind(message)


def first_line(error: Exception) -> str:
    """The error's own first line; Spark appends the stacks of two machines."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
