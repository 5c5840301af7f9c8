"""Every knob of an installation, read once and validated together.

Settings come from `FOREST_FIRE_*` variables and, below them, from the TOML file that
`FOREST_FIRE_CONFIG` names. Nested settings use two underscores: `FOREST_FIRE_SIMULATOR__SEED=7`.
An unknown `FOREST_FIRE_*` variable is refused: a misspelt setting must not be silently ignored.
"""

import datetime as dt
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from forest_fire_retrain.adapters.demonstration import read_demonstration
from forest_fire_retrain.adapters.notify_settings import NotifySettings
from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.spark_settings import FeatureEngineKind, SparkSettings
from forest_fire_retrain.core.decision.thresholds import RULE_VERSION, DecisionRule
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.monitoring.monitor_rule import MONITOR_VERSION, ActiveMode, MonitorRule
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.periods import COOLDOWN_DAYS, Periods
from forest_fire_retrain.core.plain_text import one_line
from forest_fire_retrain.core.redaction import secrets_in
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.risk_classes import DEFAULT_LIMITS, RiskClasses, read_classes
from forest_fire_retrain.core.serving.shadows import ShadowRules
from forest_fire_retrain.core.windows import MAX_FORECAST_DAYS, UTC, Cadence, WindowPolicy
from forest_fire_retrain.outgoing import cleared, remember
from forest_fire_retrain.places import Places, default_home
from forest_fire_retrain.setting_faults import (
    CONFIG_VARIABLE,
    MAX_NEAREST,
    PREFIX,
    describe_fault,
    describe_unknown,
    describe_unreadable,
    nearest_file,
)

NO_PLACES = frozenset({"Factory", "localtime"})
MISREAD = re.compile(r"\?|%[0-9A-Fa-f]{2}")  # DuckDB's log and SQLAlchemy, to which Dagster hands it, lead elsewhere
MISREAD_IN_LAKE = re.compile(r"[\[\]^|\\]")  # delta-rs 1 reads nothing, or panics
SERVED_NAME = re.compile(r"([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")

Days = Annotated[int, Field(ge=0)]
Hours = Annotated[int, Field(ge=0, le=87_600)]
Port = Annotated[int, Field(ge=1, le=65535)]


class SourceKind(StrEnum):
    """Where cells, weather and fire reports come from."""

    SIMULATOR = "simulator"
    FOLDER = "folder"


