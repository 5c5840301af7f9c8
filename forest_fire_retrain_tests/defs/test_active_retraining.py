"""An alarm asks, once; the same assets and the same rule decide; and the next scheduled period is what it would be."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from unittest.mock import patch

import dagster as dg
import pytest

from forest_fire_retrain import operations, watching
from forest_fire_retrain.core.alarms import ALARM_TRIGGER
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.monitoring.last_look import QUALITY_KIND, LastLook, QualityState, read_look
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.shadows import list_shadows
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.active_retraining import (
    ACTIVE_JOB,
    ACTIVE_PERIODS,
    ACTIVE_SENSOR,
    add_partitions,
    are_shown,
)
from forest_fire_retrain.defs.beginnings import find_beginnings
from forest_fire_retrain.defs.failures import Stopped
from forest_fire_retrain.defs.jobs import JOB_NAME, MAX_ATTEMPTS
from forest_fire_retrain.defs.retraining import _entrants
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import publish
from forest_fire_retrain.verification import find_faults
from forest_fire_retrain_tests.example_alarms import (
    ASKED,
    DAY,
    EASY,
    HOUR,
    LOOKED,
    NEXT_MONTH,
    alarmed_park,
    later,
)
from forest_fire_retrain_tests.example_reigns import stamp_at
from forest_fire_retrain_tests.fakes.registry import FakeRegistry

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
AUGUST = dt.datetime(2025, 8, 1, 7, tzinfo=dt.UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def run(
    installation: Installation, job_name: str, key: str, instance: dg.DagsterInstance, **config: object
) -> dg.ExecuteInProcessResult:
    resources = {"installation": installation, "mlflow": dg.ResourceDefinition.none_resource()}
    job = build_definitions(installation.settings, resources).resolve_job_def(job_name)
    if job_name == ACTIVE_JOB and key not in instance.get_dynamic_partitions(ACTIVE_PERIODS):
        instance.add_dynamic_partitions(ACTIVE_PERIODS, [key])
    return job.execute_in_process(run_config={**QUIET, **config}, instance=instance, partition_key=key)


def tick(installation: Installation, instance: dg.DagsterInstance) -> dg.SensorResult:
    """What the sensor answers; the partitions that it wants are added, as the daemon adds them."""
    sensor = build_definitions(installation.settings, {"installation": installation}).resolve_sensor_def(ACTIVE_SENSOR)
    with dg.build_sensor_context(instance=instance, resources={"installation": installation}) as context:
        answer = sensor(context)
    assert isinstance(answer, dg.SensorResult)
    for request in answer.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(ACTIVE_PERIODS, list(request.partition_keys))
    return answer


def asked(answer: dg.SensorResult) -> list[str | None]:
    return [request.partition_key for request in answer.run_requests or []]


def why_not(answer: dg.SensorResult) -> str:
    reason = answer.skip_reason
    return reason if isinstance(reason, str) else str(getattr(reason, "skip_message", ""))


def decided(installation: Installation, key: str) -> tuple[LedgerEntry, DecisionPayload]:
    entry = fold(installation.ledger.entries()).decisions[key]
    return entry, read_payload(entry)


def tables(installation: Installation) -> Mapping[str, object]:
    order = {TableName.FEATURES: ["date", "cell_id"], TableName.WEATHER: ["date", "cell_id", "recorded_at"]}
    order |= {TableName.FIRES: ["recorded_at", "fire_id"], TableName.CELLS: ["cell_id"]}
    return {
        name: installation.lake.read(name).sort_by([(column, "ascending") for column in columns])
        for name, columns in order.items()
    }


def test_the_sensor_asks_once_for_the_days_up_to_the_look(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    answer = tick(park, instance)
    assert asked(answer) == [ASKED]
    assert instance.get_dynamic_partitions(ACTIVE_PERIODS) == [ASKED]
    request = (answer.run_requests or [])[0]
    assert request.run_key == f"{ASKED}-1"
    assert asked(tick(later(park, LOOKED + 2 * DAY), instance)) == [ASKED]  # until a run takes it up


def test_it_asks_a_bounded_number_of_times_a_day(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    tags = {"dagster/partition": ASKED}
    for _ in range(MAX_ATTEMPTS):
        assert asked(tick(park, instance)) == [ASKED]
        instance.add_run(dg.DagsterRun(job_name=ACTIVE_JOB, status=dg.DagsterRunStatus.FAILURE, tags=tags))
    soon = later(park, dt.datetime.now(dt.UTC))
    with patch.object(watching, "find_active_due", return_value=watching.find_active_due(park, LOOKED + HOUR)):
        assert f"forest-fire retrain --partition {ASKED}" in why_not(tick(soon, instance))


def test_it_says_why_it_does_not_ask(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    report = park.records.newest(QUALITY_KIND, park.settings.model_name)
    assert report is not None
    calm = report.replace('"state":"ALARM"', '"state":"BLIND"')
    with patch.object(type(park.records), "newest", return_value=calm):
        assert why_not(tick(park, instance)).endswith("the newest look at the predictions says BLIND")
    with patch.object(type(park.records), "newest", return_value="{"):
        assert "cannot be read" in why_not(tick(park, instance))


@pytest.mark.slow
def test_a_run_decides_it_by_the_rule_and_the_row_holds_the_alarm(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    look = read_look(str(park.records.newest(QUALITY_KIND, park.settings.model_name)))
    assert (look.state, look.version) == (QualityState.ALARM, 1)
    assert asked(tick(park, instance)) == [ASKED]
    done = run(park, ACTIVE_JOB, ASKED, instance)
    assert done.success
    entry, payload = decided(park, ASKED)
    check_row(entry, payload, look)
    (made,) = done.asset_materializations_for_node("active__holdout_set")
    assert (made.asset_key, made.partition) == (dg.AssetKey(["active", "holdout_set"]), ASKED)
    evaluated = {(check.asset_key.path[0], check.check_name) for check in done.get_asset_check_evaluations()}
    assert len(evaluated) == 1 + 1 + 1 + 7 + 5
    assert {prefix for prefix, _ in evaluated} == {"active"}
    assert find_faults(park, stamp_at(park)) == []
    answer = tick(park, instance)
    assert asked(answer) == []
    assert f"{ASKED} was decided for this alarm" in why_not(answer)


def check_row(entry: LedgerEntry, payload: DecisionPayload, look: LastLook) -> None:
    windows = payload.holdout.windows
    assert (entry.kind, entry.as_of, entry.trigger) == (EntryKind.DECISION, dt.date(2025, 7, 14), ALARM_TRIGGER)
    assert str(windows.partition) == "2025-07-01 to 2025-07-13"
    assert str(windows.holdout) == "2025-06-17 to 2025-06-29"
    assert payload.alarm is not None
    assert payload.alarm.name == (look.version, look.change)
    assert (payload.alarm.looked_at, payload.alarm.chart, payload.alarm.said) == (LOOKED, look.chart, look.sentence)
    assert payload.alarm.chart > payload.alarm.limit == 5.0
    assert entry.summary == f"{payload.decision.sentence} {payload.alarm}"
    assert payload.used_partitions == ("2025-04-01", "2025-05-01", "2025-06-01")


@pytest.mark.slow
def test_the_next_scheduled_period_is_what_it_would_have_been(instance: dg.DagsterInstance) -> None:
    """Tables, rows, candidate and evidence are the same; only what was left out is named."""
    passive, active = alarmed_park(), alarmed_park()
    assert run(active, ACTIVE_JOB, ASKED, instance).success
    for park in (passive, active):
        assert operations.find_waiting(later(park, AUGUST), AUGUST) == [NEXT_MONTH]
        assert run(later(park, AUGUST), JOB_NAME, NEXT_MONTH, instance).success
    assert tables(active) == tables(passive)
    (plain_row, plain), (row, payload) = decided(passive, NEXT_MONTH), decided(active, NEXT_MONTH)
    assert row.idempotency_key == plain_row.idempotency_key
    assert payload.evidence == plain.evidence
    assert payload.decision == plain.decision
    assert payload.used_partitions == plain.used_partitions
    assert payload.dropped == {**plain.dropped, ASKED: f"its days are in the window of {NEXT_MONTH}"}
    assert payload.alarm is None
    assert fold(active.ledger.entries()).newest_partition == NEXT_MONTH
    assert operations.find_waiting(later(active, AUGUST), AUGUST) == []
    assert find_faults(later(active, AUGUST), stamp_at(active)) == []


@pytest.mark.slow
def test_a_replay_moves_nothing_and_knows_what_the_original_knew(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    assert run(park, ACTIVE_JOB, ASKED, instance).success
    august = later(park, AUGUST)
    assert run(august, JOB_NAME, NEXT_MONTH, instance).success
    before, champion = len(park.ledger.entries()), park.registry.champion(park.settings.model_name)
    as_known = {"ops": {"active__holdout_set": {"config": {"knowledge": "as_known"}}}}
    for config in ({}, as_known):
        assert run(august, ACTIVE_JOB, ASKED, instance, **config).success
    added = park.ledger.entries()[before:]
    assert [row.kind for row in added] == [EntryKind.REPLAY, EntryKind.REPLAY]
    assert {row.trigger for row in added} == {"user"}
    replayed = read_payload(added[1])
    assert replayed.differences == ()
    assert replayed.alarm == decided(park, ASKED)[1].alarm
    assert park.registry.champion(park.settings.model_name) == champion
    assert find_faults(august, stamp_at(park)) == []


@pytest.mark.slow
def test_what_nobody_asked_for_is_refused_before_anything_is_ingested(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    before = park.lake.version(TableName.WEATHER), park.lake.complete_through(TableName.WEATHER)
    for key in ("2025-07-13+active", "2031-07-14+active"):
        with pytest.raises(Stopped, match=f"no alarm asks for {key[:10]}.*{ASKED[:10]}"):
            run(park, ACTIVE_JOB, key, instance)
    assert before == (park.lake.version(TableName.WEATHER), park.lake.complete_through(TableName.WEATHER))


@pytest.mark.slow
def test_an_active_period_is_refused_once_a_later_one_is_decided(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    assert asked(tick(park, instance)) == [ASKED]
    august = later(park, AUGUST)
    assert run(august, JOB_NAME, NEXT_MONTH, instance).success
    with pytest.raises(Stopped, match=f"cannot be decided: {NEXT_MONTH} is decided"):
        run(august, ACTIVE_JOB, ASKED, instance)
    assert ASKED not in fold(park.ledger.entries()).decisions


@pytest.mark.slow
def test_a_promotion_that_was_cut_is_finished_by_the_next_run_and_not_asked_for_again(
    instance: dg.DagsterInstance,
) -> None:
    park = alarmed_park(EASY)
    assert asked(tick(park, instance)) == [ASKED]
    with (
        patch.object(FakeRegistry, "point_champion", side_effect=RegistryError("the power went off")),
        pytest.raises(Stopped),
    ):
        run(park, ACTIVE_JOB, ASKED, instance)
    state = fold(park.ledger.entries())
    assert state.open_intent is not None
    assert state.open_intent.partition_key == ASKED
    assert f"{ASKED} was decided for this alarm" in why_not(tick(park, instance))
    assert run(park, ACTIVE_JOB, ASKED, instance).success
    rows = [row for row in park.ledger.entries() if row.partition_key == ASKED]
    assert [row.kind for row in rows][:2] == [EntryKind.DECISION, EntryKind.CONFIRMATION]
    assert park.registry.champion(park.settings.model_name) == fold(park.ledger.entries()).champion == 2
    assert find_faults(park, stamp_at(park)) == []


@pytest.mark.slow
def test_a_candidate_that_an_alarm_asked_for_goes_through_its_shadow_time_too(instance: dg.DagsterInstance) -> None:
    park = alarmed_park(EASY)
    park = replace(park, settings=park.settings.model_copy(update={"shadow_days": 7}))
    assert run(park, ACTIVE_JOB, ASKED, instance).success
    entry, payload = decided(park, ASKED)
    assert "goes through a shadow time until 2025-07-21" in entry.summary
    assert entry.summary.endswith(str(payload.alarm))
    (shadow,) = fold(park.ledger.entries()).in_shadow
    today = list_shadows(fold(park.ledger.entries()), LOOKED.date(), park.settings.shadow_rules)
    assert [held.name for held in today] == [f"the candidate of {ASKED}"]
    due = later(park, midnight(shadow.due) + 7 * HOUR)  # 4 August: July waits, and goes first
    assert run(due, JOB_NAME, NEXT_MONTH, instance).success
    operations.give_verdicts(due, stamp_at(due)._replace(recorded_at=midnight(shadow.due) + 8 * HOUR))
    rows = [row.kind for row in park.ledger.entries() if row.partition_key == ASKED]
    assert rows[:2] == [EntryKind.DECISION, EntryKind.SHADOW_VERDICT]
    assert fold(park.ledger.entries()).in_shadow == []
    assert find_faults(due, stamp_at(due)._replace(recorded_at=midnight(shadow.due) + 9 * HOUR)) == []


def test_tuning_starts_from_the_last_good_parameters() -> None:
    park = alarmed_park()
    tuned = later(park, LOOKED + HOUR)
    object.__setattr__(tuned, "settings", park.settings.model_copy(update={"tuning_trials": 3}))
    windows = park.settings.periods.windows_of(ASKED)
    champion = fold(park.ledger.entries()).candidates[1]
    assert _entrants(tuned, windows.as_of).last_good == champion.recipe


def test_a_home_without_dagsters_storage_gets_its_partitions_again(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    with patch.object(watching, "list_active_decided", return_value=["2025-04-14+active"]):
        tick(park, instance)
        assert instance.get_dynamic_partitions(ACTIVE_PERIODS) == ["2025-04-14+active", ASKED]
        assert not tick(park, instance).dynamic_partitions_requests
        add_partitions(instance, park, "2025-04-14+active")
        assert instance.get_dynamic_partitions(ACTIVE_PERIODS) == ["2025-04-14+active", ASKED]


@pytest.mark.slow
def test_what_was_decided_is_shown_whatever_the_mode_and_begins_no_partitions(instance: dg.DagsterInstance) -> None:
    park = alarmed_park()
    passive = park.settings.model_copy(update={"active": "alert"})
    publish(park.published_ledger)
    begin = find_beginnings(park.settings, park.lake, park.clock)
    assert not are_shown(passive)
    assert are_shown(park.settings)
    assert run(park, ACTIVE_JOB, ASKED, instance).success
    assert are_shown(passive)
    assert find_beginnings(park.settings, park.lake, park.clock) == begin
    names = {sensor.name for sensor in build_definitions(passive, {"installation": park}).sensors or ()}
    assert ACTIVE_SENSOR not in names
