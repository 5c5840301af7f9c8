"""Read the running interpreter, the installed packages and the project's own code."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from forest_fire_retrain.core.models.code_version import fingerprint_code
from forest_fire_retrain.core.models.environment import (
    TRAINING_PACKAGES,
    describe_environment,
    pinned_requirements,
    training_packages,
)
from forest_fire_retrain.core.records import Environment

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
COMPUTING_FOLDERS = ("core", "pipeline", "adapters")
TRAINING_WINGS = ("pipeline/preparing", "pipeline/retraining")
"""What decides how a candidate comes out and how it is judged."""


def read_environment(n_threads: int) -> Environment:
    """The environment that training would run in now.

    Parameters
    ----------
    n_threads : int
        Threads that training is pinned to.

    Raises
    ------
    ConfigurationError
        If a package that takes part in training is not installed.
    """
    return describe_environment(
        python_version=platform.python_version(),
        installed=_installed_versions(),
        code_version=read_code_version(*TRAINING_WINGS),
        n_threads=n_threads,
        processor=read_processor(),
    )


@cache
def read_processor() -> str:
    """Kind of processor: its instruction set, the best one that numpy uses, and the kernels that BLAS chose for it.

    The kernels are BLAS's own choice at start, so that the same processor can be another one under another release.
    """
    import numpy as np  # noqa: PLC0415 - whoever only asks for the code's version waits for no library
    import scipy.linalg  # noqa: F401, PLC0415 - has a BLAS of its own
    from threadpoolctl import threadpool_info  # noqa: PLC0415 - as above

    instructions = np.show_config(mode="dicts")["SIMD Extensions"]
    best = [*instructions["baseline"], *instructions["found"]][-1:]
    kernels = sorted({str(pool["architecture"]) for pool in threadpool_info() if "architecture" in pool})
    return ", ".join([platform.machine(), *(f"numpy {name}" for name in best), *(f"BLAS {name}" for name in kernels)])


@cache
def read_code_version(*entrances: str) -> str:
    """Fingerprint of wings or modules of this installation, and of all that they import; the same while this runs."""
    return fingerprint_code(_read_sources(), entrances)


def read_sources(package_root: Path) -> dict[str, str]:
    """Text of the code that computes, by path within the package."""
    files = (path for folder in COMPUTING_FOLDERS for path in (package_root / folder).rglob("*.py"))
    return {path.relative_to(package_root).as_posix(): path.read_text(encoding="utf-8") for path in files}


@cache
def _read_sources() -> dict[str, str]:
    return read_sources(PACKAGE_ROOT)


@cache
def read_requirements() -> list[str]:
    """One `name==version` per package a stored model needs to be read again, sorted; the same while this runs."""
    return pinned_requirements(training_packages(_installed_versions()))


def _installed_versions() -> dict[str, str]:
    return {name: found for name in TRAINING_PACKAGES if (found := _installed_version(name)) is not None}


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
