"""The shell on fakes: ranges run in order, replays say so, and a failure leaves nothing behind."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.errors import TrackingError
from forest_fire_retrain.core.ledger.checkpoints import read_notes, take_checkpoint
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import candidate_of
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.failures import Stopped
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.naming_runs import name_decided
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

pytestmark = pytest.mark.slow

WEEKS = ("2025-07-07", "2025-07-14", "2025-07-21", "2025-07-28")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(
    installation: Installation,
    first: str,
    last: str | None = None,
    *,
    instance: dg.DagsterInstance,
    **arguments: object,
) -> dg.ExecuteInProcessResult:
    resources = {"installation": installation, "mlflow": dg.ResourceDefinition.none_resource()}
    job = build_definitions(installation.settings, resources).resolve_job_def(JOB_NAME)
    span = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return job.execute_in_process(
        run_config={**QUIET, **arguments},
        instance=instance,
        partition_key=None if last else first,
        tags=span if last else {},
    )


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, dg.DagsterInstance]]:
    installation = example_installation(tmp_path_factory.mktemp("home"))
    with dg.DagsterInstance.ephemeral() as held:
        assert run(installation, WEEKS[0], WEEKS[2], instance=held).success
        yield installation, held


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def metadata_of(instance: dg.DagsterInstance, asset: str, partition: str) -> dict[str, object]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def test_a_range_decides_every_period_in_its_order(retrained: tuple[Installation, dg.DagsterInstance]) -> None:
    installation, _ = retrained
    decided = [row.partition_key for row in installation.ledger.entries() if row.kind is EntryKind.DECISION]
    assert decided[:3] == list(WEEKS[:3])


def test_the_first_model_is_promoted_as_inaugural(retrained: tuple[Installation, dg.DagsterInstance]) -> None:
    installation, _ = retrained
    promoted = [row for row in installation.ledger.entries() if row.kind is EntryKind.CONFIRMATION]
    assert promoted[0].reason_code is ReasonCode.INAUGURAL
    assert installation.registry.champion(installation.settings.model_name) == promoted[-1].champion_after


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("weather", {"rows recorded in the period", "rows delivered to the whole run", "content hash", "warnings"}),
        ("features", {"rows of the period", "table version", "missing values in the whole run"}),
        ("holdout_set", {"holdout window", "gap", "fires", "content hash", "table versions"}),
        ("candidate_model", {"training window", "holdout log loss", "training hash", "MLflow run"}),
        (
            "adjudication_decision",
            {"decision", "relative gain, %", "guardrails", "reliability", "ledger row"},
        ),
        ("registry_state", {"what happened", "production version", "champions", "MLflow model"}),
        ("provenance", {"rows of this period", "row hash", "checkpoint"}),
    ],
)
def test_each_materialization_carries_what_a_person_asks_next(
    retrained: tuple[Installation, dg.DagsterInstance], asset: str, expected: set[str]
) -> None:
    assert expected <= set(metadata_of(retrained[1], asset, WEEKS[2]))


@pytest.mark.parametrize(
    ("asset", "own", "of_the_run"),
    [
        ("weather", {"rows recorded in the period", "table version"}, {"rows delivered to the whole run", "warnings"}),
        ("features", {"rows of the period", "table version"}, {"missing values in the whole run", "content hash"}),
        ("candidate_model", {"recipe", "holdout log loss", "artifact SHA-256", "MLflow run"}, {"seed", "code version"}),
        ("adjudication_decision", {"decision", "guardrails", "models on the newest window", "alerts"}, set()),
        ("registry_state", {"what happened", "production version", "reason"}, set()),
        ("provenance", {"rows of this period", "row hash"}, {"checkpoint"}),
    ],
)
def test_what_all_periods_of_a_run_have_in_common_is_told_with_the_last(
    retrained: tuple[Installation, dg.DagsterInstance], asset: str, own: set[str], of_the_run: set[str]
) -> None:
    shown, last = (set(metadata_of(retrained[1], asset, week)) for week in (WEEKS[1], WEEKS[2]))
    assert own <= shown
    assert not of_the_run & shown
    assert own | of_the_run <= last


def test_a_period_of_one_row_tells_it_in_words_and_one_of_several_in_a_table(
    retrained: tuple[Installation, dg.DagsterInstance],
) -> None:
    installation, instance = retrained
    rows = [row.partition_key for row in installation.ledger.entries()]
    for week in WEEKS[:3]:
        shown = metadata_of(instance, "provenance", week)["rows of this period"]
        assert isinstance(shown, str) is (rows.count(week) == 1)
    assert {rows.count(week) == 1 for week in WEEKS[:3]} == {True, False}


def test_an_earlier_period_says_where_the_run_is_told_of(
    retrained: tuple[Installation, dg.DagsterInstance],
) -> None:
    for asset in ("weather", "fire_reports", "features"):
        assert metadata_of(retrained[1], asset, WEEKS[1])["the whole run"] == f"told with its last period, {WEEKS[2]}"


def test_each_period_has_its_own_numbers(retrained: tuple[Installation, dg.DagsterInstance]) -> None:
    installation, instance = retrained
    for asset, name, whole in (
        ("weather", "rows recorded in the period", "rows delivered to the whole run"),
        ("fire_reports", "rows recorded in the period", "rows delivered to the whole run"),
        ("features", "rows of the period", "rows computed in the whole run"),
    ):
        shown = [metadata_of(instance, asset, week) for week in WEEKS[:3]]
        own = [numbers[name] for numbers in shown]
        held = rows_by_week(installation, asset)
        assert own == [held[week] for week in WEEKS[:3]]
        told = metadata_of(instance, asset, WEEKS[2])[whole]
        assert isinstance(told, int)
        assert told > sum(held[week] for week in WEEKS[:2])


def rows_by_week(installation: Installation, asset: str) -> dict[str, int]:
    table, column = {
        "weather": (TableName.WEATHER, "recorded_at"),
        "fire_reports": (TableName.FIRES, "recorded_at"),
        "features": (TableName.FEATURES, "date"),
    }[asset]
    days = [str(day)[:10] for day in installation.lake.read(table)[column].to_pylist()]
    ends = {week: str(dt.date.fromisoformat(week) + dt.timedelta(days=7)) for week in WEEKS}
    return {week: sum(week <= day < ends[week] for day in days) for week in WEEKS}


def test_checks_speak_to_people(retrained: tuple[Installation, dg.DagsterInstance]) -> None:
    (run_of_range,) = retrained[1].get_runs()
    evaluated = retrained[1].all_logs(run_of_range.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [log.dagster_event.asset_check_evaluation_data for log in evaluated if log.dagster_event is not None]
    (record,) = [check for check in found if check.check_name == "candidate_beats_climatology"]
    assert re.search(
        r"\d+ % (better|worse) than climatology on the newest window \(limit: not", str(record.description)
    )


def test_the_checkpoint_stands_in_the_export_in_dagster_and_on_the_runs_of_the_candidates(
    retrained: tuple[Installation, dg.DagsterInstance],
) -> None:
    installation, instance = retrained
    written = (installation.settings.export_folder / "checkpoint.txt").read_text(encoding="utf-8")
    (note,) = read_notes(written)
    assert note.checkpoint == take_checkpoint(installation.ledger.entries())
    assert metadata_of(instance, "provenance", WEEKS[2])["checkpoint"] == written
    tracker = installation.tracker
    assert isinstance(tracker, FakeTracker)
    decided = {entry.mlflow_run_id for entry in installation.ledger.entries() if entry.kind is EntryKind.DECISION}
    assert {run.run_id for run in tracker.runs if run.tags.get("ledger_checkpoint") == written} == decided


def test_the_runs_of_candidates_are_named_by_period_and_outcome_and_lead_back_to_dagster(
    retrained: tuple[Installation, dg.DagsterInstance],
) -> None:
    installation, _ = retrained
    tracker, settings = installation.tracker, installation.settings
    assert isinstance(tracker, FakeTracker)
    assert tracker.runs[0].name == f"{WEEKS[0]} promoted"
    outcomes = {row.mlflow_run_id: row for row in installation.ledger.entries() if row.kind is EntryKind.DECISION}
    for made in tracker.runs:
        row = outcomes[made.run_id]
        assert made.name == name_decided(row)
        assert (made.tags["outcome"], made.tags["standing"]) == (str(row.outcome), "live")
        page = f"http://{settings.host}:{settings.dagster_port}/runs/{row.dagster_run_id}"
        assert made.tags["mlflow.note.content"] == f"{row.summary}\n\n[Dagster run]({page})"


def test_a_run_that_cannot_be_named_does_not_stop_the_decision(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    installation = example_installation(tmp_path)
    with patch.object(FakeTracker, "name_run", side_effect=TrackingError("MLflow is away")):
        assert run(installation, WEEKS[0], instance=instance).success
    assert [row.kind for row in installation.ledger.entries()] == [EntryKind.DECISION, EntryKind.CONFIRMATION]


def test_pictures_are_files_that_the_ui_links_to(retrained: tuple[Installation, dg.DagsterInstance]) -> None:
    installation, instance = retrained
    for name in ("evidence", "reliability"):
        address = str(metadata_of(instance, "adjudication_decision", WEEKS[1])[name])
        file = installation.settings.picture_folder / address.removeprefix("/pictures/")
        assert file.read_bytes().startswith(b"\x89PNG")


def test_the_champions_with_their_skill_stand_in_the_description_of_the_registry(
    retrained: tuple[Installation, dg.DagsterInstance],
) -> None:
    installation, _ = retrained
    spec = build_definitions(installation.settings).resolve_asset_graph().get(dg.AssetKey("registry_state"))
    assert "(/pictures/champion.png)" in str(spec.description)
    assert (installation.settings.picture_folder / "champion.png").read_bytes().startswith(b"\x89PNG")


def test_a_past_period_is_a_replay_and_the_champion_stays(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    installation = example_installation(tmp_path)
    run(installation, WEEKS[0], WEEKS[1], instance=instance)
    name = installation.settings.model_name
    champion, rows = installation.registry.champion(name), len(installation.ledger.entries())
    result = run(installation, WEEKS[0], instance=instance)
    assert result.success
    added = installation.ledger.entries()[rows:]
    assert [row.kind for row in added] == [EntryKind.REPLAY]
    assert installation.registry.champion(name) == champion
    observed = dg.AssetRecordsFilter(dg.AssetKey("adjudication_decision"), asset_partitions=[WEEKS[0]])
    (record,) = instance.fetch_observations(observed, limit=5).records
    assert record.asset_observation is not None
    assert str(record.asset_observation.metadata["decision"].value).startswith("REPLAY")
    assert {"evidence", "reliability"} <= set(record.asset_observation.metadata)
    tracker = installation.tracker
    assert isinstance(tracker, FakeTracker)
    assert (tracker.runs[-1].name, tracker.runs[-1].tags["standing"]) == (f"{WEEKS[0]} replay", "replay")
    assert "REPLAY" in str(metadata_of(instance, "provenance", WEEKS[0])["rows of this period"])


@pytest.mark.parametrize(
    "asset", ["holdout_set", "candidate_model", "adjudication_decision", "registry_state", "provenance"]
)
def test_a_replay_leaves_on_the_page_of_an_asset_what_is_current(
    replayed: tuple[dg.DagsterInstance, dict[str, dg.AssetMaterialization]], asset: str
) -> None:
    instance, before = replayed
    shown = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert (shown.asset_materialization.partition, before[asset].partition) == (WEEKS[1], WEEKS[1])
    again = dict(shown.asset_materialization.metadata)
    assert str(again.pop("shown again").value).startswith(f"as it was, after a run over {WEEKS[0]}")
    assert again == before[asset].metadata
    assert shown.asset_materialization.tags == before[asset].tags


def test_a_replay_leaves_the_checks_of_the_newest_decision(
    replayed: tuple[dg.DagsterInstance, dict[str, dg.AssetMaterialization]],
) -> None:
    key = dg.AssetCheckKey(dg.AssetKey("adjudication_decision"), "candidate_beats_climatology")
    newest = replayed[0].event_log_storage.get_asset_check_execution_history(key, limit=1)[0].event
    assert newest is not None
    evaluation = newest.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr] # as Dagster stores it
    assert evaluation.description.startswith(f"{WEEKS[1]}: ")


@pytest.mark.parametrize(
    ("asset", "check"),
    [
        ("weather", "weather_has_no_gaps"),
        ("features", "features_cover_every_cell_and_day"),
        ("holdout_set", "holdout_postdates_training"),
    ],
)
def test_a_replay_leaves_the_newest_period_as_what_a_check_says(
    replayed: tuple[dg.DagsterInstance, dict[str, dg.AssetMaterialization]], asset: str, check: str
) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    newest = replayed[0].event_log_storage.get_asset_check_execution_history(key, limit=1)[0].event
    assert newest is not None
    evaluation = newest.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr] # as Dagster stores it
    assert f"The last one, {WEEKS[1]}: " in evaluation.description
    assert [row.data["period"] for row in evaluation.metadata["periods"].records] == [WEEKS[0], WEEKS[1]]


def test_a_replayed_period_shows_the_decision_that_stands(
    replayed: tuple[dg.DagsterInstance, dict[str, dg.AssetMaterialization]],
) -> None:
    shown = metadata_of(replayed[0], "adjudication_decision", WEEKS[0])
    assert (shown["standing"], str(shown["decision"]).startswith("REPLAY")) == ("LIVE", False)
    assert metadata_of(replayed[0], "registry_state", WEEKS[0])["what happened"] == (
        "no change: a replay moves nothing"
    )


@pytest.fixture(scope="module")
def replayed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[dg.DagsterInstance, dict[str, dg.AssetMaterialization]]]:
    """Two periods decided, then the first of them replayed; and what each asset's page showed before."""
    installation = example_installation(tmp_path_factory.mktemp("home"))
    with dg.DagsterInstance.ephemeral() as instance:
        run(installation, WEEKS[0], WEEKS[1], instance=instance)
        before = {}
        for key in instance.all_asset_keys():
            event = instance.get_latest_materialization_event(key)
            assert event is not None
            assert event.asset_materialization is not None
            before[key.to_user_string()] = event.asset_materialization
        run(installation, WEEKS[0], instance=instance)
        yield instance, before


