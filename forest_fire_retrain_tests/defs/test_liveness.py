"""A run that died with the machine is closed at the next start, whatever its job: the queue has one place."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.liveness import HOST_TAG, close_dead_runs
from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain_tests.defs.dying_runs import JOBS
from forest_fire_retrain_tests.example_installation import example_settings


def test_no_job_of_the_installation_is_left_out(tmp_path: Path) -> None:
    definitions = build_definitions(example_settings(tmp_path))
    made = {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    assert made == set(JOBS)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("as_worker",)], ids=["in the first step", "as soon as it is started"])
def test_a_run_of_every_job_that_died_is_closed_by_who_starts_next(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "forest_fire_retrain_tests.defs.dying_runs", str(tmp_path), *words),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.splitlines() == [f"{name} -9" for name in JOBS], done.stderr[-3000:]
    with open_instance(example_settings(tmp_path)) as instance:
        left = {run.job_name: run for run in instance.get_runs()}
        # that job is closed by the one after it, which closes before it dies in its first step
        closed = {} if words else {"prediction_job": dg.DagsterRunStatus.FAILURE}
        started = dict.fromkeys(JOBS, dg.DagsterRunStatus.STARTED)
        assert {name: run.status for name, run in left.items()} == {**started, **closed}
        assert [name for name, run in left.items() if HOST_TAG not in run.tags] == []
        assert set(close_dead_runs(instance)) == {run.run_id for name, run in left.items() if name not in closed}
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.FAILURE}
