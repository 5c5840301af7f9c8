"""Runs of every job whose process dies in the first step, as with the machine: what a restart finds of them."""

import datetime as dt
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster._cli.api import _execute_run_command_body

from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.beginnings import DAYS, PERIODS, note_beginning
from forest_fire_retrain.defs.liveness import NotingExecutor
from forest_fire_retrain.settings import Settings
from forest_fire_retrain_tests.example_installation import example_installation, example_settings

REASON = {"reason": "a trial", "ordered_by": "somebody"}
JOBS: dict[str, tuple[str | None, dict[str, object]]] = {
    "prediction_job": ("2024-08-05", {}),
    "quality_job": (None, {}),
    "retraining_job": ("2024-07-29", {}),
    "rollback_job": (None, {"roll_back_champion": {"config": REASON}}),
    "freeze_job": (None, {"freeze_promotions": {"config": {**REASON, "until": "2026-05-01"}}}),
    "unfreeze_job": (None, {"unfreeze_promotions": {"config": REASON}}),
    "clear_labels_job": (
        None,
        {"clear_suspect_labels": {"config": {**REASON, "first_day": "2026-01-01", "last_day": "2026-01-02"}}},
    ),
    "shadow_job": (
        None,
        {"score_beside_champion": {"config": {**REASON, "which": "candidate", "until": "2026-05-01"}}},
    ),
    "end_shadow_job": (None, {"score_no_more": {"config": {**REASON, "which": "candidate"}}}),
    "verify_job": (None, {}),
}
"""Per job the partition that it runs and what is configured; first the two that close what died before them."""


class DeadlySource:
    """A source whose reading is the end of the process."""

    name = "deadly"

    def __getattr__(self, _name: str) -> object:
        return die


def die(*_: object) -> dt.datetime:
    """End this process without any of its code running."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def job_that_dies(name: str, home: str) -> dg.JobDefinition:
    """A job of an installation whose clock, and whose source, is the end of the process."""
    installation = replace(example_installation(Path(home)), clock=die, source=DeadlySource())
    resources = {"installation": installation, "mlflow": dg.ResourceDefinition.none_resource()}
    return build_definitions(installation.settings, resources).resolve_job_def(name)


def note_beginnings(home: str) -> Settings:
    """The home's settings, once it is noted where partitions begin, so that nobody asks the clock for it."""
    settings = example_settings(Path(home))
    for partitions, day in ((PERIODS, "2024-07-29"), (DAYS, "2024-08-05")):
        note_beginning(settings.dagster_home, partitions, dt.date.fromisoformat(day))
    return settings


def run(name: str, home: str) -> None:
    """Run a job as the daemon's run worker does: by its own executor, without tags from a command."""
    partition, ops = JOBS[name]
    settings = note_beginnings(home)
    job = dg.build_reconstructable_job(__spec__.name, job_that_dies.__name__, (name, home))
    tags = {} if partition is None else {"dagster/partition": partition}
    with open_instance(settings) as instance:
        dg.execute_job(job, instance, run_config={"ops": ops}, tags=tags)


def run_as_worker(name: str, home: str) -> None:
    """Be the process that the daemon starts for a run, and die as soon as the run is said to be started."""
    NotingExecutor.execute = die  # type: ignore[assignment,method-assign] # the first thing that comes after it
    partition, ops = JOBS[name]
    settings = note_beginnings(home)
    recon = dg.build_reconstructable_job(__spec__.name, job_that_dies.__name__, (name, home))
    tags = {} if partition is None else {"dagster/partition": partition}
    with open_instance(settings) as instance:
        made = instance.create_run_for_job(
            recon.get_definition(), run_config={"ops": ops}, tags=tags, job_code_origin=recon.get_python_origin()
        )
        _execute_run_command_body(made.run_id, instance, lambda _event: None, set_exit_code_on_failure=True)


if __name__ == "__main__":
    for each in JOBS:
        pid = os.fork()
        if pid == 0:
            (run_as_worker if "as_worker" in sys.argv else run)(each, sys.argv[1])
            os._exit(0)
        sys.stdout.write(f"{each} {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
