"""Imports go one way, and the core asks no clock, no environment and no file for anything.

Rules
-----
- `core` imports no other part of the project, and nothing that connects, stores or orchestrates.
- `pipeline` imports `core` and `pipeline`; `adapters` import `core` and `adapters`; `backtest` all of these.
- Only the shell (settings, installation, definitions, defs, the command line) imports everything.
- In `core` and `pipeline` time is an argument and randomness has a seed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import forest_fire_retrain

PROJECT = "forest_fire_retrain"
ROOT = Path(forest_fire_retrain.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
OUTSIDE = {
    "dagster",
    "dagster_mlflow",
    "mlflow",
    "duckdb",
    "deltalake",
    "filelock",
    "typer",
    "rich",
    "pydantic_settings",
}
IMPURE_MODULES = {
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "socket", "urllib", "requests", "sqlite3"),
    *("time", "random", "secrets", "uuid", "platform", "getpass", "threading", "multiprocessing"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "default_rng"}  # default_rng only without a seed
IMPURE_NAMES = {"open", "input", "print", "exec", "eval", "__import__"}
ALLOWED_PARTS = {
    "core": {"core"},
    "pipeline": {"core", "pipeline"},
    "adapters": {"core", "adapters"},
    "backtest": {"core", "pipeline", "adapters", "backtest"},
}
SHELL = {"settings", "installation", "definitions", "defs"}


def part_of(relative: Path) -> str:
    """`core` for `core/windows.py`, `settings` for `settings.py`."""
    return relative.parts[0].removesuffix(".py")


def is_shell(part: str) -> bool:
    return part in SHELL or part.startswith("cli")


def find_violations(source: str, relative: Path) -> list[str]:
    """Every breach of the rules in the text of one module, as `line: what`."""
    part, tree = part_of(relative), ast.parse(source)
    found = [] if is_shell(part) else list(_wrong_imports(tree, part))
    if part in {"core", "pipeline"}:
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


def _wrong_imports(tree: ast.AST, part: str) -> Iterator[str]:
    allowed = ALLOWED_PARTS.get(part, {"core"})
    for line, name in _imported(tree):
        first, *rest = name.split(".")
        points_wrong = first in {"", PROJECT} and (not rest or rest[0] not in allowed)
        reaches_out = part in {"core", "pipeline"} and first in OUTSIDE | IMPURE_MODULES
        if points_wrong or reaches_out:
            yield f"{line}: {part} imports {name}"


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
    assert {"core/windows.py", "pipeline/featuring.py", "adapters/duckdb_ledger.py", "settings.py"} <= found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_part_may(path: Path) -> None:
    assert find_violations(path.read_text(encoding="utf-8"), path.relative_to(ROOT)) == []


@pytest.mark.parametrize(
    ("relative", "source"),
    [
        ("core/a.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("core/a.py", "from forest_fire_retrain.pipeline import snapshots"),
        ("core/a.py", "import forest_fire_retrain.defs.assets"),
        ("core/a.py", "from forest_fire_retrain import settings"),
        ("core/a.py", "import forest_fire_retrain"),
        ("core/a.py", "from ..adapters import delta_lake"),
        ("core/a.py", "def f():\n    import duckdb"),
        ("core/a.py", "import dagster as dg"),
        ("core/a.py", "import mlflow.sklearn"),
        ("core/a.py", "from deltalake import DeltaTable"),
        ("core/a.py", "import os\nx = os.environ['HOME']"),
        ("core/a.py", "from os import environ"),
        ("core/a.py", "from pathlib import Path"),
        ("core/a.py", "import time\ntime.time()"),
        ("core/a.py", "import random"),
        ("core/a.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
        ("core/a.py", "import datetime as dt\nx = dt.date.today()"),
        ("core/a.py", "import numpy as np\nx = np.random.default_rng()"),
        ("core/a.py", "x = open('notes.txt')"),
        ("pipeline/a.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("pipeline/a.py", "from forest_fire_retrain.settings import Settings"),
        ("pipeline/a.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
        ("pipeline/a.py", "import duckdb"),
        ("adapters/a.py", "from forest_fire_retrain.pipeline.featuring import build_features"),
        ("adapters/a.py", "from forest_fire_retrain.settings import Settings"),
        ("reports.py", "from forest_fire_retrain.adapters.delta_lake import DeltaLake"),
        ("reports.py", "from forest_fire_retrain.pipeline import snapshots"),
    ],
)
def test_a_made_up_breach_is_found(relative: str, source: str) -> None:
    assert len(find_violations(source, Path(relative))) >= 1


@pytest.mark.parametrize(
    ("relative", "source"),
    [
        ("core/a.py", "import datetime as dt\nfrom forest_fire_retrain.core.windows import Interval"),
        ("core/a.py", "import numpy as np\nx = np.random.default_rng(7)"),
        ("pipeline/a.py", "from forest_fire_retrain.core import windows\nfrom forest_fire_retrain.pipeline import b"),
        ("adapters/a.py", "import os, time\nimport duckdb\nfrom forest_fire_retrain.adapters.delta_lake import X"),
        ("settings.py", "from forest_fire_retrain.adapters.simulator import SimulatorConfig"),
        ("defs/assets.py", "from forest_fire_retrain.pipeline.featuring import build_features"),
        ("cli_reading.py", "from forest_fire_retrain.adapters.ledger_export import read_export"),
    ],
)
def test_what_is_allowed_is_let_through(relative: str, source: str) -> None:
    assert find_violations(source, Path(relative)) == []