class Settings(Places, BaseSettings):
    """All settings; immutable once built.

    Attributes
    ----------
    home : Path
        Holds the Dagster instance, the MLflow store, the lake, the records and the ledger.
    source, data : SourceKind, Path
        The source, and the folder it reads where it is `folder`.
    cadence : Cadence
        Length of a retraining period.
    start_date : datetime.date
        First day of the data to use.
    end_date : datetime.date, optional
        Day before which the last period ends, for a history that is over.
    model_name : str
        Name in the registry and in the ledger.
    label_delay_days, gap_days : int
        Days until fire reports count as complete; days between training and holdout window.
    assumed_report_lag_days : int
        Days from a fire to its report where the source does not say.
    look_back_days : int
        Days of recorded time that a source is asked for again, where it delivers slices only.
    weather_lag_days : int
        Days after which a day's weather is final; at most `label_delay_days`.
    time_zone : str
        IANA name of the park's time zone: whose days dates are, and in whose hours the schedule fires.
    training_window_days, min_training_days : int
        Longest training window; shortest history to train on.
    feature_engine, spark : FeatureEngineKind, SparkSettings
        What builds features, and where Spark runs.
    recipe_names, tuning_trials : tuple of str, int
        Recipes that compete for a period's candidate; parameter sets tried per period, the champion's first.
    seed, n_threads : int
        Seed and threads of training.
    n_processes : int
        Processes that train the candidates of a long range and draw its pictures.
    shadow_days : int
        Days for which a candidate that is found better than the champion is scored beside it before a verdict.
    rollback_horizon : int
        Reigns whose versions must stay loadable, the present one included; `forest-fire verify` checks them.
    adjudication : DecisionRule
        The decision rule's thresholds; `decision_rule` is the rule at this cadence.
    active, active_cooldown_days : ActiveMode, int
        Whether predictions are looked at by schedule, alarms are told, and ask; days behind a decision that an alarm
        asked for, in which no alarm asks.
    monitoring : MonitorRule
        When the predictions of the model in production raise an alarm.
    simulator : SimulatorConfig
        The embedded park.
    forecast_days, prediction_hour : int
        Days ahead that are predicted, where the source has forecasts; hour of the park's day of the schedule.
    warm_days, routing : int, Routing
        Days for which a former champion is scored beside the present one; who answers for a day.
    risk_classes : dict
        Class to the least chance that belongs to it; `classes` holds them in their order.
    max_share_without_weather : float
        Largest share of cells without weather with which a prediction is no alarm.
    decision_overdue_hours, prediction_overdue_hours : int
        Hours after which a live decision, or a live prediction, that is due is overdue.
    quality_overdue_days : int
        Days after which a look at the predictions is overdue.
    failed_run_days : int
        Days for which a failed run that nothing settled needs a person.
    up_periods : int
        Periods `forest-fire up` backfills on an empty home.
    dagster_port, mlflow_port : int
        Ports on `host`.
    mlflow_tracking_uri, lake_uri : SecretStr, optional
        Elsewhere than in `home`; addresses may hold passwords. `tracking_uri` and `lake_root` tell them.
    ledger_path : Path, optional
        Elsewhere than in `home`.
    witness_key : Path, optional
        The key that signs checkpoints, in place of the one in `home`.
    ledger_patience_seconds : float
        How long to wait for another process to release the ledger.
    private_home : bool
        Whether nobody else on the machine may read the home.
    served_names : tuple of str
        Names, as a browser's address line has them, by which a proxy serves the web interfaces.
    notify : NotifySettings
        Who is told what happens.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    home: Path = Field(default_factory=default_home)
    source: SourceKind = SourceKind.SIMULATOR
    data: Path | None = None
    cadence: Cadence = Cadence.WEEKLY
    start_date: dt.date = dt.date(2022, 1, 3)
    end_date: dt.date | None = None
    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,63}$")] = "forest_fire_risk"
    label_delay_days: Days = 14
    gap_days: Days = 14
    assumed_report_lag_days: Days = 2
    look_back_days: Days = 28
    weather_lag_days: Days = 1
    time_zone: str = UTC
    training_window_days: Days = 3653
    min_training_days: Annotated[int, Field(ge=60)] = 730
    feature_engine: FeatureEngineKind = FeatureEngineKind.DUCKDB
    spark: SparkSettings = SparkSettings()
    recipe_names: tuple[str, ...] = ("gradient_boosting",)
    tuning_trials: Annotated[int, Field(ge=0, le=200)] = 0
    seed: int = 20260101
    n_threads: Annotated[int, Field(ge=1)] = 1
    n_processes: Annotated[int, Field(ge=1)] = 2
    rollback_horizon: Annotated[int, Field(ge=1)] = 5
    shadow_days: Annotated[int, Field(ge=0, le=366)] = 0
    adjudication: DecisionRule = DecisionRule()
    active: ActiveMode = ActiveMode.ALERT
    active_cooldown_days: Days = COOLDOWN_DAYS
    monitoring: MonitorRule = MonitorRule()
    simulator: SimulatorConfig = SimulatorConfig()
    forecast_days: Annotated[int, Field(ge=0, le=MAX_FORECAST_DAYS)] = 3
    prediction_hour: Annotated[int, Field(ge=0, le=23)] = 7
    warm_days: Days = 28
    routing: Routing = Routing.CHAMPION
    risk_classes: dict[str, float] = dict(DEFAULT_LIMITS)
    max_share_without_weather: Annotated[float, Field(ge=0, le=1)] = 0.2
    decision_overdue_hours: Hours = 24
    prediction_overdue_hours: Hours = 6
    quality_overdue_days: Annotated[int, Field(ge=1)] = 10
    failed_run_days: Annotated[int, Field(ge=1)] = 7
    up_periods: Annotated[int, Field(ge=1)] = 26
    host: str = "127.0.0.1"
    dagster_port: Port = 3000
    mlflow_port: Port = 5000
    mlflow_tracking_uri: SecretStr | None = None
    lake_uri: SecretStr | None = None
    ledger_path: Path | None = None
    witness_key: Path | None = None
    ledger_patience_seconds: Annotated[float, Field(gt=0)] = 60.0
    private_home: bool = True
    served_names: tuple[str, ...] = ()
    notify: NotifySettings = NotifySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the overridden signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the overridden signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over the TOML file."""
        config = os.environ.get(CONFIG_VARIABLE)
        toml = (TomlConfigSettingsSource(settings_cls, Path(config)),) if config else ()
        return (init_settings, env_settings, *toml)

    @field_validator("home", "data", "ledger_path", "witness_key")
    @classmethod
    def _make_absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().resolve()

    @field_validator("served_names")
    @classmethod
    def _know_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in names if not SERVED_NAME.fullmatch(name)]
        if wrong:
            msg = f"{wrong[0]!r} is no name as an address line has it: fires.example.org, or with a port behind a colon"
            raise ValueError(msg)
        return names

    @field_validator("time_zone")
    @classmethod
    def _know_time_zone(cls, name: str) -> str:
        return check_time_zone(name)

    @field_validator("risk_classes")
    @classmethod
    def _know_classes(cls, limits: dict[str, float]) -> dict[str, float]:
        read_classes(limits)
        return limits

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        misread = MISREAD.search(str(self.home)) or (
            MISREAD_IN_LAKE.search(str(self.home)) if self.lake_uri is None else None
        )
        if misread:
            msg = (
                f"FOREST_FIRE_HOME is {self.home}, must not hold {misread.group()!r}: libraries that keep the home's "
                "data read it as something else. Rename the folder; a home may be moved"
            )
            raise ValueError(msg)
        if self.source is SourceKind.FOLDER and self.data is None:
            msg = "FOREST_FIRE_SOURCE is folder, but FOREST_FIRE_DATA names no folder"
            raise ValueError(msg)
        if self.adjudication.version != RULE_VERSION:
            msg = f"the rule's version is {RULE_VERSION} and cannot be set, only its thresholds can"
            raise ValueError(msg)
        if self.monitoring.version != MONITOR_VERSION:
            msg = f"the version of monitoring is {MONITOR_VERSION} and cannot be set, only its thresholds can"
            raise ValueError(msg)
        if self.weather_lag_days > self.label_delay_days:
            msg = (
                f"FOREST_FIRE_WEATHER_LAG_DAYS is {self.weather_lag_days}, must be at most "
                f"FOREST_FIRE_LABEL_DELAY_DAYS ({self.label_delay_days}): the weather of a holdout window has to be "
                "final when it is judged. Lower the one or raise the other"
            )
            raise ValueError(msg)
        _ = self.window_policy
        return self

    @property
    def decision_rule(self) -> DecisionRule:
        """The decision rule at this installation's cadence."""
        return self.adjudication.at(self.cadence)

    @property
    def classes(self) -> RiskClasses:
        """Risk classes in ascending order."""
        return read_classes(self.risk_classes)

    @property
    def shadow_rules(self) -> ShadowRules:
        """Who is scored beside the champion."""
        return ShadowRules(self.warm_days, self.time_zone)

    @property
    def window_policy(self) -> WindowPolicy:
        """How windows follow from a partition."""
        return WindowPolicy(
            label_delay_days=self.label_delay_days,
            gap_days=self.gap_days,
            training_window_days=self.training_window_days,
            min_training_days=self.min_training_days,
        )

    @property
    def calendar(self) -> ParkCalendar:
        """How days and knowledge are counted."""
        return ParkCalendar(
            history_start=self.start_date,
            weather_lag_days=self.weather_lag_days,
            time_zone=self.time_zone,
            look_back_days=self.look_back_days,
        )

    @property
    def periods(self) -> Periods:
        """All retraining periods."""
        return Periods(
            history_start=self.start_date,
            history_end=self.end_date,
            cadence=self.cadence,
            policy=self.window_policy,
            time_zone=self.time_zone,
        )


