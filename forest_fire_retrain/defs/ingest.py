"""Group `ingest`: what the source has recorded, in the lake."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
import numpy as np

from forest_fire_retrain import operations
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import list_capped
from forest_fire_retrain.core.periods import Periods
from forest_fire_retrain.core.records import INGEST_KIND, IngestReport
from forest_fire_retrain.core.rows.park_days import days_of
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.defs.asset_arguments import OWNERS, Shape
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.check_results import PeriodFinding, check_periods
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.metadata import column_schema, describe_ingest
from forest_fire_retrain.defs.replay_report import keys_to_check
from forest_fire_retrain.defs.run_context import last_beside, periods_of, tell, warn
from forest_fire_retrain.ingestion import intake_of
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.pipeline.preparing.weather_gaps import find_weather_gaps

GROUP = "ingest"
DAY = dt.timedelta(days=1)
GAPS_CHECK = "weather_has_no_gaps"


def build_ingest_assets(shape: Shape) -> list[dg.AssetsDefinition]:
    """`weather` and `fire_reports`."""

    @dg.asset(
        key=shape.key("weather"),
        group_name=shape.group(GROUP),
        kinds={"deltalake", "python"},
        owners=OWNERS,
        code_version=code_version_of("weather"),
        metadata=column_schema(WEATHER_SCHEMA),
        description="Weather per cell and day as the source recorded it, and the cells it is for. "
        "Everything recorded before the period's end is in the lake afterwards.",
        check_specs=[
            dg.AssetCheckSpec(
                GAPS_CHECK,
                asset=shape.key("weather"),
                description="Every cell has a row of weather for every day that became final in the period.",
            )
        ],
        **shape.shared,
    )
    @foreseen
    def weather(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        settings = installation.settings
        window = settings.periods.span_of(periods_of(context, installation))
        report = ingest_weather(intake_of(installation), window)
        _describe(context, installation, report)
        lag_days = settings.weather_lag_days
        checked = keys_to_check(context.partition_keys, installation.ledger.state(settings.model_name))
        findings = [find_gaps(installation.lake, settings.periods, key, lag_days) for key in checked]
        return dg.MaterializeResult(
            check_results=[check_periods(GAPS_CHECK, findings, severity=dg.AssetCheckSeverity.WARN)]
        )

    @dg.asset(
        key=shape.key("fire_reports"),
        group_name=shape.group(GROUP),
        kinds={"deltalake", "python"},
        owners=OWNERS,
        code_version=code_version_of("fire_reports"),
        metadata=column_schema(FIRES_SCHEMA),
        description="Fire reports and their corrections as they arrived. A later row of the same fire corrects the "
        "earlier one; nothing is overwritten.",
        **shape.shared,
    )
    @foreseen
    def fire_reports(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        settings = installation.settings
        window = settings.periods.span_of(periods_of(context, installation))
        report = ingest_fire_reports(intake_of(installation), window)
        _describe(context, installation, report)
        return dg.MaterializeResult()

    return [weather, fire_reports]


def _describe(context: dg.AssetExecutionContext, installation: Installation, report: IngestReport) -> None:
    touched = operations.describe_touched(installation, report)
    report = report.model_copy(update={"warnings": (*report.warnings, *touched)})
    numbers = count_recorded(installation.lake, installation.settings.periods, report.table, context.partition_keys)
    for key in context.partition_keys:
        shown = describe_ingest(report, numbers[key], last_beside(key, context.partition_keys))
        context.add_asset_metadata(shown, partition_key=key)
    sentence = (
        f"{report.n_rows} rows delivered: {report.n_added} new, {report.n_changed} changed, "
        f"{report.n_withdrawn} withdrawn"
    )
    step = context.asset_key.path[-1]
    tell(context, installation, step, context.partition_keys[-1], sentence)
    installation.records.put(INGEST_KIND.format(table=report.table), context.partition_keys[-1], report)
    for warning in report.warnings:
        warn(context, installation, step, warning)


def count_recorded(lake: Lake, periods: Periods, table: str, partition_keys: Sequence[str]) -> dict[str, int]:
    """Rows of a table that were recorded in each period, by the days of the park."""
    span = periods.span_of(partition_keys)
    around = Interval(start=span.start - DAY, end=span.end + 2 * DAY)  # instants of those days in any zone
    held = lake.read(table, columns=["recorded_at"], day_column="recorded_at", window=around)["recorded_at"]
    days = np.sort(np.array(days_of(held, periods.time_zone).to_pylist(), dtype="datetime64[D]"))
    windows = {key: periods.span_of([key]) for key in partition_keys}
    return {
        key: int(np.subtract(*np.searchsorted(days, np.array([window.end, window.start], dtype="datetime64[D]"))))
        for key, window in windows.items()
    }


def find_gaps(lake: Lake, periods: Periods, partition_key: str, weather_lag_days: int = 0) -> PeriodFinding:
    """Cell-days without weather that became final in a period, held against none."""
    window = periods.span_of([partition_key]).shift(-weather_lag_days)
    gaps = find_weather_gaps(lake, window)
    sentence = f"every one of {gaps.n_expected} cell-days {window.when} has a row of weather"
    if gaps.n_missing:
        share = gaps.n_missing / gaps.n_expected
        sentence = (
            f"{gaps.n_missing} of {gaps.n_expected} cell-days {window.when} ({share:.1%}) have no row of weather, "
            f"in {counted(len(gaps.cell_ids), 'cell')}: {list_capped(gaps.cell_ids)}"
        )
    return PeriodFinding(partition_key, gaps.n_missing == 0, gaps.n_missing, 0, sentence)
