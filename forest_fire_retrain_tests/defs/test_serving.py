"""Daily predictions in the shell: runs over days, checks that can fail, the map, a schedule that knows its day."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain import operations
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import LakeError, RegistryError
from forest_fire_retrain.core.ledger.entries import EntryKind, Stamp
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.definitions import build_definitions, build_predictions
from forest_fire_retrain.defs import serving
from forest_fire_retrain.defs.beginnings import DAYS, note_beginning
from forest_fire_retrain.defs.prediction_job import (
    PREDICTION_JOB,
    build_prediction_job,
    build_prediction_schedule,
)
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between
from forest_fire_retrain_tests.example_installation import NOW, example_installation
from forest_fire_retrain_tests.example_reigns import Reigns, three_reigns
from forest_fire_retrain_tests.pipeline.serving.test_predicting import Changed

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
AT_EIGHT = NOW + dt.timedelta(hours=1)
MARCH = Interval(start=dt.date(2026, 3, 1), end=dt.date(2026, 4, 1))
MAX_MAP_BYTES = 30_000


@pytest.fixture
def reigns(tmp_path: Path) -> Reigns:
    made = three_reigns()
    settings = made.installation.settings.model_copy(update={"home": tmp_path})
    return made._replace(installation=replace(made.installation, settings=settings, clock=lambda: AT_EIGHT))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def run(
    installation: Installation,
    instance: dg.DagsterInstance,
    first: str,
    last: str | None = None,
    *,
    retro: bool = False,
) -> dg.ExecuteInProcessResult:
    note_beginning(installation.settings.dagster_home, DAYS, dt.date.fromisoformat(first))  # as the command does
    definitions = build_definitions(installation.settings, {"installation": installation})
    span = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return definitions.resolve_job_def(PREDICTION_JOB).execute_in_process(
        run_config={**QUIET, "ops": {"risk_predictions": {"config": {"retro": retro}}}},
        instance=instance,
        partition_key=None if last else first,
        tags=span if last else {},
        raise_on_error=False,
    )


def metadata_of(instance: dg.DagsterInstance, day: str) -> dict[str, object]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("risk_predictions"), asset_partitions=[day]), limit=1
    ).records
    found = records[0].asset_materialization
    assert found is not None
    return {name: value.value for name, value in found.metadata.items()}


def checks_of(done: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in done.get_asset_check_evaluations()}


def error_of(done: dg.ExecuteInProcessResult) -> str:
    (failure,) = (event.step_failure_data for event in done.all_events if event.is_step_failure)
    assert failure.error is not None
    return str(failure.error.cause.message if failure.error.cause else failure.error.message)


def test_verdicts_are_given_before_today_is_predicted_and_not_for_past_days(
    reigns: Reigns, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def give(installation: Installation, stamp: Stamp) -> Verdicts:
        asked.append(len(issues_between(installation.lake, MARCH)))
        assert stamp.recorded_at == AT_EIGHT
        return Verdicts(waiting=("a candidate waits",))

    monkeypatch.setattr(operations, "give_verdicts", give)
    assert run(reigns.installation, instance, "2026-03-02").success
    assert asked == [0]
    assert run(reigns.installation, instance, "2025-07-22", retro=True).success
    assert asked == [0]


def test_a_verdict_that_cannot_be_given_stops_no_prediction(
    reigns: Reigns, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> Verdicts:
        raise RegistryError("the registry does not answer")

    monkeypatch.setattr(operations, "give_verdicts", refuse)
    assert run(reigns.installation, instance, "2026-03-02").success
    assert len(issues_between(reigns.lake, MARCH)) == 1


def test_today_is_predicted_and_shown(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    done = run(reigns.installation, instance, "2026-03-02")
    assert done.success
    shown = metadata_of(instance, "2026-03-02")
    (issue,) = issues_between(reigns.lake, MARCH)
    assert (shown["issue"], shown["model version"], shown["kind"], shown["cells"]) == (issue.name, 3, "live", 6)
    folder = reigns.installation.settings.picture_folder
    picture = (folder / str(shown["map"]).removeprefix("/pictures/")).read_bytes()
    assert (folder / "map.png").read_bytes() == picture
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= MAX_MAP_BYTES
    ranks = [record.data["rank"] for record in shown["highest cells"].records]  # type: ignore[attr-defined] # a table
    assert ranks[0] == "1"
    assert len(ranks) == 6
    assert {check.passed for check in checks_of(done).values()} == {True}
    assert {str(run_id) for run_id in reigns.lake.read(PREDICTIONS)["dagster_run_id"].to_pylist()} == {done.run_id}


def test_a_range_runs_at_once_and_shows_the_day_before_beside_its_fires(
    reigns: Reigns, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_DRAWN", 3)
    assert run(reigns.installation, instance, "2025-07-15", "2025-07-22", retro=True).success
    assert len(reigns.lake.tables[PREDICTIONS]) == 1
    assert "map" not in metadata_of(instance, "2025-07-19")
    shown = metadata_of(instance, "2025-07-21")
    assert str(shown["yesterday"]).startswith("2025-07-20, version 1, retro: ")
    assert shown["model version"] == 2
    held = reigns.lake.read("fires").to_pylist()
    burnt = {row["cell_id"] for row in held if row["date"] == dt.date(2025, 7, 20)}
    assert f"in {counted(len(burnt), 'cell')} one is reported" in str(shown["yesterday"])


def test_a_past_day_that_is_not_asked_for_fails_with_one_message(reigns: Reigns, instance: dg.DagsterInstance) -> None:
    done = run(reigns.installation, instance, "2025-07-21")
    assert not done.success
    assert "forest-fire predict --date 2025-07-21 --retro" in error_of(done)
    assert reigns.lake.version(PREDICTIONS) is None


def test_the_check_on_weather_fails_above_the_limit_and_the_map_is_made_all_the_same(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    silent = Changed(reigns.installation.source, without=(("C00002", AT_EIGHT.date()), ("C00004", AT_EIGHT.date())))
    for limit, passed in ((0.2, False), (0.5, True)):
        settings = reigns.installation.settings.model_copy(update={"max_share_without_weather": limit})
        done = run(replace(reigns.installation, source=silent, settings=settings), instance, "2026-03-02")
        assert done.success
        check = checks_of(done)["few_cells_are_predicted_without_weather"]
        assert (check.passed, check.severity) == (passed, dg.AssetCheckSeverity.ERROR)
        assert "2 of 6 cells without weather (33.3%" in str(check.description)
    assert metadata_of(instance, "2026-03-02")["cells without weather"] == 2


def test_the_check_on_cells_fails_where_one_was_dropped(
    reigns: Reigns, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_days = serving.operations.predict_days

    def drop_a_cell(*positional: object, **named: object) -> object:
        return [day._replace(rows=day.rows.slice(1)) for day in predict_days(*positional, **named)]  # type: ignore[arg-type] # as given

    monkeypatch.setattr(serving.operations, "predict_days", drop_a_cell)
    check = checks_of(run(reigns.installation, instance, "2026-03-02"))["every_cell_of_the_park_is_predicted"]
    assert not check.passed
    assert "5 rows of 5 cells, for 6 cells of the park" in str(check.description)


@pytest.mark.parametrize(
    ("changes", "tick", "told"),
    [
        ({}, NOW, None),
        (
            {},
            NOW - dt.timedelta(days=1),
            "2026-03-01 is over; to predict it now: forest-fire predict --date",
        ),
        ({"end_date": dt.date(2026, 1, 5)}, NOW, "the history ends on 2026-01-05"),
        ({"time_zone": "Pacific/Kiritimati"}, NOW, None),
    ],
)
def test_the_schedule_asks_for_the_parks_today_and_nothing_else(
    reigns: Reigns, changes: dict[str, object], tick: dt.datetime, told: str | None
) -> None:
    settings = reigns.installation.settings.model_copy(update=changes)
    answer = answer_of_schedule(replace(reigns.installation, settings=settings), tick)
    if told is None:
        assert isinstance(answer, dg.RunRequest)
        assert answer.partition_key == "2026-03-02"
    else:
        assert isinstance(answer, dg.SkipReason)
        assert told in str(answer.skip_message)


def test_without_a_champion_the_schedule_says_why_it_skips(reigns: Reigns) -> None:
    empty = example_installation(reigns.installation.settings.home)
    answer = answer_of_schedule(empty, NOW)
    assert isinstance(answer, dg.SkipReason)
    assert "there is no champion yet" in str(answer.skip_message)


def answer_of_schedule(installation: Installation, tick: dt.datetime) -> dg.RunRequest | dg.SkipReason:
    job = build_prediction_job(build_predictions(installation.settings, tick.date()))
    schedule = build_prediction_schedule(installation.settings, job)
    resources = {"installation": installation}
    with dg.build_schedule_context(scheduled_execution_time=tick, resources=resources) as context:
        return schedule(context)


def test_a_mixture_is_weighed_and_shown_with_its_parts_where_it_answers(
    reigns: Reigns, instance: dg.DagsterInstance
) -> None:
    changed = {"routing": Routing.MIXTURE, "warm_days": 300}
    settings = reigns.installation.settings.model_copy(update=changed)
    done = run(replace(reigns.installation, settings=settings), instance, "2026-03-02")
    assert done.success
    assert [row.kind for row in reigns.ledger.rows][-1] is EntryKind.WEIGHTS
    shown = metadata_of(instance, "2026-03-02")
    assert shown["who answers"] == "the mixture"
    assert "model version" not in shown
    assert json.loads(str(shown["parts"]))["weights_sha256"] == reigns.ledger.rows[-1].entry_hash
    assert all(check.passed for check in checks_of(done).values())


def test_a_mixture_that_cannot_be_weighed_leaves_the_champion_with_a_warning(
    reigns: Reigns, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_known: object) -> None:
        msg = "the lake is away"
        raise LakeError(msg)

    monkeypatch.setattr(operations, "settle_weights", refuse)
    settings = reigns.installation.settings.model_copy(update={"routing": Routing.MIXTURE, "warm_days": 300})
    done = run(replace(reigns.installation, settings=settings), instance, "2026-03-02")
    assert done.success
    shown = metadata_of(instance, "2026-03-02")
    assert (shown["who answers"], shown["model version"]) == ("version 3", 3)
