"""Start the workers of a range before anything is ingested for it: they take seconds to import what training takes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module

from forest_fire_retrain.adapters.mlflow_connection import import_for_storing
from forest_fire_retrain.adapters.worker_processes import EarlyWorkers, Workers, hire_workers, start_workers
from forest_fire_retrain.installation import Installation

PERIODS_WORTH_A_PROCESS = 8
TRAINING, DRAWING = "forest_fire_retrain.pipeline.retraining.choosing_recipes", "forest_fire_retrain.defs.pictures"


def start_early(installation: Installation, n_periods: int) -> AbstractContextManager[EarlyWorkers]:
    """The workers of a range of so many periods, started now; none where it is too short for them."""
    parts = (installation.lake, installation.engine, installation.records, installation.tracker, installation.models)
    modules = (*(type(part).__module__ for part in parts), TRAINING, DRAWING)
    return start_workers(
        n_periods,
        n_processes=installation.settings.n_processes,
        worth_a_process=PERIODS_WORTH_A_PROCESS,
        ready=partial(import_for_training, modules, installation.settings.tracking_uri),
    )


def hire_for_range(installation: Installation, n_periods: int) -> AbstractContextManager[Workers]:
    """The workers of a range of so many periods: those that were started early, if any were."""
    return hire_workers(
        n_periods,
        n_processes=installation.settings.n_processes,
        worth_a_process=PERIODS_WORTH_A_PROCESS,
        early=installation.early_workers,
    )


def import_for_training(modules: Sequence[str], tracking_uri: str) -> None:
    """Import what training a candidate and drawing a decision take; no store is opened."""
    for name in modules:
        import_module(name)
    import_for_storing(tracking_uri)