def load_settings(**overrides: object) -> Settings:
    """Read and validate all settings; secrets among them are remembered, so that nothing says them.

    Raises
    ------
    ConfigurationError
        If any setting is unknown or wrong; all faults are listed in one message.
    """
    faults = [describe_unknown(name, Settings) for name in unknown_variables(os.environ)]
    config = os.environ.get(CONFIG_VARIABLE)
    if config and not Path(config).is_file():
        faults.append(f"{CONFIG_VARIABLE}: {config} is not a file{nearest_file(Path(config))}")
    if not faults:
        try:
            settings = _with_demonstration(Settings(**overrides), overrides)  # type: ignore[arg-type] # validated
        except ValidationError as error:
            faults = [describe_fault(fault, Settings) for fault in error.errors()]
        except SettingsError as error:
            faults = [describe_unreadable(error)]
        except (OSError, ValueError) as error:  # an unreadable TOML file
            faults = [f"{CONFIG_VARIABLE}: {config} cannot be read: {error}"]
        else:
            remember(secrets_in(f"{settings.tracking_uri} {settings.lake_root}"))
            return settings
    listed = "\n".join(f"  - {one_line(cleared(fault))}" for fault in faults)
    msg = f"{counted(len(faults), 'setting')} wrong; nothing was done.\n{listed}\ndocs/settings.md lists the settings."
    raise ConfigurationError(msg)