def test_the_same_newest_period_again_returns_the_existing_decision(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    installation = example_installation(tmp_path)
    run(installation, WEEKS[0], instance=instance)
    before = installation.ledger.entries()
    run(installation, WEEKS[0], instance=instance)
    assert installation.ledger.entries() == before
    assert metadata_of(instance, "adjudication_decision", WEEKS[0])["standing"] == "EXISTING"
    tracker = installation.tracker
    assert isinstance(tracker, FakeTracker)
    assert [made.name for made in tracker.runs] == [f"{WEEKS[0]} promoted", f"{WEEKS[0]} again (decided before)"]
    assert [made.tags["standing"] for made in tracker.runs] == ["live", "existing"]


def test_a_replay_as_known_of_an_undecided_period_is_refused(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    installation = example_installation(tmp_path)
    knowledge = {"holdout_set": {"config": {"knowledge": "as_known"}}}
    with pytest.raises(Exception, match="was never decided"):
        run(installation, WEEKS[0], instance=instance, ops=knowledge)
    assert installation.ledger.entries() == []


def test_a_failing_tracker_stops_the_run_and_nothing_is_decided(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = example_installation(tmp_path)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise TrackingError("MLflow is gone")

    monkeypatch.setattr(installation.tracker, "candidate_run", refuse)
    with pytest.raises(Stopped, match="MLflow is gone"):
        run(installation, WEEKS[0], instance=instance)
    assert installation.ledger.entries() == []
    assert installation.registry.champion(installation.settings.model_name) is None
    monkeypatch.undo()
    assert run(installation, WEEKS[0], instance=instance).success


def test_recipes_compete_and_the_competition_is_shown_and_recorded(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    installation = example_installation(
        tmp_path, recipe_names=("logistic", "gradient_boosting"), tuning_trials=2, training_window_days=300
    )
    run(installation, WEEKS[0], instance=instance)
    decision = installation.ledger.entries()[0]
    candidate = candidate_of(decision)
    assert candidate is not None
    assert [score.recipe.estimator for score in candidate.competition[:2]] == ["logistic", "gradient_boosting"]
    assert len(candidate.competition) == 4
    assert candidate.recipe == min(candidate.competition, key=lambda score: score.log_loss).recipe
    records = metadata_of(instance, "candidate_model", WEEKS[0])["competition"].records  # type: ignore[attr-defined]
    chosen = {record.data["recipe"] for record in records if record.data["chosen"] == "yes"}
    assert chosen == {candidate.recipe.name}
