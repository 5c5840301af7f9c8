"""Jobs as they come from the launchpad: the daemon launches them, a process of their own works on them.

What this process does is what the process that the daemon starts does, Dagster's own function included; only the
start of an interpreter is spared.
"""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast
from unittest.mock import patch

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.storage.dagster_run import RunsFilter
from dagster._daemon.monitoring import run_monitoring
from dagster._time import get_current_timestamp

from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.cli.privacy import write_privately
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.liveness import close_dead_runs
from forest_fire_retrain.settings import Settings, load_settings

UNSTARTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
LONG_SECONDS = 3_600.0
"""Longer than Dagster waits for a run to start."""


def job_of_the_home(name: str) -> dg.JobDefinition:
    """A job of the installation that the environment describes."""
    return build_definitions(load_settings()).resolve_job_def(name)


class Asked(NamedTuple):
    """What a person fills in.

    Attributes
    ----------
    job : str
        The job.
    ops : mapping
        Configuration by op.
    tags : mapping
        Tags of the run; the partition is one.
    assets : tuple of str
        Of a job of assets only these; all of them by default.
    """

    job: str
    ops: Mapping[str, object] = MappingProxyType({})
    tags: Mapping[str, str] = MappingProxyType({})
    assets: tuple[str, ...] = ()


def launch(asked: Asked, noted: Path) -> Callable[[], None]:
    """A task: create the run and say that it starts, as web server and daemon do; its id goes into `noted`."""

    def run() -> None:
        settings = _settings()
        recon = dg.build_reconstructable_job(__name__, job_of_the_home.__name__, (asked.job,))
        assets = frozenset(dg.AssetKey(name) for name in asked.assets) or None
        chosen = recon if assets is None else recon.get_subset(asset_selection=assets)
        with open_instance(settings) as instance:
            made = instance.create_run_for_job(
                chosen.get_definition(),
                run_config={"ops": dict(asked.ops)},
                tags=dict(asked.tags),
                asset_selection=assets,
                job_code_origin=recon.get_python_origin(),
            )
            starting = DagsterEvent(event_type_value=DagsterEventType.PIPELINE_STARTING.value, job_name=asked.job)
            instance.report_dagster_event(starting, run_id=made.run_id)
            noted.write_text(json.dumps(made.run_id))

    return run


def work_on(noted: Path) -> Callable[[], None]:
    """A task: be the process of the run whose id is in `noted`."""

    def run() -> None:
        with open_instance(_settings()) as instance:
            code = _execute_run_command_body(
                cast("str", json.loads(noted.read_text())), instance, lambda _event: None, set_exit_code_on_failure=True
            )
        raise SystemExit(code)

    return run


def close_unstarted_runs(settings: Settings) -> int:
    """Let Dagster's monitor find, an hour later, what was launched and never began; how many there were."""
    with open_instance(settings) as instance:
        records = instance.get_run_records(RunsFilter(statuses=UNSTARTED))
        with patch.object(run_monitoring, "get_current_timestamp", lambda: get_current_timestamp() + LONG_SECONDS):
            for record in records:
                run_monitoring.monitor_starting_run(instance, record, logging.getLogger(__name__))
    return len(records)


def close_as_the_sensor_does(settings: Settings) -> None:
    """What the sensor of undecided periods does first, every minute."""
    with open_instance(settings) as instance:
        close_dead_runs(instance)


def _settings() -> Settings:
    settings = load_settings()
    write_privately(settings)
    return settings
