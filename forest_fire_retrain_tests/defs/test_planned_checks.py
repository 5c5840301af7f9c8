"""A check without partitions is planned once for a range, and its result fills that plan."""

import dagster as dg

from forest_fire_retrain.defs.planned_checks import checks_planned_once

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WEEKS = dg.WeeklyPartitionsDefinition("2025-01-06", end_date="2025-12-29")
FIRST, *_, LAST = WEEKS.get_partition_keys()[:4]
CHECK = dg.AssetCheckKey(dg.AssetKey("weather"), "weather_has_no_gaps")


@dg.asset(partitions_def=WEEKS, check_specs=[dg.AssetCheckSpec(CHECK.name, asset=CHECK.asset_key)])
def weather() -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster takes it bare alone
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name=CHECK.name)])


JOB = dg.Definitions([weather], jobs=[dg.define_asset_job("weekly", [weather])]).resolve_job_def("weekly")
SPAN = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST}


def executions(instance: dg.DagsterInstance) -> list[tuple[str, str | None]]:
    history = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=100)
    return [(execution.status.value, execution.partition) for execution in history]


def test_a_check_is_planned_once_for_a_range() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        with checks_planned_once(instance):
            assert JOB.execute_in_process(QUIET, instance=instance, tags=SPAN).success
        assert executions(instance) == [("SUCCEEDED", None)]


def test_dagster_itself_plans_it_once_a_partition() -> None:
    """Once it does not, the module has nothing left to do."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert JOB.execute_in_process(QUIET, instance=instance, tags=SPAN).success
        assert [status for status, _ in executions(instance)] == ["SUCCEEDED", *["PLANNED"] * 4]


def test_materializations_stay_planned_by_partition() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        with checks_planned_once(instance):
            run_id = JOB.execute_in_process(QUIET, instance=instance, tags=SPAN).run_id
        planned = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    found = {log.dagster_event.partition for log in planned if log.dagster_event is not None}
    assert found == set(WEEKS.get_partition_keys()[:4])
