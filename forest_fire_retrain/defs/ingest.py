"""Group `ingest`: what the source has recorded, in the lake."""

import dagster as dg

from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA, WEATHER_SCHEMA
from forest_fire_retrain.defs.asset_arguments import OWNERS, Shape, code_version_of
from forest_fire_retrain.defs.metadata import column_schema, describe_ingest
from forest_fire_retrain.defs.run_context import tell
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather

GROUP = "ingest"


def build_ingest_assets(shape: Shape) -> list[dg.AssetsDefinition]:
    """`weather` and `fire_reports`."""

    @dg.asset(
        group_name=GROUP,
        kinds={"deltalake", "python"},
        owners=OWNERS,
        code_version=code_version_of("weather"),
        metadata=column_schema(WEATHER_SCHEMA),
        description="Weather per cell and day as the source recorded it, and the cells it is for. "
        "Everything recorded before the period's end is in the lake afterwards.",
        check_specs=[
            dg.AssetCheckSpec(
                "weather_has_no_gaps", asset="weather", description="Every cell has a row for every day of the period."
            )
        ],
        **shape.shared,
    )
    def weather(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        settings = installation.settings
        window = settings.periods.span_of(context.partition_keys)
        report = ingest_weather(installation.source, installation.lake, window, settings.start_date)
        _describe(context, installation, report)
        return dg.MaterializeResult(check_results=[_check_gaps(report)])

    @dg.asset(
        group_name=GROUP,
        kinds={"deltalake", "python"},
        owners=OWNERS,
        code_version=code_version_of("fire_reports"),
        metadata=column_schema(FIRES_SCHEMA),
        description="Fire reports and their corrections as they arrived. A later row of the same fire corrects the "
        "earlier one; nothing is overwritten.",
        **shape.shared,
    )
    def fire_reports(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        settings = installation.settings
        window = settings.periods.span_of(context.partition_keys)
        report = ingest_fire_reports(installation.source, installation.lake, window, settings.start_date)
        _describe(context, installation, report)
        return dg.MaterializeResult()

    return [weather, fire_reports]


def _describe(context: dg.AssetExecutionContext, installation: Installation, report: IngestReport) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata(describe_ingest(report), partition_key=key)
    sentence = f"{report.n_rows} rows recorded in {report.window}{'' if report.written else ', unchanged'}"
    tell(context, installation, context.asset_key.to_user_string(), context.partition_keys[-1], sentence)


def _check_gaps(report: IngestReport) -> dg.AssetCheckResult:
    gaps = [warning for warning in report.warnings if "gap" in warning.lower()]
    return dg.AssetCheckResult(
        check_name="weather_has_no_gaps",
        passed=not gaps,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(gaps) or f"No cell-day is missing in {report.window}.",
    )
