"""`forest-fire quality`: whether the model in production still says what happens, week by week."""

import datetime as dt
from collections.abc import Sequence

from forest_fire_retrain import watching
from forest_fire_retrain.cli.console import out, print_facts, print_json, print_table
from forest_fire_retrain.cli.shadowing import print_comparisons
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.population_shift import MeasureShift
from forest_fire_retrain.core.monitoring.quality_report import QualityReport, Tally, WeekRow
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import Settings

N_WEEKS_SHOWN = 26
SHIFT_COLUMNS = ("of", "population stability index", "cell-days", "cell-days of the training")


def print_quality(settings: Settings, *, as_json: bool) -> None:
    """The state and its sentence, the newest weeks of the chart, and where the loss lies.

    Raises
    ------
    EvidenceError
        If there is no champion, or nothing was ingested.
    """
    now, installation = read_clock(), build_installation(settings)
    report = watching.measure_quality(installation, now)
    if as_json:
        print_json({**report.model_dump(mode="json"), "loss_of_the_feed": report.loss_of_the_feed})
        return
    print_facts(f"{report.state}: {report.sentence}", describe(report))
    if report.state is QualityState.ALARM:
        out.print(f"By the newest look that was kept: {watching.find_active_due(installation, now).sentence}.")
    if report.weeks:
        columns = ("week from", "fires", "expected", "z", f"chart (limit {report.rule.cusum_limit:g})", "detector", "")
        print_table(
            f"Newest weeks of {len(report.weeks)}", columns, [_cells(week) for week in report.weeks[-N_WEEKS_SHOWN:]]
        )
    if report.shift is not None and report.shift.measures:
        print_table("Against the training", SHIFT_COLUMNS, [_shift(row) for row in report.shift.measures])
    if report.shadows:
        print_comparisons(report.shadows)
    tallies = [*((f"class {row.name.replace('_', ' ')}", row) for row in report.by_class)]
    tallies += [(f"region {row.name}", row) for row in report.by_region]
    tallies += [(f"said {row.name} days ahead", row) for row in report.by_lead]
    if tallies:
        print_table(
            "Where", ("of", "cell-days", "fires", "expected", "skill"), [_tally(name, row) for name, row in tallies]
        )


def describe(report: QualityReport) -> dict[str, object]:
    """The report's facts for people."""
    overall, feed = report.overall, report.loss_of_the_feed
    return {
        "model": f"{report.model_name}, version {report.version}, measured from {report.since} to {_last_day(report)}",
        "fires": None if overall is None else f"{overall.n_fires}, expected {overall.expected_fires:.1f}",
        "against climatology": None if overall is None else f"{overall.skill:+.1%} (1 would be perfect, 0 no better)",
        "by the feed or the forecast": "none of these days was predicted live"
        if feed is None
        else f"{feed:+.1%} of the loss",
        "last fire report": "none" if report.last_recorded is None else report.last_recorded,
        "moved from the training": "no day is newer" if report.shift is None else report.shift,
        "e-detector": _detector(report.weeks, report.rule.detector_limit),
    }


def _last_day(report: QualityReport) -> dt.date:
    return max(report.since, report.due_end - dt.timedelta(days=1))


def _detector(weeks: Sequence[WeekRow], limit: float) -> str | None:
    if not weeks or weeks[-1].log_detector is None:
        return None
    return f"{weeks[-1].log_detector:.2f} on the logarithmic scale (it would alarm above {limit:g})"


def _cells(week: WeekRow) -> tuple[object, ...]:
    marks = [mark for mark, holds in (("ALARM", week.in_alarm), ("doubted", week.doubted)) if holds]
    detector = None if week.log_detector is None else f"{week.log_detector:.2f}"
    return (
        week.week.start,
        week.n_fires,
        f"{week.expected_fires:.1f}",
        f"{week.z:+.2f}",
        f"{week.cusum:.2f}",
        detector,
        ", ".join(marks),
    )


def _shift(row: MeasureShift) -> tuple[object, ...]:
    return row.name, f"{row.index:.2f}", row.n_rows, row.n_training_rows


def _tally(name: str, row: Tally) -> tuple[object, ...]:
    return name, row.n_rows, row.n_fires, f"{row.expected_fires:.1f}", f"{row.skill:+.1%}"
