"""How a run that a command executes itself is recorded in the home's Dagster store."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from forest_fire_retrain.adapters.store_trimming import give_back_space, trim_store
from forest_fire_retrain.defs.code_location import placed_runs
from forest_fire_retrain.defs.planned_checks import checks_planned_once
from forest_fire_retrain.defs.stored_events import events_stored_together
from forest_fire_retrain.settings import Settings


@contextmanager
def recorded_runs(instance: dg.DagsterInstance, settings: Settings, job_name: str) -> Iterator[None]:
    """Within the block, runs belong to the job where Dagster looks for them; behind it, the store is trimmed."""
    with placed_runs(instance, job_name), checks_planned_once(instance), events_stored_together(instance):
        yield
    trim_store(settings.dagster_home)
    give_back_space(settings.dagster_home)
