"""Reach one MLflow installation, quickly, quietly and without leaking credentials.

Rules
-----
- MLflow is imported on first use: commands that never need it do not pay its two seconds.
- A fresh sqlite store is created under a lock file beside it: two processes collide in its migration.
- A server that does not answer is given up after seconds, not the minutes of MLflow's own defaults:
  `MLFLOW_HTTP_REQUEST_TIMEOUT` 10 s, `MLFLOW_HTTP_REQUEST_MAX_RETRIES` 2,
  `MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR` 1. Whoever sets these variables is obeyed.
- MLflow's own clean-up at exit is off: it ends a run FINISHED whatever became of it, and shows a traceback where the
  store is full or gone. Runs are ended by who opened them; what is left open, the next start closes.
- Telemetry is off, and MLflow's announcements do not mix with a command's output.
- MLflow's fluent interface knows one tracking URI per process: it is pointed at ours on every use.
- A home's own store is led to where the home lies now before anything is read from it (`mlflow_addresses`).
- MLflow's table definitions are loaded here, before any client of a database is made, with their warnings muted.
"""

import atexit
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from filelock import FileLock, Timeout

from forest_fire_retrain.adapters.mlflow_addresses import settle_here
from forest_fire_retrain.core.errors import ForestFireRetrainError, RegistryError, TrackingError
from forest_fire_retrain.core.redaction import redact, secrets_in, unless_secret

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE_PREFIX = "sqlite:///"
STORE_PATIENCE_SECONDS = 120.0
PROCESS_DEFAULTS: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
CHATTY_LOGGERS = ("mlflow", "alembic")

STORE_LOGGER = "mlflow.store.db.utils"
"""Prints the whole way to an error of its database that it then raises, and that is told in one sentence here."""
MUTED_WARNINGS = (
    "The ``noload`` loader strategy",  # MLflow's table definitions use what SQLAlchemy 2.1 deprecates
    ".*Any type hint is inferred as AnyType",  # MLflow warns of the type hints of its own chat classes
)

_prepared_stores: dict[str, int] = {}
"""By tracking URI: the inode of the database; another file at the same path, restored from a backup, is a fresh one."""


def connect(tracking_uri: str) -> "MlflowClient":
    """A client of the installation; a fresh sqlite store is complete when this returns.

    Raises
    ------
    TrackingError
        If another process holds the store's lock for too long.
    """
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(tracking_uri)
    _load_table_definitions(tracking_uri)
    path = sqlite_path(tracking_uri)
    if path is None or (path.exists() and _prepared_stores.get(tracking_uri) == path.stat().st_ino):
        return mlflow.MlflowClient(tracking_uri, registry_uri=tracking_uri)
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK)  # whoever may only read migrates nothing, and needs no lock
        with FileLock(lock, timeout=STORE_PATIENCE_SECONDS) if is_writable else nullcontext():
            client = mlflow.MlflowClient(tracking_uri, registry_uri=tracking_uri)
            client.search_registered_models(max_results=1)
            settle_here(path)
    except Timeout as error:
        msg = (
            f"another process has been preparing the MLflow store {path} for more than {STORE_PATIENCE_SECONDS:g} s; "
            f"if none is running, delete {lock.name} beside it and run the same command again"
        )
        raise TrackingError(msg) from error
    _prepared_stores[tracking_uri] = path.stat().st_ino
    return client


def import_mlflow() -> Any:  # noqa: ANN401 - MLflow carries no types
    """The `mlflow` module, imported with this process's defaults."""
    for name, value in PROCESS_DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415 - takes two seconds: only where it is needed
    from mlflow.tracking import fluent  # noqa: PLC0415 - imported by the above

    atexit.unregister(fluent._safe_end_run)  # noqa: SLF001 - MLflow has no switch for it
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger(STORE_LOGGER).setLevel(logging.CRITICAL)
    return mlflow


def import_sklearn_flavour() -> Any:  # noqa: ANN401 - MLflow carries no types
    """The module `mlflow.sklearn`, with what it imports by itself when a model is first logged."""
    import_mlflow()
    with import_warnings_muted():
        import mlflow.pyfunc  # noqa: PLC0415 - see `import_mlflow`
        import mlflow.sklearn  # noqa: PLC0415 - as above
    return mlflow.sklearn


