"""Group `monitoring`: whether the champion's predictions still say what happens, looked at anew every week."""

import datetime as dt
from typing import TYPE_CHECKING

import dagster as dg

from forest_fire_retrain import watching
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.population_shift import PopulationShift
from forest_fire_retrain.core.monitoring.quality_report import QualityReport, Tally
from forest_fire_retrain.core.monitoring.shadow_comparison import cells_of
from forest_fire_retrain.defs.asset_arguments import OWNERS, REGISTRY_STATE
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.liveness import close_dead_runs, liveness_tags
from forest_fire_retrain.defs.metadata import Metadata, numbers, table, text
from forest_fire_retrain.defs.picture_files import PictureFiles, shown_at_once
from forest_fire_retrain.defs.pictures import draw_quality
from forest_fire_retrain.defs.run_context import warn
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.monitoring.measuring_quality import NO_CHAMPION
from forest_fire_retrain.settings import Settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

GROUP = "monitoring"
QUALITY_ASSET = "prediction_quality"
QUALITY = "quality"
QUALITY_CHECK = "predictions_say_what_happens"
QUALITY_JOB = "quality_job"
QUALITY_SCHEDULE = "quality_schedule"
HOURS_AFTER_PREDICTION = 1
N_WEEKS_SHOWN = 26


def build_monitoring_assets() -> list[dg.AssetsDefinition]:
    """`prediction_quality`: it has no partitions, because every look measures the whole reign as it is known then."""

    @dg.asset(
        name=QUALITY_ASSET,
        deps=["features", REGISTRY_STATE, "risk_predictions"],
        group_name=GROUP,
        kinds={"python", "deltalake"},
        owners=OWNERS,
        code_version=code_version_of(QUALITY_ASSET),
        description="The champion's predictions over its whole reign, held against the fire reports as they are known "
        "now: OK, ALARM or BLIND, and why. An alarm never promotes."
        + shown_at_once(QUALITY, "The chart of the champion's losses, from the first look on"),
        check_specs=[
            dg.AssetCheckSpec(
                QUALITY_CHECK,
                asset=QUALITY_ASSET,
                description="The champion loses what it expects to, and there are reports to know it by.",
            )
        ],
    )
    @foreseen
    def prediction_quality(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        context.instance.add_run_tags(context.run.run_id, liveness_tags())
        close_dead_runs(context.instance)
        report, refused = watching.look_at_quality(installation, installation.clock())
        for sentence in refused:
            warn(context, installation, QUALITY_ASSET, sentence)
        context.log.info("%s: %s", report.state, report.sentence)
        installation.progress.advance(QUALITY_ASSET, report.due_end.isoformat(), f"{report.state}: {report.sentence}")
        pictures = PictureFiles(installation.settings.picture_folder)
        metadata = {**describe_quality(report), **_keep_chart(report, pictures)}
        return dg.MaterializeResult(metadata=metadata, check_results=[check_quality(report)])

    return [prediction_quality]


def build_quality_job(assets: list[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """One look at the champion's predictions."""
    return dg.define_asset_job(
        QUALITY_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Whether the champion's predictions still say what happens.",
    )


def build_quality_schedule(settings: Settings, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Every Monday after the day was predicted."""
    hour = min(settings.prediction_hour + HOURS_AFTER_PREDICTION, 23)

    @dg.schedule(
        job=job,
        name=QUALITY_SCHEDULE,
        cron_schedule=f"30 {hour} * * 1",
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at the champion's predictions once a week. A look that was missed is made up for by the "
        "next, which sees the same weeks.",
    )
    def quality_schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        if installation.ledger.state(settings.model_name).champion is None:
            return dg.SkipReason(NO_CHAMPION)
        day: dt.date = context.scheduled_execution_time.date()
        return dg.RunRequest(run_key=day.isoformat())

    return quality_schedule


def check_quality(report: QualityReport) -> dg.AssetCheckResult:
    """Passed only in the state OK; a warning, because nothing downstream may stop for it."""
    return dg.AssetCheckResult(
        check_name=QUALITY_CHECK,
        passed=report.state is QualityState.OK,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{report.state}: {report.sentence}.",
    )


def describe_quality(report: QualityReport) -> Metadata:
    """What a person asks next of the champion's predictions."""
    last = report.weeks[-1] if report.weeks else None
    feed, overall = report.loss_of_the_feed, report.overall
    figures = {} if last is None else {"chart": last.cusum, "limit": report.rule.cusum_limit, "z of the week": last.z}
    return {
        "state": text(report.state),
        "why": text(report.sentence),
        **numbers(figures, digits=4),
        **numbers({} if overall is None else {"skill against climatology, %": 100 * overall.skill}, digits=2),
        "by the feed or the forecast": text(
            "none of these days was predicted live" if feed is None else f"{feed:+.1%} of the loss"
        ),
        "moved from the training": text("no day is newer" if report.shift is None else str(report.shift)),
        "model version": dg.MetadataValue.int(report.version),
        "measured": text(f"{len(report.weeks)} weeks from {report.since} to {report.due_end}"),
        **({"weeks": weeks_table(report)} if report.weeks else {}),
        **({"against the training": shift_table(report.shift)} if report.shift is not None else {}),
        **({"shadows": table([cells_of(row) for row in report.shadows])} if report.shadows else {}),
        **({"where": tally_table(_tallies(report))} if overall is not None else {}),
    }


def _keep_chart(report: QualityReport, pictures: PictureFiles) -> Metadata:
    """The chart as a file that the page shows at once, and as one that this look keeps."""
    if not report.weeks:
        return {}
    png = draw_quality(report)
    pictures.replace(QUALITY, png)
    return {"chart with limit": pictures.keep(png)}


def weeks_table(report: QualityReport) -> dg.MetadataValue:
    """One row per week, the newest first."""
    return table(
        [
            {
                "week from": week.week.start.isoformat(),
                "fires": str(week.n_fires),
                "expected": f"{week.expected_fires:.1f}",
                "z": f"{week.z:+.2f}",
                "chart": f"{week.cusum:.2f}",
                "": ", ".join(
                    mark for mark, holds in (("ALARM", week.in_alarm), ("reports doubted", week.doubted)) if holds
                ),
            }
            for week in reversed(report.weeks[-N_WEEKS_SHOWN:])
        ]
    )


def shift_table(shift: PopulationShift) -> dg.MetadataValue:
    """One row per raw measure, and one for the predictions."""
    return table(
        [
            {
                "of": row.name,
                "population stability index": f"{row.index:.2f}",
                "cell-days": str(row.n_rows),
                "cell-days of the training": str(row.n_training_rows),
                "": "moved" if row in shift.moved else "",
            }
            for row in shift.measures
        ]
    )


def tally_table(tallies: list[tuple[str, Tally]]) -> dg.MetadataValue:
    """One row per class, region and lead."""
    return table(
        [
            {
                "of": name,
                "cell-days": str(row.n_rows),
                "fires": str(row.n_fires),
                "expected": f"{row.expected_fires:.1f}",
                "skill against climatology": f"{row.skill:+.1%}",
            }
            for name, row in tallies
        ]
    )


def _tallies(report: QualityReport) -> list[tuple[str, Tally]]:
    return [
        *((f"class {row.name.replace('_', ' ')}", row) for row in report.by_class),
        *((f"region {row.name}", row) for row in report.by_region),
        *((f"said {row.name} days ahead", row) for row in report.by_lead),
    ]
