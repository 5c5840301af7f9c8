"""What has to hold of an installation after anything: looked up from outside, not by the product's own verify alone."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dagster as dg
from mlflow import MlflowClient

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.reigns_file import read_reigns
from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.promotion import DECISION_TAG, STATUS_TAG, RegistryView, Status
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.custody.promoting import look_at
from forest_fire_retrain.pipeline.custody.verifying import verify
from forest_fire_retrain.settings import Settings
from forest_fire_retrain.verification import check_exported_checkpoint

TEMPORARY_NAMES = ("*.part", "*.part.wal", "tmp*", "*.tmp", "*#[0-9]*")
RANDOM_NAMES = "compute_logs"
"""Dagster's folders of files whose names are random letters, which may begin with any."""
BESIDE = (EntryKind.SHADOW, EntryKind.SHADOW_ENDED, EntryKind.WEIGHTS)
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Found(NamedTuple):
    """What was found in an installation."""

    violations: list[str]
    outcome: list[object]


def examine(settings: Settings) -> Found:
    """Everything that does not hold, and what the installation has come to."""
    installation = build_installation(settings)
    entries = installation.ledger.entries(settings.model_name)
    state, view = fold(entries), look_at(installation.registry, settings.model_name)
    violations = [
        *_check_ledger(installation.ledger.entries(), state),
        *_check_decisions(entries),
        *_check_registry(entries, state, view),
        *_check_runs(settings),
        *(f"temporary file left: {path.relative_to(settings.home)}" for path in find_temporary_files(settings.home)),
        *_verify(installation),
    ]
    return Found(violations, describe(entries, state, view))


def describe(entries: list[LedgerEntry], state: LedgerState, view: RegistryView) -> list[object]:
    """What an installation has come to, without what differs between two runs by nature (ids, instants)."""
    decided = [
        [entry.partition_key, str(entry.outcome), str(entry.reason_code), entry.idempotency_key, entry.champion_before]
        for entry in entries
        if entry.kind in (EntryKind.DECISION, EntryKind.SHADOW_VERDICT)
    ]
    reigns = [reign.version for reign in state.reigns]
    predictions = {version: held.prediction_hash for version, held in sorted(state.candidates.items())}
    registered = [[held.version, held.tags.get(STATUS_TAG)] for held in view.versions]
    beside = [[str(row.kind), row.payload_json] for row in entries if row.kind in BESIDE]
    return [decided, reigns, [list(pair) for pair in predictions.items()], registered, beside]


def find_temporary_files(home: Path) -> list[Path]:
    """Files and folders below `home` that only a running write should have."""
    found = {path for pattern in TEMPORARY_NAMES for path in home.rglob(pattern)}
    return sorted(path for path in found if path.parent.name != RANDOM_NAMES)


def _check_ledger(rows: list[LedgerEntry], state: LedgerState) -> Iterator[str]:
    fault = find_first_fault(rows)
    if fault is not None:
        yield f"chain: {fault}"
    if state.open_intent is not None:
        yield f"the {state.open_intent.kind} {state.open_intent.decision_id} is still open"
    external = [row.summary for row in rows if row.kind is EntryKind.EXTERNAL]
    if external:
        yield f"the registry was found meddled with, which nobody did: {external}"


def _check_decisions(entries: list[LedgerEntry]) -> Iterator[str]:
    decisions = [entry for entry in entries if entry.kind is EntryKind.DECISION]
    verdicts = [entry.decision_id for entry in entries if entry.kind is EntryKind.SHADOW_VERDICT]
    yield from (f"{n} verdicts on the shadow time of {key}" for key, n in Counter(verdicts).items() if n != 1)
    for what, counts in {
        "idempotency key": Counter(entry.idempotency_key for entry in decisions),
        "partition": Counter(entry.partition_key for entry in decisions),
    }.items():
        yield from (f"{n} live decisions for the {what} {key}" for key, n in counts.items() if n != 1)


def _check_registry(entries: list[LedgerEntry], state: LedgerState, view: RegistryView) -> Iterator[str]:
    confirmed = {entry.decision_id: entry.champion_after for entry in entries if entry.kind is EntryKind.CONFIRMATION}
    last = next((e.champion_after for e in reversed(entries) if e.kind is EntryKind.CONFIRMATION), None)
    if not view.alias == state.champion == last:
        yield f"the alias is {view.alias}, the ledger's champion {state.champion}, the last confirmation {last}"
    for held in view.versions:
        decision = held.tags.get(DECISION_TAG)
        if confirmed.get(decision) != held.version and held.tags.get(STATUS_TAG) != Status.ABANDONED:
            yield f"version {held.version} is an orphan: decision {decision} is not confirmed, tags {dict(held.tags)}"
    for decision, n in Counter(held.tags.get(DECISION_TAG) for held in view.versions).items():
        if n > 1:
            yield f"{n} versions for decision {decision}"


def _check_runs(settings: Settings) -> Iterator[str]:
    client = MlflowClient(settings.tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'")
    yield from (f"MLflow run {run.info.run_id} ({run.info.run_name}) is RUNNING" for run in running)
    with open_instance(settings) as instance:
        for run in instance.get_runs():
            if run.status not in FINISHED:
                yield f"Dagster run {run.run_id} is {run.status.value}"


def _verify(installation: Installation) -> list[str]:
    settings = installation.settings
    faults = verify(
        installation.stores,
        settings.model_name,
        rollback_horizon=settings.rollback_horizon,
        read_copy=lambda rows: read_export(settings.export_folder, rows),
        read_reigns=lambda: read_reigns(settings.export_folder),
        check_kept=partial(check_exported_checkpoint, installation.published_ledger),
    )
    return [f"verify: {fault}" for fault in faults]
