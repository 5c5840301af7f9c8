"""Run the retraining job from the command line, through Dagster, so that the UI shows what was done."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

import scipy.special  # noqa: F401 - skops looks for its functions in all modules, those that came first first

# isort: split
import dagster as dg
from dagster import DagsterError
from sqlalchemy.exc import SQLAlchemyError

from forest_fire_retrain.cli.console import RunProgress, out, stamp_now, user_name
from forest_fire_retrain.cli.faults import chain_of
from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.cli.process import collect_garbage
from forest_fire_retrain.cli.recorded_runs import recorded_runs
from forest_fire_retrain.cli.turns import RANGE_END_TAG, refuse_overtaking
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import HomeError, UnknownPartitionError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.periods import is_active
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.active_retraining import ACTIVE_JOB, add_partitions, build_active_shape
from forest_fire_retrain.defs.beginnings import PERIODS, RANGE_START_TAG, note_beginning
from forest_fire_retrain.defs.early_workers import start_early
from forest_fire_retrain.defs.failures import Stopped, find_fault
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.defs.liveness import close_dead_runs, liveness_tags
from forest_fire_retrain.defs.log_tails import bind_log_tails
from forest_fire_retrain.defs.resources import import_for_runs
from forest_fire_retrain.defs.run_context import ACTOR_TAG, TRIGGER_TAG
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.operations import (
    find_next,
    find_waiting,
    finish_interrupted,
    give_verdicts,
)
from forest_fire_retrain.settings import Settings
from forest_fire_retrain.watching import find_alarm_behind

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def retrain_partition(settings: Settings, partition_key: str | None, knowledge: Knowledge | None = None) -> None:
    """Retrain one period, by default the oldest that waits; `knowledge` says what a replay may know.

    Raises
    ------
    UnknownPartitionError
        If the key names no closed period.
    RefusedRequestError
        If the key is that of an active period that no alarm asks for and that was not decided.
    """
    now = read_clock()
    if partition_key is not None and is_active(partition_key):
        run_active(settings, partition_key, knowledge)
        return
    chosen = partition_key or find_next(build_installation(settings), now) or ""
    key = settings.periods.check_key(chosen, now)
    run_range(settings, key, key, knowledge)
    if partition_key is None:
        print_verdicts(build_installation(settings))


def backfill_range(settings: Settings, first: str, last: str) -> None:
    """Retrain the periods from `first` to `last`, both included.

    Raises
    ------
    UnknownPartitionError
        If a key names no closed period, or the range is the wrong way round.
    """
    for key in (first, last):
        settings.periods.check_key(key, read_clock())
    if first > last:
        msg = f"the range from {first} to {last} is the wrong way round; swap --from and --to"
        raise UnknownPartitionError(msg)
    run_range(settings, first, last)


def catch_up(settings: Settings) -> None:
    """Decide what is undecided up to today; on an empty ledger the last `up_periods` periods.

    A promotion or rollback that was cut is finished, also if nothing is undecided.
    """
    now, installation = read_clock(), build_installation(settings)
    closed, waiting = settings.periods.closed_keys(now), find_waiting(installation, now)
    if waiting:
        run_range(settings, waiting[0], waiting[-1])
    elif closed and not installation.ledger.entries(settings.model_name):
        run_range(settings, closed[-settings.up_periods :][0], closed[-1])
    for row in finish_interrupted(installation, stamp_now()):
        out.print(row.summary, markup=False)
    print_verdicts(installation)


def print_verdicts(installation: Installation) -> None:
    """End the shadow times whose verdict is due, and say what came of them."""
    given = give_verdicts(installation, stamp_now())
    for sentence in (*(row.summary for row in given.rows), *given.waiting):
        out.print(sentence, markup=False)


def run_range(settings: Settings, first: str, last: str, knowledge: Knowledge | None = None) -> None:
    """One run over the periods from `first` to `last`, recorded in the installation's Dagster instance.

    Raises
    ------
    ForestFireRetrainError
        Whatever stopped the run; everything decided before stays decided.
    """
    closed = settings.periods.closed_keys(read_clock())
    n_periods = sum(first <= key <= last for key in closed)

    def begin(instance: dg.DagsterInstance, installation: Installation) -> None:
        refuse_overtaking(instance, installation, first)
        note_beginning(settings.dagster_home, PERIODS, dt.date.fromisoformat(first))

    _run(settings, JOB_NAME, Span(first, last, n_periods), knowledge, begin)


def run_active(settings: Settings, key: str, knowledge: Knowledge | None = None) -> None:
    """One run over an active period that is due, or that was decided, recorded as `run_range` does.

    Raises
    ------
    RefusedRequestError
        If no alarm asks for the period, or it can be decided no more and was not.
    ForestFireRetrainError
        Whatever stopped the run.
    """

    def begin(instance: dg.DagsterInstance, installation: Installation) -> None:
        find_alarm_behind(installation, key, installation.clock())
        add_partitions(instance, installation, key)

    _run(settings, ACTIVE_JOB, Span(key, key, 1), knowledge, begin)


class Span(NamedTuple):
    """The periods of a run: the first, the last, and how many."""

    first: str
    last: str
    n_periods: int


def _run(
    settings: Settings,
    job_name: str,
    span: Span,
    knowledge: Knowledge | None,
    begin: Callable[[dg.DagsterInstance, Installation], None],
) -> None:
    """Run a job over periods; `begin` is asked first whether that may be."""
    first, last, n_periods = span
    with (
        foreseeable_faults_bare(),
        RunProgress(n_periods) as progress,
        open_instance(settings) as instance,
        ExitStack() as workers,
    ):
        close_dead_runs(instance)
        installation = replace(build_installation(settings), progress=progress)
        begin(instance, installation)
        installation = replace(installation, early_workers=workers.enter_context(start_early(installation, n_periods)))
        tags = {TRIGGER_TAG: "cli", ACTOR_TAG: user_name(), **liveness_tags()}
        if first != last:
            tags |= {RANGE_START_TAG: first, RANGE_END_TAG: last}
        resources = {"installation": installation}
        job = build_definitions(settings, resources, with_active=job_name == ACTIVE_JOB).resolve_job_def(job_name)
        import_for_runs()
        collect_garbage()
        with recorded_runs(instance, settings, job_name):
            done = job.execute_in_process(
                run_config=_configure(knowledge, job_name),
                instance=instance,
                partition_key=first if first == last else None,
                tags=tags,
            )
    _print_outcome(installation, done.run_id)


@contextmanager
def foreseeable_faults_bare() -> Iterator[None]:
    """Take foreseeable faults out of the wrappers that Dagster puts around what fails in a resource.

    Raises
    ------
    HomeError
        If Dagster's store, or a file beside it, could not be read or written.
    """
    bind_log_tails()
    try:
        yield
    except (DagsterError, Stopped, SQLAlchemyError, OSError) as error:
        foreseen = find_fault(error)
        refused = next((cause for cause in chain_of(error) if isinstance(cause, SQLAlchemyError | OSError)), None)
        if foreseen is None and refused is not None:
            foreseen = _home_error(refused)
        if foreseen is None:
            raise
        raise foreseen from None


def _home_error(refused: BaseException) -> HomeError:
    first_line = str(refused).strip().partition("\n")[0].rstrip(".")
    return HomeError(
        f"Dagster's store or another file of the home cannot be used: {first_line}. What was decided before stands; "
        "free disk space, raise the limits on files (ulimit -f, -n) or correct the permissions, then run the same "
        "command again."
    )


def _configure(knowledge: Knowledge | None, job_name: str) -> dict[str, object]:
    """The run's configuration, as it would be typed into the launchpad."""
    if knowledge is None:
        return dict(QUIET)
    op = build_active_shape().op("holdout_set") if job_name == ACTIVE_JOB else "holdout_set"
    return {**QUIET, "ops": {op: {"config": {"knowledge": str(knowledge)}}}}


