"""What faults are made of: mounts, an MLflow server that can be killed, a process that holds the ledger."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_SECONDS = 120.0


class NotPossibleHereError(Exception):
    """This machine does not allow the fault; it counts as not run, never as passed."""


@contextmanager
def small_file_system(folder: Path, size_mb: int) -> Iterator[None]:
    """A tmpfs of that size in the place of `folder`."""
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)
        folder.rmdir()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder`, mounted over itself so that nobody can write to it, root included."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


@contextmanager
def ballast(folder: Path, n_free_bytes: int) -> Iterator[None]:
    """The file system of `folder` filled until `n_free_bytes` are left."""
    path = folder / "ballast"
    held = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(held.f_bavail * held.f_frsize - n_free_bytes, 1))
    try:
        yield
    finally:
        path.unlink()


class MlflowServer:
    """A real `mlflow server` on a store below `folder`; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        store = ("--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}")
        artifacts = ("--artifacts-destination", str(self._folder / "artifacts"), "--workers", "1")
        where = ("--host", "127.0.0.1", "--port", str(self._port))
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "mlflow", "server", *store, *artifacts, *where),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
                start_new_session=True,
            )
        deadline = time.monotonic() + SERVER_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                msg = f"the MLflow server did not start: {(self._folder / 'server.log').read_text()[-1000:]}"
                raise RuntimeError(msg)
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it and its workers with -9, from whichever process of ours; not reaped unless its parent does."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close(self) -> None:
        """Kill it and wait for its end."""
        self.kill()
        if self._process is not None:
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:  # noqa: S310 - our own server
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _mount(*words: str) -> None:
    try:
        done = subprocess.run(("mount", *words), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        msg = "there is no mount command"
        raise NotPossibleHereError(msg) from error
    if done.returncode:
        msg = f"mounting was refused: {' '.join(done.stderr.split())}"
        raise NotPossibleHereError(msg)
