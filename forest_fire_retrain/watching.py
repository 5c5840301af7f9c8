"""What is asked of the champion's predictions: how good they are, and what an alarm of theirs asks for.

Dagster, the command line and a notebook come through here, as they do through `operations`.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.alarms import ALARM_KIND, Alarm
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.due_periods import list_waiting
from forest_fire_retrain.core.monitoring.last_look import QUALITY_KIND, read_look
from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.core.monitoring.quality_report import QualityReport
from forest_fire_retrain.core.oversight.active_due import SWITCHED_OFF, ActiveDue, find_active, find_obstacle
from forest_fire_retrain.core.periods import is_active
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.ingestion import bring_lake_to
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.monitoring import measuring_quality
from forest_fire_retrain.pipeline.monitoring.comparing_shadows import ComparingDesk
from forest_fire_retrain.pipeline.monitoring.measuring_quality import QualityDesk


class Look(NamedTuple):
    """What a look found, and why the lake could not be brought to its day, if so."""

    report: QualityReport
    refused: tuple[str, ...]


def measure_quality(installation: Installation, now: dt.datetime) -> QualityReport:
    """What can be said of the champion's predictions now; see `measuring_quality.measure_quality`.

    Raises
    ------
    EvidenceError
        If there is no champion, or nothing was ingested.
    ForestFireRetrainError
        If the ledger, the lake or the model cannot be read.
    """
    settings = installation.settings
    desk = QualityDesk(
        lake=installation.lake,
        engine=installation.engine,
        models=installation.models,
        calendar=settings.calendar,
        label_delay_days=settings.label_delay_days,
        decision_rule=settings.decision_rule,
        monitor_rule=settings.monitoring,
        classes=settings.classes,
        shadows=settings.shadow_rules,
    )
    state = installation.ledger.state(settings.model_name)
    return measuring_quality.measure_quality(desk, state, settings.model_name, now)


def comparing_desk(installation: Installation) -> ComparingDesk:
    """What comparing shadows of this installation needs."""
    settings = installation.settings
    return ComparingDesk(
        installation.lake,
        installation.engine,
        settings.label_delay_days,
        settings.decision_rule,
        settings.shadow_rules,
    )


def look_at_quality(installation: Installation, now: dt.datetime) -> Look:
    """Measure the champion's predictions by what the source knows now, and keep the report as the newest of its model.

    What the source refuses is said; what the lake holds is measured then. While a period waits for its decision, the
    lake is left to the period's own run.

    Raises
    ------
    ForestFireRetrainError
        As `measure_quality`, or if the lake or the records cannot be written.
    """
    settings = installation.settings
    state, today = installation.ledger.state(settings.model_name), day_of(now, settings.time_zone)
    refused = list[str]()
    if state.champion is not None and not list_waiting(state, settings.periods.closed(now)):
        refused = bring_lake_to(installation, min(today, settings.end_date or today))
    report = measure_quality(installation, now)
    installation.records.put(QUALITY_KIND, settings.model_name, report)
    return Look(report, tuple(refused))


def find_active_due(installation: Installation, now: dt.datetime) -> ActiveDue:
    """What an alarm asks for at `now`, or why none does.

    Raises
    ------
    HomeError
        If the record of the newest look cannot be read.
    """
    settings = installation.settings
    if settings.active is ActiveMode.OFF:
        return ActiveDue(None, None, SWITCHED_OFF)
    text = installation.records.newest(QUALITY_KIND, settings.model_name)
    look, state = None if text is None else read_look(text), installation.ledger.state(settings.model_name)
    return find_active(state, look, settings.periods, now, settings.active_cooldown_days)


def keep_alarm(installation: Installation, due: ActiveDue) -> None:
    """Keep what asks for a period, for the run that takes it up: by then there may be another look."""
    if due.key is not None and due.alarm is not None:
        installation.records.put(ALARM_KIND, due.key, due.alarm)


def find_alarm_behind(installation: Installation, partition_key: str, now: dt.datetime) -> Alarm | None:
    """The alarm that asked for an active period, and that may still have it, or had it; `None` for a scheduled one.

    Raises
    ------
    RefusedRequestError
        If no alarm asked for the period, or it can be decided for that alarm no more and was not.
    """
    if not is_active(partition_key):
        return None
    settings = installation.settings
    state = installation.ledger.state(settings.model_name)
    if partition_key in state.decisions:
        return read_payload(state.decisions[partition_key]).alarm
    kept = installation.records.newest(ALARM_KIND, partition_key)
    if kept is None:
        due = find_active_due(installation, now)
        if due.key != partition_key or due.alarm is None:
            msg = f"no alarm asks for {partition_key}, and it was not decided; nothing was done. Now: {due.sentence}"
            raise RefusedRequestError(msg)
        keep_alarm(installation, due)
        return due.alarm
    alarm = Alarm.model_validate_json(kept)
    obstacle = find_obstacle(state, alarm, partition_key, settings.periods, now)
    if obstacle is not None:
        msg = f"{partition_key} cannot be decided: {obstacle}; nothing was done. See: forest-fire status"
        raise RefusedRequestError(msg)
    return alarm


def list_active_decided(installation: Installation) -> list[str]:
    """Keys of the active periods that were decided live, in the order of their decisions."""
    state = installation.ledger.state(installation.settings.model_name)
    return [key for key in state.decisions if is_active(key)]
