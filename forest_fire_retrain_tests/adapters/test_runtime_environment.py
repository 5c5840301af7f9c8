"""The environment that is read from the running process."""

import platform

import sklearn

from forest_fire_retrain.adapters.runtime_environment import (
    PACKAGE_ROOT,
    TRAINING_WINGS,
    read_environment,
    read_requirements,
    read_sources,
)
from forest_fire_retrain.core.models.code_version import reach


def test_the_environment_names_the_running_versions() -> None:
    environment = read_environment(n_threads=1)
    assert environment.python_version == platform.python_version()
    assert environment.package_versions["scikit-learn"] == sklearn.__version__
    assert environment == read_environment(n_threads=1)


def test_the_code_that_computes_is_covered_and_the_shell_is_not() -> None:
    sources = read_sources(PACKAGE_ROOT)
    assert {"core/models/training.py", "core/rows/features.py", "pipeline/preparing/featuring.py"} <= set(sources)
    assert all(path.startswith(("core/", "pipeline/", "adapters/")) for path in sources)


def test_training_is_covered_with_all_that_it_imports() -> None:
    reached = reach(read_sources(PACKAGE_ROOT), TRAINING_WINGS)
    assert {"core/models/training.py", "core/rows/fire_weather.py", "core/decision/adjudication.py"} <= reached
    assert not any(path.startswith("adapters/") for path in reached)


def test_requirements_are_pinned() -> None:
    requirements = read_requirements()
    assert f"scikit-learn=={sklearn.__version__}" in requirements
    assert all("==" in line for line in requirements)


def test_the_processor_is_named_by_what_the_numerical_libraries_made_of_it() -> None:
    processor = read_environment(n_threads=1).processor
    assert processor.startswith(f"{platform.machine()}, numpy ")
    assert ", BLAS " in processor
