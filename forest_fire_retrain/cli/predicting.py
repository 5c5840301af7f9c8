"""Predict from the command line, through Dagster, so that the UI shows the map."""

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain import operations
from forest_fire_retrain.cli.console import RunProgress, out, print_json, print_table, user_name
from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.cli.process import collect_garbage
from forest_fire_retrain.cli.reading_predictions import N_HIGHEST, Asked, print_cells
from forest_fire_retrain.cli.recorded_runs import recorded_runs
from forest_fire_retrain.cli.running import QUIET, foreseeable_faults_bare
from forest_fire_retrain.cli.turns import RANGE_END_TAG
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import ForestFireRetrainError, RefusedRequestError
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.issues import Issue, answer_of_day, served_issues
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.core.windows import MAX_FORECAST_DAYS, Interval, day_of
from forest_fire_retrain.definitions import build_definitions
from forest_fire_retrain.defs.asset_arguments import PREDICTION_JOB, PREDICTIONS_ASSET
from forest_fire_retrain.defs.beginnings import DAYS, RANGE_START_TAG, first_possible_day, note_beginning
from forest_fire_retrain.defs.liveness import liveness_tags
from forest_fire_retrain.defs.run_context import ACTOR_TAG, TRIGGER_TAG
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_issue
from forest_fire_retrain.settings import Settings

DAY = dt.timedelta(days=1)
MAX_DAYS_LISTED, MAX_DAYS_IN_FULL = 31, 2


