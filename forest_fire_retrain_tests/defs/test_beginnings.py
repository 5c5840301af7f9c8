"""Partitions begin where decisions and predictions begin, and none that may hold something ever disappears."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PREDICTIONS_SCHEMA
from forest_fire_retrain.defs.beginnings import (
    DAYS,
    FILE,
    PERIODS,
    Beginnings,
    find_beginnings,
    note_beginning,
    note_run,
    read_noted,
)
from forest_fire_retrain.operations import publish
from forest_fire_retrain.settings import Settings
from forest_fire_retrain_tests.example_installation import NOW, example_settings
from forest_fire_retrain_tests.example_reigns import WEEKS, three_reigns
from forest_fire_retrain_tests.fakes.lake import FakeLake

TODAY = NOW.date()
EARLY, LATE = dt.date(2025, 1, 6), dt.date(2025, 11, 3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return example_settings(tmp_path, up_periods=26)


def begin(settings: Settings, lake: FakeLake | None = None) -> Beginnings:
    return find_beginnings(settings, lake or FakeLake(), lambda: NOW)


def test_a_new_home_begins_where_up_would_begin(settings: Settings) -> None:
    closed = settings.periods.closed_keys(NOW)
    assert begin(settings) == Beginnings(dt.date.fromisoformat(closed[-26]), TODAY)


def test_a_history_that_is_over_begins_within_it(settings: Settings) -> None:
    over = settings.model_copy(update={"end_date": dt.date(2025, 6, 2)})
    assert begin(over) == Beginnings(dt.date(2024, 12, 2), dt.date(2025, 6, 1))


def test_a_home_without_a_closed_period_begins_with_the_first_one(settings: Settings) -> None:
    now = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    assert find_beginnings(settings, FakeLake(), lambda: now).periods == settings.periods.first_start


@pytest.mark.slow
def test_a_home_without_notes_begins_with_its_oldest_decision(tmp_path: Path) -> None:
    made = three_reigns().installation
    settings = made.settings.model_copy(update={"home": tmp_path, "up_periods": 1})
    publish(made.published_ledger._replace(export_folder=settings.export_folder))
    assert begin(settings).periods == dt.date.fromisoformat(WEEKS[0])
    (settings.export_folder / LEDGER_FILE).write_bytes(b"torn")
    assert begin(settings).periods == dt.date.fromisoformat(settings.periods.closed_keys(NOW)[-1])


def test_days_begin_with_the_oldest_prediction(settings: Settings) -> None:
    lake = FakeLake()
    row = dict.fromkeys(PREDICTIONS_SCHEMA.names) | {"date": LATE}
    lake.append(PREDICTIONS, PREDICTIONS_SCHEMA.empty_table().from_pylist([row], PREDICTIONS_SCHEMA))
    assert begin(settings, lake).days == LATE
    note_beginning(settings.dagster_home, DAYS, TODAY)
    assert begin(settings, lake).days == LATE


def test_a_note_only_moves_back(settings: Settings) -> None:
    for day in (LATE, EARLY, LATE):
        note_beginning(settings.dagster_home, PERIODS, day)
        note_beginning(settings.dagster_home, DAYS, day)
    assert begin(settings) == Beginnings(EARLY, EARLY)


def test_nothing_begins_before_there_can_be_a_model(settings: Settings) -> None:
    for name in (PERIODS, DAYS):
        note_beginning(settings.dagster_home, name, dt.date(2019, 1, 1))
    first = settings.periods.first_start
    assert begin(settings) == Beginnings(first, first + dt.timedelta(days=7))


def test_a_beginning_noted_under_another_cadence_is_led_to_a_period(settings: Settings) -> None:
    note_beginning(settings.dagster_home, PERIODS, dt.date(2025, 1, 1))
    assert begin(settings).periods == dt.date(2025, 1, 6)


@pytest.mark.parametrize("text", ["{", "[]", '{"periods": 3}', '{"periods": "soon"}'])
def test_a_torn_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_noted(tmp_path) == {}


@pytest.mark.parametrize("tag", ["dagster/partition", "dagster/asset_partition_range_start"])
def test_a_run_notes_its_oldest_partition_beside_its_record(tmp_path: Path, tag: str) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        note_run(instance, {tag: "2025-01-06"}, PERIODS)
        note_run(instance, {}, DAYS)
        note_run(instance, {tag: "2024-12-23+active"}, PERIODS)  # it begins nothing
    assert read_noted(tmp_path) == {PERIODS: EARLY}
