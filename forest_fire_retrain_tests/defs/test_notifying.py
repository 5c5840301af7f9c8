"""Sensors tell what is new, from the start on, and a relay that is gone fails no tick and no run."""

import json
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain import operations
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.notifying import FAILED_RUN_SENSOR_NAME, NOTICE_SENSOR_NAME, build_notice_sensors
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import NOW, example_installation
from forest_fire_retrain_tests.test_notifying import PROMOTION

notice_sensor, failed_run_sensor = build_notice_sensors()


@dg.op
def break_down() -> None:
    raise dg.Failure("the source is gone")


@dg.job
def a_job() -> None:
    break_down()


def made(tmp_path: Path, **notify: object) -> Installation:
    installation = example_installation(tmp_path / "home", notify={"file": tmp_path / "told.jsonl", **notify})
    installation.settings.home.mkdir()
    operations.publish(installation.published_ledger)
    return installation


def told(tmp_path: Path) -> list[dict[str, object]]:
    path = tmp_path / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def tick(installation: Installation) -> str:
    with dg.build_sensor_context(resources={"installation": installation}) as context:
        answer = notice_sensor(context)
    assert isinstance(answer, dg.SkipReason)
    return str(answer.skip_message)


def test_both_sensors_run_from_the_start(tmp_path: Path) -> None:
    sensors = {one.name: one for one in build_definitions(made(tmp_path).settings).sensors or ()}
    for name in (NOTICE_SENSOR_NAME, FAILED_RUN_SENSOR_NAME):
        assert sensors[name].default_status is dg.DefaultSensorStatus.RUNNING


def test_a_tick_tells_what_is_new_and_the_next_tells_nothing(tmp_path: Path) -> None:
    installation = made(tmp_path)
    tick(installation)
    for row in PROMOTION:
        installation.ledger.append(row.model_copy(update={"recorded_at": NOW}))
    operations.publish(installation.published_ledger)
    before = len(told(tmp_path))
    assert tick(installation).startswith("file: ")
    assert [line["kind"] for line in told(tmp_path)[before:] if line["ledger_row"]] == ["promotion"]
    assert tick(installation) == "file: 0 sent"


def test_a_relay_that_is_gone_is_in_the_tick_and_fails_nothing(tmp_path: Path) -> None:
    relay = {"smtp_host": "127.0.0.1", "smtp_port": 1, "mail_from": "a@b.example", "mail_to": "c@d.example"}
    installation = made(tmp_path, **relay)
    (installation.settings.export_folder / "ledger.parquet").write_bytes(b"no parquet")
    assert "mail: 0 sent, 1 waiting: the relay 127.0.0.1:1 cannot be used: " in tick(installation)
    assert [line["kind"] for line in told(tmp_path)] == ["fault_found"]


def test_without_a_channel_the_tick_says_how_to_set_one(tmp_path: Path) -> None:
    assert "FOREST_FIRE_NOTIFY__SMTP_HOST" in tick(made(tmp_path, file=None))


def fail(installation: Installation) -> dg.SkipReason:
    """A run of the installation's own instance fails, and its sensor is told."""
    folder = installation.settings.dagster_home
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        result = a_job.execute_in_process(instance=instance, raise_on_error=False)
        event = next(event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE)
        with dg.build_run_status_sensor_context(
            FAILED_RUN_SENSOR_NAME, event, instance, result.dagster_run, resources={"installation": installation}
        ) as context:
            answer = failed_run_sensor(context.for_run_failure())
    assert isinstance(answer, dg.SkipReason)
    return answer


def test_a_failed_run_is_told_at_once_and_once(tmp_path: Path) -> None:
    installation = made(tmp_path)
    fail(installation)
    tick(installation)
    (line,) = [line for line in told(tmp_path) if line["kind"] == "run_failed"]
    assert "the source is gone" in str(line["sentence"])


def test_what_was_told_being_unreadable_fails_no_tick_of_a_failed_run(tmp_path: Path) -> None:
    installation = made(tmp_path)
    installation.settings.notices_file.write_bytes(b"no database" * 999)
    assert "move it away" in str(fail(installation).skip_message)
    with pytest.raises(Exception, match="move it away"):
        tick(installation)
