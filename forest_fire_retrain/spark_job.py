"""What Dagster starts for features on Spark: the driver of one computation, which tells its run how far it is.

It is a process of its own, so that Spark's Java ends with it. What it is to do comes through Dagster Pipes, and so does
what came of it. Where the lake is, says `FOREST_FIRE_LAKE_URI`: an address may hold a password. It ends when its
standard input does, which its run holds open: a run that is killed leaves no Spark behind.
"""

import datetime as dt
import os
import sys
import threading
import time
from typing import Any

import pyarrow as pa
from dagster_pipes import PipesContext, open_dagster_pipes
from pydantic import BaseModel

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.spark_features import SparkFeatures
from forest_fire_retrain.adapters.spark_session import spark_session
from forest_fire_retrain.adapters.spark_settings import SparkSettings
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.ports import FeatureEngine, Lake
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.outgoing import cleared
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain.settings import load_settings


class FeatureOrder(BaseModel, frozen=True):
    """Which features are to be in the lake.

    Attributes
    ----------
    window : Interval
        The days.
    history_start, weather_lag_days, time_zone
        How days are counted.
    spark : SparkSettings
        Where Spark runs.
    """

    window: Interval
    history_start: dt.date
    weather_lag_days: int
    time_zone: str
    spark: SparkSettings

    @property
    def calendar(self) -> ParkCalendar:
        """How days are counted."""
        return ParkCalendar(self.history_start, weather_lag_days=self.weather_lag_days, time_zone=self.time_zone)


class Told:
    """Implements `FeatureEngine`: another one, of whose work the run is told.

    Parameters
    ----------
    engine : FeatureEngine
        What computes.
    run : dagster_pipes.PipesContext
        The run.
    """

    def __init__(self, engine: FeatureEngine, run: PipesContext) -> None:
        self._engine = engine
        self._run = run
        self.n_cell_days = 0
        self.seconds = 0.0

    def compute(self, lake: Lake, window: Interval, carried: pa.Table | None, calendar: ParkCalendar) -> pa.Table:
        """As `FeatureEngine`."""
        self._run.log.info("computing the features of %s on Spark", window)
        began = time.monotonic()
        rows = self._engine.compute(lake, window, carried, calendar)
        taken = time.monotonic() - began
        self.n_cell_days += rows.num_rows
        self.seconds += taken
        self._run.log.info("%s cell-days of %s computed in %.1f s", rows.num_rows, window, taken)
        return rows


def run_order(run: PipesContext, order: FeatureOrder, lake_root: str) -> None:
    """Have the features in the lake, and tell the run what came of it.

    Raises
    ------
    ConfigurationError, LakeError
        If there is no Spark, or it failed; the lake is as it was.
    """
    with spark_session(order.spark.master, f"forest_fire_retrain: features {order.window.when}") as session:
        engine = Told(SparkFeatures(session, lake_root, order.spark.cells_at_once), run)
        application = session.sparkContext.applicationId
        run.log.info("Spark %s at %s, application %s", session.version, order.spark.master, application)
        report = build_features(DeltaLake(lake_root), engine, order.window, order.calendar)
        metadata: dict[str, Any] = {
            "Spark": session.version,
            "Spark application": application,
            "Spark master": order.spark.master,
            "cell-days computed by Spark": engine.n_cell_days,
            "seconds on Spark": round(engine.seconds, 1),
        }
    run.report_asset_materialization(metadata=metadata)
    run.report_custom_message({"report": report.model_dump(mode="json")})


def main() -> None:
    """Do what the run of Dagster that started this process asks for."""
    with open_dagster_pipes() as run:
        try:
            run_order(run, FeatureOrder.model_validate(run.extras), load_settings().lake_root)
        except ForestFireRetrainError as fault:
            run.report_custom_message({"fault": type(fault).__name__, "message": cleared(str(fault))})


def end_with_input() -> None:
    """End this process as soon as its standard input ends."""

    def wait() -> None:
        while sys.stdin.buffer.read(1):
            continue
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_input()
    main()
