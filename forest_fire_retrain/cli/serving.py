"""`forest-fire up`: catch up, predict today, then serve Dagster and MLflow until Ctrl-C, and stop all of it.

Dagster's web interface answers its own pages alone (`adapters/request_guard.py`). MLflow has such a guard itself, and
is told its names. A home is served once, and what is served is noted in it (`sole_server.py`); if this process is
killed, its servers are stopped (`minder.py`).
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.adapters.process_identity import began
from forest_fire_retrain.adapters.request_guard import own_names
from forest_fire_retrain.cli.console import out
from forest_fire_retrain.cli.home import is_port_free, open_instance
from forest_fire_retrain.cli.minder import Minder
from forest_fire_retrain.cli.predicting import predict_today
from forest_fire_retrain.cli.running import catch_up, foreseeable_faults_bare
from forest_fire_retrain.cli.sole_server import Running, ServingRecord, sole_server, this_process
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.defs.metadata import TRAINING_VIEW
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import Settings

START_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.3
FIRST_PAGES = {"MLflow": f"/#/experiments{TRAINING_VIEW}"}
"""What to open first of a server that shows something else by itself."""


class Server(NamedTuple):
    """A server that `up` starts."""

    name: str
    port_setting: str
    host: str
    port: int
    command: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}:{self.port}"


def bring_up(settings: Settings) -> None:
    """Bring the champion up to date, serve, and stop everything that was started.

    Raises
    ------
    ConfigurationError
        If another `up` works on the home or its servers still run, a port is taken, or a server does not start.
    """
    listen_to_stop_signals()
    with foreseeable_faults_bare(), open_instance(settings):
        pass  # a home that Dagster cannot open is refused before anything is started
    with sole_server(settings.home) as record:
        servers = plan_servers(settings)
        refuse_busy_ports(servers)
        build_installation(settings).tracker.prepare()
        _serve(settings, servers, record)


def _serve(settings: Settings, servers: Sequence[Server], record: ServingRecord) -> None:
    try:
        catch_up(settings)
        predict_today(settings)
        _run(settings, servers, record)
    except KeyboardInterrupt:
        out.print("Stopping.")


def _run(settings: Settings, servers: Sequence[Server], record: ServingRecord) -> None:
    """Start the servers, watch them, and stop them, whoever has to do it."""
    started: list[subprocess.Popen[bytes]] = []
    minder = Minder()
    refuse_busy_ports(servers)  # again: deciding takes minutes
    try:
        for server in servers:
            started.append(_start(server, settings))
            minder.mind(started[-1].pid)
            record.note([this_process(), *_describe(servers, started)])
        for server, process in zip(servers, started, strict=True):
            _await(server, process)
        _print_places(settings, servers)
        _watch(servers, started)
    finally:
        stop(started)
        minder.dismiss()


def _describe(servers: Sequence[Server], started: Sequence["subprocess.Popen[bytes]"]) -> list[Running]:
    """What was started so far, as the home keeps it."""
    together = zip(servers, started, strict=False)
    return [Running(server.name, server.address, process.pid, began(process.pid)) for server, process in together]


def listen_to_stop_signals() -> None:
    """Treat SIGTERM like Ctrl-C, and Ctrl-C as such even where a script has switched it off."""
    for ask in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ask, signal.default_int_handler)


def plan_servers(settings: Settings) -> list[Server]:
    """Dagster's UI with its daemon, and MLflow's UI unless MLflow runs elsewhere."""
    plan = [_plan_dagster(settings)]
    if settings.mlflow_tracking_uri is None:
        plan.append(_plan_mlflow(settings))
    return plan


def _plan_dagster(settings: Settings) -> Server:
    workspace = settings.dagster_home / "workspace.yaml"
    dagster = (sys.executable, "-m", "forest_fire_retrain.cli.dagster_servers", "--workspace", str(workspace))
    listen = ("--host", settings.host, "--port", str(settings.dagster_port))
    names = (word for name in settings.served_names for word in ("--name", name))
    command = (*dagster, *listen, *names)
    return Server("Dagster", "FOREST_FIRE_DAGSTER_PORT", settings.host, settings.dagster_port, command)


def _plan_mlflow(settings: Settings) -> Server:
    mlflow = (sys.executable, "-m", "mlflow", "server", "--backend-store-uri", settings.tracking_uri)
    artifacts = ("--default-artifact-root", str(settings.artifact_location), "--workers", "1")
    listen = ("--host", settings.host, "--port", str(settings.mlflow_port))
    names = sorted(own_names(settings.host, settings.mlflow_port, settings.served_names))
    origins = [f"{scheme}://{name}" for name in settings.served_names for scheme in ("http", "https")]
    allow = ("--allowed-hosts", ",".join(names), *(("--cors-allowed-origins", ",".join(origins)) if origins else ()))
    command = (*mlflow, *artifacts, *listen, *allow)
    return Server("MLflow", "FOREST_FIRE_MLFLOW_PORT", settings.host, settings.mlflow_port, command)


def refuse_busy_ports(servers: Sequence[Server]) -> None:
    """Say which ports are taken; whoever answers there would be taken for the server that could not start.

    Raises
    ------
    ConfigurationError
        If a port is taken.
    """
    busy = [server for server in servers if not is_port_free(server.host, server.port)]
    if busy:
        listed = "\n".join(f"  - {s.name}: {s.host}:{s.port} is taken; set {s.port_setting}" for s in busy)
        msg = f"{counted(len(busy), 'port')} taken; no server was started.\n{listed}\nThen run: forest-fire up"
        raise ConfigurationError(msg)


def stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End the processes and everything they started, gently first."""
    for ask in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            _signal_group(process, ask)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(_group_is_alive(process) for process in processes):
            for process in processes:
                process.poll()
            time.sleep(0.1)


