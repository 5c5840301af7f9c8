"""See every write of the protocol from outside, without a hook in the product.

In a child process the installation's ports are put into proxies, and the few writes that do not go
through a port (the registry's single calls, the export, the parent run) are replaced where they are
looked up. Whoever watches is called before and after each write, and may kill the process.
"""

import dataclasses
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forest_fire_retrain.installation import Installation

BEFORE, AFTER = "before", "after"
Watch = Callable[[str, str], None]

PORT_WRITES = {
    "lake": ("replace", "overwrite", "append"),
    "records": ("put", "keep_page"),
    "tracker": ("prepare", "close_abandoned_runs", "tag_run", "end_active_run"),
    "models": ("save",),
    "ledger": ("append",),
}
RUN_WRITES = ("log",)
REGISTRY_WRITES = (
    "create_registered_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_alias",
)
"""Each one a transaction of MLflow's: a finer grain than the port's methods."""


class Recorder:
    """Lists the writes of a process in a file, a line each, with the seconds since it began to watch."""

    def __init__(self, listed: Path) -> None:
        self._listed = listed
        self._began = time.monotonic()

    def __call__(self, name: str, side: str) -> None:
        if side == BEFORE:
            with self._listed.open("a") as file:
                file.write(f"{name} {time.monotonic() - self._began:.4f}\n")


def read_recorded(listed: Path) -> list[tuple[str, float]]:
    """Writes and their seconds; a line that was cut is left out."""
    lines = listed.read_text().split("\n")[:-1] if listed.exists() else []
    return [(name, float(seconds)) for name, seconds in (line.split() for line in lines)]


class Killer:
    """Kills the process before or after its n-th write, and notes which one that was."""

    def __init__(self, number: int, side: str, noted: Path) -> None:
        self._number, self._side, self._noted = number, side, noted
        self._n_seen = 0

    def __call__(self, name: str, side: str) -> None:
        self._n_seen += side == BEFORE
        if self._n_seen == self._number and side == self._side:
            self._noted.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)


class Proxy:
    """A port whose writes are watched; one that it does not have would never be seen, and is an error."""

    def __init__(self, target: object, place: str, names: tuple[str, ...], watch: Watch) -> None:
        for name in names:
            getattr(target, name)
        self._target, self._place, self._names, self._watch = target, place, names, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return watched(found, f"{self._place}.{name}", self._watch) if name in self._names else found


class TrackerProxy(Proxy):
    """The tracker, with the runs that it opens."""

    @contextmanager
    def candidate_run(self, name: str, tags: dict[str, str]) -> Iterator[Proxy]:
        self._watch("tracker.start_run", BEFORE)
        with self._target.candidate_run(name, tags) as run:  # type: ignore[attr-defined] # a tracker
            self._watch("tracker.start_run", AFTER)
            yield Proxy(run, "tracker", RUN_WRITES, self._watch)
            self._watch("tracker.end_run", BEFORE)
        self._watch("tracker.end_run", AFTER)


def watched(call: Callable[..., Any], name: str, watch: Watch) -> Callable[..., Any]:
    """The same call, with `watch` before and after it."""

    @functools.wraps(call)
    def run(*arguments: object, **named: object) -> object:
        watch(name, BEFORE)
        answer = call(*arguments, **named)
        watch(name, AFTER)
        return answer

    return run


def watch_this_process(watch: Watch, change: Callable[[Installation], Installation] = lambda same: same) -> None:
    """Have every write of this process watched from now on; `change` may put other ports in place first."""
    from mlflow import MlflowClient  # noqa: PLC0415 - imported in the child

    from forest_fire_retrain import definitions, installation  # noqa: PLC0415 - as above
    from forest_fire_retrain.adapters import ledger_export  # noqa: PLC0415 - as above
    from forest_fire_retrain.cli import running  # noqa: PLC0415 - as above
    from forest_fire_retrain.defs import resources  # noqa: PLC0415 - as above

    build = installation.build_installation

    def build_watched(*arguments: Any, **named: Any) -> Installation:
        return _watch_ports(change(build(*arguments, **named)), watch)

    for module in (installation, definitions, running):
        module.build_installation = build_watched
    for name in REGISTRY_WRITES:
        setattr(MlflowClient, name, watched(getattr(MlflowClient, name), f"registry.{name}", watch))
    ledger_export.write_copy = watched(ledger_export.write_copy, "export.write", watch)
    resources._open_parent_run = watched(resources._open_parent_run, "tracker.open_parent_run", watch)


def _watch_ports(built: Installation, watch: Watch) -> Installation:
    kinds = {"tracker": TrackerProxy}
    ports = {
        name: kinds.get(name, Proxy)(getattr(built, name), name, writes, watch) for name, writes in PORT_WRITES.items()
    }
    return dataclasses.replace(built, **ports)