def _with_demonstration(settings: Settings, overrides: Mapping[str, object]) -> Settings:
    """The settings, with what the home's demonstration stands for where nobody set it otherwise."""
    if settings.source is not SourceKind.SIMULATOR:
        return settings
    kept = read_demonstration(settings.home)
    unset = {name: value for name, value in kept.items() if name not in settings.model_fields_set}
    return Settings(**{**overrides, **unset}) if unset else settings


def check_time_zone(name: str) -> str:
    """`name`, if it is a zone of the IANA database.

    Raises
    ------
    ValueError
        If it is none; the nearest names are in the message.
    """
    if name == UTC:
        return name
    known = {zone for zone in available_timezones() if zone not in NO_PLACES}
    if name in known:
        return name
    near = ", ".join(_nearest_zones(name, known)) or "none; one is Europe/Lisbon"
    msg = f"no such time zone; it has to be an IANA name, nearest: {near}"
    raise ValueError(msg)


def _nearest_zones(name: str, known: set[str]) -> list[str]:
    """Zones whose whole name, or whose place behind the last slash, is spelled most like `name`."""
    spellings: dict[str, str] = {}
    for zone in sorted(known):
        spellings |= {zone.lower().rpartition("/")[2]: zone}
    spellings |= {zone.lower(): zone for zone in known}
    wanted = name.strip().lower().replace(" ", "_")
    tried = [wanted, wanted.rpartition("/")[2]]
    found = [spellings[near] for text in tried for near in get_close_matches(text, sorted(spellings), MAX_NEAREST)]
    return list(dict.fromkeys(found))[:MAX_NEAREST]


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """`FOREST_FIRE_*` variables that name no setting, sorted."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    ours = (name for name in environ if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.upper().split("__", 1)[0] not in known)
