"""Dagster's web interface behind a guard, with its daemon and its code server: what `forest-fire up` serves.

As `dagster dev` does it, web interface and daemon share one code server, which is started anew when it ends. The web
interface is in this process; the daemon is started by it and ends with it, and so does this process with the daemon.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_MAX_OVERFLOW, DEFAULT_POOL_RECYCLE
from dagster_webserver.version import __version__

from forest_fire_retrain.adapters.request_guard import RequestGuard, own_names
from forest_fire_retrain.cli.picture_route import add_pictures
from forest_fire_retrain.settings import load_settings

LOG_LEVEL = "warning"
REFRESH_MILLISECONDS = 2000
STOP_SECONDS = 10.0
LAST_REQUESTS_SECONDS = 2


def serve(workspace: Path, host: str, port: int, names: tuple[str, ...]) -> None:
    """Serve until a signal asks to stop, which raises `KeyboardInterrupt`, or until the daemon has ended."""
    with dg.DagsterInstance.get() as instance, _code_server(instance, workspace) as shared:
        instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
        target = WorkspaceFileTarget(paths=[str(shared)])
        with (
            WorkspaceProcessContext(instance, target, __version__, code_server_log_level=LOG_LEVEL) as context,
            _daemon(shared) as daemon,
        ):
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=REFRESH_MILLISECONDS)
            add_pictures(app, load_settings().picture_folder)
            _serve_beside(RequestGuard(app, own_names(host, port, names)), host, port, daemon)


@contextmanager
def _code_server(instance: dg.DagsterInstance, workspace: Path) -> Iterator[Path]:
    """Run the workspace's code server; yields a workspace file that leads to it."""
    target = WorkspaceFileTarget(paths=[str(workspace)])
    with ProxyServerManager(instance, target, LOG_LEVEL) as running, tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "workspace.yaml"
        specs = list(running.get_code_server_specs())
        shared.write_text(json.dumps({"load_from": specs}), encoding="utf-8")  # JSON is YAML
        yield shared


@contextmanager
def _daemon(workspace: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = (sys.executable, "-m", "dagster._daemon", "run", "--log-level", LOG_LEVEL, "--workspace", str(workspace))
    process = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _serve_beside(app: RequestGuard, host: str, port: int, daemon: "subprocess.Popen[bytes]") -> None:
    """Answer requests until a signal asks to stop, or the daemon has ended."""
    config = uvicorn.Config(
        app, host, port, log_level=LOG_LEVEL, lifespan="off", timeout_graceful_shutdown=LAST_REQUESTS_SECONDS
    )
    server = uvicorn.Server(config)

    def follow() -> None:
        daemon.wait()
        server.should_exit = True

    threading.Thread(target=follow, daemon=True).start()
    server.run()


def read_words(words: list[str] | None = None) -> Namespace:
    """What this process was started with."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", action="append", default=[])
    return parser.parse_args(words)


def run(given: Namespace) -> int:
    """Serve as the words say; the exit code."""
    for ask in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ask, signal.default_int_handler)
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"  # what `dagster dev` tells its processes
    try:
        serve(given.workspace, given.host, given.port, tuple(given.name))
    except KeyboardInterrupt:
        return 0
    print("Dagster's daemon ended, so the web interface ends too", file=sys.stderr)  # noqa: T201 - goes to the log
    return 1


if __name__ == "__main__":
    sys.exit(run(read_words()))
