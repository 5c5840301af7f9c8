"""Of a run that ended well the store keeps what people see, in far fewer bytes; of one that failed it keeps all."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from forest_fire_retrain.adapters import store_trimming
from forest_fire_retrain.adapters.sqlite_reading import UnexpectedStoreError
from forest_fire_retrain.adapters.store_trimming import KEPT_ELSEWHERE, give_back_space, trim_store
from forest_fire_retrain.cli.home import DAGSTER_YAML
from forest_fire_retrain.defs.stored_events import events_stored_together

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WEEKS = dg.WeeklyPartitionsDefinition("2025-01-06", end_date="2025-12-29")
KEYS = WEEKS.get_partition_keys()[:10]
WEATHER, FEATURES = dg.AssetKey("weather"), dg.AssetKey("features")
CHECK = dg.AssetCheckKey(WEATHER, "weather_has_no_gaps")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
LOGGED = ("ASSET_MATERIALIZATION", "STEP_START", "STEP_SUCCESS", "PIPELINE_START", "PIPELINE_SUCCESS")


class Way(dg.Config):
    """Whether the range ends well."""

    fails: bool = False


@dg.asset(partitions_def=WEEKS, check_specs=[dg.AssetCheckSpec(CHECK.name, asset=WEATHER)])
def weather(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster takes it bare alone
    schema = dg.TableSchema([dg.TableColumn("cell", "text"), dg.TableColumn("rain", "text", "In mm")])
    for key in context.partition_keys:
        rows = [dg.TableRecord({"cell": f"c{number}", "rain": "0.0"}) for number in range(12)]
        shown = {"rows": 140, "of": key, "table": dg.MetadataValue.table(rows, schema), "said": "Größer — "}
        context.add_asset_metadata(shown, partition_key=key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name=CHECK.name)])


@dg.asset(partitions_def=WEEKS, deps=[weather])
def features(context: dg.AssetExecutionContext, config: Way) -> None:
    if config.fails:
        raise dg.Failure("refused")
    for key in context.partition_keys:
        context.add_asset_metadata({"missing": "none"}, partition_key=key)


DEFINITIONS = dg.Definitions([weather, features], jobs=[dg.define_asset_job("weekly", [weather, features])])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as held:
        yield held


def run(instance: dg.DagsterInstance, *, fails: bool = False, keys: Sequence[str] = KEYS) -> str:
    """A run over the range of the keys; its id."""
    return (
        DEFINITIONS.resolve_job_def("weekly")
        .execute_in_process(
            run_config={**QUIET, "ops": {"features": {"config": {"fails": fails}}}},
            instance=instance,
            partition_key=keys[0] if len(keys) == 1 else None,
            tags=dict(zip(RANGE, (keys[0], keys[-1]), strict=True)) if len(keys) > 1 else {},
            raise_on_error=False,
        )
        .run_id
    )


def index_of(home: Path) -> Path:
    return home / "history" / "runs" / "index.db"


def log_of(home: Path, run_id: str) -> Path:
    return home / "history" / "runs" / f"{run_id}.db"


def ask(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as store:
        return store.execute(query).fetchall()


def seen(instance: dg.DagsterInstance) -> dict[str, object]:
    """What the pages of assets, partitions, checks and runs are made of."""
    looked: dict[str, object] = {}
    for asset in (WEATHER, FEATURES):
        for key in KEYS:
            wanted = dg.AssetRecordsFilter(asset, asset_partitions=[key])
            records = instance.fetch_materializations(wanted, limit=5).records
            looked[f"{asset} {key}"] = [(record.storage_id, untagged(record.event_log_entry)) for record in records]
        (record,) = instance.get_asset_records([asset])
        newest = record.asset_entry.last_materialization
        looked[f"{asset}"] = (newest, record.asset_entry.last_run_id, instance.get_materialized_partitions(asset))
        looked[f"{asset} by status"] = by_status(instance, asset)
        looked[f"{asset} last planned"] = instance.get_latest_planned_materialization_info(asset)
    storage = instance.event_log_storage
    done = {status for status in _statuses() if status.value != "PLANNED"}
    executed = storage.get_asset_check_execution_history(CHECK, limit=100, status=done)
    latest = storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK]
    for name, executions in (("executed", executed), ("latest check", [latest])):
        looked[name] = [
            (one.id, one.run_id, one.status, one.event and untagged(one.event), one.create_timestamp, one.partition)
            for one in executions
        ]
    for held in instance.get_runs():
        looked[held.run_id] = (
            held.status,
            instance.get_run_stats(held.run_id),
            steps_of(instance, held.run_id),
            [(log.dagster_event_type, log.timestamp, log.step_key) for log in logged(instance, held.run_id)],
        )
    return looked


def untagged(log: dg.EventLogEntry) -> dg.EventLogEntry:
    """An event without the tags of Python's logger, which no page shows."""
    assert log.dagster_event is not None
    return log._replace(dagster_event=log.dagster_event._replace(logging_tags={}))


