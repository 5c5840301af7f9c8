"""Ask the model registry for alias and versions, in a moment where it is the store in the home.

Rules
-----
- A home's own sqlite store is read without MLflow, whose import takes two seconds.
- A server, another database, or a store whose tables are not as expected is asked through MLflow.
- A version that MLflow marks as deleted does not exist.
"""

from pathlib import Path

from forest_fire_retrain.adapters.mlflow_connection import sqlite_path
from forest_fire_retrain.adapters.mlflow_registry import CHAMPION_ALIAS, MlflowRegistry
from forest_fire_retrain.adapters.sqlite_reading import UnexpectedStoreError, reading
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.oversight.observed import SeenRegistry

COLUMNS = {
    "registered_model_aliases": ("alias", "version", "name", "workspace"),
    "model_versions": ("name", "version", "current_stage", "workspace"),
}
WORKSPACE = "default"
DELETED = "Deleted_Internal"
ALIAS = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ? AND workspace = ?"
VERSIONS = "SELECT version FROM model_versions WHERE name = ? AND workspace = ? AND current_stage IS NOT ?"


def see_registry(tracking_uri: str, model_name: str) -> SeenRegistry:
    """What the registry says of a model; that it cannot be asked is an answer too."""
    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        return SeenRegistry(None, frozenset())
    try:
        if database is not None:
            return _read_store(database, model_name)
    except UnexpectedStoreError:
        pass
    return _ask(MlflowRegistry(tracking_uri), model_name)


def _read_store(database: Path, model_name: str) -> SeenRegistry:
    with reading(database, COLUMNS) as store:
        aliases = store.execute(ALIAS, (model_name, CHAMPION_ALIAS, WORKSPACE)).fetchall()
        versions = store.execute(VERSIONS, (model_name, WORKSPACE, DELETED)).fetchall()
    return SeenRegistry(
        next((int(version) for (version,) in aliases), None), frozenset(int(version) for (version,) in versions)
    )


def _ask(registry: MlflowRegistry, model_name: str) -> SeenRegistry:
    try:
        versions = registry.versions(model_name)
        return SeenRegistry(registry.champion(model_name), frozenset(held.version for held in versions))
    except RegistryError as error:
        return SeenRegistry(None, frozenset(), str(error).partition("\n")[0].partition(". ")[0])
