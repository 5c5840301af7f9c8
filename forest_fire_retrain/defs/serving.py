"""Group `serving`: what the champion says of each day, and its map."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from forest_fire_retrain import operations
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS_SCHEMA
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain.defs.asset_arguments import OWNERS, PREDICTIONS_ASSET, REGISTRY_STATE
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.check_results import PeriodFinding, check_periods
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.liveness import close_dead_runs, liveness_tags
from forest_fire_retrain.defs.metadata import column_schema
from forest_fire_retrain.defs.picture_files import MAP, shown_at_once
from forest_fire_retrain.defs.prediction_report import describe_prediction
from forest_fire_retrain.defs.run_context import stamp_of, warn
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reporting import sentence_on, warnings_on

GROUP = "serving"
EVERY_CELL_CHECK = "every_cell_of_the_park_is_predicted"
WEATHER_CHECK = "few_cells_are_predicted_without_weather"
LONGEST_PERIOD_DAYS = {Cadence.WEEKLY: 7, Cadence.MONTHLY: 31}
MAX_DRAWN = 31
"""Days of a run that are drawn and logged one by one, the newest: of a year that would take longer than predicting."""
CHECKS = {
    EVERY_CELL_CHECK: "Each predicted day has exactly one row per cell that belongs to the park on it.",
    WEATHER_CHECK: "At most FOREST_FIRE_MAX_SHARE_WITHOUT_WEATHER of the cells are without any weather of the day.",
}


class PredictionConfig(dg.Config):
    """Whether past days may be predicted now."""

    retro: bool = Field(
        default=False,
        description="Predict past days that nobody predicted on the day, by the champion of then, marked as retro.",
    )


def build_serving_assets(days: dg.TimeWindowPartitionsDefinition, cadence: Cadence) -> list[dg.AssetsDefinition]:
    """`risk_predictions`, a partition per day; it reads `features` and the champion that `registry_state` confirmed.

    A day rests on what was known and decided by the end of a period that was over.
    """
    n_days = LONGEST_PERIOD_DAYS[cadence]
    before = dg.TimeWindowPartitionMapping(
        start_offset=-n_days, end_offset=-n_days, allow_nonexistent_upstream_partitions=True
    )

    @dg.asset(
        name=PREDICTIONS_ASSET,
        deps=[dg.AssetDep(name, partition_mapping=before) for name in ("features", REGISTRY_STATE)],
        group_name=GROUP,
        kinds={"python", "deltalake"},
        owners=OWNERS,
        code_version=code_version_of(PREDICTIONS_ASSET),
        metadata=column_schema(PREDICTIONS_SCHEMA),
        description="What the champion says of every cell and day: chance, rank and class, with the very features, the "
        "version, its hash and the instant up to which was known. Rows are only added. Today is predicted live, with "
        "the days ahead that the source has a forecast for." + shown_at_once(MAP, "map of the newest predicted day"),
        check_specs=[
            dg.AssetCheckSpec(name, asset=PREDICTIONS_ASSET, description=text) for name, text in CHECKS.items()
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    @foreseen
    def risk_predictions(
        context: dg.AssetExecutionContext, config: PredictionConfig, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        context.instance.add_run_tags(context.run.run_id, liveness_tags())
        close_dead_runs(context.instance)
        keys = context.partition_keys
        if not config.retro:
            _give_verdicts(context, installation)
            _settle_weights(context, installation)
        said = operations.predict_days(
            installation,
            [dt.date.fromisoformat(key) for key in keys],
            retro=config.retro,
            now=installation.clock(),
            run_id=context.run.run_id,
        )
        _describe(context, installation, keys, said)
        return dg.MaterializeResult(check_results=check_predictions(installation, said))

    return [risk_predictions]


def _give_verdicts(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """End the shadow times whose verdict is due, so that today is predicted by who is champion then.

    What keeps a verdict waiting keeps no prediction waiting.
    """
    try:
        given = operations.give_verdicts(installation, stamp_of(context, installation))
    except ForestFireRetrainError as error:
        warn(context, installation, PREDICTIONS_ASSET, f"the verdicts on shadow times wait: {error}")
        return
    for sentence in (*(row.summary for row in given.rows), *given.waiting):
        warn(context, installation, PREDICTIONS_ASSET, sentence)


def _settle_weights(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """Weigh the models that answer together, where a mixture serves; without weights the champion answers alone."""
    try:
        row = operations.settle_weights(installation, stamp_of(context, installation))
    except ForestFireRetrainError as error:
        warn(context, installation, PREDICTIONS_ASSET, f"the models of the mixture were not weighed: {error}")
        return
    if row is not None:
        context.log.info("%s", row.summary)


def _describe(
    context: dg.AssetExecutionContext, installation: Installation, keys: Sequence[str], said: Sequence[PredictedDay]
) -> None:
    """Attach to each partition what was said of its day, and to today's what was said of the days ahead."""
    by_day = {day.issue.date.isoformat(): day for day in said}
    ahead = [day for day in said if day.issue.lead_days and day.issue.date.isoformat() not in keys]
    drawn = keys[-MAX_DRAWN:]
    for key in keys:
        shown = ahead if key == keys[-1] else ()
        metadata = describe_prediction(installation, by_day[key], shown, with_map=key in drawn)
        context.add_asset_metadata(metadata, partition_key=key)
        if key in drawn:
            context.log.info("%s: %s", key, sentence_on(by_day[key]))
        installation.progress.advance(PREDICTIONS_ASSET, key, sentence_on(by_day[key]))
    limit = installation.settings.max_share_without_weather
    for sentence in dict.fromkeys(sentence for day in said for sentence in warnings_on(day, limit)):
        warn(context, installation, PREDICTIONS_ASSET, sentence)


def check_predictions(installation: Installation, said: Sequence[PredictedDay]) -> list[dg.AssetCheckResult]:
    """One result per check, over the days of a run and those ahead."""
    limit = installation.settings.max_share_without_weather
    return [
        check_periods(EVERY_CELL_CHECK, [find_missing_cells(day) for day in said]),
        check_periods(WEATHER_CHECK, [find_silent_cells(day, limit) for day in said]),
    ]


def find_missing_cells(day: PredictedDay) -> PeriodFinding:
    """Rows of a day, held against the cells that belong to the park on it."""
    n_rows, n_cells = day.rows.num_rows, len(set(day.rows["cell_id"].to_pylist()))
    sentence = f"{counted(n_rows, 'row')} of {counted(n_cells, 'cell')}, for {counted(day.n_cells, 'cell')} of the park"
    return PeriodFinding(day.issue.date.isoformat(), n_rows == n_cells == day.n_cells, n_rows, day.n_cells, sentence)


def find_silent_cells(day: PredictedDay, limit: float) -> PeriodFinding:
    """Share of cells without weather, held against the limit."""
    share = day.share_without_weather
    cells = counted(day.rows.num_rows, "cell")
    sentence = f"{day.n_without_weather} of {cells} without weather ({share:.1%}, at most {limit:.1%})"
    return PeriodFinding(day.issue.date.isoformat(), share <= limit, share, limit, sentence)