class Quiet:
    """Progress for programs: nothing is printed, warnings are kept."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """Say nothing."""

    def warn(self, _step: str, sentence: str) -> None:
        """Keep it."""
        self.warnings.append(sentence)


def predict(settings: Settings, asked: Asked, *, retro: bool, as_json: bool) -> None:
    """Predict days, or show what stands of them.

    Raises
    ------
    ForestFireRetrainError
        If a day cannot be predicted; nothing was written then.
    """
    now = read_clock()
    today = day_of(now, settings.time_zone)
    days, installation, progress = asked.days(today), build_installation(settings), Quiet()
    new = [day for day in days if retro or day >= today]
    past = [day for day in days if not (retro or day >= today)]
    if past:
        operations.predict_days(installation, past, retro=False, now=now)  # refuses what does not stand
    run_id = None
    if new:
        _refuse_other_days(settings, installation, new, today)
        run_id = _run(settings, new, retro=retro, progress=progress if as_json else None)
    issues = _issues_about(installation.lake, days, today)
    shown = _choose(issues, days, today, retro=retro, served_by=Role(settings.routing))
    _show(installation.lake, days, shown, run_id, progress.warnings, as_json=as_json)


def predict_today(settings: Settings) -> None:
    """Predict today where there is a champion; what cannot be predicted is said, and does no harm."""
    now = read_clock()
    today = day_of(now, settings.time_zone)
    installation = build_installation(settings)
    champion = installation.ledger.state(settings.model_name).champion
    if champion is None or (settings.end_date is not None and today >= settings.end_date):
        return
    try:
        _run(settings, [today], retro=False, progress=None)
    except ForestFireRetrainError as error:
        out.print_lines(f"Today was not predicted: {error}")


def _refuse_other_days(settings: Settings, installation: Installation, days: Sequence[dt.date], today: dt.date) -> None:
    """Refuse days that no run can be about, before one is started."""
    if days[-1] > today or (settings.end_date is not None and days[-1] >= settings.end_date):
        operations.predict_days(installation, [days[-1]], retro=True, now=read_clock())
    known = first_possible_day(settings)
    if days[0] < known:
        msg = f"{days[0]} is before {known}, the first day on which there can be a champion; nothing was predicted"
        raise RefusedRequestError(msg)


def _run(settings: Settings, days: Sequence[dt.date], *, retro: bool, progress: Quiet | None) -> str:
    """One run over days in a row; its id."""
    first, last = days[0].isoformat(), days[-1].isoformat()
    shown = RunProgress(len(days)) if progress is None else None
    with foreseeable_faults_bare(), open_instance(settings) as instance:
        installation = build_installation(settings, progress=shown or progress)
        tags = {TRIGGER_TAG: "cli", ACTOR_TAG: user_name(), **liveness_tags()}
        if first != last:
            tags |= {RANGE_START_TAG: first, RANGE_END_TAG: last}
        note_beginning(settings.dagster_home, DAYS, days[0])
        job = build_definitions(settings, {"installation": installation}).resolve_job_def(PREDICTION_JOB)
        collect_garbage()
        with recorded_runs(instance, settings, PREDICTION_JOB):
            done = job.execute_in_process(
                run_config={**QUIET, "ops": {PREDICTIONS_ASSET: {"config": {"retro": retro}}}},
                instance=instance,
                partition_key=first if first == last else None,
                tags=tags,
            )
    return done.run_id


def _issues_about(lake: Lake, days: Sequence[dt.date], today: dt.date) -> list[Issue]:
    """All issues of the days; where today is among them, also those of the days ahead."""
    until = days[-1] + (DAY if days[-1] < today else (1 + MAX_FORECAST_DAYS) * DAY)
    return issues_between(lake, Interval(start=days[0], end=until))


def _choose(
    issues: list[Issue], days: Sequence[dt.date], today: dt.date, *, retro: bool, served_by: Role = Role.CHAMPION
) -> list[Issue]:
    """What answers for each day, and for those ahead of today; asked for `retro`, nothing that was said ahead of it."""
    asked = [issue for issue in issues if not (retro and issue.lead_days)]
    shown = [issue for day in days if (issue := answer_of_day(asked, day, served_by)) is not None]
    standing = served_issues(issues, served_by)
    return shown + [issue for issue in standing if issue.date > days[-1] and _is_ahead_of(issue, today)]


def _show(
    lake: Lake,
    days: Sequence[dt.date],
    shown: Sequence[Issue],
    run_id: str | None,
    warnings: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """What is said of the days, and of those ahead of today."""
    described = [_describe(issue, read_issue(lake, issue), run_id) for issue in shown]
    if as_json:
        print_json({"days": described, "warnings": list(warnings)})
        return
    if 1 < len(described) <= MAX_DAYS_LISTED:
        columns = ("date", "lead_days", "kind", "version", "cells", "expected_fires", "classes", "issue", "written")
        print_table("Predicted days", columns, [[_plain(row[name]) for name in columns] for row in described])
    for issue in [issue for issue in shown if issue.date in days][-MAX_DAYS_IN_FULL:]:
        print_cells(lake, issue, read_issue(lake, issue))
    if not any(row["written"] for row in described):
        out.print("Nothing new was logged: the same was said before, and stands.")


def _is_ahead_of(issue: Issue, today: dt.date) -> bool:
    return issue.date - issue.lead_days * DAY == today


def _describe(issue: Issue, rows: pa.Table, run_id: str | None) -> dict[str, object]:
    """What is said of a day, for programs."""
    classes: dict[str, int] = {}
    for name in rows["risk_class"].to_pylist():
        classes[name] = classes.get(name, 0) + 1
    columns = ["rank", "cell_id", "probability", "risk_class", "has_weather"]
    return {
        "date": issue.date,
        "lead_days": issue.lead_days,
        "kind": str(issue.kind),
        "role": str(issue.role),
        "version": issue.version,
        "issue": issue.name,
        "written": run_id is not None and rows["dagster_run_id"][0].as_py() == run_id,
        "known_at": issue.known_at,
        "scored_at": issue.scored_at,
        "cells": rows.num_rows,
        "cells_without_weather": rows.num_rows - (pc.sum(rows["has_weather"]).as_py() or 0),
        "expected_fires": pc.sum(rows["expected_fires"]).as_py(),
        "classes": classes,
        "highest": rows.select(columns).slice(0, N_HIGHEST).to_pylist(),
    }


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(f"{n} {name}" for name, n in value.items()) if isinstance(value, dict) else value
