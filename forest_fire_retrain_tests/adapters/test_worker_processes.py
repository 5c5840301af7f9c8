"""Tasks side by side: the same results in the same order, and no worker outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.worker_processes import hire_workers, run_tasks, start_workers
from forest_fire_retrain.core.errors import InputContractError, WorkerLostError

SOON = 60.0
STARTER = """
import os, sys, time
from functools import partial
from pathlib import Path
from forest_fire_retrain.adapters.worker_processes import run_tasks

def stay(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    list(run_tasks([partial(stay, Path(sys.argv[1]))] * 2, 2, n_processes=2))
"""


def answer(value: int) -> tuple[int, int]:
    return value, os.getpid()


def refuse(_value: int) -> tuple[int, int]:
    raise InputContractError("park.csv", ["a column is missing", "a key is there twice"])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(path: Path) -> None:
    path.touch()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {SOON:g} s"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_results_come_in_the_order_of_the_tasks_from_processes_of_their_own() -> None:
    results = list(run_tasks([partial(answer, value) for value in range(6)], 6, n_processes=2))
    assert [value for value, _ in results] == list(range(6))
    assert os.getpid() not in {pid for _, pid in results}


@pytest.mark.parametrize(("n_processes", "worth"), [(1, 1), (2, 4)])
def test_one_process_or_too_few_tasks_stay_in_this_process_one_at_a_time(n_processes: int, worth: int) -> None:
    made = []

    def make() -> Iterator[Callable[[], tuple[int, int]]]:
        for value in range(3):
            made.append(value)
            yield partial(answer, value)

    results = run_tasks(make(), 3, n_processes=n_processes, worth_a_process=worth)
    assert next(results) == (0, os.getpid())
    assert made == [0]
    assert [value for value, _ in results] == [1, 2]


def test_workers_begin_while_later_tasks_are_still_being_made(tmp_path: Path) -> None:
    sign = tmp_path / "begun"

    def make() -> Iterator[Callable[[], None]]:
        yield partial(leave, sign)
        wait_until(sign.exists, "the first task")
        yield partial(leave, sign)

    assert list(run_tasks(make(), 2, n_processes=2)) == [None, None]


@pytest.mark.parametrize("n_processes", [1, 2])
def test_an_error_comes_back_whole_after_the_results_before_it(n_processes: int) -> None:
    results = run_tasks([partial(answer, 1), partial(refuse, 2)], 2, n_processes=n_processes)
    assert next(results)[0] == 1
    with pytest.raises(InputContractError, match="a column is missing") as caught:
        next(results)
    assert caught.value.where == "park.csv"
    assert len(caught.value.violations) == 2


def test_a_killed_worker_is_one_clear_error() -> None:
    with pytest.raises(WorkerLostError, match=r"was killed.*FOREST_FIRE_N_PROCESSES=1"):
        list(run_tasks([die, die], 2, n_processes=2))


def note_pid(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(0.2)  # so that one worker does not get ready twice


def pids_in(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir()}


def test_workers_that_were_started_ahead_get_ready_and_are_those_that_work(tmp_path: Path) -> None:
    with start_workers(8, n_processes=2, worth_a_process=4, ready=partial(note_pid, tmp_path)) as early:
        wait_until(lambda: len(pids_in(tmp_path)) == 2, "the start of two workers")
        with hire_workers(8, n_processes=2, worth_a_process=4, early=early) as workers:
            results = [workers.begin(partial(answer, value)) for value in range(8)]
            answers = [result() for result in results]
        assert early.take() is None
    assert [value for value, _ in answers] == list(range(8))
    assert {pid for _, pid in answers} <= pids_in(tmp_path)


def test_too_few_tasks_start_no_worker_ahead(tmp_path: Path) -> None:
    with start_workers(7, n_processes=2, worth_a_process=4, ready=partial(note_pid, tmp_path)) as early:
        assert early.take() is None
    assert not pids_in(tmp_path)


def test_workers_that_nobody_took_end_with_the_block(tmp_path: Path) -> None:
    with start_workers(8, n_processes=2, ready=partial(note_pid, tmp_path)):
        wait_until(lambda: len(pids_in(tmp_path)) == 2, "the start of two workers")
    assert not any(is_alive(pid) for pid in pids_in(tmp_path))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see which processes are left")
def test_workers_end_with_the_process_that_started_them_also_when_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(STARTER)
    seen = tmp_path / "seen"
    seen.mkdir()
    with subprocess.Popen([sys.executable, str(script), str(seen)], cwd=Path(__file__).parents[2]) as starter:
        wait_until(lambda: len(list(seen.iterdir())) == 2, "the start of two workers")
        starter.kill()
    workers = [int(path.name) for path in seen.iterdir()]
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers' end")
