"""The look at the champion's predictions in the shell: one run, its check, its tables, a schedule that waits."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain import watching
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.monitoring import (
    QUALITY_ASSET,
    QUALITY_JOB,
    QUALITY_SCHEDULE,
    build_monitoring_assets,
    build_quality_job,
    build_quality_schedule,
    check_quality,
    describe_quality,
)
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.pipeline.monitoring.test_measuring_quality import NOW, Watched, measure, watched

__all__ = ["watched"]

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
MONDAY = dt.datetime(2025, 11, 17, 8, 30, tzinfo=dt.UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def test_a_run_shows_state_and_weeks_and_keeps_the_report(
    watched: Watched, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    settings = watched.installation.settings.model_copy(update={"home": tmp_path})
    installation = replace(watched.installation, settings=settings, clock=lambda: NOW)
    definitions = build_definitions(installation.settings, {"installation": installation})
    ran = definitions.resolve_job_def(QUALITY_JOB).execute_in_process(run_config=QUIET, instance=instance)
    assert ran.success
    (seen,) = ran.asset_materializations_for_node(QUALITY_ASSET)
    report = measure(watched.installation)
    assert seen.metadata["state"].value == report.state
    assert seen.metadata["why"].value == report.sentence
    assert len(seen.metadata["weeks"].records) == len(report.weeks)  # type: ignore[union-attr] # a table
    (check,) = ran.get_asset_check_evaluations()
    assert check.passed == (report.state is QualityState.OK)
    assert installation.records.newest("prediction_quality", report.model_name) == report.model_dump_json()


@pytest.mark.parametrize("state", list(QualityState))
def test_the_check_passes_only_where_all_is_well_and_warns(watched: Watched, state: QualityState) -> None:
    report = measure(watched.installation).model_copy(update={"state": state, "sentence": "why"})
    check = check_quality(report)
    assert check.passed == (state is QualityState.OK)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == f"{state}: why."


def test_a_reign_without_weeks_is_described_without_tables(watched: Watched) -> None:
    report = measure(watched.installation).model_copy(
        update={"weeks": (), "overall": None, "by_class": (), "by_region": (), "served": None}
    )
    assert not {"weeks", "where", "chart with limit"} & set(describe_quality(report))


def tick(installation: Installation) -> dg.RunRequest | dg.SkipReason:
    schedule = build_quality_schedule(installation.settings, build_quality_job(build_monitoring_assets()))
    context = dg.build_schedule_context(scheduled_execution_time=MONDAY, resources={"installation": installation})
    found = schedule(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_the_schedule_asks_once_a_week_and_waits_for_a_champion(watched: Watched, tmp_path: Path) -> None:
    asked = tick(watched.installation)
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_key == "2025-11-17"
    assert isinstance(tick(example_installation(tmp_path)), dg.SkipReason)


def test_looking_twice_at_the_same_keeps_one_record(watched: Watched) -> None:
    first = watching.look_at_quality(watched.installation, NOW).report
    assert watching.look_at_quality(watched.installation, NOW).report == first


@pytest.mark.parametrize("mode", list(ActiveMode))
def test_a_home_that_is_not_active_has_no_schedule_and_keeps_the_asset(tmp_path: Path, mode: ActiveMode) -> None:
    installation = example_installation(tmp_path)
    settings = installation.settings.model_copy(update={"active": mode})
    definitions = build_definitions(settings, {"installation": replace(installation, settings=settings)})
    scheduled = QUALITY_SCHEDULE in {schedule.name for schedule in definitions.schedules or ()}
    assert scheduled is (mode is not ActiveMode.OFF)
    assert definitions.resolve_job_def(QUALITY_JOB)


def test_the_shift_of_every_measure_is_in_the_table(watched: Watched) -> None:
    report = measure(watched.installation)
    assert report.shift is not None
    shown = describe_quality(report)
    assert [row.data["of"] for row in shown["against the training"].records] == [  # type: ignore[union-attr] # a table
        measured.name for measured in report.shift.measures
    ]
    assert shown["moved from the training"].value == str(report.shift)
    assert "against the training" not in describe_quality(report.model_copy(update={"shift": None}))
