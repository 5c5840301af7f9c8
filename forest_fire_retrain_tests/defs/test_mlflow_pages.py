"""What leads from Dagster to MLflow and back."""

import dagster as dg
import pytest

from forest_fire_retrain.defs.metadata import dagster_run_page, mlflow_page
from forest_fire_retrain.defs.resources import _parent_run_config, name_parent_run
from forest_fire_retrain.settings import Settings

RANGE = "dagster/asset_partition_range_"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, "http://127.0.0.1:5000/#/models/risk?workflowType=machine_learning"),
        ("https://mlflow.example/", "https://mlflow.example/#/models/risk?workflowType=machine_learning"),
    ],
)
def test_a_page_of_mlflow_is_opened_in_the_view_of_trainings(uri: str | None, expected: str) -> None:
    assert mlflow_page(Settings(mlflow_tracking_uri=uri), "#/models/risk") == expected


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"dagster/partition": "2026-03-02"}, "2026-03-02"),
        ({f"{RANGE}start": "2026-03-02", f"{RANGE}end": "2026-03-02"}, "2026-03-02"),
        ({f"{RANGE}start": "2026-01-05", f"{RANGE}end": "2026-03-02"}, "2026-01-05 to 2026-03-02"),
        ({}, "Dagster run"),
    ],
)
def test_the_run_that_stands_for_a_dagster_run_is_named_by_its_periods(tags: dict[str, str], name: str) -> None:
    assert name_parent_run(tags) == name


def test_the_run_that_stands_for_a_dagster_run_leads_back_to_it() -> None:
    settings = Settings(dagster_port=3456)
    shown = _parent_run_config(settings, dg.DagsterRun("job", run_id="run-1", tags={"dagster/partition": "2026-03-02"}))
    tags = shown["extra_tags"]
    assert isinstance(tags, dict)
    assert tags["dagster_run_page"] == dagster_run_page(settings, "run-1") == "http://127.0.0.1:3456/runs/run-1"
    assert "[Dagster run](http://127.0.0.1:3456/runs/run-1)" in tags["mlflow.note.content"]
    assert (tags["mlflow.runName"], tags["kind"]) == ("2026-03-02", "dagster_run")
