"""Where Dagster finds the definitions, and how a run that a command executes itself says that it belongs there.

Dagster's timeline and job pages list a run only under the code location that it says it comes from. A run that the
daemon launches says so by itself; one that is executed in process has to be told.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

LOCATION = "forest_fire_retrain"
MODULE = "forest_fire_retrain.definitions"
REPOSITORY = "__repository__"
"""What Dagster calls the only repository of a location whose module has `@dagster.definitions`."""


def origin_of(job_name: str) -> RemoteJobOrigin:
    """Where a job of ours is found: the same location, repository and name as for a run of the daemon."""
    module = LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(module, LOCATION)
    return RemoteRepositoryOrigin(location, REPOSITORY).get_job_origin(job_name)


@contextmanager
def placed_runs(instance: dg.DagsterInstance, job_name: str) -> Iterator[None]:
    """Within the block, runs that are created in process belong to the job `job_name` of the code location."""
    create = partial(instance.create_run_for_job, remote_job_origin=origin_of(job_name))
    instance.create_run_for_job = create  # type: ignore[method-assign] # of this one instance, until the block ends
    try:
        yield
    finally:
        del instance.create_run_for_job
