"""A home's own MLflow store, at whatever path the home lies now.

MLflow writes absolute addresses of artifacts into its database: of the experiment, of each run, of each stored model
and of each version. After a move they would lead to the old path, in a copy to the original's files.

Rules
-----
- A home's store is `mlflow/mlflow.db`, its artifacts lie beside it in `mlflow/artifacts`. No other database is touched,
  and no address of a server.
- The experiment says where the home lay when the addresses were written. What lies below that place, and nothing else,
  is led to the same name below the artifacts of this home, in one transaction: killed half-way, nothing has changed.
- An address that leads elsewhere stays as it is: whoever verifies a home is to see it.
- Two paths that are one folder (a link, a mount) are one home: nothing is changed then.
- Whoever may only read changes nothing; the addresses are led here as they are read.
"""

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from forest_fire_retrain.core.errors import TrackingError

DATABASE = "mlflow.db"
FOLDER = "mlflow"
ARTIFACTS = "artifacts"
WAIT_SECONDS = 60.0
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)

_places_before: dict[Path, tuple[str, ...]] = {}
"""By store that may not be written: where its artifacts lay when its addresses were written."""


def settle_here(database: Path) -> None:
    """Lead the addresses in a home's store to this home, if they were written at another path.

    Parameters
    ----------
    database : pathlib.Path
        The store's database, complete; one that is no home's own is left alone.

    Raises
    ------
    TrackingError
        If the store cannot be read or written.
    """
    if database.name != DATABASE or database.parent.name != FOLDER:
        return
    try:
        with closing(sqlite3.connect(database, timeout=WAIT_SECONDS, isolation_level=None)) as store:
            before = _places_elsewhere(store, database)
            if before and os.access(database, os.W_OK) and os.access(database.parent, os.W_OK):
                _rewrite(store, database)
                _say(before[0], database)
                before = ()
    except sqlite3.Error as error:
        msg = (
            f"the addresses in the MLflow store {database} cannot be led to this home: {error}. End what else uses the "
            "store, then run the same command again"
        )
        raise TrackingError(msg) from error
    _places_before[database] = before


def lead_here(address: str, database: Path | None) -> str:
    """`address` as it is in this home; unchanged unless it was written where the home lay before."""
    if database is None:
        return address
    return _led(address, _places_before.get(database, ()), _artifacts(database))


def _places_elsewhere(store: sqlite3.Connection, database: Path) -> tuple[str, ...]:
    """Addresses of experiments that name the artifacts of a home, but not those of this one."""
    rows = store.execute("SELECT DISTINCT artifact_location FROM experiments ORDER BY artifact_location")
    return tuple(place for (place,) in rows if place and _is_elsewhere(place, database.with_name(ARTIFACTS)))


def _is_elsewhere(place: str, artifacts: Path) -> bool:
    path = local_path(place)
    if path is None or path.parts[-2:] != (FOLDER, ARTIFACTS) or path == artifacts:
        return False
    try:
        return not path.samefile(artifacts)
    except OSError:  # one of the two is not there
        return True


def local_path(address: str) -> Path | None:
    """The path that an address names on this machine; `None` for any other address."""
    parts = urlsplit(address)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    return Path(address) if address.startswith("/") else None


def _rewrite(store: sqlite3.Connection, database: Path) -> None:
    """In one transaction; what another process has led here meanwhile is not looked for again."""
    store.execute("BEGIN IMMEDIATE")
    try:
        places = _places_elsewhere(store, database)
        for table, column in COLUMNS:
            _rewrite_column(store, table, column, places, _artifacts(database))
    except BaseException:
        store.execute("ROLLBACK")
        raise
    store.execute("COMMIT")


def _rewrite_column(store: sqlite3.Connection, table: str, column: str, places: Sequence[str], here: str) -> None:
    rows = store.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()  # noqa: S608 - constant names
    changed = [(led, number) for number, held in rows if (led := _led(held, places, here)) != held]
    store.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed)  # noqa: S608 - constant names


def _led(address: str, places: Sequence[str], here: str) -> str:
    for place in places:
        inside = address.removeprefix(place.rstrip("/"))
        if inside != address and (not inside or inside.startswith("/")) and ".." not in inside.split("/"):
            return here + inside
    return address


def _artifacts(database: Path) -> str:
    return database.with_name(ARTIFACTS).as_uri()


def _say(before: str, database: Path) -> None:
    logging.getLogger(__name__).warning(
        "This home was moved or copied here: its models are now looked for in %s, no longer in %s",
        database.with_name(ARTIFACTS),
        local_path(before),
    )