def by_status(instance: dg.DagsterInstance, asset: dg.AssetKey) -> list[set[str]]:
    """Partitions that are materialized, failed and in progress, found anew from the events."""
    instance.wipe_asset_cached_status([asset])
    found = get_and_update_asset_status_cache_value(instance, asset, WEEKS)
    assert found is not None
    subsets = (
        found.deserialize_materialized_partition_subsets(WEEKS),
        found.deserialize_failed_partition_subsets(WEEKS),
        found.deserialize_in_progress_partition_subsets(WEEKS),
    )
    return [set(subset.get_partition_keys()) for subset in subsets]


def steps_of(instance: dg.DagsterInstance, run_id: str) -> list[object]:
    """What each step was about, as the run's page has it."""
    return [
        (step.step_key, step.status, step.start_time, step.end_time, made_in(step.materialization_events))
        for step in instance.get_run_step_stats(run_id)
    ]


def made_in(logs: Sequence[dg.EventLogEntry]) -> list[tuple[dg.AssetKey, str | None]]:
    """The partitions that a log says were made."""
    made = [log.asset_materialization for log in logs]
    return [(one.asset_key, one.partition) for one in made if one is not None]


def _statuses() -> type[Any]:
    from dagster._core.storage.asset_check_execution_record import (  # noqa: PLC0415 - below Dagster's public names
        AssetCheckExecutionRecordStatus,
    )

    return AssetCheckExecutionRecordStatus


def logged(instance: dg.DagsterInstance, run_id: str) -> list[dg.EventLogEntry]:
    return [log for log in instance.all_logs(run_id) if (log.dagster_event_type or "") in LOGGED]


# ---- a range that ended well ----


