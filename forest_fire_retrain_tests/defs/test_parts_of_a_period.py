"""A candidate without a decision, a decision on a candidate that is there, and a range that is cut in its middle."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.errors import TrackingError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import candidate_of
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs import retraining
from forest_fire_retrain.defs.failures import Stopped
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

pytestmark = pytest.mark.slow

WEEKS = ("2025-07-07", "2025-07-14", "2025-07-21")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
UP_TO_HOLDOUT = ("weather", "fire_reports", "features", "holdout_set")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return example_installation(tmp_path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def run(
    installation: Installation, instance: dg.DagsterInstance, *assets: str, last: str = WEEKS[0]
) -> dg.ExecuteInProcessResult:
    """The weeks up to `last`: these assets, or all."""
    resources = {"installation": installation, "mlflow": dg.ResourceDefinition.none_resource()}
    job = build_definitions(installation.settings, resources).resolve_job_def(JOB_NAME)
    span = {"dagster/asset_partition_range_start": WEEKS[0], "dagster/asset_partition_range_end": last}
    chosen = [dg.AssetKey(asset) for asset in assets] or None
    return job.execute_in_process(run_config=QUIET, instance=instance, tags=span, asset_selection=chosen)


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}


def test_a_candidate_alone_decides_nothing_and_is_decided_on_as_it_is(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    trained = run(installation, instance, *UP_TO_HOLDOUT, "candidate_model")
    assert made(trained) == {*UP_TO_HOLDOUT, "candidate_model"}
    assert installation.ledger.entries() == []
    tracker = installation.tracker
    assert isinstance(tracker, FakeTracker)
    n_runs = len(tracker.runs)

    decided = run(installation, instance, "adjudication_decision", "registry_state")
    assert made(decided) == {"adjudication_decision", "registry_state"}
    (row,) = [row for row in installation.ledger.entries() if row.kind is EntryKind.DECISION]
    candidate = candidate_of(row)
    assert candidate is not None
    assert candidate.stored.mlflow_run_id == tracker.runs[-1].run_id
    assert len(tracker.runs) == n_runs


def test_deciding_is_moving_whichever_of_the_two_is_asked_for(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    run(installation, instance, *UP_TO_HOLDOUT, "candidate_model")
    assert made(run(installation, instance, "registry_state")) == {"registry_state"}
    kinds = [row.kind for row in installation.ledger.entries()]
    assert kinds[:1] == [EntryKind.DECISION]
    assert (EntryKind.CONFIRMATION in kinds) == (installation.registry.champion("forest_fire_risk") is not None)
    rows = len(kinds)
    assert made(run(installation, instance, "adjudication_decision")) == {"adjudication_decision"}
    assert len(installation.ledger.entries()) == rows


def test_what_was_trained_before_a_range_was_cut_is_decided(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    train, n_trained, copied = retraining.train_winner, 0, list[LedgerEntry]()
    folder = installation.settings.export_folder

    def fail_at_the_third(*asked: object) -> Candidate:
        nonlocal n_trained
        n_trained += 1
        if n_trained == len(WEEKS):
            copied.extend(read_export(folder))
            raise TrackingError("the tracking server is gone")
        return train(*asked)  # type: ignore[arg-type] # as they came

    with patch.object(retraining, "train_winner", fail_at_the_third), pytest.raises(Stopped, match="server is gone"):
        run(installation, instance, last=WEEKS[-1])
    decided = [row.partition_key for row in installation.ledger.entries() if row.kind is EntryKind.DECISION]
    assert decided == list(WEEKS[:2])
    in_production = [row for row in installation.ledger.entries() if row.kind is EntryKind.CONFIRMATION]
    assert in_production
    assert in_production == [row for row in copied if row.kind is EntryKind.CONFIRMATION]  # also if it were killed now
    assert read_export(folder) == installation.ledger.entries()


def test_guardrails_can_be_looked_at_alone_and_nothing_is_decided(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    resources = {"installation": installation, "mlflow": dg.ResourceDefinition.none_resource()}
    definitions = build_definitions(installation.settings, resources)
    job = definitions.resolve_implicit_global_asset_job_def()

    def look(*names: str) -> dg.ExecuteInProcessResult:
        keys = {dg.AssetCheckKey(dg.AssetKey("adjudication_decision"), name) for name in names}
        alone = job.get_subset(asset_selection=set(), asset_check_selection=keys)
        return alone.execute_in_process(run_config=QUIET, instance=instance)

    name, other = sorted(retraining.GUARDRAIL_CHECKS.values())[:2]
    (before,) = look(name).get_asset_check_evaluations()
    assert not before.passed
    run(installation, instance)
    n_rows = len(installation.ledger.entries())
    decided = {
        check.check_name: (check.passed, check.metadata)
        for check in run(installation, instance, "adjudication_decision").get_asset_check_evaluations()
    }
    seen = look(name, other).get_asset_check_evaluations()
    assert {check.check_name: (check.passed, check.metadata) for check in seen} == {
        name: decided[name],
        other: decided[other],
    }
    assert len(installation.ledger.entries()) == n_rows
