"""Every test: one set of Hypothesis examples on every run, no verdict on the machine's speed, no time spent on waste.

The quick half of the tests tries a quarter of each property's examples; whoever runs the slow tests too, as `.ci/run`
does, tries them all.
"""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("steady"), max_examples=25)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported, and thus before any property takes its settings."""
    if "not slow" in config.getoption("markexpr"):
        settings.load_profile("quick")