def test_the_pages_show_what_they_showed_before(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    before = seen(instance)
    assert trim_store(home) == [run_id]
    assert give_back_space(home)
    assert seen(instance) == before
    assert len(before) > len(KEYS)


def test_the_store_is_far_smaller(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    files = (index_of(home), log_of(home, run_id))
    before, sizes = [bytes_of(path) for path in files], [path.stat().st_size for path in files]
    trim_store(home)
    give_back_space(home)
    shares = [bytes_of(path) / size for path, size in zip(files, before, strict=True)]
    assert shares == [pytest.approx(0.65, abs=0.1), pytest.approx(0.4, abs=0.1)]
    assert [path.stat().st_size < size for path, size in zip(files, sizes, strict=True)] == [True, True]


def bytes_of(database: Path) -> int:
    """Bytes of the events in a store."""
    return int(ask(database, "SELECT sum(length(event)) FROM event_logs")[0][0])


def test_the_log_of_the_run_says_which_partitions_were_made_and_where_their_figures_are(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run_id = run(instance)
    trim_store(home)
    made = [log.asset_materialization for log in instance.all_logs(run_id) if log.asset_materialization is not None]
    assert [(one.asset_key, one.partition) for one in made] == [(a, key) for a in (WEATHER, FEATURES) for key in KEYS]
    assert not any(one.metadata for one in made)
    assert [log.user_message for log in instance.all_logs(run_id)][-1] == KEPT_ELSEWHERE


def test_many_runs_are_trimmed_over_several_looks(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [run(instance, keys=[key]) for key in KEYS[:4]]
    monkeypatch.setattr(store_trimming, "MOST_AT_ONCE", 2)
    looks = [trim_store(home) for _ in range(3)]
    assert [len(look) for look in looks] == [2, 1, 0]  # the newest keeps its plan
    assert set(looks[0] + looks[1]) == set(run_ids[:3])


def test_a_second_look_has_nothing_to_do(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    trim_store(home)
    held = log_of(home, run_id).read_bytes()
    assert trim_store(home) == []
    assert log_of(home, run_id).read_bytes() == held


def test_what_the_index_does_not_have_stays_in_the_log(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    instance.wipe_assets([WEATHER])
    trim_store(home)
    made = [log.asset_materialization for log in instance.all_logs(run_id) if log.asset_materialization is not None]
    assert [bool(one.metadata) for one in made] == [True] * len(KEYS) + [False] * len(KEYS)


# ---- every other run ----


def test_a_run_of_one_partition_keeps_its_log(home: Path, instance: dg.DagsterInstance) -> None:
    run_ids = [run(instance, keys=[key]) for key in KEYS[:2]]
    before, logs = seen(instance), [instance.all_logs(run_id) for run_id in run_ids]
    held = ask(index_of(home), "SELECT sum(length(event)) FROM event_logs")[0][0]
    assert trim_store(home) == [run_ids[0]]
    assert seen(instance) == before
    assert [instance.all_logs(run_id) for run_id in run_ids] == logs
    assert ask(index_of(home), "SELECT sum(length(event)) FROM event_logs")[0][0] < held


def test_a_range_that_failed_keeps_everything(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance, fails=True)
    before, plans = seen(instance), "SELECT * FROM event_logs"
    held = [ask(path, plans) for path in (index_of(home), log_of(home, run_id))]
    assert trim_store(home) == []
    assert [ask(path, plans) for path in (index_of(home), log_of(home, run_id))] == held
    assert seen(instance) == before


def test_a_partition_whose_later_run_failed_is_still_shown_as_failed(home: Path, instance: dg.DagsterInstance) -> None:
    run(instance)
    run(instance, fails=True)
    before = seen(instance)
    trim_store(home)
    give_back_space(home)
    assert seen(instance) == before
    assert by_status(instance, FEATURES) == [set(KEYS), set(KEYS), set()]
    assert by_status(instance, WEATHER) == [set(KEYS), set(), set()]


def test_the_history_of_a_check_has_no_skipped_execution_a_partition(home: Path, instance: dg.DagsterInstance) -> None:
    run(instance, fails=True)
    storage = instance.event_log_storage
    assert len(storage.get_asset_check_execution_history(CHECK, limit=100)) == 1 + len(KEYS)
    trim_store(home)
    (execution,) = storage.get_asset_check_execution_history(CHECK, limit=100)
    assert execution.status.value == "SUCCEEDED"


# ---- cuts, and stores that are not as expected ----


@pytest.mark.parametrize("place", ["_say", "_without_figures", "shorten", "_shrink"])
def test_a_cut_leaves_a_store_that_reads_and_the_next_look_goes_on(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    run_id = run(instance)
    before = seen(instance)
    with monkeypatch.context() as patched:
        patched.setattr(store_trimming, place, cut)
        with pytest.raises(KeyboardInterrupt):
            trim_store(home)
    assert seen(instance) == before
    trim_store(home)
    assert seen(instance) == before
    assert [log.user_message for log in instance.all_logs(run_id)][-1] == KEPT_ELSEWHERE


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk is full"), UnexpectedStoreError("an odd event")])
def test_an_error_of_the_store_stops_nobody(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    run_id = run(instance)
    with monkeypatch.context() as patched:
        patched.setattr(store_trimming, "_say", refuse)
        trim_store(home)
    assert all(one.metadata for one in materializations(instance, run_id))


def materializations(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetMaterialization]:
    return [log.asset_materialization for log in instance.all_logs(run_id) if log.asset_materialization is not None]


@pytest.mark.parametrize("config", [None, "storage:\n  sqlite:\n    base_dir: elsewhere\n"])
def test_a_store_that_is_not_the_homes_own_is_left_alone(
    home: Path, instance: dg.DagsterInstance, config: str | None
) -> None:
    run_id = run(instance)
    (home / "dagster.yaml").unlink() if config is None else (home / "dagster.yaml").write_text(config)
    assert (trim_store(home), give_back_space(home)) == ([], False)
    assert all(one.metadata for one in materializations(instance, run_id))


def test_a_store_with_other_tables_is_left_alone(home: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    with closing(sqlite3.connect(index_of(home))) as store:
        store.execute("ALTER TABLE event_logs RENAME COLUMN partition TO portion")
    assert (trim_store(home), give_back_space(home)) == ([], False)
    assert ask(log_of(home, run_id), "SELECT count(*) FROM event_logs WHERE event LIKE '%metadata_entries\": []%'")


def test_a_home_where_nothing_ran_has_nothing_to_trim(home: Path) -> None:
    assert (trim_store(home), give_back_space(home)) == ([], False)


def test_the_index_that_is_held_is_written_and_trimmed_by_others(home: Path, instance: dg.DagsterInstance) -> None:
    first = run(instance)
    with events_stored_together(instance):
        second = run(instance)
        assert sorted(trim_store(home)) == sorted([first, second])
        assert give_back_space(home)
    assert by_status(instance, WEATHER) == [set(KEYS), set(), set()]


def test_space_is_not_given_back_while_a_run_is_on(home: Path, instance: dg.DagsterInstance) -> None:
    run(instance)
    started = instance.create_run_for_job(DEFINITIONS.resolve_job_def("weekly"), status=dg.DagsterRunStatus.STARTED)
    trim_store(home)
    assert not give_back_space(home)
    instance.report_run_failed(started)
    assert give_back_space(home)
    assert not give_back_space(home)