def _print_outcome(installation: Installation, run_id: str) -> None:
    """What this run wrote; others may have written meanwhile."""
    rows = installation.ledger.entries()
    name, written = installation.settings.model_name, [row for row in rows if row.dagster_run_id == run_id]
    decisions = [row for row in written if row.kind in (EntryKind.DECISION, EntryKind.REPLAY)]
    promotions = [row for row in written if row.kind is EntryKind.CONFIRMATION]
    champion = fold([row for row in rows if row.model_name == name]).champion
    if not decisions:
        out.print("Nothing new was decided: the same inputs were decided before, and that decision stands.")
    for row in decisions[-1:]:
        out.print(_last_words(row), markup=False)
    out.print(
        f"{_count_recorded(decisions)} recorded, {counted(len(promotions), 'promotion')}; "
        f"champion: {'none' if champion is None else f'version {champion}'}. See: forest-fire history"
    )


def _count_recorded(rows: Sequence[LedgerEntry]) -> str:
    """How many decisions and replays, without a word of replays where there are none."""
    n_replays = sum(row.kind is EntryKind.REPLAY for row in rows)
    n_decisions = len(rows) - n_replays
    named = [counted(n_decisions, "decision")] if n_decisions or not n_replays else []
    return " and ".join(named + ([counted(n_replays, "replay")] if n_replays else []))


def _last_words(row: LedgerEntry) -> str:
    """The row in one line; a replay's summary names its period itself."""
    return row.summary if row.kind is EntryKind.REPLAY else f"{row.partition_key}: {row.summary}"
