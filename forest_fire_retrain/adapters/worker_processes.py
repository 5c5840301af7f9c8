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
from typing import TypeVar

from forest_fire_retrain.core.errors import WorkerLostError

R = TypeVar("R")


def run_tasks(
    tasks: Iterable[Callable[[], R]], n_tasks: int, *, n_processes: int, worth_a_process: int = 1
) -> Iterator[R]:
    """Results of `tasks`, in their order; workers begin while later tasks are still being made.

    Parameters
    ----------
    tasks : iterable of callable
        What to do; must be picklable, and so must be what comes of it.
    n_tasks : int
        How many there will be.
    n_processes : int
        Processes at most; with one, each task runs here when its result is asked for.
    worth_a_process : int
        Tasks that are worth the start of a process.

    Raises
    ------
    WorkerLostError
        If a worker was killed; the tasks not yet begun are dropped, as after any other error.
    """
    n_workers = min(n_processes, n_tasks // worth_a_process)
    if n_workers <= 1:
        yield from (task() for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_follow_parent)
    try:
        for future in [pool.submit(task) for task in tasks]:
            yield future.result()
    except BrokenProcessPool as error:
        msg = (
            f"one of {n_workers} worker processes was killed, as happens where memory runs out; what was decided "
            "before stands. Run the same command again; if it happens again, with fewer processes: "
            "FOREST_FIRE_N_PROCESSES=1, or a backtest with --cores 1"
        )
        raise WorkerLostError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave interrupts to the parent, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
