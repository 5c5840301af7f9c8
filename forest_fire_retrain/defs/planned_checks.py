"""Plan a check that has no partitions once a run.

Dagster 1.13 plans every check of a run over partitions once a partition, the check's own partitions or not: a row with
the whole event each, which the one result never fills, and which a check's history shows as skipped.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned


@contextmanager
def checks_planned_once(instance: dg.DagsterInstance) -> Iterator[None]:
    """Within the block, the checks of runs that are created in process are planned without partitions."""
    report = instance.report_dagster_event

    def report_once(event: dg.DagsterEvent, *args: object, **arguments: object) -> None:
        planned = event.event_specific_data
        if isinstance(planned, AssetCheckEvaluationPlanned):
            once = AssetCheckEvaluationPlanned(asset_key=planned.asset_key, check_name=planned.check_name)
            event = event._replace(event_specific_data=once)
        report(event, *args, **arguments)  # type: ignore[arg-type] # as they came

    instance.report_dagster_event = report_once  # type: ignore[method-assign, assignment] # until the block ends
    try:
        yield
    finally:
        del instance.report_dagster_event
