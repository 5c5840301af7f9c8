"""Features on Spark within a run: another process through Dagster Pipes, whose messages and figures are the run's."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg

from forest_fire_retrain.core.errors import ConfigurationError, ForestFireRetrainError, LakeError, WorkerLostError
from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation

JOB = "forest_fire_retrain.spark_job"
FAULTS: Mapping[str, type[ForestFireRetrainError]] = {"ConfigurationError": ConfigurationError, "LakeError": LakeError}


class BuiltOnSpark(NamedTuple):
    """What came of it, and what Spark says of its part."""

    report: FeatureReport
    metadata: dict[str, Any]


def build_on_spark(context: dg.AssetExecutionContext, installation: Installation, window: Interval) -> BuiltOnSpark:
    """Have the features of `window` in the lake, computed by Spark.

    Raises
    ------
    ConfigurationError, LakeError
        If there is no Spark, or it failed; the lake is as it was.
    WorkerLostError
        If the process was killed.
    """
    settings = installation.settings
    calendar = settings.calendar
    order = {
        "window": window.model_dump(mode="json"),
        "history_start": calendar.history_start.isoformat(),
        "weather_lag_days": calendar.weather_lag_days,
        "time_zone": calendar.time_zone,
        "spark": settings.spark.model_dump(mode="json"),
    }
    environment = {"FOREST_FIRE_LAKE_URI": settings.lake_root, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with _pipes(context, order) as session:
        variables = {**os.environ, **environment, **session.get_bootstrap_env_vars()}
        command = [sys.executable, "-m", JOB]
        with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE) as process:  # noqa: S603 - our own module
            process.wait()  # its input stays open as long as this process is there
    told: dict[str, Any] = {}
    for message in session.get_custom_messages():
        told |= message
    if "fault" in told:
        raise FAULTS.get(told["fault"], LakeError)(told["message"])
    if "report" not in told:
        raise _lost()
    metadata: dict[str, Any] = {}
    for result in session.get_results(implicit_materializations=False):
        metadata |= result.metadata or {}
    return BuiltOnSpark(FeatureReport.model_validate(told["report"]), metadata)


@contextmanager
def _pipes(context: dg.AssetExecutionContext, order: Mapping[str, Any]) -> Iterator[dg.PipesSession]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)  # of what Dagster's own code uses
        with dg.open_pipes_session(
            context=context.op_execution_context,  # of the asset's, Dagster asks what it deprecates
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=dg.PipesTempFileMessageReader(),
            extras=dict(order),
        ) as session:
            yield session


def _lost() -> WorkerLostError:
    return WorkerLostError(
        "the process that computed features on Spark ended before it was done; what it had not written is computed by "
        "the next run. Look into the run's log for its last words, give it more memory, then materialize again"
    )
