"""What needs a person, found in plain facts; `status`, `status --check` and the alerts say the same.

Rules
-----
- The registry was asked, or it is a matter that it could not be. Where a promotion or rollback is open the alias may
  be on its way; where it stays open it is a matter.
- A failed run is settled by a later success of its job, by whatever it was to do being done since in another way, or
  by time: nobody can make a mistyped order of last year succeed. An order that was refused as asked changed nothing,
  and whoever gave it was told: it is named for a day.
- A `verify` that found faults is settled by a later one that finds none.
"""

import datetime as dt
from collections.abc import Iterator

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.oversight.decision_alerts import find_in_decisions
from forest_fire_retrain.core.oversight.looked_at import find_in_last_look
from forest_fire_retrain.core.oversight.observed import FailedRun, Observed, SeenCopy
from forest_fire_retrain.core.oversight.overdue import (
    find_overdue_decision,
    find_overdue_prediction,
    find_overdue_verdict,
)

DAY = dt.timedelta(days=1)
VERIFY_JOB = "verify_job"
DONE_BY = {
    "retraining_job": EntryKind.DECISION,
    "active_retraining_job": EntryKind.DECISION,
    "rollback_job": EntryKind.ROLLBACK,
    "freeze_job": EntryKind.FREEZE,
    "unfreeze_job": EntryKind.UNFREEZE,
    "clear_labels_job": EntryKind.LABELS_CLEARED,
    "shadow_job": EntryKind.SHADOW,
    "end_shadow_job": EntryKind.SHADOW_ENDED,
}
"""By job: the row that says, whoever wrote it, that what it was to do has been done."""
ORDERS = frozenset(DONE_BY) - {"retraining_job", "active_retraining_job"}
REFUSED_ORDER_DAYS = 1
VERIFY = "Run: forest-fire verify"
EXPORT = "forest-fire ledger export"
COPY_PATIENCE = dt.timedelta(minutes=10)
"""How long after a promotion or rollback the copy may lack it: it is published as soon as the registry was moved."""


def find_open_matters(observed: Observed) -> list[Matter]:
    """Everything that needs a person, in the order in which it should be looked at."""
    return [
        *find_in_copy(observed.ledger_copy, observed.now),
        *_about_the_registry(observed),
        *_about_faults(observed),
        *_about_what_is_overdue(observed),
        *_about_failed_runs(observed),
        *find_in_decisions(observed.state),
        *_about_the_last_prediction(observed),
        *find_in_last_look(observed),
    ]


def find_in_copy(seen: SeenCopy, now: dt.datetime) -> Iterator[Matter]:
    """What is wrong with the ledger's copy at `now`, UTC."""
    row = seen.unpublished
    if seen.missing is not None:
        what = f"the ledger has no copy for readers: {seen.missing} is missing"
        yield Matter(MatterKind.FAULT_FOUND, "fault_found/no_copy", what, f"{VERIFY}; then: {EXPORT}")
    elif row is not None and now >= row.recorded_at + COPY_PATIENCE:
        at = row.recorded_at.isoformat(timespec="seconds")
        what = f"the ledger's copy lacks row {row.sequence} of {at} and later ones: readers may name an older champion"
        key = f"fault_found/copy_ends_before_row_{row.sequence}"
        yield Matter(MatterKind.FAULT_FOUND, key, what, f"The next run publishes it, or: {EXPORT}")


def describe_registry(observed: Observed) -> str:
    """`agrees`, or how the registry differs from the ledger, or why it could not be asked."""
    found = next(_about_the_registry(observed), None)
    if found is not None:
        return found.sentence
    intent = observed.state.open_intent
    return "agrees" if intent is None else f"on its way: {intent.summary}"


def _about_the_registry(observed: Observed) -> Iterator[Matter]:
    seen, state = observed.registry, observed.state
    if seen.trouble is not None:
        remedy = "See that MLflow runs and that FOREST_FIRE_MLFLOW_TRACKING_URI is right; then run: forest-fire verify"
        what = f"the registry cannot be asked: {seen.trouble}"
        yield Matter(MatterKind.REGISTRY_DIFFERS, "registry_differs/not_asked", what, remedy)
    elif state.open_intent is not None:
        yield from _about_the_open_intent(observed)
    elif seen.alias != state.champion:
        shown, expected = (f"version {v}" if v is not None else "nothing" for v in (seen.alias, state.champion))
        what = f"the alias champion of {observed.model_name} points at {shown}, the ledger's champion is {expected}"
        key = f"registry_differs/{seen.alias}/{state.champion}"
        yield Matter(MatterKind.REGISTRY_DIFFERS, key, what, VERIFY)
    elif state.champion is not None and state.champion not in seen.versions:
        what = f"version {state.champion} of {observed.model_name}, the champion, is not in the registry"
        key = f"registry_differs/{state.champion}_is_gone"
        yield Matter(MatterKind.REGISTRY_DIFFERS, key, what, VERIFY)


