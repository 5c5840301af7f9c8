"""`forest-fire up` with servers that start at once in place of Dagster's and MLflow's: what is tried is `up` itself."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from forest_fire_retrain_tests.reliability.processes import Child, forest_fire

ANSWERING = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    caller, _ = server.accept()
    caller.recv(4096)
    caller.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere")
    caller.close()
"""
SERVING = "Ctrl-C stops everything."
LONGEST_SECONDS = 150.0


def up_with_small_servers() -> Callable[[], None]:
    """The command, as a task."""

    def run() -> None:
        from forest_fire_retrain.cli import serving  # noqa: PLC0415 - imported in the child

        serving.plan_servers = lambda _settings: [  # type: ignore[assignment] # the same servers wherever it is asked
            serving.Server(name, f"FOREST_FIRE_{name.upper()}_PORT", "127.0.0.1", port, _command(port))
            for name, port in zip(("Dagster", "MLflow"), _free_ports(2), strict=True)
        ]
        forest_fire("up")()

    return run


def wait_until_serving(up: Child, log: Path) -> str | None:
    """Why `up` did not come to serve; `None` if it did."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        if SERVING in log.with_suffix(".out").read_text(errors="replace"):
            return None
        if (code := up.poll()) is not None:
            return f"`up` ended with code {code}: {log.with_suffix('.err').read_text(errors='replace')[-600:]}"
        time.sleep(0.02)
    up.kill()
    up.wait()
    return f"`up` did not come to serve within {LONGEST_SECONDS:g} s"


def _command(port: int) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", ANSWERING, str(port))


def _free_ports(n_ports: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n_ports)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
