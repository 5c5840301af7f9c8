"""The Dagster home of an installation: created once, then only read."""

import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

import dagster as dg

from forest_fire_retrain.adapters.atomic_files import written_beside
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


def prepare_home(settings: Settings) -> None:
    """Create the folders and Dagster's configuration where they are missing, and point this process at them."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    for name, text in (("dagster.yaml", DAGSTER_YAML), ("workspace.yaml", WORKSPACE_YAML)):
        path = settings.dagster_home / name
        if not path.exists():
            with written_beside(path) as beside:  # a cut leaves none rather than half of one
                beside.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(locate_dagster(settings))


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of the installation."""
    prepare_home(settings)
    return dg.DagsterInstance.from_config(str(locate_dagster(settings)))


def locate_dagster(settings: Settings) -> Path:
    """Dagster's folder by a path that Dagster can use.

    Dagster ends the path of its databases at a `?`. Such a home is reached by a link in a folder of the user's own
    below the folder for temporary files; it is made again where it is missing, and leads into the home only.

    Raises
    ------
    HomeError
        If that folder belongs to somebody else, or others may write in it.
    """
    target = settings.dagster_home
    if "?" not in str(target):
        return target
    folder = Path(tempfile.gettempdir()) / f"forest_fire_{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    held = folder.lstat()
    if not stat.S_ISDIR(held.st_mode) or held.st_uid != os.getuid() or held.st_mode & 0o022:
        msg = f"{folder} has to be a folder of yours that nobody else can write in. Remove it, or use a home without '?'"
        raise HomeError(msg)
    link = folder / hashlib.sha256(os.fsencode(target)).hexdigest()
    if not link.is_symlink():
        with written_beside(link) as beside:
            beside.symlink_to(target)
    return link


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
