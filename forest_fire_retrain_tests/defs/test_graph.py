"""What the code location consists of, pinned: a change of the graph has to be meant."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.beginnings import DAYS, note_beginning
from forest_fire_retrain.defs.partitions import build_days
from forest_fire_retrain_tests.example_installation import example_settings

EXPECTED = {
    "weather": ("ingest", set(), {"weather_has_no_gaps"}),
    "fire_reports": ("ingest", set(), set()),
    "features": ("features", {"weather", "fire_reports"}, {"features_cover_every_cell_and_day"}),
    "holdout_set": ("retraining", {"features"}, {"holdout_postdates_training"}),
    "candidate_model": ("retraining", {"features", "holdout_set"}, set()),
    "adjudication_decision": (
        "retraining",
        {"holdout_set", "candidate_model"},
        {
            "holdout_rows_fit_the_training_schema",
            "predictions_are_probabilities",
            "candidate_beats_climatology",
            "candidate_expects_about_the_recorded_fires",
            "candidate_predicts_about_as_many_fires_as_the_champion",
            "candidate_ranks_cell_days_about_as_the_champion",
            "no_region_gets_considerably_worse",
        },
    ),
    "registry_state": ("retraining", {"adjudication_decision"}, set()),
    "provenance": (
        "provenance",
        {"registry_state"},
        {"ledger_chain_is_intact", "champion_alias_matches_ledger", "export_matches_ledger"},
    ),
    "risk_predictions": (
        "serving",
        {"features", "registry_state"},
        {"every_cell_of_the_park_is_predicted", "few_cells_are_predicted_without_weather"},
    ),
    "prediction_quality": (
        "monitoring",
        {"features", "registry_state", "risk_predictions"},
        {"predictions_say_what_happens"},
    ),
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    settings = example_settings(tmp_path_factory.mktemp("home"))
    note_beginning(settings.dagster_home, DAYS, dt.date(2024, 8, 5))
    return build_definitions(settings)


def test_the_graph_has_these_assets_edges_groups_and_checks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = {
        node.key.to_user_string(): (
            node.group_name,
            {parent.to_user_string() for parent in node.parent_keys},
            {check.name for check in node.check_keys},
        )
        for node in graph.asset_nodes
    }
    assert {name: found[name][:2] for name in EXPECTED} == {name: entry[:2] for name, entry in EXPECTED.items()}
    assert set(found) == set(EXPECTED)
    for name, (_, _, checks) in EXPECTED.items():
        assert found[name][2] >= checks


def test_active_periods_have_the_same_graph_below_their_name(tmp_path: Path) -> None:
    settings = example_settings(tmp_path, cadence="monthly", active="retrain")
    definitions = build_definitions(settings)
    graph = definitions.resolve_asset_graph()
    active = {node.key.path[1]: node for node in graph.asset_nodes if node.key.path[0] == "active"}
    shared = set(EXPECTED) - {"risk_predictions", "prediction_quality"}
    assert set(active) == shared
    for name, node in active.items():
        parents = {parent.to_user_string() for parent in node.parent_keys}
        assert parents == {f"active/{parent}" for parent in EXPECTED[name][1]}
        assert {check.name for check in node.check_keys} >= EXPECTED[name][2]
        assert (node.group_name, node.owners, len(node.code_version or "")) == ("active", ["team:fire-risk"], 16)
        assert node.partitions_def == dg.DynamicPartitionsDefinition(name="active_periods")
    assert {node.key.to_user_string() for node in graph.asset_nodes} == set(EXPECTED) | {f"active/{n}" for n in shared}
    sensor = definitions.resolve_sensor_def("active_retraining_sensor")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    keys = definitions.resolve_job_def("active_retraining_job").asset_layer.selected_asset_keys
    assert keys == {dg.AssetKey(["active", name]) for name in shared}


def test_every_asset_says_what_it_is_who_owns_it_and_which_code_made_it(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for node in graph.asset_nodes:
        assert node.description, node.key
        assert node.owners == ["team:fire-risk"]
        assert len(node.code_version or "") == 16
        assert node.kinds


@pytest.mark.parametrize(
    ("name", "unit"), [("weather", "km/h"), ("fire_reports", "ha"), ("features", "kPa"), ("risk_predictions", "km/h")]
)
def test_tables_show_their_columns_with_units(definitions: dg.Definitions, name: str, unit: str) -> None:
    schema = definitions.resolve_asset_graph().get(dg.AssetKey(name)).metadata["dagster/column_schema"]
    assert any(f"[{unit}]" in (column.description or "") for column in schema.columns)


def test_partitions_are_the_weeks_from_the_first_trainable_one(definitions: dg.Definitions) -> None:
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey("provenance")).partitions_def
    assert partitions is not None
    keys = partitions.get_partition_keys()
    assert keys[0] == "2024-07-29"  # a Monday, 180 + 14 + 14 days and more after the data's start
    assert keys[1] == "2024-08-05"


def test_months_are_partitions_where_the_cadence_says_so(tmp_path: Path) -> None:
    definitions = build_definitions(example_settings(tmp_path, cadence="monthly"))
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey("provenance")).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys()[:2] == ["2024-08-01", "2024-09-01"]


def test_schedule_and_sensor_start_running(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("retraining_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "0 6 * * 1"
    assert definitions.resolve_sensor_def("undecided_partition_sensor").default_status is (
        dg.DefaultSensorStatus.RUNNING
    )


def test_a_retraining_and_its_triggers_leave_predictions_alone(definitions: dg.Definitions) -> None:
    predictions, quality = {dg.AssetKey("risk_predictions")}, {dg.AssetKey("prediction_quality")}
    for name, expected in (
        ("retraining_job", set(map(dg.AssetKey, EXPECTED)) - predictions - quality),
        ("prediction_job", predictions),
        ("quality_job", quality),
    ):
        assert definitions.resolve_job_def(name).asset_layer.selected_asset_keys == expected
    assert definitions.resolve_sensor_def("undecided_partition_sensor").job_name == "retraining_job"
    assert definitions.resolve_schedule_def("retraining_schedule").job_name == "retraining_job"


def test_days_are_partitions_from_the_first_possible_champion_to_today(definitions: dg.Definitions) -> None:
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey("risk_predictions")).partitions_def
    assert partitions is not None
    at_noon = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
    keys = partitions.get_partition_keys(current_time=at_noon)
    assert (keys[0], keys[-1]) == ("2024-08-05", "2026-03-02")


@pytest.mark.parametrize(
    ("time_zone", "instant", "today"),
    [
        ("Pacific/Kiritimati", "2026-03-01T10:00", "2026-03-02"),
        ("Pacific/Pago_Pago", "2026-03-02T10:59", "2026-03-01"),
        ("America/Los_Angeles", "2026-03-09T06:59", "2026-03-08"),
    ],
)
def test_the_newest_day_is_the_parks_today(tmp_path: Path, time_zone: str, instant: str, today: str) -> None:
    days = build_days(example_settings(tmp_path, time_zone=time_zone))
    assert days.get_partition_keys(current_time=dt.datetime.fromisoformat(f"{instant}:00+00:00"))[-1] == today


def test_a_day_rests_on_the_period_before_its_own_also_where_that_is_not_over(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    day, week = (graph.get(dg.AssetKey(name)).partitions_def for name in ("risk_predictions", "features"))
    mapping = graph.get(dg.AssetKey("risk_predictions")).partition_mappings[dg.AssetKey("features")]
    assert day is not None
    for key, expected in (("2026-03-01", "2026-02-16"), ("2026-03-02", "2026-02-23"), ("2024-08-05", "2024-07-29")):
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            day.subset_with_partition_keys([key]), day, week, current_time=dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
        )
        assert list(found.partitions_subset.get_partition_keys()) == [expected]
        assert not found.required_but_nonexistent_subset.get_partition_keys()


def test_the_day_is_predicted_every_morning_from_the_start(tmp_path: Path) -> None:
    definitions = build_definitions(example_settings(tmp_path, prediction_hour=9, time_zone="Pacific/Auckland"))
    schedule = definitions.resolve_schedule_def("prediction_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 9 * * *", "Pacific/Auckland")