def _start(server: Server, settings: Settings) -> "subprocess.Popen[bytes]":
    log = settings.home / "logs" / f"{server.name.lower()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 - our own commands
            server.command,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_environment(os.environ, settings),
            start_new_session=True,
            cwd=settings.dagster_home,
        )


def _environment(inherited: Mapping[str, str], settings: Settings) -> dict[str, str]:
    return {
        **inherited,
        "DAGSTER_HOME": str(settings.dagster_home),
        "FOREST_FIRE_HOME": str(settings.home),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUNBUFFERED": "1",
    }


def _await(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(server.address, timeout=5):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_SECONDS)
    ended = process.poll()
    why = f"ended with code {ended}" if ended is not None else f"did not answer within {START_SECONDS:g} s"
    msg = f"{server.name} {why}; its output is in logs/{server.name.lower()}.log of the home folder"
    raise ConfigurationError(msg)


def _print_places(settings: Settings, servers: Sequence[Server]) -> None:
    for server in servers:
        out.print(f"{server.name:<8} {server.address}{FIRST_PAGES.get(server.name, '')}", markup=False)
    if settings.mlflow_tracking_uri is not None:
        out.print("MLflow   as FOREST_FIRE_MLFLOW_TRACKING_URI says")
    out.print(f"Ledger   {settings.ledger_file}", markup=False)
    out.print(f"Home     {settings.home}", markup=False)
    out.print("Schedule and sensor are running. Ctrl-C stops everything.")


def _watch(servers: Sequence[Server], processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Block while all servers live."""
    while True:
        for server, process in zip(servers, processes, strict=True):
            if process.poll() is not None:
                msg = (
                    f"{server.name} ended with code {process.returncode}; its output is in "
                    f"logs/{server.name.lower()}.log of the home folder. Start again with: forest-fire up"
                )
                raise ConfigurationError(msg)
        time.sleep(POLL_SECONDS)


def _signal_group(process: "subprocess.Popen[bytes]", ask: signal.Signals) -> None:
    try:
        os.killpg(process.pid, ask)
    except (ProcessLookupError, PermissionError):
        process.poll()


def _group_is_alive(process: "subprocess.Popen[bytes]") -> bool:
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
