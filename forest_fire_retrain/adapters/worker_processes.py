"""Independent tasks side by side: in processes of their own, or in this one where they are too few.

Rules
-----
- Workers are started afresh, never forked: a fork copies locks and connections that others hold.
- A worker ends with the process that started it, also when that one was killed.
- An interrupt is the parent's to handle: it drops what has not begun and waits for what has.
- Workers can be started ahead of their work, so that they have imported what it takes when it comes.
- What a worker imported is no garbage, and is not taken apart at its end.
"""

import atexit
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from forest_fire_retrain.core.errors import WorkerLostError

R = TypeVar("R")
OBJECTS_BEFORE_A_LOOK = 10_000


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


@dataclass
class EarlyWorkers:
    """Worker processes that were started ahead of their work, for whoever hires first; none by default."""

    pool: ProcessPoolExecutor | None = None

    def take(self) -> ProcessPoolExecutor | None:
        """The worker processes, which are the caller's to end from now on; `None` if there are none left."""
        taken, self.pool = self.pool, None
        return taken


@contextmanager
def start_workers(
    n_tasks: int, *, n_processes: int, worth_a_process: int = 1, ready: Callable[[], None]
) -> Iterator[EarlyWorkers]:
    """Start the workers that `hire_workers` would, ahead of their work; those that nobody took end with the block.

    Parameters
    ----------
    n_tasks, n_processes, worth_a_process : int
        As of `hire_workers`.
    ready : callable
        What each of them does first: it imports what the work takes. Picklable.
    """
    n_workers = min(n_processes, n_tasks // worth_a_process)
    pool = None if n_workers <= 1 else _open_pool(n_workers)
    if pool is not None:
        for _ in range(n_workers):
            pool.submit(_get_ready, ready)
    early = EarlyWorkers(pool)
    try:
        yield early
    finally:
        left = early.take()
        if left is not None:
            left.shutdown(cancel_futures=True)


@contextmanager
def hire_workers(
    n_tasks: int, *, n_processes: int, worth_a_process: int = 1, early: EarlyWorkers | None = None
) -> Iterator[Workers]:
    """Workers for so many tasks; on leaving, what was not begun is dropped and what was begun is waited for.

    Parameters
    ----------
    n_tasks : int
        How many there will be.
    n_processes : int
        Processes at most; with one, each task runs here.
    worth_a_process : int
        Tasks that are worth the start of a process.
    early : EarlyWorkers, optional
        Workers to take where these were started ahead.

    Raises
    ------
    WorkerLostError
        If a worker was killed.
    """
    n_workers = min(n_processes, n_tasks // worth_a_process)
    if n_workers <= 1:
        yield Workers()
        return
    pool = (None if early is None else early.take()) or _open_pool(n_workers)
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


def _open_pool(n_workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=_follow_parent)


def _get_ready(ready: Callable[[], None]) -> None:
    """Do so without looking for garbage, and never look for it among what came of it."""
    gc.disable()
    try:
        ready()
    finally:
        gc.freeze()
        gc.enable()


def _follow_parent() -> None:
    """Leave interrupts to the parent, end when it ends, and do not take modules apart at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(OBJECTS_BEFORE_A_LOOK)
    atexit.register(os._exit, 0)  # the first to be registered is the last to be run
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
