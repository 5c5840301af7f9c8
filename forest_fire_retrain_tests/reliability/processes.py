"""Real processes in quick succession: everything is imported once, then each one is forked.

Rules
-----
- The process that forks runs no thread and has opened no store; whatever opens one is forked itself.
- A child has an environment, an argument list and files for its output of its own, runs what is
  registered for exit like any process, and is always waited for.
"""

import atexit
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

LONGEST_SECONDS = 1_500.0
UNFORESEEN = 70
PREFIX = "FOREST_FIRE_"
SAFE_TO_FORK_WITH = {"jemalloc_bg_thd"}
"""Threads that their own library stops and starts around a fork."""


class Ended(NamedTuple):
    """How a process ended; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"exit code {self.code}: {' '.join(self.err.split())[-600:]}"


class Child:
    """A process that was forked."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self._log = log
        self._started = time.monotonic()

    def wait(self, longest_seconds: float = LONGEST_SECONDS) -> Ended:
        """How it ended; one that takes too long is killed."""
        deadline = self._started + longest_seconds
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.005)
        out, err = (self._log.with_suffix(suffix).read_text(errors="replace") for suffix in (".out", ".err"))
        return Ended(status, out, err, time.monotonic() - self._started)

    def poll(self) -> int | None:
        """Its exit code, if it has ended and was not asked before."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def kill(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Kill it with -9, or signal it otherwise."""
        os.kill(self.pid, by)


def start(task: Callable[[], None], log: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Fork a process that does `task`; its output goes to `log` with `.out` and `.err`, which are empty from now on."""
    for suffix in (".out", ".err"):
        log.with_suffix(suffix).write_bytes(b"")
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become(task, log, environment or {})
    return Child(pid, log)


def forest_fire(*words: str) -> Callable[[], None]:
    """The command with these words, as a task."""

    def run() -> None:
        from forest_fire_retrain.cli import main  # noqa: PLC0415 - imported before the fork, or in the first child

        sys.argv = ["forest-fire", *words]
        main()

    return run


def ask(question: Callable[[], object], log: Path, environment: Mapping[str, str]) -> object:
    """The answer of `question` from a process of its own, as JSON gives it back; its `Ended` if it failed."""
    answer = log.with_suffix(".answer")
    answer.unlink(missing_ok=True)
    ended = start(lambda: _write_answer(answer, question()), log, environment).wait()
    return ended if ended.code else json.loads(answer.read_text())


def import_everything(task: Callable[[], None], log: Path, environment: Mapping[str, str]) -> None:
    """Do `task` in a child, then import here what it needed, so that no later child waits for it."""
    listed = log.with_suffix(".modules")

    def run() -> None:
        try:
            task()
        finally:
            listed.write_text(json.dumps(sorted(sys.modules)))

    ended = start(run, log, environment).wait()
    if ended.code:
        msg = f"the rehearsal failed: {ended}"
        raise RuntimeError(msg)
    for name in json.loads(listed.read_text()):
        if name not in sys.modules and not name.startswith("__"):
            _import(name)
    check_single_threaded()


def check_single_threaded() -> None:
    """Refuse to fork from a process with threads: a lock that one of them holds would stay locked in the child."""
    names = [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").iterdir()]
    foreign = sorted(name for name in names if name not in SAFE_TO_FORK_WITH)
    if threading.active_count() > 1 or len(foreign) > 1:
        msg = f"this process runs the threads {foreign}, forking is safe from one with a single thread"
        raise RuntimeError(msg)


def run_in_slots(trials: Sequence[Callable[[Path], object]], slots: Sequence[Path]) -> list[object]:
    """Do every trial in a process of its own, one at a time per slot; results in order, as JSON gives them back.

    A trial that fails itself comes back as its `Ended`, which no trial returns by itself.
    """
    waiting = list(enumerate(trials))[::-1]
    free, busy = list(slots), dict[int, tuple[Child, Path, int]]()
    results: list[object] = [None] * len(trials)
    while waiting or busy:
        while waiting and free:
            number, trial = waiting.pop()
            slot = free.pop()
            (slot / "trial.answer").unlink(missing_ok=True)
            child = start(partial(_do_trial, trial, slot), slot / "trial")
            busy[child.pid] = (child, slot, number)
        for pid, (child, slot, number) in list(busy.items()):
            if (code := child.poll()) is not None:
                del busy[pid]
                free.append(slot)
                results[number] = _read_trial(slot, code)
        time.sleep(0.01)
    return results


def _do_trial(trial: Callable[[Path], object], slot: Path) -> None:
    _write_answer(slot / "trial.answer", trial(slot))


def _read_trial(slot: Path, code: int) -> object:
    if code:
        out, err = ((slot / "trial").with_suffix(suffix).read_text() for suffix in (".out", ".err"))
        return Ended(code, out, err, 0.0)
    return json.loads((slot / "trial.answer").read_text())


def _write_answer(answer: Path, value: object) -> None:
    answer.write_text(json.dumps(value))


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:  # made at run time, as some of MLflow's are
        return


def _become(task: Callable[[], None], log: Path, environment: Mapping[str, str]) -> NoReturn:
    code = UNFORESEEN
    try:
        for number, suffix in ((1, ".out"), (2, ".err")):
            descriptor = os.open(log.with_suffix(suffix), os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
            os.dup2(descriptor, number)
        if environment:
            for name in [name for name in os.environ if name.startswith(PREFIX)]:
                del os.environ[name]
            os.environ.update(environment)
        task()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:  # noqa: BLE001 - the child's whole life; what it died of is in its output
        traceback.print_exc()
    finally:
        _leave(code)


def _leave(code: int) -> NoReturn:
    """End like any process, and never return into what the parent was doing."""
    try:
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001 - a process shows it and ends all the same
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
