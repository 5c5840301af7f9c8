"""Group `features`: computed once per cell and day, shared by training and prediction."""

import dagster as dg

from forest_fire_retrain.adapters.spark_settings import FeatureEngineKind
from forest_fire_retrain.core.periods import Periods
from forest_fire_retrain.core.records import FeatureReport
from forest_fire_retrain.core.rows.feature_catalogue import FEATURES_SCHEMA
from forest_fire_retrain.core.rows.membership import count_cell_days
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.defs.asset_arguments import OWNERS, Shape
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.check_results import PeriodFinding, check_periods
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.metadata import column_schema, describe_features
from forest_fire_retrain.defs.replay_report import keys_to_check
from forest_fire_retrain.defs.run_context import last_beside, periods_of, tell
from forest_fire_retrain.defs.spark_run import build_on_spark
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import build_features

COVERAGE_CHECK = "features_cover_every_cell_and_day"


def build_feature_assets(shape: Shape, upstream: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """`features`, downstream of the ingested tables."""

    @dg.asset(
        key=shape.key("features"),
        deps=upstream,
        group_name=shape.group("features"),
        kinds={"duckdb", "deltalake"},
        owners=OWNERS,
        code_version=code_version_of("features"),
        metadata=column_schema(FEATURES_SCHEMA),
        description="Daily features per cell: Canadian fire weather codes with carried state, rolling rain and "
        "temperature, dry spell, season, fire history as known then. One period equals a full rebuild bit for bit.",
        check_specs=[
            dg.AssetCheckSpec(
                COVERAGE_CHECK, asset=shape.key("features"), description="One row per cell and day of the period."
            )
        ],
        **shape.shared,
    )
    @foreseen
    def features(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        window = installation.settings.periods.span_of(periods_of(context, installation))
        report, of_spark = _build(context, installation, window)
        sentence = f"{report.n_rows} cell-days computed {report.window.when}{'' if report.written else ', unchanged'}"
        tell(context, installation, "features", context.partition_keys[-1], sentence)
        periods = installation.settings.periods
        state = installation.ledger.state(installation.settings.model_name)
        checked = keys_to_check(context.partition_keys, state)
        findings = [find_coverage(installation.lake, periods, key) for key in checked]
        for found in findings[: len(context.partition_keys)]:
            key = found.partition_key
            last = last_beside(key, context.partition_keys)
            described = {**describe_features(report, int(found.value), last), **({} if last else of_spark)}
            context.add_asset_metadata(described, partition_key=key)
        return dg.MaterializeResult(check_results=[check_periods(COVERAGE_CHECK, findings)])

    return [features]


def _build(
    context: dg.AssetExecutionContext, installation: Installation, window: Interval
) -> tuple[FeatureReport, dict[str, object]]:
    """Have the features in the lake, by the engine that the settings name; what a process outside tells of itself."""
    settings = installation.settings
    if settings.feature_engine is FeatureEngineKind.SPARK:
        return build_on_spark(context, installation, window)
    return build_features(installation.lake, installation.engine, window, settings.calendar), {}


def find_coverage(lake: Lake, periods: Periods, partition_key: str) -> PeriodFinding:
    """Rows of features in a period, held against one per cell and day that it exists on."""
    window, keys = periods.span_of([partition_key]), ["cell_id", "date"]
    n_rows = lake.read(TableName.FEATURES, columns=keys, day_column="date", window=window).num_rows
    n_expected = sum(count_cell_days(lake.read(TableName.CELLS), window).values())
    sentence = f"{n_rows} rows for {n_expected} cell-days {window.when}"
    return PeriodFinding(partition_key, n_rows == n_expected, n_rows, n_expected, sentence)
