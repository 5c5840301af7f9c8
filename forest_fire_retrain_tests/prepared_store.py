"""An MLflow sqlite store that is created once and copied: creating one takes seconds, copying none."""

import shutil
from pathlib import Path

from filelock import FileLock

from forest_fire_retrain.adapters.mlflow_connection import connect

DATABASE = "mlflow.db"


def prepare_store(shared: Path) -> Path:
    """The empty store's database below `shared`; the first of several test processes creates it.

    Every process opens it: MLflow's table definitions are then loaded with their warnings muted, and a test may open
    its copy with a client of MLflow's own.
    """
    database = shared / "mlflow_template" / DATABASE
    with FileLock(shared / "mlflow_template.lock"):
        connect(f"sqlite:///{database}")
    return database


def copy_store(template: Path, folder: Path) -> str:
    """Tracking URI of a fresh store in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / DATABASE)
    return f"sqlite:///{folder / DATABASE}"
