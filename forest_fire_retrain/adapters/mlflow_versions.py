"""Put a version of the model registry back under its own number, as it was registered.

Rules
-----
- MLflow gives a number once: of a version that was deleted it keeps an empty row, and one whose source was edited it
  never corrects. In a home's own store the row is written again; nothing else of the database is touched.
- A server is asked as everybody asks it: numbers that nobody needs any more are given and taken back until the wanted
  one comes. Where it has passed, nothing is left behind, and it is an error.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from forest_fire_retrain.adapters.mlflow_addresses import DATABASE, FOLDER, WAIT_SECONDS
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.records import StoredModel

if TYPE_CHECKING:
    from mlflow import MlflowClient

UPDATE = """
UPDATE model_versions SET source = ?, storage_location = ?, run_id = ?, description = ?,
    current_stage = 'None', status = 'READY', run_link = NULL
WHERE name = ? AND version = ?
"""
INSERT = """
INSERT INTO model_versions
    (source, storage_location, run_id, description, name, version, creation_time, last_updated_time, current_stage,
     status)
VALUES (?, ?, ?, ?, ?, ?, strftime('%s', 'now') * 1000, strftime('%s', 'now') * 1000, 'None', 'READY')
"""


def is_own_store(database: Path | None) -> bool:
    """Whether it is the store of a home, in which versions may be written again."""
    return database is not None and database.name == DATABASE and database.parent.name == FOLDER and database.exists()


def write_version(
    database: Path, place: tuple[str, int], stored: StoredModel, *, location: str, description: str
) -> None:
    """Write a version's row in a home's own store, whether it is there or not.

    Parameters
    ----------
    database : Path
        The store.
    place : tuple of str and int
        Registered model, which has to be there, and version.
    stored : StoredModel
        What it is.
    location : str
        Where MLflow keeps that model's folder.
    description : str
        What people read of it.

    Raises
    ------
    RegistryError
        If the store cannot be written.
    """
    values = (stored.model_uri, location, stored.mlflow_run_id, description, *place)
    try:
        with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as store, store:
            if store.execute(UPDATE, values).rowcount == 0:
                store.execute(INSERT, values)
    except sqlite3.Error as error:
        msg = f"version {place[1]} of {place[0]} cannot be written to the MLflow store {database}: {error}"
        raise RegistryError(f"{msg}. End what else uses the store, then run: forest-fire verify --repair") from error


def create_version(
    client: "MlflowClient", model_name: str, version: int, stored: StoredModel, description: str
) -> None:
    """Have a server give the number `version`; numbers before it are given and taken back.

    Raises
    ------
    RegistryError
        If the number has passed.
    """
    while True:
        created = client.create_model_version(
            model_name,
            source=stored.model_uri,
            run_id=stored.mlflow_run_id,
            model_id=stored.model_uri.removeprefix("models:/"),
            description=description,
        )
        if int(created.version) == version:
            return
        client.delete_model_version(model_name, created.version)
        if int(created.version) > version:
            msg = (
                f"version {version} of {model_name} cannot be registered again: MLflow gives no number twice. Restore "
                "MLflow's store from a backup, or choose another version: forest-fire rollback --to VERSION"
            )
            raise RegistryError(msg)
