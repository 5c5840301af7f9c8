"""One installation: settings turned into the adapters that the pipeline's ports stand for.

Each adapter is imported where it is built: it brings its library with it, and whoever only needs the ledger does not
wait for the others.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.ledger.ports import Ledger, Registry, Signer
from forest_fire_retrain.core.models.ports import ModelStore, RecipeSearch, Tracker
from forest_fire_retrain.core.notices.notice import Channel
from forest_fire_retrain.core.ports import Progress, RecordStore, Stores, Workshop
from forest_fire_retrain.core.records import Environment
from forest_fire_retrain.core.rows.ports import Lake, Source, SqlEngine
from forest_fire_retrain.core.serving.ports import TreeExplainer
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.settings import Settings, SourceKind

if TYPE_CHECKING:
    from forest_fire_retrain.adapters.worker_processes import EarlyWorkers


class Silence:
    """Progress that nobody watches."""

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """Say nothing."""

    def warn(self, step: str, sentence: str) -> None:
        """Say nothing."""


class PublishedLedger(NamedTuple):
    """A ledger, the folder of the copy that readers see, the model that orders are about, who signs checkpoints."""

    ledger: Ledger
    export_folder: Path
    model_name: str
    signer: Signer


def _build_search() -> RecipeSearch:
    from forest_fire_retrain.adapters.optuna_search import OptunaSearch  # noqa: PLC0415 - see the module's docstring

    return OptunaSearch()


def _build_tree_explainer() -> TreeExplainer:
    from forest_fire_retrain.adapters.shap_explainer import ShapExplainer  # noqa: PLC0415 - see the module's docstring

    return ShapExplainer()


@dataclass(frozen=True)
class Installation:
    """Everything the shell hands to the pipeline; tests put fakes in its places.

    Attributes
    ----------
    settings : Settings
        Every knob.
    source, lake, engine, records, tracker, models, registry, ledger
        Adapters behind the ports of the core.
    clock : callable
        Now, UTC.
    progress : Progress
        Who is told how far long work has come.
    recipe_search : RecipeSearch
        Proposes parameters where tuning is on.
    trees : TreeExplainer
        Takes gradient boosting apart where a prediction is explained.
    early_workers : EarlyWorkers, optional
        Processes that were started ahead for a range.
    """

    settings: Settings
    source: Source
    lake: Lake
    engine: SqlEngine
    records: RecordStore
    tracker: Tracker
    models: ModelStore
    registry: Registry
    ledger: Ledger
    clock: Callable[[], dt.datetime] = read_clock
    progress: Progress = field(default_factory=Silence)
    recipe_search: RecipeSearch = field(default_factory=_build_search)
    trees: TreeExplainer = field(default_factory=_build_tree_explainer)
    early_workers: "EarlyWorkers | None" = None

    @cached_property
    def environment(self) -> Environment:
        """Where this process trains."""
        from forest_fire_retrain.adapters.runtime_environment import read_environment  # noqa: PLC0415 - as above

        return read_environment(self.settings.n_threads)

    @property
    def stores(self) -> Stores:
        """What an adjudication reads and writes."""
        return Stores(self.lake, self.engine, self.models, self.registry, self.ledger, self.records)

    @property
    def workshop(self) -> Workshop:
        """What a training reads and writes, also in another process."""
        return Workshop(
            self.lake, self.engine, self.records, self.tracker.for_workers(), self.models, self.recipe_search
        )

    @property
    def published_ledger(self) -> PublishedLedger:
        """The ledger with the copy that readers see."""
        return PublishedLedger(
            self.ledger, self.settings.export_folder, self.settings.model_name, build_signer(self.settings)
        )


def build_installation(settings: Settings, *, progress: Progress | None = None) -> Installation:
    """The installation that `settings` describe; nothing is opened or created yet."""
    from forest_fire_retrain.adapters.delta_lake import DeltaLake  # noqa: PLC0415 - see the module's docstring
    from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine  # noqa: PLC0415 - as above
    from forest_fire_retrain.adapters.mlflow_models import MlflowModels  # noqa: PLC0415 - as above
    from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - as above
    from forest_fire_retrain.adapters.mlflow_tracking import MlflowTracker  # noqa: PLC0415 - as above
    from forest_fire_retrain.adapters.record_files import RecordFiles  # noqa: PLC0415 - as above

    tracker = MlflowTracker(settings.tracking_uri, settings.model_name, settings.artifact_location)
    return Installation(
        settings=settings,
        source=build_source(settings, day_of(read_clock(), settings.time_zone)),
        lake=DeltaLake(settings.lake_root),
        engine=DuckDbEngine(),
        records=RecordFiles(settings.records_folder),
        tracker=tracker,
        models=MlflowModels(settings.tracking_uri),
        registry=MlflowRegistry(settings.tracking_uri),
        ledger=build_ledger(settings, tracker=tracker).ledger,
        progress=progress or Silence(),
    )


def build_ledger(settings: Settings, *, tracker: Tracker | None = None) -> PublishedLedger:
    """The installation's ledger with its copy, without the rest of it; a tracker's runs bear witness too."""
    from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger  # noqa: PLC0415 - see the module's docstring
    from forest_fire_retrain.adapters.ledger_witnesses import witnesses_in  # noqa: PLC0415 - as above

    witnesses = [witnesses_in(settings.export_folder)]
    ledger = DuckDbLedger(settings.ledger_file, patience_seconds=settings.ledger_patience_seconds, witnesses=witnesses)
    if tracker is not None:
        from forest_fire_retrain.pipeline.custody.asking_runs import RunsBearWitness  # noqa: PLC0415 - as above

        witnesses.append(RunsBearWitness(tracker, ledger.entries))
    return PublishedLedger(ledger, settings.export_folder, settings.model_name, build_signer(settings))


def build_signer(settings: Settings) -> Signer:
    """Who signs the installation's checkpoints; the home's own key is made when it signs first."""
    from forest_fire_retrain.adapters.witness_key import WitnessKey  # noqa: PLC0415 - see the module's docstring

    return WitnessKey(settings.witness_key_file, is_made=settings.witness_key is None)


def build_channels(settings: Settings) -> list[Channel]:
    """Every configured way to reach people."""
    chosen, channels = settings.notify, list[Channel]()
    if chosen.file is not None:
        from forest_fire_retrain.adapters.notify_file import NoticeFile  # noqa: PLC0415 - see the module's docstring

        channels.append(Channel("file", NoticeFile(chosen.file)))
    if chosen.smtp_host is not None:
        from forest_fire_retrain.adapters.notify_smtp import Mail  # noqa: PLC0415 - as above

        channels.append(Channel("mail", Mail(chosen)))
    if chosen.webhook_url is not None and chosen.webhook_secret is not None:
        from forest_fire_retrain.adapters.notify_webhook import Webhook  # noqa: PLC0415 - as above

        channels.append(Channel("webhook", Webhook(chosen.webhook_url, chosen.webhook_secret, chosen.timeout_seconds)))
    return channels


def build_source(settings: Settings, today: dt.date) -> Source:
    """The configured source; `today`, in the park's time zone, is the last day its rows may be dated.

    Raises
    ------
    ConfigurationError
        If the source is a folder and none is named.
    """
    if settings.source is SourceKind.SIMULATOR:
        from forest_fire_retrain.adapters.simulator import Simulator  # noqa: PLC0415 - see the module's docstring

        return Simulator(settings.simulator, settings.start_date, settings.time_zone)
    if settings.data is None:
        msg = "FOREST_FIRE_SOURCE is folder, but FOREST_FIRE_DATA names no folder; set it to the data's folder"
        raise ConfigurationError(msg)
    from forest_fire_retrain.adapters.folder_source import FolderSource  # noqa: PLC0415 - as above

    return FolderSource(
        settings.data,
        history_start=settings.start_date,
        assumed_report_lag_days=settings.assumed_report_lag_days,
        weather_lag_days=settings.weather_lag_days,
        today=today,
        time_zone=settings.time_zone,
    )
