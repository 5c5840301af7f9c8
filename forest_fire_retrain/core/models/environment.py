"""Say in what environment a model is trained, from what an adapter read of it."""

from collections.abc import Mapping

from threadpoolctl import get_cached_controller

from forest_fire_retrain.core.errors import ConfigurationError, list_capped
from forest_fire_retrain.core.records import Environment

TRAINING_PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops", "threadpoolctl")
"""Packages whose versions can change a model's bits, or whether it can be read again."""


def describe_environment(
    *, python_version: str, installed: Mapping[str, str], code_version: str, n_threads: int, processor: str = ""
) -> Environment:
    """The environment record; equal inputs give an equal record.

    Parameters
    ----------
    python_version : str
        Version of the interpreter.
    installed : mapping
        Package name to version; packages that take no part in training are left out.
    code_version : str
        Fingerprint of the project's own code that trains.
    n_threads : int
        Threads that training is pinned to.
    processor : str
        Kind of processor.

    Raises
    ------
    ConfigurationError
        If a package that takes part in training is not installed.
    """
    return Environment(
        python_version=python_version,
        package_versions=training_packages(installed),
        code_version=code_version,
        n_threads=n_threads,
        processor=processor,
    )


def training_packages(installed: Mapping[str, str]) -> dict[str, str]:
    """The versions of the packages that take part in training.

    Raises
    ------
    ConfigurationError
        If one of them is not installed.
    """
    missing = [name for name in TRAINING_PACKAGES if name not in installed]
    if missing:
        msg = f"packages needed for training are not installed: {list_capped(missing)}. Install the project again."
        raise ConfigurationError(msg)
    return {name: installed[name] for name in TRAINING_PACKAGES}


def pinned_requirements(package_versions: Mapping[str, str]) -> list[str]:
    """One `name==version` per package, sorted."""
    return [f"{name}=={version}" for name, version in sorted(package_versions.items())]


def granted_threads(wanted: int) -> int:
    """Threads that the numerical libraries of this process really use when they are pinned to `wanted`."""
    controller = get_cached_controller()
    with controller.limit(limits=wanted):
        return min((int(pool["num_threads"]) for pool in controller.info()), default=wanted)
