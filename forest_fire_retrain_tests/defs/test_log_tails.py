"""The processes that show a run's output end with it, wherever it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forest_fire_retrain.defs.log_tails import _can_be_bound

KILLED_BEHIND_ITS_TAIL = """
import os, signal, sys
from dagster._core.execution import compute_logs
from forest_fire_retrain.defs.log_tails import bind_log_tails

bind_log_tails()
tail = compute_logs.subprocess.Popen(["tail", "-F", "-c", "+0", sys.argv[1]])
print(tail.pid, os.getsid(tail.pid), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not _can_be_bound(), reason="this machine's tail is not GNU's: Dagster's watcher alone ends it")
def test_a_tail_ends_with_a_run_that_is_killed_before_the_watcher_starts(tmp_path: Path) -> None:
    log = tmp_path / "step.err"
    log.write_text("", encoding="utf-8")
    said = tmp_path / "said"
    with said.open("wb") as written:  # a pipe would stay open as long as the tail holds its end
        run = subprocess.run([sys.executable, "-c", KILLED_BEHIND_ITS_TAIL, str(log)], stdout=written, check=False)
    assert run.returncode == -signal.SIGKILL
    tail, session = (int(word) for word in said.read_text(encoding="utf-8").split())
    assert session == tail, "Ctrl-C in the terminal must not reach it"
    give_up = time.monotonic() + 20
    while is_running(tail) and time.monotonic() < give_up:
        time.sleep(0.1)
    left = is_running(tail)
    if left:
        os.kill(tail, signal.SIGKILL)
    assert not left
