"""What an installation shows at a moment, and what of it needs a person: for `status` and for the alerts.

It reads what others wrote, without a lock: the ledger's copy, the notes of the lake, the registry, Dagster's storage.
It imports neither pandas, MLflow nor Dagster where all of these are in the home.

Rules
-----
- Nothing is written, and nothing is begun.
- What cannot be read is a matter as well: silence is never taken for health.
- The copy is published after the registry was moved: where the two differ, the ledger itself is asked before anything
  is said; a copy that still lacks the row later was left behind by a run that was killed.
"""

import datetime as dt
from collections.abc import Sequence

from forest_fire_retrain.adapters.failed_runs import read_failed_runs
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.adapters.registry_glance import see_registry
from forest_fire_retrain.adapters.upkeep_notes import read_verification
from forest_fire_retrain.core.errors import ConfigurationError, ForestFireRetrainError, HomeError, LedgerError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import MOVING
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.monitoring.last_look import QUALITY_KIND, LastLook, read_look
from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.core.oversight.observed import Limits, Observed, SeenCopy, SeenRegistry
from forest_fire_retrain.core.oversight.open_matters import find_in_copy, find_open_matters
from forest_fire_retrain.core.oversight.overdue import Schedule
from forest_fire_retrain.core.serving.log_notes import LOG_TABLE, LastLive, read_last_live
from forest_fire_retrain.settings import Settings

PATIENCE_SECONDS = 2.0
MAX_LOOKS = 5


def find_matters(settings: Settings, now: dt.datetime) -> list[Matter]:
    """Everything of an installation that needs a person at `now`, UTC, in the order in which it should be looked at.

    Raises
    ------
    HomeError
        If there is no home.
    """
    if not settings.home.is_dir():
        msg = f"there is no home at {settings.home}; correct FOREST_FIRE_HOME, or begin one with: forest-fire up"
        raise HomeError(msg)
    try:
        return find_open_matters(observe(settings, now))
    except ConfigurationError:
        raise
    except ForestFireRetrainError as error:
        what = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        unread = Matter(MatterKind.FAULT_FOUND, f"fault_found/{type(error).__name__}", what, "Run: forest-fire verify")
        return [*find_in_copy(SeenCopy(_find_missing_copy(settings)), now), unread]


def observe(settings: Settings, now: dt.datetime) -> Observed:
    """What an installation shows at `now`, UTC.

    Raises
    ------
    ForestFireRetrainError
        If the ledger's copy, the lake or Dagster's storage cannot be read.
    """
    copied = entries = _read_copy(settings)
    registry = see_registry(settings.tracking_uri, settings.model_name)
    if _differs(entries, registry):
        entries, registry = _look_again(settings, entries, registry)
    return Observed(
        model_name=settings.model_name,
        state=fold(entries),
        written={entry.kind: entry.recorded_at for entry in entries},
        now=now,
        schedule=_schedule_of(settings),
        limits=Limits(settings.failed_run_days, settings.max_share_without_weather, settings.quality_overdue_days),
        registry=registry,
        failed_runs=tuple(read_failed_runs(settings.dagster_home)),
        last_live=read_last_prediction(settings),
        last_verify=read_verification(settings.export_folder),
        runs_page=f"http://{settings.host}:{settings.dagster_port}/runs/",
        last_look=read_last_look(settings),
        ledger_copy=SeenCopy(_find_missing_copy(settings), _find_unpublished(copied, entries)),
    )


def read_last_prediction(settings: Settings) -> LastLive | None:
    """The newest day that was predicted live on the day itself.

    Raises
    ------
    LakeError
        If the prediction log cannot be read.
    """
    if settings.lake_uri is None and not (settings.home / "lake" / LOG_TABLE).is_dir():
        return None
    from forest_fire_retrain.adapters.lake_notes import newest_notes  # noqa: PLC0415 - imports deltalake

    return read_last_live(newest_notes(settings.lake_root, LOG_TABLE))


def read_last_look(settings: Settings) -> LastLook | None:
    """The newest look at the champion's predictions; `None` without one, and where monitoring is off.

    Raises
    ------
    HomeError
        If its record cannot be read.
    """
    if settings.active is ActiveMode.OFF:
        return None
    text = RecordFiles(settings.records_folder).newest(QUALITY_KIND, settings.model_name)
    return None if text is None else read_look(text)


def _schedule_of(settings: Settings) -> Schedule:
    return Schedule(
        settings.periods,
        prediction_hour=settings.prediction_hour,
        decision_hours=settings.decision_overdue_hours,
        prediction_hours=settings.prediction_overdue_hours,
    )


def _read_copy(settings: Settings) -> list[LedgerEntry]:
    return [entry for entry in read_export(settings.export_folder) if entry.model_name == settings.model_name]


def _find_missing_copy(settings: Settings) -> str | None:
    """Where the copy should be, if there is a ledger and no copy of it."""
    copy = settings.export_folder / LEDGER_FILE
    return None if copy.exists() or not settings.ledger_file.exists() else str(copy)


def _find_unpublished(copied: Sequence[LedgerEntry], entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """The first row that moves the champion and is not in the copy."""
    last = copied[-1].sequence if copied else 0
    return next((entry for entry in entries if entry.sequence > last and entry.kind in MOVING), None)


def _differs(entries: Sequence[LedgerEntry], registry: SeenRegistry) -> bool:
    """Whether the ledger has to say more: the alias is elsewhere, or the copy knows how something began only."""
    state = fold(entries)
    return registry.trouble is None and (state.open_intent is not None or registry.alias != state.champion)


def _look_again(
    settings: Settings, entries: list[LedgerEntry], registry: SeenRegistry
) -> tuple[list[LedgerEntry], SeenRegistry]:
    """The ledger's own rows and the registry once more, at a moment when no row was written between the two."""
    from forest_fire_retrain.installation import build_ledger  # noqa: PLC0415 - imports Arrow, where they differ only

    patience = min(settings.ledger_patience_seconds, PATIENCE_SECONDS)
    ledger = build_ledger(settings.model_copy(update={"ledger_patience_seconds": patience})).ledger
    try:
        rows = ledger.entries(settings.model_name)
        for _ in range(MAX_LOOKS):
            registry = see_registry(settings.tracking_uri, settings.model_name)
            before, rows = rows, ledger.entries(settings.model_name)
            if len(before) == len(rows):
                break
    except LedgerError:  # nobody can say more than the copy now
        return entries, registry
    return rows or entries, registry
