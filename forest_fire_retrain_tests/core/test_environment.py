"""The description of the environment: complete, and changed by whatever can change a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.environment import (
    TRAINING_PACKAGES,
    describe_environment,
    fingerprint_sources,
    pinned_requirements,
)
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.records import Environment

INSTALLED = dict.fromkeys(TRAINING_PACKAGES, "1.0")
SOURCES = st.dictionaries(st.text("ab/.", max_size=5), st.binary(max_size=8), max_size=4)


def describe(**changed: object) -> Environment:
    given_ = {"python_version": "3.11.7", "installed": INSTALLED, "sources": {"a.py": b"x"}, "n_threads": 1}
    return describe_environment(**{**given_, **changed})  # type: ignore[arg-type]


def test_only_packages_that_take_part_in_training_are_described() -> None:
    environment = describe(installed={**INSTALLED, "rich": "13"})
    assert environment.package_versions == INSTALLED


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="not installed: skops"):
        describe(installed={name: version for name, version in INSTALLED.items() if name != "skops"})


def test_requirements_are_sorted_and_pinned() -> None:
    requirements = pinned_requirements(describe())
    assert requirements == sorted(requirements)
    assert "skops==1.0" in requirements


@given(first=SOURCES, second=SOURCES)
def test_sources_have_the_same_fingerprint_only_if_they_are_the_same(
    first: dict[str, bytes], second: dict[str, bytes]
) -> None:
    assert (fingerprint_sources(first) == fingerprint_sources(second)) == (first == second)


def test_neither_reading_order_nor_line_ends_change_the_fingerprint() -> None:
    one = fingerprint_sources({"a.py": b"x\ny\n", "b.py": b"z\n"})
    assert one == fingerprint_sources({"b.py": b"z\r\n", "a.py": b"x\r\ny\r\n"})


def test_moving_content_from_one_file_to_the_next_changes_the_fingerprint() -> None:
    assert fingerprint_sources({"a": b"12", "b": b"3"}) != fingerprint_sources({"a": b"1", "b": b"23"})