def _about_the_open_intent(observed: Observed) -> Iterator[Matter]:
    intent, hours = observed.state.open_intent, observed.schedule.decision_hours
    if intent is None or observed.now < intent.recorded_at + dt.timedelta(hours=hours):
        return
    began = intent.recorded_at.isoformat(timespec="seconds")
    what = f"what was begun on {began} is not carried out {hours} hours later: {intent.summary.rstrip('.')}"
    key = f"registry_differs/open/{intent.decision_id}"
    yield Matter(MatterKind.REGISTRY_DIFFERS, key, what, "The next run finishes it: forest-fire retrain")


def _about_faults(observed: Observed) -> Iterator[Matter]:
    last = observed.last_verify
    if last is None or not last.n_faults:
        return
    at = last.verified_at.isoformat(timespec="seconds")
    first = "" if last.first_fault is None else f", the first: {last.first_fault.rstrip('.')}"
    what = f"verify found {counted(last.n_faults, 'fault')} on {at}{first}"
    yield Matter(MatterKind.FAULT_FOUND, f"fault_found/{last.fingerprint[:16]}", what, f"Mend it, then {_low(VERIFY)}")


def _about_what_is_overdue(observed: Observed) -> Iterator[Matter]:
    state, schedule, now = observed.state, observed.schedule, observed.now
    decision = find_overdue_decision(state, schedule, now)
    if decision is not None:
        what = (
            f"the decision on {decision.what} was due on {decision.due_at.isoformat()} and is not made "
            f"{_hours(now - decision.due_at)} hours later (allowed: {schedule.decision_hours}); "
            f"{counted(decision.n_overdue, 'decision')} overdue"
        )
        remedy = "Look at the newest runs of retraining_job, then run: forest-fire retrain"
        yield Matter(MatterKind.DECISION_OVERDUE, f"decision_overdue/{decision.what}", what, remedy)
    verdict = find_overdue_verdict(state, schedule, now)
    if verdict is not None:
        what = (
            f"the verdict on the shadow time of the candidate of {verdict.what} was due on "
            f"{verdict.due_at.isoformat()} and is not given {_hours(now - verdict.due_at)} hours later "
            f"(allowed: {schedule.decision_hours}); {counted(verdict.n_overdue, 'verdict')} overdue"
        )
        remedy = "Run: forest-fire retrain; it says what the verdict waits for"
        yield Matter(MatterKind.DECISION_OVERDUE, f"decision_overdue/{verdict.what}+shadow", what, remedy)
    last = None if observed.last_live is None else observed.last_live.day
    prediction = find_overdue_prediction(last, schedule, now)
    if prediction is not None:
        what = (
            f"the prediction of {prediction.what} was due on {prediction.due_at.isoformat()} and is not made "
            f"{_hours(now - prediction.due_at)} hours later (allowed: {schedule.prediction_hours}); the last day "
            f"predicted live is {last}"
        )
        remedy = "Look at the newest runs of prediction_job, then run: forest-fire predict"
        yield Matter(MatterKind.PREDICTION_OVERDUE, f"prediction_overdue/{last}", what, remedy)


def _about_failed_runs(observed: Observed) -> Iterator[Matter]:
    for run in open_failures(observed):
        remedy = f"Remove the cause and run it again; its log: {observed.runs_page}{run.run_id}"
        yield Matter(MatterKind.RUN_FAILED, f"run_failed/{run.run_id}", str(run), remedy)


def open_failures(observed: Observed) -> list[FailedRun]:
    """Failed runs that nothing has settled since, the newest first."""
    since = observed.now - dt.timedelta(days=observed.limits.failed_run_days)
    left = [run for run in observed.failed_runs if run.failed_at >= since and not _is_settled(run, observed)]
    return sorted(left, key=lambda run: run.failed_at, reverse=True)


def _is_settled(run: FailedRun, observed: Observed) -> bool:
    """Whether what the run was to do has been done since in another way."""
    if run.job == VERIFY_JOB:  # what it found is a matter of its own
        return observed.last_verify is not None and observed.last_verify.verified_at >= run.began_at
    if run.is_refused and run.job in ORDERS and observed.now > run.failed_at + REFUSED_ORDER_DAYS * DAY:
        return True
    written_at = None if run.job not in DONE_BY else observed.written.get(DONE_BY[run.job])
    return written_at is not None and written_at > run.failed_at


def _about_the_last_prediction(observed: Observed) -> Iterator[Matter]:
    last = observed.last_live
    for alert in [] if last is None else last.describe_alert(observed.limits.share_without_weather):
        sentence, _, remedy = alert.partition("; ")
        key = f"feed/prediction/{last.day}" if last is not None else ""
        yield Matter(MatterKind.FEED, key, sentence, f"{remedy[:1].upper()}{remedy[1:]}")


def _hours(passed: dt.timedelta) -> int:
    return int(passed / dt.timedelta(hours=1))


def _low(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
