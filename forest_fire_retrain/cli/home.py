"""The Dagster home of an installation: created once, then only read."""

import os
import socket
import sys

import dagster as dg
from dagster import DagsterError
from dagster._check import CheckError
from yaml import YAMLError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.cli.privacy import close_home
from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.settings import Settings

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_queue:
  max_concurrent_runs: 1
run_monitoring:
  enabled: true
"""
WORKSPACE_YAML = """\
load_from:
  - python_module:
      module_name: forest_fire_retrain.definitions
      location_name: forest_fire_retrain
"""
LONGEST_WHY = 300  # characters of what Dagster says; it goes on to list all that is allowed
UNREADABLE = (YAMLError, DagsterError, CheckError, UnicodeError, TypeError, AttributeError, KeyError)
CLOSED = (
    "The home {home} could be read by others on this machine; it is its owner's alone now. "
    "FOREST_FIRE_PRIVATE_HOME=false leaves it as it is."
)


def prepare_home(settings: Settings) -> None:
    """Create the folders and Dagster's configuration where they are missing, and point this process at them."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    if close_home(settings):
        print(CLOSED.format(home=settings.home), file=sys.stderr)  # noqa: T201 - standard output may be JSON
    for name, text in (("dagster.yaml", DAGSTER_YAML), ("workspace.yaml", WORKSPACE_YAML)):
        path = settings.dagster_home / name
        if not path.exists():
            with written_beside(path) as beside:  # a cut leaves none rather than half of one
                beside.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of the installation.

    Raises
    ------
    HomeError
        If `dagster.yaml` is broken.
    """
    prepare_home(settings)
    try:
        return dg.DagsterInstance.from_config(str(settings.dagster_home))
    except UNREADABLE as error:
        config = settings.dagster_home / "dagster.yaml"
        why = " ".join(str(error).split())
        why = f"{why[:LONGEST_WHY]} …" if len(why) > LONGEST_WHY else why.rstrip(".")
        msg = (
            f"{config} is broken, so that Dagster cannot use the home: {why}. Correct it, or remove it to have it made "
            "anew; what was decided stands"
        )
        raise HomeError(msg) from error


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
