"""Independent tasks side by side: in processes of their own, or in this one where they are too few.

Rules
-----
- Workers are started afresh, never forked: a fork copies locks and connections that others hold.
- A worker ends with the process that started it, also when that one was killed.
- An interrupt is the parent's to handle: it drops what has not begun and waits for what has.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from forest_fire_retrain.core.errors import WorkerLostError

R = TypeVar("R")


class Workers:
    """Where tasks are done: in worker processes, or without a pool in this one, once a result is asked for.

    Parameters
    ----------
    pool : concurrent.futures.ProcessPoolExecutor, optional
        The worker processes.
    """

    def __init__(self, pool: ProcessPoolExecutor | None = None) -> None:
        self._pool = pool

    @property
    def are_here(self) -> bool:
        """Whether each task runs in this process."""
        return self._pool is None

    def begin(self, task: Callable[[], R]) -> Callable[[], R]:
        """Have a task done, after those that were begun before it; what comes back waits for its result.

        A task for worker processes must be picklable, and so must be what comes of it.
        """
        return task if self._pool is None else self._pool.submit(task).result


@contextmanager
def hire_workers(n_tasks: int, *, n_processes: int, worth_a_process: int = 1) -> Iterator[Workers]:
    """Workers for so many tasks; on leaving, what was not begun is dropped and what was begun is waited for.

    Parameters
    ----------
    n_tasks : int
        How many there will be.
    n_processes : int
        Processes at most; with one, each task runs here.
    worth_a_process : int
        Tasks that are worth the start of a process.

    Raises
    ------
    WorkerLostError
        If a worker was killed.
    """
    n_workers = min(n_processes, n_tasks // worth_a_process)
    if n_workers <= 1:
        yield Workers()
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_follow_parent)
    try:
        yield Workers(pool)
    except BrokenProcessPool as error:
        msg = (
            f"one of {n_workers} worker processes was killed, as happens where memory runs out; what was decided "
            "before stands. Run the same command again; if it happens again, with fewer processes: "
            "FOREST_FIRE_N_PROCESSES=1, or a backtest with --cores 1"
        )
        raise WorkerLostError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)


def run_tasks(
    tasks: Iterable[Callable[[], R]], n_tasks: int, *, n_processes: int, worth_a_process: int = 1
) -> Iterator[R]:
    """Results of `tasks`, in their order; workers begin while later tasks are still being made.

    Parameters
    ----------
    tasks : iterable of callable
        What to do, as `Workers.begin` takes it; without worker processes the next is made when its result is asked for.
    n_tasks, n_processes, worth_a_process : int
        As of `hire_workers`.

    Raises
    ------
    WorkerLostError
        If a worker was killed; the tasks not yet begun are dropped, as after any other error.
    """
    with hire_workers(n_tasks, n_processes=n_processes, worth_a_process=worth_a_process) as workers:
        begun = map(workers.begin, tasks)
        for result in begun if workers.are_here else list(begun):
            yield result()


def _follow_parent() -> None:
    """Leave interrupts to the parent, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
