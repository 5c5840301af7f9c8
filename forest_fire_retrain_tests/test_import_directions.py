"""Imports go one way, and the core asks no clock, no environment and no file for anything.

Rules
-----
- What each room may import stands in `house.py`: other rooms, and libraries by name.
- In `core` and `pipeline` time is an argument and randomness has a seed; nothing there reaches out of the process.
- Packages (`__init__.py`) import nothing, but for the command's own.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import forest_fire_retrain
from forest_fire_retrain_tests.house import HOUSE

PROJECT = "forest_fire_retrain"
ROOT = Path(forest_fire_retrain.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
IMPURE_MODULES = {
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "socket", "urllib", "requests", "sqlite3"),
    *("time", "random", "secrets", "uuid", "platform", "getpass", "threading", "multiprocessing"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "default_rng"}  # default_rng only without a seed
IMPURE_NAMES = {"open", "input", "print", "exec", "eval", "__import__"}


def room_of(dotted: str) -> str | None:
    """The longest room that names a module, given as `core/decision/case`."""
    parts = dotted.split("/")
    names = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in HOUSE), None)


def find_violations(source: str, relative: Path) -> list[str]:
    """Every breach of the rules in the text of one module, as `line: what`."""
    here = relative.with_suffix("").as_posix().removesuffix("/__init__")
    room, tree = room_of(here), ast.parse(source)
    if room is None:
        return [] if relative.name == "__init__.py" and not list(_imported(tree)) else [f"{here} is in no room"]
    found = list(_wrong_imports(tree, room))
    if room.startswith(("core/", "pipeline/")):
        found += _impurities(tree)
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def _wrong_imports(tree: ast.AST, room: str) -> Iterator[str]:
    allowed = HOUSE[room]
    for line, name in _imported(tree):
        first, *rest = name.split(".")
        is_ours = first in {"", PROJECT}
        target = room_of("/".join(rest)) if first == PROJECT else None
        may_reach = target is not None and (target == room or _is_open(target, allowed.rooms))
        is_pure = room.startswith(("core/", "pipeline/"))
        may_use = first in allowed.libraries or (
            first in sys.stdlib_module_names and not (is_pure and first in IMPURE_MODULES)
        )
        if not (may_reach if is_ours else may_use):
            yield f"{line}: {room} imports {name}"


def _is_open(target: str, rooms: frozenset[str]) -> bool:
    """Whether a room is among those allowed; `adapters/` stands for every room below it."""
    return target in rooms or any(name.endswith("/") and target.startswith(name) for name in rooms)


def _impurities(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in IMPURE_NAMES:
            yield f"{node.lineno}: calls {node.func.id}"
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in IMPURE_CALLS
            and not (node.func.attr == "default_rng" and node.args)
        ):
            yield f"{node.lineno}: calls {ast.unparse(node.func)}"


def test_the_walk_finds_the_modules_it_is_for() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in MODULES}
    assert {"core/windows.py", "pipeline/preparing/featuring.py", "adapters/duckdb_ledger.py", "settings.py"} <= found


def test_every_room_is_lived_in() -> None:
    lived_in = {room_of(path.relative_to(ROOT).with_suffix("").as_posix()) for path in MODULES}
    assert set(HOUSE) - lived_in == set()


def test_no_library_and_no_room_is_allowed_in_vain() -> None:
    wanted: dict[str, set[str]] = {}
    for path in MODULES:
        room = room_of(path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__"))
        if room is not None:
            names = (name.split(".")[0] for _, name in _imported(ast.parse(path.read_text(encoding="utf-8"))))
            wanted.setdefault(room, set()).update(names)
    assert {name: room.libraries - wanted[name] for name, room in HOUSE.items() if room.libraries - wanted[name]} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    assert find_violations(path.read_text(encoding="utf-8"), path.relative_to(ROOT)) == []


@pytest.mark.parametrize(
    ("relative", "source"),
    [
        ("core/rows/a.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("core/rows/a.py", "from forest_fire_retrain.pipeline.preparing import snapshots"),
        ("core/rows/a.py", "import forest_fire_retrain.defs.assets"),
        ("core/rows/a.py", "from forest_fire_retrain import settings"),
        ("core/rows/a.py", "import forest_fire_retrain"),
        ("core/rows/a.py", "from ..adapters import delta_lake"),
        ("core/rows/a.py", "from forest_fire_retrain.core.models.training import fit"),
        ("core/rows/a.py", "from forest_fire_retrain.core.ledger.entries import LedgerEntry"),
        ("core/rows/a.py", "import sklearn"),
        ("core/decision/a.py", "from forest_fire_retrain.core.ledger.state import fold"),
        ("core/decision/a.py", "import pyarrow"),
        ("core/ledger/a.py", "import scipy.stats"),
        ("core/ledger/a.py", "import pandas as pd"),
        ("core/a.py", "x = 1"),
        ("core/rows/a.py", "def f():\n    import duckdb"),
        ("core/rows/a.py", "import dagster as dg"),
        ("core/rows/a.py", "import mlflow.sklearn"),
        ("core/rows/a.py", "from deltalake import DeltaTable"),
        ("core/rows/a.py", "import os\nx = os.environ['HOME']"),
        ("core/rows/a.py", "from os import environ"),
        ("core/rows/a.py", "from pathlib import Path"),
        ("core/rows/a.py", "import time\ntime.time()"),
        ("core/rows/a.py", "import random"),
        ("core/rows/a.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
        ("core/rows/a.py", "import datetime as dt\nx = dt.date.today()"),
        ("core/rows/a.py", "import numpy as np\nx = np.random.default_rng()"),
        ("core/rows/a.py", "x = open('notes.txt')"),
        ("pipeline/preparing/a.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("pipeline/preparing/a.py", "from forest_fire_retrain.settings import Settings"),
        ("pipeline/preparing/a.py", "from forest_fire_retrain.pipeline.custody.promoting import settle"),
        ("pipeline/preparing/a.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
        ("pipeline/custody/a.py", "from forest_fire_retrain.pipeline.retraining.judging import judge"),
        ("pipeline/custody/a.py", "import duckdb"),
        ("adapters/delta_lake.py", "from forest_fire_retrain.pipeline.preparing.featuring import build_features"),
        ("adapters/delta_lake.py", "from forest_fire_retrain.settings import Settings"),
        ("adapters/delta_lake.py", "import mlflow"),
        ("adapters/duckdb_engine.py", "import deltalake"),
        ("adapters/new_store.py", "import boto3"),
        ("defs/a.py", "from forest_fire_retrain.cli.console import out"),
        ("operations.py", "import dagster"),
        ("reports.py", "x = 1"),
    ],
)
def test_a_made_up_breach_is_found(relative: str, source: str) -> None:
    assert len(find_violations(source, Path(relative))) >= 1


@pytest.mark.parametrize(
    ("relative", "source"),
    [
        ("core/rows/a.py", "import datetime as dt\nfrom forest_fire_retrain.core.windows import Interval"),
        ("core/rows/a.py", "import numpy as np\nx = np.random.default_rng(7)"),
        ("core/ledger/a.py", "from forest_fire_retrain.core.decision.verdicts import Outcome"),
        (
            "pipeline/custody/a.py",
            "from forest_fire_retrain.core import windows\nfrom forest_fire_retrain.core.ledger import b",
        ),
        ("adapters/delta_lake.py", "import os, time\nfrom deltalake import DeltaTable"),
        ("settings.py", "from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig"),
        ("installation.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("defs/assets.py", "from forest_fire_retrain.pipeline.preparing.featuring import build_features"),
        ("cli/reading.py", "from forest_fire_retrain.adapters.ledger_export import read_export"),
    ],
)
def test_what_is_allowed_is_let_through(relative: str, source: str) -> None:
    assert find_violations(source, Path(relative)) == []