def import_for_storing(tracking_uri: str) -> None:
    """Import all that storing a model in the installation takes; it is not asked for anything."""
    import_sklearn_flavour()
    _load_table_definitions(tracking_uri)


def _load_table_definitions(tracking_uri: str) -> None:
    """Where the installation is a database, what MLflow loads by itself when a client first opens one."""
    from mlflow.store.db.db_types import DATABASE_ENGINES  # noqa: PLC0415 - see `import_mlflow`
    from mlflow.utils.uri import get_uri_scheme  # noqa: PLC0415 - as above

    if get_uri_scheme(tracking_uri) in DATABASE_ENGINES:
        with import_warnings_muted():
            import mlflow.store.model_registry.sqlalchemy_store  # noqa: PLC0415 - half a second a server does not need
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401, PLC0415 - as above
        from mlflow.store.db import utils  # noqa: PLC0415 - imported by the above

        utils._make_parent_dirs_if_sqlite = _make_no_folder  # noqa: SLF001 - see there


def _make_no_folder(_tracking_uri: str) -> None:
    """In place of MLflow's own, which makes a folder whose name holds the escapes; `connect` makes the right one."""


@contextmanager
def import_warnings_muted() -> Iterator[None]:
    """Inside the block, mute what MLflow's own modules say of themselves when they are first imported."""
    with warnings.catch_warnings():
        for message in MUTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextmanager
def tracking_uri_kept() -> Iterator[None]:
    """At the end of the block, MLflow's fluent interface is pointed where it was: the process may be somebody's own."""
    mlflow, variable = import_mlflow(), "MLFLOW_TRACKING_URI"
    from mlflow.tracking import _tracking_service  # noqa: PLC0415 - imported by the above

    before, environment = _tracking_service.utils._tracking_uri, os.environ.get(variable)  # noqa: SLF001 - not set: None
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop(variable, None)
        if environment is not None:
            os.environ[variable] = environment


def is_absent(tracking_uri: str) -> bool:
    """Whether the installation is an sqlite store that nobody has created yet; needs no MLflow."""
    path = sqlite_path(tracking_uri)
    return path is not None and not path.exists()


def sqlite_path(tracking_uri: str) -> Path | None:
    """The database file of an sqlite store; `None` for a server or another database."""
    if not tracking_uri.startswith(SQLITE_PREFIX):
        return None
    return Path(unquote(tracking_uri.removeprefix(SQLITE_PREFIX).partition("?")[0]))


def without_credentials(text: str) -> str:
    """`text` without users and passwords of the addresses in it, nor other secrets."""
    return redact(text)


@contextmanager
def refusals_as(kind: type[TrackingError | RegistryError], tracking_uri: str, doing: str) -> Iterator[None]:
    """Turn MLflow's refusals inside the block into `kind`, saying what could not be done and where.

    What was raised is kept as the cause only if it says no secret: causes end up in logs.
    """
    try:
        yield
    except ForestFireRetrainError:
        raise
    except _refusals() as error:
        secrets = secrets_in(tracking_uri)
        first_line = str(error).strip().partition("\n")[0].rstrip(".")
        msg = (
            f"MLflow at {redact(tracking_uri, secrets)} failed at {doing}: {redact(first_line, secrets)}. "
            "Check that it runs and that FOREST_FIRE_MLFLOW_TRACKING_URI is right, then run: forest-fire status"
        )
        if isinstance(error, ModuleNotFoundError):
            msg = (
                f"the driver of the database {redact(tracking_uri, secrets)} is missing: {first_line}. Install it, or "
                "set FOREST_FIRE_MLFLOW_TRACKING_URI to an MLflow server's address, then run the same command again"
            )
        raise kind(msg) from unless_secret(error, secrets)


def _refusals() -> tuple[type[Exception], ...]:
    """What MLflow raises when it refuses; a broken database speaks through SQLAlchemy, a driver's lack by itself."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see `import_mlflow`

    return (mlflow_exception(), SQLAlchemyError, OSError, ModuleNotFoundError)


def mlflow_exception() -> type[Exception]:
    """MLflow's base exception."""
    import_mlflow()
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see `import_mlflow`

    kind: type[Exception] = MlflowException
    return kind


def is_missing(error: BaseException) -> bool:
    """Whether MLflow says that what was asked for does not exist."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"
