"""`forest-fire up`: catch up, predict today, then serve Dagster and MLflow until Ctrl-C, and stop all of it."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.cli.console import out
from forest_fire_retrain.cli.home import is_port_free, prepare_home
from forest_fire_retrain.cli.predicting import predict_today
from forest_fire_retrain.cli.running import catch_up
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
        If a port is taken or a server does not start.
    """
    servers = plan_servers(settings)
    refuse_busy_ports(servers)
    listen_to_stop_signals()
    prepare_home(settings)
    build_installation(settings).tracker.prepare()
    started: list[subprocess.Popen[bytes]] = []
    try:
        catch_up(settings)
        predict_today(settings)
        started = [_start(server, settings) for server in servers]
        for server, process in zip(servers, started, strict=True):
            _await(server, process)
        _print_places(settings, servers)
        _watch(servers, started)
    except KeyboardInterrupt:
        out.print("Stopping.")
    finally:
        stop(started)


def listen_to_stop_signals() -> None:
    """Treat SIGTERM like Ctrl-C, and Ctrl-C as such even where a script has switched it off."""
    for ask in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ask, signal.default_int_handler)


def plan_servers(settings: Settings) -> list[Server]:
    """Dagster's UI with its daemon, and MLflow's UI unless MLflow runs elsewhere."""
    dagster = (sys.executable, "-m", "dagster", "dev", "-w", str(settings.dagster_home / "workspace.yaml"))
    listen = ("--host", settings.host, "--port")
    servers = [
        Server(
            "Dagster",
            "FOREST_FIRE_DAGSTER_PORT",
            settings.host,
            settings.dagster_port,
            (*dagster, *listen, str(settings.dagster_port), "--log-level", "warning"),
        )
    ]
    if settings.mlflow_tracking_uri is None:
        mlflow = (sys.executable, "-m", "mlflow", "server", "--backend-store-uri", settings.tracking_uri)
        artifacts = ("--default-artifact-root", str(settings.artifact_location), "--workers", "1")
        servers.append(
            Server(
                "MLflow",
                "FOREST_FIRE_MLFLOW_PORT",
                settings.host,
                settings.mlflow_port,
                (*mlflow, *artifacts, *listen, str(settings.mlflow_port)),
            )
        )
    return servers


def refuse_busy_ports(servers: Sequence[Server]) -> None:
    """Say which ports are taken before anything is started.

    Raises
    ------
    ConfigurationError
        If a port is taken.
    """
    busy = [server for server in servers if not is_port_free(server.host, server.port)]
    if busy:
        listed = "\n".join(f"  - {s.name}: {s.host}:{s.port} is taken; set {s.port_setting}" for s in busy)
        msg = f"{len(busy)} port(s) are taken; nothing was started.\n{listed}\nThen run: forest-fire up"
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
