"""A foreseeable fault is the first thing that a failed run says, and what a command says."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from forest_fire_retrain.cli.running import foreseeable_faults_bare
from forest_fire_retrain.core.errors import EvidenceError, LedgerError
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.failures import Stopped, faults_as_failures, find_fault, foreseen
from forest_fire_retrain.defs.liveness import noting_in_process_executor
from forest_fire_retrain_tests.example_installation import example_settings

MESSAGE = "partition 2026-03-02 has no holdout_set yet; materialize it first, or run: forest-fire retrain --partition X"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.op
@foreseen
def fail() -> None:
    """Meet a foreseeable fault."""
    raise EvidenceError(MESSAGE)


@dg.op(out={"first": dg.Out()})
@foreseen
def fail_later() -> Iterator[dg.Output[int]]:
    """Meet it after something was made."""
    yield dg.Output(1, "first")
    raise EvidenceError(MESSAGE)


@dg.resource
def broken(_context: dg.InitResourceContext) -> object:
    """A resource that cannot be made."""
    raise LedgerError(MESSAGE)


@dg.op(required_resource_keys={"broken"})
@foreseen
def use() -> None:
    """Never be reached."""


@dg.job(executor_def=noting_in_process_executor)
def failing_job() -> None:
    """Fail in a step."""
    fail()


@dg.job(executor_def=noting_in_process_executor)
def late_job() -> None:
    """Fail within a step that yields."""
    fail_later()


@dg.job(executor_def=noting_in_process_executor, resource_defs={"broken": broken})
def unmade_job() -> None:
    """Fail before the first step."""
    use()


@pytest.mark.parametrize("job", [failing_job, late_job, unmade_job])
def test_the_first_error_of_a_failed_run_is_the_message(tmp_path: Path, job: dg.JobDefinition) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as instance:
        again = dg.reconstructable(globals()[job.name])
        done = dg.execute_job(again, instance, run_config=QUIET)
        logs = instance.all_logs(done.run_id)
    assert not done.success
    errors = [found for log in logs if log.dagster_event and (found := _error_of(log.dagster_event)) is not None]
    assert errors
    assert errors[-1].message == f"Stopped: {MESSAGE}\n"
    for error in errors:
        assert error.message.endswith(f": {MESSAGE}\n")
        assert (error.cause, error.context) == (None, None)


def _error_of(event: dg.DagsterEvent) -> Any:
    return getattr(event.event_specific_data, "error", None)


def test_the_next_command_stands_beside_the_message() -> None:
    shown = Stopped(EvidenceError(MESSAGE))
    assert shown.metadata["next command"].value == "forest-fire retrain --partition X"
    assert Stopped(EvidenceError("no data")).metadata == {}
    assert not shown.allow_retries


def test_what_dagster_keeps_of_a_fault_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_NOTIFY__WEBHOOK_SECRET", "hunter2hunter2")
    fault = EvidenceError("no folder s3:/key:hunter3@bucket/data, nor postgres://u:pw@h, nor hunter2hunter2")
    said = str(Stopped(fault))
    assert said == "no folder s3:/***@bucket/data, nor postgres://***@h, nor ***"


def test_a_command_says_the_fault_itself() -> None:
    with pytest.raises(EvidenceError, match="has no holdout_set yet"), foreseeable_faults_bare():
        failing_job.execute_in_process()


def test_a_defect_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), faults_as_failures():
        _ = 1 / 0
    assert find_fault(ValueError("no")) is None


def test_every_asset_check_and_op_says_its_faults_so(tmp_path: Path) -> None:
    definitions = build_definitions(example_settings(tmp_path))
    ops = {op.name: op for job in definitions.resolve_all_job_defs() for op in job.all_node_defs}
    bare = [name for name, op in ops.items() if not hasattr(_compute_of(op), "__wrapped__")]
    assert (len(ops) >= 13, bare) == (True, [])


def _compute_of(op: object) -> object:
    assert isinstance(op, dg.OpDefinition)
    compute = op.compute_fn
    return inspect.unwrap(compute, stop=lambda _: True) if callable(compute) else compute.decorated_fn
