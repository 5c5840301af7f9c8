"""What a person orders of an installation: predict, roll back, freeze, vouch for labels, accept a source, verify.

The command line, the launchpad's jobs and a notebook all come through here, so that an order means the same
wherever it is given.

Rules
-----
- Whatever an order writes to the ledger is published at the end, also if the order failed half-way: readers see
  what was written. Only a ledger that is itself the fault is not published.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from forest_fire_retrain.adapters.ledger_export import (
    refresh_export,
)
from forest_fire_retrain.core.errors import (
    ForestFireRetrainError,
    LedgerError,
    RefusedRequestError,
    TrackingError,
    list_capped,
)
from forest_fire_retrain.core.ledger.due_periods import list_passed_over, list_waiting
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.ledger.touched_decisions import describe_touched_decisions
from forest_fire_retrain.core.periods import key_of
from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.ingestion import bring_lake_to, intake_of
from forest_fire_retrain.installation import Installation, PublishedLedger
from forest_fire_retrain.pipeline.custody import rolling_back, standing_orders
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.custody.rolling_back import Rollback
from forest_fire_retrain.pipeline.monitoring import weighing_members
from forest_fire_retrain.pipeline.monitoring.comparing_shadows import weigh_rollback
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import find_losses
from forest_fire_retrain.pipeline.preparing.one_source import name_held_source
from forest_fire_retrain.pipeline.retraining import giving_verdicts
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts
from forest_fire_retrain.pipeline.retraining.naming_runs import name_ended_shadows
from forest_fire_retrain.pipeline.serving import predicting
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.predicting import Desk, ServingRules
from forest_fire_retrain.watching import comparing_desk

WHEN_MENDED = "correct that, then: forest-fire verify"


def publish(published: PublishedLedger, *, force: bool = False, is_whole: bool = False) -> list[LedgerEntry]:
    """Bring the ledger's copy for readers to its present rows, which are returned; see `refresh_export`.

    Raises
    ------
    LedgerTamperedError
        If the copy holds rows that the ledger lacks or has changed; `force` overrules it.
    LedgerError
        If the ledger cannot be read or the copy cannot be written.
    """
    ledger, folder, signer = published.ledger, published.export_folder, published.signer
    return refresh_export(ledger, folder, signer=signer, force=force, is_whole=is_whole)


@contextmanager
def publishing(published: PublishedLedger) -> Iterator[None]:
    """Publish at the end of the block, also if it failed half-way; not if the ledger itself is the fault."""
    try:
        yield
    except LedgerError:
        raise
    except ForestFireRetrainError:
        publish(published)
        raise
    publish(published)


@contextmanager
def _naming_ended_shadows(installation: Installation) -> Iterator[None]:
    """Name the runs of candidates whose shadow time the block ends; what was decided does not hang on it."""
    name, ledger = installation.settings.model_name, installation.ledger
    behind = max((row.sequence for row in ledger.entries(name)), default=0)
    yield
    try:
        name_ended_shadows(installation.tracker, ledger.entries(name), behind=behind)
    except TrackingError:  # the name stays as it was until the period is asked for again
        return


def roll_back(
    installation: Installation, *, to_version: int | None, reason: str, freeze_until: dt.date | None, stamp: Stamp
) -> Rollback:
    """Take an earlier version back into production, and quarantine the present one; see `rolling_back.roll_back`.

    What going back costs is looked up before, and is no condition.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; the message says whether anything was changed.
    """
    state = installation.ledger.state(installation.settings.model_name)
    cost = weigh_rollback(comparing_desk(installation), state, to_version, stamp.recorded_at)
    with publishing(installation.published_ledger), _naming_ended_shadows(installation):
        done = rolling_back.roll_back(
            installation.stores,
            installation.settings.model_name,
            to_version=to_version,
            reason=reason,
            freeze_until=freeze_until,
            stamp=stamp,
        )
    return done if done.is_repeated else done._replace(cost=cost)


def finish_interrupted(installation: Installation, stamp: Stamp) -> list[LedgerEntry]:
    """Carry out, or abandon, a promotion, rollback or shadow time that a cut run left open; the rows that say so.

    Raises
    ------
    RegistryError, LedgerError
        If a store refuses; the next run finishes what is left.
    """
    name, ledger = installation.settings.model_name, installation.ledger
    state = ledger.state(name)
    if state.open_intent is None and all(shadow.champion == state.champion for shadow in state.in_shadow):
        return []
    with publishing(installation.published_ledger), _naming_ended_shadows(installation):
        return list(settle(ledger, installation.registry, name, stamp).written)


def give_verdicts(installation: Installation, stamp: Stamp) -> Verdicts:
    """End the shadow times whose verdict is due today or before; see `giving_verdicts`.

    A verdict waits for the periods that end before it is due. The lake is brought to the day on which it is due. What
    the source refuses keeps it waiting, and is said.

    Raises
    ------
    LedgerError, RegistryError
        If a store refuses; the next run finishes what was begun.
    """
    settings, ledger, now = installation.settings, installation.ledger, stamp.recorded_at
    state, today = ledger.state(settings.model_name), day_of(now, settings.time_zone)
    ends = [period.end for period in list_waiting(state, settings.periods.closed(now))]
    days = [shadow.due for shadow in state.in_shadow if shadow.due <= today and not any(e < shadow.due for e in ends)]
    rows, waiting = list[LedgerEntry](), list[str]()
    if not days:
        return Verdicts()
    with publishing(installation.published_ledger), _naming_ended_shadows(installation):
        for day in sorted(set(days)):
            waiting += bring_lake_to(installation, day)
            given = giving_verdicts.give_verdicts(installation.stores, settings.model_name, through=day, stamp=stamp)
            rows += given.rows
    return Verdicts(tuple(rows), tuple(dict.fromkeys([*waiting, *given.waiting])))


def freeze(published: PublishedLedger, *, until: dt.date, reason: str, stamp: Stamp) -> LedgerEntry:
    """Keep the champion in every period that is due before `until`; see `standing_orders.freeze`."""
    with publishing(published):
        return standing_orders.freeze(published.ledger, published.model_name, until=until, reason=reason, stamp=stamp)


def unfreeze(published: PublishedLedger, *, reason: str, stamp: Stamp) -> LedgerEntry:
    """Lift the freeze; see `standing_orders.unfreeze`."""
    with publishing(published):
        return standing_orders.unfreeze(published.ledger, published.model_name, reason=reason, stamp=stamp)


def clear_labels(published: PublishedLedger, *, window: Interval, reason: str, stamp: Stamp) -> LedgerEntry:
    """Vouch for the fire reports of a window; see `standing_orders.clear_labels`."""
    with publishing(published):
        return standing_orders.clear_labels(
            published.ledger, published.model_name, window=window, reason=reason, stamp=stamp
        )


def accept_source(installation: Installation, *, reason: str, stamp: Stamp) -> LedgerEntry:
    """Let the configured source follow the one whose rows the home holds; see `standing_orders.accept_source`.

    Raises
    ------
    InputContractError
        If the source breaks the data contract.
    RefusedRequestError
        If no reason is given, or there is nothing to accept.
    """
    source, published = installation.source, installation.published_ledger
    first = installation.settings.start_date
    any_day = Interval(start=first, end=first + dt.timedelta(days=1))  # each slice holds all cells
    before = name_held_source(installation.lake, source.read(any_day).cells)
    with publishing(published):
        return standing_orders.accept_source(
            published.ledger, published.model_name, accepted=source.name, before=before, reason=reason, stamp=stamp
        )


def accept_delivery(installation: Installation, *, reason: str, stamp: Stamp) -> LedgerEntry:
    """Let the source say less than it did, as it does now; see `standing_orders.accept_delivery`.

    Raises
    ------
    InputContractError
        If the source breaks the data contract.
    RefusedRequestError
        If no reason is given, or there is nothing to accept.
    """
    published = installation.published_ledger
    losses = {loss.fingerprint: loss.sentence for loss in find_losses(intake_of(installation))}
    with publishing(published):
        return standing_orders.accept_delivery(
            published.ledger, published.model_name, losses=losses, reason=reason, stamp=stamp
        )


def describe_touched(installation: Installation, report: IngestReport) -> list[str]:
    """A sentence on the decisions that stand on days which an ingest changed, if there are any."""
    if not report.changed:
        return []
    entries = installation.ledger.entries(installation.settings.model_name)
    return describe_touched_decisions(entries, report.changed, report.table)


def settle_weights(installation: Installation, stamp: Stamp) -> LedgerEntry | None:
    """Weigh the models that answer together anew, where a mixture serves and the weights hold no more.

    The row, or `None` where nothing was written. See `weighing_members.settle_weights`, also for what is raised.
    """
    settings = installation.settings
    if settings.routing is not Routing.MIXTURE:
        return None
    with publishing(installation.published_ledger):
        desk = comparing_desk(installation)
        return weighing_members.settle_weights(desk, installation.ledger, settings.model_name, stamp)


def predict_days(
    installation: Installation, days: Sequence[dt.date], *, retro: bool, now: dt.datetime, run_id: str | None = None
) -> list[PredictedDay]:
    """What is said of days; logged if it is new. See `predicting.predict_days`, also for what is raised.

    Parameters
    ----------
    installation : Installation
        Whose champion predicts.
    days : sequence of datetime.date
        Days to predict; with today come the days ahead that the source has a forecast for.
    retro : bool
        Whether past days that nobody predicted on the day are predicted now.
    now : datetime.datetime
        Now, UTC.
    run_id : str, optional
        The Dagster run it happens in.

    Raises
    ------
    LedgerTamperedError
        If the ledger lost rows that its copy knows: its champion may be another one.
    """
    settings = installation.settings
    installation.ledger.refuse_lost_rows()
    if settings.end_date is not None and any(day >= settings.end_date for day in days):
        msg = (
            f"the history ends on {settings.end_date} (FOREST_FIRE_END_DATE), so that only days before can be "
            "predicted. Run: forest-fire predict --date DAY --retro"
        )
        raise RefusedRequestError(msg)
    rules = ServingRules(
        settings.model_name,
        settings.classes,
        forecast_days=settings.forecast_days,
        hour=settings.prediction_hour,
        shadows=settings.shadow_rules,
        served_by=Role(settings.routing),
    )
    desk = Desk(intake_of(installation), installation.models, installation.ledger, rules, run_id)
    return predicting.predict_days(desk, days, now, retro=retro)


def find_waiting(installation: Installation, now: dt.datetime) -> list[str]:
    """Keys of the periods over at `now` that can still be decided live, oldest first; none if nothing was decided."""
    settings = installation.settings
    state = installation.ledger.state(settings.model_name)
    return [key_of(period) for period in list_waiting(state, settings.periods.closed(now))]


def describe_passed_over(installation: Installation, now: dt.datetime, *, n_rows_before: int) -> str | None:
    """Name the periods that the rows behind the first `n_rows_before` of the ledger passed over; `None` without any."""
    ledger, settings = installation.ledger, installation.settings
    name, closed = settings.model_name, settings.periods.closed(now)
    passed_over = list_passed_over(ledger.state(name), closed)
    if not passed_over:
        return None
    before = (row for row in ledger.entries()[:n_rows_before] if row.model_name == name)
    known = list_passed_over(fold(row for row in before if row.kind is EntryKind.DECISION), closed)  # no others count
    keys = [key_of(period) for period in passed_over if period not in known]
    if not keys:
        return None
    return (
        f"Passed over: {list_capped(keys)}. A later period is decided now, so that they can only be replayed. "
        "To leave none out, run forest-fire retrain without --partition."
    )


def has_decided(installation: Installation) -> bool:
    """Whether any period was decided live."""
    return bool(installation.ledger.state(installation.settings.model_name).decisions)


def find_next(installation: Installation, now: dt.datetime) -> str | None:
    """The period to retrain next: the oldest that waits, else the newest that is over; `None` if none is over."""
    closed = installation.settings.periods.closed_keys(now)
    return next(iter([*find_waiting(installation, now), *closed[-1:]]), None)


def parse_day(text: str) -> dt.date:
    """The day that a person typed.

    Raises
    ------
    RefusedRequestError
        If it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a day; nothing was changed. Write it as YYYY-MM-DD"
        raise RefusedRequestError(msg) from error
