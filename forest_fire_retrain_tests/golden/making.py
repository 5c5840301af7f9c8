"""Make a golden home: `python -m forest_fire_retrain_tests.golden.making TARGET_FOLDER`.

The home is made by the product's own commands. Only what no command does is done beside them: the ledger's schema is
taken back to its first version, MLflow refuses to move the alias once, and a person moves it by hand.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import duckdb

from forest_fire_retrain_tests.golden.unpacking import (
    ARCHIVE,
    DUMP,
    PLACEHOLDER,
    SETTINGS,
    holds_addresses,
    settings_of,
    unpack,
)

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BINARIES = Path(sys.executable).parent
MODEL = "forest_fire_risk"
LEFT_OUT = ("*.lock", "*.holder", "mlflow.db")
FIRST_SCHEMA = (
    "ALTER TABLE schema_version DROP COLUMN applied_at",
    "DELETE FROM schema_version",
    "INSERT INTO schema_version VALUES (1)",
)
CUT_BEFORE_THE_ALIAS = """
from unittest.mock import patch
from mlflow import MlflowClient, MlflowException
from forest_fire_retrain.cli import main
with patch.object(MlflowClient, "set_registered_model_alias", side_effect=MlflowException("the power went out")):
    main()
"""
MOVE_BY_HAND = """
import sys
from mlflow import MlflowClient
uri, model, version = sys.argv[1:]
MlflowClient(uri, registry_uri=uri).set_registered_model_alias(model, "champion", version)
"""


class Maker:
    """Runs commands on one home, as `engineer`, with nothing of this machine's environment but the interpreter's.

    Parameters
    ----------
    home : Path
        The home; it must not exist.
    settings : dict
        `FOREST_FIRE_*` variables without the home.
    """

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        home.mkdir(parents=True)
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "LOGNAME": "engineer",
            "USER": "engineer",
            "FOREST_FIRE_HOME": str(home),
            **settings,
        }

    def command(self, *words: str, code: int = 0, **settings: str) -> None:
        """`forest-fire` with these words, under other `settings` if given, which has to end with `code`."""
        self._run([str(BINARIES / "forest-fire"), *words], code, **settings)

    def cut_command(self, *words: str) -> None:
        """`forest-fire` with these words; MLflow refuses to move an alias."""
        self._run([sys.executable, "-c", CUT_BEFORE_THE_ALIAS, *words], 2)

    def move_alias_by_hand(self, version: int) -> None:
        """Point the alias elsewhere, past the product."""
        uri = f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"
        self._run([sys.executable, "-c", MOVE_BY_HAND, uri, MODEL, str(version)], 0)

    def take_schema_back(self) -> None:
        """Make the ledger one that the first release wrote."""
        with closing(duckdb.connect(self.home / "ledger.duckdb")) as connection:
            for statement in FIRST_SCHEMA:
                connection.execute(statement)

    def _run(self, command: list[str], code: int, **settings: str) -> None:
        environment = self._environment | settings
        done = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True, check=False)
        sys.stdout.write(f"$ {' '.join(command[1:])}\n{done.stdout}{done.stderr}\n")
        if done.returncode != code:
            msg = f"ended with {done.returncode}, expected {code}"
            raise RuntimeError(msg)


def live_through(maker: Maker) -> None:
    """A season with every kind of row; it ends healthy."""
    maker.command("freeze", "--until", "2024-07-20", "--reason", "the season has not begun")
    maker.take_schema_back()
    maker.command("unfreeze", "--reason", "the season begins")
    maker.command("backfill", "--from", "2024-07-08", "--to", "2024-07-22")
    maker.command("backfill", "--from", "2024-07-29", "--to", "2024-08-12")
    maker.cut_command("retrain", "--partition", "2024-08-19")
    maker.move_alias_by_hand(1)
    maker.command("retrain", "--partition", "2024-08-26")
    maker.command("verify", "--repair")
    maker.command("backfill", "--from", "2024-09-02", "--to", "2024-09-09")
    maker.command("clear-labels", "--from", "2024-08-19", "--to", "2024-08-25", "--reason", "the rangers were asked")
    maker.command("retrain", "--partition", "2024-07-22", "--knowledge", "as_known")
    maker.command("retrain", "--partition", "2024-08-05", FOREST_FIRE_RECIPE_NAMES='["logistic"]')
    maker.command("rollback", "--reason", "missed two fires", "--freeze-until", "2024-09-30")
    maker.command("retrain", "--partition", "2024-09-16")
    maker.command("unfreeze", "--reason", "looked at")
    maker.command("backfill", "--from", "2024-09-23", "--to", "2024-09-30")
    maker.move_alias_by_hand(1)
    maker.command("verify", code=1)
    maker.command("verify", "--repair")
    maker.command("verify")


def pack(home: Path, archive: Path) -> None:
    """The home as one file that can be unpacked anywhere."""
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as store:
        dump = "\n".join(store.iterdump())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(home.rglob("*")):
            name = path.relative_to(home)
            if path.is_dir() or _is_left_out(name):
                continue
            if holds_addresses(name):
                packed.writestr(name.as_posix(), _without_places(path.read_text(encoding="utf-8"), home))
            else:
                packed.write(path, name.as_posix())
        packed.writestr(DUMP, _without_places(dump, home))


def _is_left_out(name: Path) -> bool:
    return name.parts[0] == "dagster" or any(name.match(pattern) for pattern in LEFT_OUT)


def _without_places(text: str, home: Path) -> str:
    return text.replace(str(home), PLACEHOLDER).replace(f"{BINARIES}/", "")


def make(target: Path) -> None:
    """Write the archive, its settings and what is read out of it to `target`."""
    from forest_fire_retrain_tests.golden.reading import read_all  # noqa: PLC0415 - imports every adapter

    settings = json.loads((HERE / SETTINGS).read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="golden_") as folder:
        maker = Maker(Path(folder) / "made" / "home", settings)
        live_through(maker)
        pack(maker.home, target / ARCHIVE)
        home = unpack(target / ARCHIVE, Path(folder) / "unpacked")
        expected = read_all(settings_of(home))
    (target / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    text = json.dumps(expected, indent=1, ensure_ascii=False, sort_keys=True)
    (target / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path)
    make(parser.parse_args().target)
