"""The description of the environment: complete, and changed by whatever can change a model."""

import pytest

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.models.environment import (
    TRAINING_PACKAGES,
    describe_environment,
    granted_threads,
    pinned_requirements,
)
from forest_fire_retrain.core.records import Environment

INSTALLED = dict.fromkeys(TRAINING_PACKAGES, "1.0")


def describe(**changed: object) -> Environment:
    given_ = {"python_version": "3.11.7", "installed": INSTALLED, "code_version": "c" * 64, "n_threads": 1}
    return describe_environment(**{**given_, **changed})  # type: ignore[arg-type]


def test_only_packages_that_take_part_in_training_are_described() -> None:
    environment = describe(installed={**INSTALLED, "rich": "13"})
    assert environment.package_versions == INSTALLED


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="not installed: skops"):
        describe(installed={name: version for name, version in INSTALLED.items() if name != "skops"})


def test_requirements_are_sorted_and_pinned() -> None:
    requirements = pinned_requirements(describe().package_versions)
    assert requirements == sorted(requirements)
    assert "skops==1.0" in requirements


def test_what_is_older_than_the_processor_is_written_as_it_was() -> None:
    assert "processor" not in describe().model_dump()
    assert describe(processor="x86_64").model_dump()["processor"] == "x86_64"
    assert Environment.model_validate_json(describe().model_dump_json()) == describe()


def test_a_machine_grants_no_more_threads_than_its_libraries_can_use() -> None:
    assert granted_threads(1) == 1
    assert 1 <= granted_threads(100_000) < 100_000
