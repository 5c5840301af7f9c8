"""The environment that is read from the running process."""

import platform
from pathlib import Path

import sklearn

from forest_fire_retrain.adapters.runtime_environment import (
    PACKAGE_ROOT,
    read_computing_sources,
    read_environment,
    read_requirements,
)


def test_the_environment_names_the_running_versions() -> None:
    environment = read_environment(n_threads=1)
    assert environment.python_version == platform.python_version()
    assert environment.package_versions["scikit-learn"] == sklearn.__version__
    assert environment == read_environment(n_threads=1)


def test_the_code_that_computes_is_covered_and_the_shell_is_not() -> None:
    sources = read_computing_sources(PACKAGE_ROOT)
    assert {"core/training.py", "core/features.py"} <= set(sources)
    assert all(path.startswith(("core/", "pipeline/")) for path in sources)


def test_any_edit_of_computing_code_changes_the_code_version(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.py").write_text("x = 1\n")
    before = read_computing_sources(tmp_path)
    (tmp_path / "core" / "a.py").write_text("x = 2\n")
    assert read_computing_sources(tmp_path) != before


def test_requirements_are_pinned() -> None:
    requirements = read_requirements()
    assert f"scikit-learn=={sklearn.__version__}" in requirements
    assert all("==" in line for line in requirements)
