"""Events of a range are stored in one transaction, and read as if Dagster had stored each by itself."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.exc import OperationalError

from forest_fire_retrain.defs.stored_events import BATCH_SIZE, events_stored_together

KEYS = [f"2026-01-{day:02d}" for day in range(1, 8)]
PERIODS = dg.StaticPartitionsDefinition(KEYS)


@dg.asset(
    partitions_def=PERIODS,
    check_specs=[dg.AssetCheckSpec("is_noted", asset="noted")],
)
def noted(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """An asset that notes something of each of its periods."""
    for place, key in enumerate(context.partition_keys):
        context.add_asset_metadata({"place": place}, partition_key=key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="is_noted")])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def materialize_all(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = dg.Definitions([noted], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    ends = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
    return job.execute_in_process(instance=instance, tags=ends)


def events_of(instance: dg.DagsterInstance, run_id: str) -> list[tuple[Any, ...]]:
    """What a run left in its own database and, of the same, in the one of all runs."""
    own = [(event.dagster_event_type, event.step_key) for event in instance.all_logs(run_id)]
    stored = instance.fetch_materializations(dg.AssetKey("noted"), limit=100, ascending=True).records
    made = [record.asset_materialization for record in stored if record.run_id == run_id]
    return [*own, *((each.partition, each.metadata["place"].value) for each in made if each is not None)]


def count_transactions(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    begun: list[str] = []
    connect = sqlite3.connect

    def note(address: str, *words: object, **options: object) -> sqlite3.Connection:
        begun.append(address)
        return connect(address, *words, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("sqlite3.dbapi2.connect", note)
    monkeypatch.setattr("sqlite3.connect", note)
    materialize_all(instance)
    return begun


def test_events_read_as_if_each_was_stored_by_itself(instance: dg.DagsterInstance) -> None:
    alone = materialize_all(instance)
    with events_stored_together(instance):
        together = materialize_all(instance)
    assert events_of(instance, together.run_id) == events_of(instance, alone.run_id)
    assert instance.get_materialized_partitions(dg.AssetKey("noted")) == set(KEYS)
    record = instance.get_latest_materialization_event(dg.AssetKey("noted"))
    assert record is not None
    assert record.run_id == together.run_id


def test_a_page_that_shows_events_of_one_millisecond_as_one_shows_each_period(instance: dg.DagsterInstance) -> None:
    with events_stored_together(instance):
        done = materialize_all(instance)
    stored = instance.fetch_materializations(dg.AssetKey("noted"), limit=100, ascending=True).records
    instants = [int(1000 * record.timestamp) for record in stored]
    assert instants == sorted(set(instants))
    assert len(instants) == len(KEYS)
    own = [event.timestamp for event in instance.all_logs(done.run_id)]
    assert {record.timestamp for record in stored} <= set(own)
    assert max(record.timestamp for record in stored) <= max(own)


def test_a_period_costs_no_connection_of_its_own(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = len(count_transactions(instance, monkeypatch))
    with events_stored_together(instance):
        together = len(count_transactions(instance, monkeypatch))
    assert alone - together > 3 * (len(KEYS) - 1)


def test_of_events_that_cannot_all_be_stored_together_none_is_stored_twice(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, refused = SqliteEventLogStorage.store_event, list[str]()

    def refuse_once(storage: SqliteEventLogStorage, event: dg.EventLogEntry) -> None:
        store(storage, event)
        is_made = event.dagster_event_type is dg.DagsterEventType.ASSET_MATERIALIZATION
        if is_made and event.dagster_event is not None and event.dagster_event.partition == KEYS[3] and not refused:
            refused.append(KEYS[3])
            fault = sqlite3.OperationalError("database or disk is full")
            raise OperationalError("INSERT of many words", {}, fault)  # as SQLAlchemy hands it on

    monkeypatch.setattr(SqliteEventLogStorage, "store_event", refuse_once)
    with events_stored_together(instance):
        done = materialize_all(instance)
    assert refused == [KEYS[3]]
    made = sorted(found for found in events_of(instance, done.run_id) if found[0] in KEYS)
    assert made == [(key, place) for place, key in enumerate(KEYS)]
    said = capsys.readouterr().err
    assert "database or disk is full" in said
    assert "INSERT" not in said


def test_another_thread_has_a_connection_of_its_own(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, counted = SqliteEventLogStorage.store_event, list[int]()

    def look_meanwhile(storage: SqliteEventLogStorage, event: dg.EventLogEntry) -> None:
        store(storage, event)
        if event.dagster_event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            other = threading.Thread(target=lambda: counted.append(len(instance.all_asset_keys())))
            other.start()
            other.join()

    monkeypatch.setattr(SqliteEventLogStorage, "store_event", look_meanwhile)
    with events_stored_together(instance):
        materialize_all(instance)
    assert counted == [1] * len(KEYS)


def test_whoever_chose_a_size_is_obeyed(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BATCH_SIZE, "3")
    with events_stored_together(instance):
        assert "store_event_batch" not in vars(instance.event_log_storage)
    assert os.environ[BATCH_SIZE] == "3"


def test_nothing_is_left_behind(instance: dg.DagsterInstance) -> None:
    with events_stored_together(instance):
        assert BATCH_SIZE in os.environ
    assert BATCH_SIZE not in os.environ
    assert not {"store_event_batch", "has_table", "_connect"} & set(vars(instance.event_log_storage))
