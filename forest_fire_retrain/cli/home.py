"""The Dagster home of an installation: created once, then only read."""

import os
import socket

import dagster as dg

from forest_fire_retrain.adapters.atomic_files import written_beside
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


def prepare_home(settings: Settings) -> None:
    """Create the folders and Dagster's configuration where they are missing, and point this process at them."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    for name, text in (("dagster.yaml", DAGSTER_YAML), ("workspace.yaml", WORKSPACE_YAML)):
        path = settings.dagster_home / name
        if not path.exists():
            with written_beside(path) as beside:  # a cut leaves none rather than half of one
                beside.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of the installation."""
    prepare_home(settings)
    return dg.DagsterInstance.from_config(str(settings.dagster_home))


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
