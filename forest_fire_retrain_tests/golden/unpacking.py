"""Unpack a golden home anywhere: its files, MLflow's store made of its dump, and the settings it was made under."""

import json
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from forest_fire_retrain.settings import Settings, load_settings

HERE = Path(__file__).parent
ARCHIVE = "home.zip"
SETTINGS = "settings.json"
DUMP = "mlflow/mlflow.sql"
PLACEHOLDER = "@HOME@"


def holds_addresses(name: Path) -> bool:
    """Whether MLflow writes absolute addresses into the file of that name."""
    return name.name == "MLmodel"


def unpack(archive: Path, home: Path) -> Path:
    """The home in the folder `home`, every address in it pointing there."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(home)
    for path in filter(holds_addresses, (home / "mlflow" / "artifacts").rglob("*")):
        path.write_text(_at_home(path, home), encoding="utf-8")
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as store:
        store.executescript(f"PRAGMA synchronous = OFF; {_at_home(home / DUMP, home)}")
    (home / DUMP).unlink()
    return home


def settings_of(home: Path) -> Settings:
    """The settings that a golden home was made under, at the place where it was unpacked."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("FOREST_FIRE_")}
    golden = json.loads((HERE / SETTINGS).read_text(encoding="utf-8"))
    with patch.dict(os.environ, {**others, **golden, "FOREST_FIRE_HOME": str(home)}, clear=True):
        return load_settings()


def _at_home(path: Path, home: Path) -> str:
    return path.read_text(encoding="utf-8").replace(PLACEHOLDER, str(home))
