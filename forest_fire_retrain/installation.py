"""One installation: settings turned into the adapters that the pipeline's ports stand for."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.folder_source import FolderSource
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker
from forest_fire_retrain.adapters.optuna_search import OptunaSearch
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.adapters.runtime_environment import read_environment
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.ports import (
    Lake,
    Ledger,
    Progress,
    RecipeSearch,
    RecordStore,
    Registry,
    Source,
    SqlEngine,
    Tracker,
)
from forest_fire_retrain.core.records import Environment
from forest_fire_retrain.pipeline.judging import Stores
from forest_fire_retrain.settings import Settings, SourceKind


class Silence:
    """Progress that nobody watches."""

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """Say nothing."""


def read_clock() -> dt.datetime:
    """Now, UTC; the only place where the product looks at a clock."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Installation:
    """Everything the shell hands to the pipeline; tests put fakes in its places.

    Attributes
    ----------
    settings : Settings
        Every knob.
    source, lake, engine, records, tracker, registry, ledger
        Adapters behind the ports of the core.
    clock : callable
        Now, UTC.
    progress : Progress
        Who is told how far long work has come.
    recipe_search : RecipeSearch
        Proposes parameters where tuning is on.
    """

    settings: Settings
    source: Source
    lake: Lake
    engine: SqlEngine
    records: RecordStore
    tracker: Tracker
    registry: Registry
    ledger: Ledger
    clock: Callable[[], dt.datetime] = read_clock
    progress: Progress = field(default_factory=Silence)
    recipe_search: RecipeSearch = field(default_factory=OptunaSearch)

    @cached_property
    def environment(self) -> Environment:
        """Where this process trains."""
        return read_environment(self.settings.n_threads)

    @property
    def stores(self) -> Stores:
        """What an adjudication reads and writes."""
        return Stores(self.lake, self.engine, self.tracker, self.registry, self.ledger)


def build_installation(settings: Settings, *, progress: Progress | None = None) -> Installation:
    """The installation that `settings` describe; nothing is opened or created yet."""
    return Installation(
        settings=settings,
        source=build_source(settings, read_clock().date()),
        lake=DeltaLake(settings.lake_root),
        engine=DuckDbEngine(),
        records=RecordFiles(settings.home / "records"),
        tracker=MlflowTracker(settings.tracking_uri, settings.model_name, settings.artifact_location),
        registry=MlflowRegistry(settings.tracking_uri),
        ledger=DuckDbLedger(settings.ledger_file, patience_seconds=settings.ledger_patience_seconds),
        progress=progress or Silence(),
    )


def build_source(settings: Settings, today: dt.date) -> Source:
    """The configured source; `today` is the last day its rows may be dated.

    Raises
    ------
    ConfigurationError
        If the source is a folder and none is named.
    """
    if settings.source is SourceKind.SIMULATOR:
        return Simulator(settings.simulator, settings.start_date)
    if settings.data is None:
        msg = "FOREST_FIRE_SOURCE is folder, but FOREST_FIRE_DATA names no folder; set it to the data's folder"
        raise ConfigurationError(msg)
    return FolderSource(
        settings.data,
        history_start=settings.start_date,
        assumed_report_lag_days=settings.assumed_report_lag_days,
        today=today,
    )
