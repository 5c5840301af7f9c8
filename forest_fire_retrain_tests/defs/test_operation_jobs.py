"""The launchpad's jobs do what the commands do, and the checks on provenance see what verify sees."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, read_export
from forest_fire_retrain.cli.running import _configure
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.failures import Stopped
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.defs.period_report import reign_table
from forest_fire_retrain.defs.provenance import CHECKS, check_custody
from forest_fire_retrain.defs.retraining import _champion_recipe
from forest_fire_retrain.operations import publish
from forest_fire_retrain_tests.example_reigns import WEEKS, Reigns, three_reigns

pytestmark = pytest.mark.slow

MODEL = "forest_fire_risk"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

ORDER = {"reason": "drift", "ordered_by": "Maria Lopez"}


@pytest.fixture
def reigns(tmp_path: Path) -> Reigns:
    made = three_reigns()
    settings = made.installation.settings.model_copy(update={"home": tmp_path})
    placed = made._replace(installation=replace(made.installation, settings=settings))
    publish(placed.installation.published_ledger)
    return placed


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def run(
    reigns: Reigns, instance: dg.DagsterInstance, job_name: str, op: str, **config: object
) -> dg.ExecuteInProcessResult:
    resources = {"installation": reigns.installation, "mlflow": dg.ResourceDefinition.none_resource()}
    job = build_definitions(reigns.installation.settings, resources).resolve_job_def(job_name)
    run_config = {**QUIET, "ops": {op: {"config": config}}}
    return job.execute_in_process(run_config=run_config, instance=instance, raise_on_error=True)


def rows_shown(reigns: Reigns) -> list[LedgerEntry]:
    """What readers see, which has to be what the ledger holds."""
    shown = read_export(reigns.installation.settings.export_folder)
    assert shown == reigns.ledger.rows
    return shown


def test_the_rollback_job_rolls_back_and_names_its_run(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    done = run(reigns, instance, "rollback_job", "roll_back_champion", **ORDER, freeze_until="2025-09-01")
    asked, confirmed = rows_shown(reigns)[6:]
    assert (asked.kind, asked.dagster_run_id, asked.trigger) == (EntryKind.ROLLBACK, done.run_id, "user")
    assert asked.actor == "Maria Lopez"
    assert (confirmed.champion_after, reigns.registry.champion(MODEL)) == (2, 2)
    assert str(reigns.state.frozen_until) == "2025-09-01"


def test_a_rollback_is_an_observation_of_the_registry(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    run(reigns, instance, "rollback_job", "roll_back_champion", **ORDER)
    (record,) = instance.fetch_observations(dg.AssetKey("registry_state"), limit=5).records
    shown = record.asset_observation
    assert shown is not None
    found = {name: value.value for name, value in shown.metadata.items()}
    assert (found["version before"], found["version after"]) == (3, 2)
    assert (found["ordered by"], found["what happened"]) == ("Maria Lopez", "rolled back")
    assert "drift" in found["reason"]


@pytest.mark.parametrize(
    ("job", "op", "config"),
    [
        ("rollback_job", "roll_back_champion", {"reason": "drift"}),
        ("freeze_job", "freeze_promotions", {"reason": "drift", "until": "2025-09-01"}),
        ("unfreeze_job", "unfreeze_promotions", {"reason": "drift"}),
        ("verify_job", "verify_installation", {"repair": True}),
    ],
)
def test_an_order_names_who_gives_it(reigns: Reigns, job: str, op: str, config: dict[str, object]) -> None:
    for nobody in ("", "  "):
        with dg.DagsterInstance.ephemeral() as instance, pytest.raises(Stopped, match="nobody is named"):
            run(reigns, instance, job, op, **config, ordered_by=nobody)
    assert len(rows_shown(reigns)) == 6


def test_what_a_rollback_wrote_before_it_failed_is_shown_to_readers(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    reigns.registry.loses_alias_moves = True
    with pytest.raises(Stopped, match="points at"):
        run(reigns, instance, "rollback_job", "roll_back_champion", **ORDER)
    assert [row.kind for row in rows_shown(reigns)[6:]] == [EntryKind.ROLLBACK]


@pytest.mark.parametrize(
    ("job_name", "op", "shown"),
    [
        ("rollback_job", "roll_back_champion", {"to_version": None, "freeze_until": None}),
        ("freeze_job", "freeze_promotions", {"until": "YYYY-MM-DD"}),
        ("unfreeze_job", "unfreeze_promotions", {}),
        ("clear_labels_job", "clear_suspect_labels", {"first_day": "YYYY-MM-DD", "last_day": "YYYY-MM-DD"}),
        ("shadow_job", "score_beside_champion", {"which": "candidate", "until": "YYYY-MM-DD"}),
        ("end_shadow_job", "score_no_more", {"which": "candidate"}),
    ],
)
def test_a_launchpad_opens_with_its_fields_and_what_they_hold_is_refused(
    reigns: Reigns, instance: dg.DagsterInstance, job_name: str, op: str, shown: dict[str, object]
) -> None:
    resources = {"installation": reigns.installation, "mlflow": dg.ResourceDefinition.none_resource()}
    opened = build_definitions(reigns.installation.settings, resources).resolve_job_def(job_name).run_config
    assert opened is not None
    fields = opened["ops"][op]["config"]
    assert fields == {"ordered_by": "YOUR NAME", "reason": "WHY", **shown}
    filled = {**fields, **{name: "2025-12-01" for name, held in shown.items() if held is not None}}
    for left in ("ordered_by", "reason"):
        other = {**filled, **ORDER, left: filled[left]}
        with pytest.raises(Stopped, match=f"{left} still says {fields[left]!r}, as the launchpad shows it"):
            run(reigns, instance, job_name, op, **other)
    if "YYYY-MM-DD" in shown.values():
        with pytest.raises(Stopped, match="YYYY-MM-DD"):
            run(reigns, instance, job_name, op, **{**fields, **ORDER})
    assert len(reigns.ledger.rows) == 6


def test_a_rollback_says_which_freeze_holds(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    run(reigns, instance, "freeze_job", "freeze_promotions", until="2025-09-01", **ORDER)
    done = run(reigns, instance, "rollback_job", "roll_back_champion", **ORDER)
    said = [entry.user_message for entry in instance.all_logs(done.run_id)]
    assert "Promotions are frozen until 2025-09-01, in every period that is due before that day." in said


def test_shadows_are_ordered_and_ended(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    day = f"{reigns.installation.clock().date() + dt.timedelta(days=30)}"
    run(reigns, instance, "shadow_job", "score_beside_champion", which="1", until=day, **ORDER)
    run(reigns, instance, "shadow_job", "score_beside_champion", which="1", until=day, **ORDER)
    run(reigns, instance, "end_shadow_job", "score_no_more", which="1", **ORDER)
    rows = rows_shown(reigns)[6:]
    assert [(row.kind, row.actor) for row in rows] == [
        (EntryKind.SHADOW, "Maria Lopez"),
        (EntryKind.SHADOW_ENDED, "Maria Lopez"),
    ]
    with pytest.raises(Stopped, match="no order to score '2' beside the champion holds"):
        run(reigns, instance, "end_shadow_job", "score_no_more", which="2", **ORDER)


def test_freezes_are_set_and_lifted(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    run(reigns, instance, "freeze_job", "freeze_promotions", until="2025-09-01", **ORDER)
    run(reigns, instance, "unfreeze_job", "unfreeze_promotions", **ORDER)
    assert [row.kind for row in rows_shown(reigns)[6:]] == [EntryKind.FREEZE, EntryKind.UNFREEZE]


def test_a_request_that_makes_no_sense_fails_its_run_and_writes_nothing(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(Stopped, match="'soon' is not a day"):
        run(reigns, instance, "freeze_job", "freeze_promotions", until="soon", **ORDER)
    days = {"first_day": "2025-06-01", "last_day": "2025-06-07", **ORDER}
    with pytest.raises(Stopped, match="Flagged: none"):
        run(reigns, instance, "clear_labels_job", "clear_suspect_labels", **days)
    assert len(rows_shown(reigns)) == 6


def test_the_verify_job_fails_with_every_fault_and_repairs_when_told(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    assert run(reigns, instance, "verify_job", "verify_installation").success
    reigns.registry.move_alias_by_hand(MODEL, 1)
    with pytest.raises(dg.Failure, match=r"1 fault\n- registry: the alias champion points at version 1"):
        run(reigns, instance, "verify_job", "verify_installation")
    assert run(reigns, instance, "verify_job", "verify_installation", repair=True, ordered_by="Maria Lopez").success
    assert reigns.registry.champion(MODEL) == 3
    assert [row.kind for row in rows_shown(reigns)[6:]] == [EntryKind.EXTERNAL, EntryKind.REPAIR]


def failed_checks(reigns: Reigns) -> set[str]:
    results = check_custody(reigns.installation, reigns.ledger.entries())
    assert {result.check_name for result in results} == set(CHECKS)
    assert all(result.description for result in results)
    return {str(result.check_name) for result in results if not result.passed}


def test_the_checks_on_provenance_pass_on_a_sound_history(reigns: Reigns) -> None:
    assert failed_checks(reigns) == set()


def test_the_checks_on_provenance_name_what_is_wrong(reigns: Reigns) -> None:
    reigns.tracker.tamper(reigns.state.candidates[3].stored)
    assert failed_checks(reigns) == {"champion_reproduces_its_predictions"}
    reigns.registry.move_alias_by_hand(MODEL, 1)
    reigns.registry.tag(MODEL, 1, {"status": "mine"})
    (reigns.installation.settings.export_folder / LEDGER_FILE).unlink()
    assert failed_checks(reigns) == set(CHECKS) - {"ledger_chain_is_intact"}
    reigns.ledger.edit_by_hand(2, summary="better")
    assert failed_checks(reigns) == set(CHECKS)


def test_a_copy_that_knows_more_than_the_ledger_is_kept_by_the_next_run(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    del reigns.ledger.rows[4:]
    reigns.registry.delete_version_by_hand(MODEL, 3)  # it would refuse the run before its first row
    retrain_again(reigns, instance, WEEKS[0])
    assert len(read_export(reigns.installation.settings.export_folder)) == 6
    assert "export_matches_ledger" in failed_checks(reigns)


@pytest.mark.parametrize("knowledge", [None, Knowledge.AS_CORRECTED, Knowledge.AS_KNOWN])
def test_a_past_period_is_replayed_with_the_knowledge_that_was_asked_for(
    reigns: Reigns, instance: dg.DagsterInstance, knowledge: Knowledge | None
) -> None:
    reigns.lake.append(TableName.FIRES, reigns.lake.read(TableName.FIRES).slice(0, 0))
    retrain_again(reigns, instance, WEEKS[0], knowledge)
    (row,) = rows_shown(reigns)[6:]
    payload = read_payload(row)
    assert row.kind is EntryKind.REPLAY
    assert payload.holdout.snapshot.knowledge is (knowledge or Knowledge.AS_CORRECTED)
    original = read_payload(reigns.ledger.rows[0]).holdout.snapshot.table_versions
    assert (payload.holdout.snapshot.table_versions == original) == (knowledge is Knowledge.AS_KNOWN)
    assert reigns.registry.champion(MODEL) == 3


def retrain_again(
    reigns: Reigns, instance: dg.DagsterInstance, key: str, knowledge: Knowledge | None = None
) -> dg.ExecuteInProcessResult:
    resources = {"installation": reigns.installation, "mlflow": dg.ResourceDefinition.none_resource()}
    job = build_definitions(reigns.installation.settings, resources).resolve_job_def(JOB_NAME)
    return job.execute_in_process(run_config=_configure(knowledge, JOB_NAME), instance=instance, partition_key=key)


def test_the_reigns_stand_in_a_table_the_present_one_first(reigns: Reigns) -> None:
    assert reign_table([]).value == "none yet"
    shown = reign_table(reigns.state.reigns)
    assert isinstance(shown, dg.TableMetadataValue)
    rows = [record.data for record in shown.records]
    assert [row["version"] for row in rows] == ["3", "2", "1"]
    assert [row["until"] for row in rows] == ["today", rows[0]["champion from"], rows[1]["champion from"]]


def test_tuning_starts_from_the_champion_of_then_also_in_a_replay(reigns: Reigns) -> None:
    first = reigns.state.reigns[0]
    assert first.as_of is not None
    assert _champion_recipe(reigns.installation, first.as_of) is None
    held = reigns.state.candidates[first.version]
    assert _champion_recipe(reigns.installation, first.as_of + dt.timedelta(days=1)) == held.recipe


@pytest.mark.parametrize("asked", [set(CHECKS), {"ledger_chain_is_intact"}, {"champion_alias_matches_ledger"}])
def test_checks_of_ledger_alias_and_export_run_on_their_own(
    reigns: Reigns, instance: dg.DagsterInstance, asked: set[str]
) -> None:
    resources = {"installation": reigns.installation, "mlflow": dg.ResourceDefinition.none_resource()}
    definitions = build_definitions(reigns.installation.settings, resources)
    keys = [dg.AssetCheckKey(dg.AssetKey("provenance"), name) for name in asked]
    job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.checks(*keys))
    done = (
        dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
        .resolve_job_def("only_checks")
        .execute_in_process(run_config=QUIET, instance=instance)
    )
    found = done.get_asset_check_evaluations()
    assert {check.check_name: check.passed for check in found} == dict.fromkeys(asked, True)
    assert not done.get_asset_materialization_events()


def test_a_retraining_makes_the_checks_after_the_export(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    done = retrain_again(reigns, instance, WEEKS[0])
    made = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    assert {name: made.get(name) for name in CHECKS} == dict.fromkeys(CHECKS, True)


@pytest.mark.parametrize("knowledge", ["as_corrected", "as_known"])
def test_the_launchpad_takes_knowledge_as_it_is_documented(reigns: Reigns, knowledge: str) -> None:
    job = build_definitions(reigns.installation.settings).resolve_job_def(JOB_NAME)
    config = {"ops": {"holdout_set": {"config": {"knowledge": knowledge}}}}
    assert dg.validate_run_config(job, config)
