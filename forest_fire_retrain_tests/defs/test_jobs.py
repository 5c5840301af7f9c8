"""Schedule and sensor: the newest period, never past an undecided one, and never for ever."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.definitions import build_assets
from forest_fire_retrain.defs import jobs
from forest_fire_retrain.defs.asset_arguments import Shape
from forest_fire_retrain.defs.jobs import JOB_NAME, MAX_ATTEMPTS, build_job, build_schedule, build_sensor
from forest_fire_retrain.defs.liveness import BEGAN_TAG, PROCESS_TAG, close_dead_runs, liveness_tags
from forest_fire_retrain.defs.partitions import build_partitions
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import NOW, example_installation

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*evaluate_tick.*:DeprecationWarning"  # raised inside Dagster's own tick evaluation
)


def decide(installation: Installation, partition: str) -> None:
    """Write the least that counts as a decision."""
    start = dt.date.fromisoformat(partition)
    installation.ledger.append(
        EntryDraft(
            kind=EntryKind.DECISION,
            model_name=installation.settings.model_name,
            recorded_at=NOW,
            actor="test",
            trigger="test",
            summary="kept",
            partition_key=partition,
            as_of=start + dt.timedelta(days=7),
            outcome=Outcome.KEPT,
            reason_code=ReasonCode.NOT_SUPERIOR,
        )
    )


def answer_of_schedule(installation: Installation) -> dg.RunRequest | dg.SkipReason:
    job = job_of(installation)
    schedule = build_schedule(installation.settings, job)
    resources = {"installation": installation}
    with dg.build_schedule_context(scheduled_execution_time=NOW, resources=resources) as context:
        return schedule(context)


def answer_of_sensor(installation: Installation, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    sensor = build_sensor(job_of(installation))
    with dg.build_sensor_context(instance=instance, resources={"installation": installation}) as context:
        return sensor(context)


def job_of(installation: Installation) -> object:
    return build_job(build_assets(Shape(build_partitions(installation.settings))))


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return example_installation(tmp_path)


def test_the_schedule_asks_for_the_newest_closed_period(installation: Installation) -> None:
    closed = installation.settings.periods.closed_keys(NOW)
    decide(installation, closed[-2])
    answer = answer_of_schedule(installation)
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == closed[-1] == "2026-02-23"


def test_the_schedule_starts_a_history_with_the_newest_period(installation: Installation) -> None:
    answer = answer_of_schedule(installation)
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == "2026-02-23"


def test_the_schedule_waits_while_an_older_period_is_undecided(installation: Installation) -> None:
    decide(installation, "2026-02-02")
    answer = answer_of_schedule(installation)
    assert isinstance(answer, dg.SkipReason)
    assert "2026-02-09" in str(answer.skip_message)


@pytest.mark.parametrize(
    ("time_zone", "winter", "summer"),
    [
        ("Pacific/Auckland", "2026-07-05T18:00", "2026-01-04T17:00"),
        ("Pacific/Kiritimati", "2026-07-05T16:00", "2026-01-04T16:00"),
        ("America/Los_Angeles", "2026-01-05T14:00", "2026-07-06T13:00"),
        ("Pacific/Pago_Pago", "2026-01-05T17:00", "2026-07-06T17:00"),
        ("UTC", "2026-01-05T06:00", "2026-07-06T06:00"),
    ],
)
def test_the_schedule_fires_at_six_in_the_parks_zone_and_asks_for_the_week_that_ended_there(
    tmp_path: Path, time_zone: str, winter: str, summer: str
) -> None:
    installation = example_installation(tmp_path, time_zone=time_zone)
    schedule = build_schedule(installation.settings, job_of(installation))
    for expected in (winter, summer):
        instant = dt.datetime.fromisoformat(f"{expected}+00:00")
        before = (instant - dt.timedelta(days=3)).timestamp()
        zone = schedule.execution_timezone
        ticks = schedule_execution_time_iterator(before, str(schedule.cron_schedule), zone, ascending=True)
        tick = next(tick for tick in ticks if tick.timestamp() >= before)  # the first one may lie before
        assert tick == instant
        with dg.build_schedule_context(
            scheduled_execution_time=tick, resources={"installation": installation}
        ) as context:
            answer = schedule(context)
        assert isinstance(answer, dg.RunRequest)
        local_monday = tick.astimezone(ZoneInfo(time_zone)).date()
        assert answer.partition_key == (local_monday - dt.timedelta(days=7)).isoformat()
        partitions = build_partitions(installation.settings)
        assert answer.partition_key == partitions.get_partition_keys(current_time=tick)[-1]


def test_the_sensor_asks_for_the_oldest_undecided_period(installation: Installation) -> None:
    decide(installation, "2026-02-02")
    with dg.DagsterInstance.ephemeral() as instance:
        answer = answer_of_sensor(installation, instance)
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == "2026-02-09"


def test_the_sensor_does_not_start_a_history_by_itself(installation: Installation) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        answer = answer_of_sensor(installation, instance)
    assert isinstance(answer, dg.SkipReason)
    assert "forest-fire up" in str(answer.skip_message)


def test_the_sensor_gives_up_for_a_day_after_three_failures_and_says_what_to_do(installation: Installation) -> None:
    decide(installation, "2026-02-16")
    with dg.DagsterInstance.ephemeral() as instance:
        for attempt in range(MAX_ATTEMPTS):
            answer = answer_of_sensor(installation, instance)
            assert isinstance(answer, dg.RunRequest), attempt
            add_run(instance, dg.DagsterRunStatus.FAILURE)
        answer = answer_of_sensor(installation, instance)
    assert isinstance(answer, dg.SkipReason)
    assert "forest-fire retrain --partition 2026-02-23" in str(answer.skip_message)


def test_the_sensor_tries_again_a_day_after_three_failures(installation: Installation) -> None:
    decide(installation, "2026-02-16")
    a_day_later = replace(installation, clock=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=1, seconds=1))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        patch.object(jobs, "find_waiting", return_value=["2026-02-23"]),
    ):
        for _ in range(MAX_ATTEMPTS):
            add_run(instance, dg.DagsterRunStatus.FAILURE)
        answer = answer_of_sensor(a_day_later, instance)
    assert isinstance(answer, dg.RunRequest)
    assert answer.run_key == "2026-02-23-4"


def test_the_sensor_waits_for_a_run_that_is_under_way(installation: Installation) -> None:
    decide(installation, "2026-02-16")
    with dg.DagsterInstance.ephemeral() as instance:
        add_run(instance, dg.DagsterRunStatus.STARTED)
        answer = answer_of_sensor(installation, instance)
    assert isinstance(answer, dg.SkipReason)
    assert "is being retrained" in str(answer.skip_message)


def test_the_sensor_closes_a_run_whose_process_is_gone(installation: Installation) -> None:
    decide(installation, "2026-02-16")
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = add_run(instance, dg.DagsterRunStatus.STARTED, {**liveness_tags(), PROCESS_TAG: "4194303"})
        answer = answer_of_sensor(installation, instance)
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert isinstance(answer, dg.RunRequest)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_is_over_when_its_number_belongs_to_a_later_process(status: dg.DagsterRunStatus) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        own = add_run(instance, status, liveness_tags())
        earlier = add_run(instance, status, {**liveness_tags(), BEGAN_TAG: "1"})
        assert close_dead_runs(instance) == [earlier]
        assert instance.get_run_by_id(own).status is status  # type: ignore[union-attr] # it was added above


def add_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> str:
    run = dg.DagsterRun(job_name=JOB_NAME, status=status, tags={"dagster/partition": "2026-02-23", **(tags or {})})
    instance.add_run(run)
    return run.run_id
