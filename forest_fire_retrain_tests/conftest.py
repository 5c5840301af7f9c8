"""Every test: one set of Hypothesis examples on every run, no verdict on the machine's speed, no time spent on waste.

The quick half of the tests tries a quarter of each property's examples; whoever runs the slow tests too, as `.ci/run`
does, tries them all.
"""

import atexit
import gc
import os
import sqlite3
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event
from threadpoolctl import threadpool_limits

settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("steady"), max_examples=25)
settings.load_profile("steady")

GARBAGE_WORTH_A_LOOK = 50_000

gc.disable()  # until the tests are collected: modules and classes stay, looking for garbage in them takes seconds


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported, and thus before any property takes its settings."""
    if "not slow" in config.getoption("markexpr"):
        settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """What is imported by now is not looked through for garbage again; test processes side by side share the cores."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # so that extension modules are taken apart at exit, and report no leaks that are none
    gc.set_threshold(GARBAGE_WORTH_A_LOOK)
    gc.enable()
    if "PYTEST_XDIST_WORKER" in os.environ:
        threadpool_limits(1)  # threads of numpy and scikit-learn that wait for a core keep it busy meanwhile


@event.listens_for(Engine, "connect")
def leave_writing_to_the_system(connection: object, _record: object) -> None:
    """Let no store of Dagster or MLflow wait for the disk: no test cuts the power, a killed process loses nothing."""
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.DatabaseError):  # what is wrong with the file shows where the product uses it
            connection.execute("PRAGMA synchronous = OFF")
