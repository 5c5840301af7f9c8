"""Logs of old runs are removed; of those that failed or still run, and of what assets show, nothing is."""

import datetime as dt
import os
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters.run_logs import KEPT, drop_old_run_logs
from forest_fire_retrain.cli.home import DAGSTER_YAML

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NOW = dt.datetime(2031, 3, 3, 6, tzinfo=dt.UTC)


@dg.op(config_schema={"way": str})
def work(context: dg.OpExecutionContext) -> None:
    """Shows an asset, or fails."""
    if context.op_config["way"] == "failed":
        raise dg.Failure("refused")
    context.log_event(dg.AssetMaterialization("weather", partition="2026-01-05"))


@dg.job
def weekly() -> None:
    work()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    return tmp_path


def run(home: Path, way: str, ended: dt.datetime) -> str:
    """A run whose log was last written to at `ended`."""
    config = {**QUIET, "ops": {"work": {"config": {"way": way}}}}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run_id = weekly.execute_in_process(run_config=config, instance=instance, raise_on_error=False).run_id
    os.utime(log_of(home, run_id), (ended.timestamp(),) * 2)
    return run_id


def log_of(home: Path, run_id: str) -> Path:
    return home / "history" / "runs" / f"{run_id}.db"


def test_an_old_run_keeps_its_assets_and_loses_its_log(home: Path) -> None:
    old, new = (run(home, "done", NOW - KEPT + dt.timedelta(days=days)) for days in (-1, 1))
    assert drop_old_run_logs(home, NOW) == [old]
    assert not log_of(home, old).exists()
    assert not (home / "storage" / old).exists()
    assert log_of(home, new).exists()
    assert (home / "storage" / new).exists()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert {found.run_id for found in instance.get_runs()} == {old, new}
        records = instance.fetch_materializations(dg.AssetKey("weather"), limit=5).records
        assert {record.run_id for record in records} == {old, new}


def test_a_run_that_failed_keeps_its_log(home: Path) -> None:
    failed = run(home, "failed", NOW - 2 * KEPT)
    assert drop_old_run_logs(home, NOW) == []
    assert log_of(home, failed).exists()


def test_a_run_that_is_not_over_keeps_its_log(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        started = instance.create_run_for_job(
            weekly, run_config={"ops": {"work": {"config": {"way": "done"}}}}, status=dg.DagsterRunStatus.STARTED
        )
        instance.report_engine_event("at work", started)
    log = log_of(home, started.run_id)
    os.utime(log, ((NOW - 2 * KEPT).timestamp(),) * 2)
    assert drop_old_run_logs(home, NOW) == []
    assert log.exists()


@pytest.mark.parametrize("config", [None, "storage:\n  sqlite:\n    base_dir: elsewhere\n"])
def test_a_store_that_is_not_the_homes_own_is_left_alone(home: Path, config: str | None) -> None:
    old = run(home, "done", NOW - 2 * KEPT)
    (home / "dagster.yaml").unlink() if config is None else (home / "dagster.yaml").write_text(config)
    assert drop_old_run_logs(home, NOW) == []
    assert log_of(home, old).exists()


def test_a_home_where_nothing_ran_has_nothing_to_remove(home: Path) -> None:
    assert drop_old_run_logs(home, NOW) == []
