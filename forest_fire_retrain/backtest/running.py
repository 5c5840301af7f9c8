"""Replay many streams over the cores given; the results are in the order of the plans, whatever ended first."""

from collections.abc import Callable, Sequence
from functools import partial

from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.replaying import StreamResult, replay_stream
from forest_fire_retrain.backtest.streams import StreamPlan

StreamProgress = Callable[[str, int, int], None]


def run_streams(plans: Sequence[StreamPlan], n_cores: int, progress: StreamProgress) -> list[StreamResult]:
    """Replay every plan.

    Parameters
    ----------
    plans : sequence of StreamPlan
        The streams.
    n_cores : int
        Processes; with one, or one stream, everything runs in this one and every period is reported.
    progress : callable
        Told a stream's label and its periods done and in all; from other processes only when it is done.

    Raises
    ------
    ForestFireRetrainError
        Whatever stopped a stream; streams not yet begun are dropped.
    """
    if n_cores == 1 or len(plans) == 1:
        return [replay_stream(plan, partial(progress, plan.label)) for plan in plans]
    results = []
    for result in run_tasks([partial(replay_stream, plan) for plan in plans], len(plans), n_processes=n_cores):
        n_decisions = result.rules[0].n_decisions
        progress(result.label, n_decisions, n_decisions)
        results.append(result)
    return results
