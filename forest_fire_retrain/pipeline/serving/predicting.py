"""Predict days with the champion; of the lake only the prediction log is written.

Rules
-----
- Today is predicted live: with what is known now, by the champion of now. A past day that nobody predicted on the day
  is refused unless it is asked for. Then it is `retro`: on the features as they became final, by the champion of then.
- The same inputs again write nothing. Newer data, or another champion, make another issue of the day beside the first.
- A range is answered as a whole: if one day has to be refused, nothing is written.
- Where a mixture serves, its rows are added beside those of its parts, in the same commit. Where it cannot answer, the
  champion does, and why is a warning.
- Whoever is a shadow on a live day is scored on the champion's own features. A shadow that fails is named in a warning,
  and changes nothing of what the champion says.
- A model is resolved, and its bytes are proved, once for all the days that it scores.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.core.errors import EvidenceError, RefusedRequestError, list_capped
from forest_fire_retrain.core.ledger.ports import Ledger
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import Issue, answer_of_day
from forest_fire_retrain.core.serving.mixed_rows import mix_rows
from forest_fire_retrain.core.serving.mixing import find_mixture
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.core.serving.risk_classes import RiskClasses
from forest_fire_retrain.core.serving.scored_days import Occasion, ServingModel, log_rows
from forest_fire_retrain.core.serving.serving_models import serve_live, serve_past_day
from forest_fire_retrain.core.serving.shadows import ShadowRules, list_shadows
from forest_fire_retrain.core.windows import Interval, day_of, runs_of_days
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import Intake
from forest_fire_retrain.pipeline.preparing.featuring import ROW_ORDER
from forest_fire_retrain.pipeline.serving.knowing_now import know_now, pin_versions
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay, log_predictions
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_issue
from forest_fire_retrain.pipeline.serving.scoring_shadows import score_shadows

DAY = dt.timedelta(days=1)
NO_CHAMPION = "there is no champion yet, so nothing can be predicted. Run: forest-fire up, or: forest-fire backfill"


class ServingRules(NamedTuple):
    """What the settings say of predictions.

    Attributes
    ----------
    model_name : str
        Whose champion predicts.
    classes : RiskClasses
        How chances are named.
    forecast_days : int
        Days ahead that are predicted at most.
    hour : int
        Hour of the park's day at which the schedule predicts it.
    shadows : ShadowRules
        Who is scored beside the champion.
    served_by : Role
        Who answers for a day: the champion, or the mixture.
    """

    model_name: str
    classes: RiskClasses
    forecast_days: int
    hour: int
    shadows: ShadowRules = ShadowRules()
    served_by: Role = Role.CHAMPION


class Desk(NamedTuple):
    """Everything that predicting needs, and the Dagster run it happens in."""

    intake: Intake
    models: ModelStore
    ledger: Ledger
    rules: ServingRules
    dagster_run_id: str | None = None


def predict_days(desk: Desk, days: Sequence[dt.date], instant: dt.datetime, *, retro: bool) -> list[PredictedDay]:
    """What is said of `days`, in their order; behind today come the days ahead that the source has a forecast for.

    Parameters
    ----------
    desk : Desk
        Stores and rules.
    days : sequence of datetime.date
        Days to predict.
    instant : datetime.datetime
        Now, UTC.
    retro : bool
        Whether past days that nobody predicted on the day are predicted now.

    Raises
    ------
    RefusedRequestError
        If a day is still to come, or has no live prediction and `retro` is not asked for, or cannot be predicted.
    EvidenceError
        If there is no champion, or nothing was ingested.
    ForestFireRetrainError
        If the source, the lake or a model cannot be read.
    """
    today = day_of(instant, desk.intake.calendar.time_zone)
    ahead = [day for day in days if day > today]
    if ahead:
        msg = (
            f"{_listed(ahead)} is still to come: today is {today}. The days ahead that the source has a forecast for "
            "are predicted with today. Run: forest-fire predict"
        )
        raise RefusedRequestError(msg)
    past = _past_days(desk, [day for day in sorted(set(days)) if day < today], instant, retro=retro)
    return [*past, *(predict_live(desk, instant) if today in days else [])]


def predict_live(desk: Desk, instant: dt.datetime) -> list[PredictedDay]:
    """Predict the day of `instant`, and the days ahead that the source has a forecast for; as `predict_days`."""
    state = _state_of(desk)
    serving = serve_live(state, desk.rules.model_name, instant)
    if serving is None:
        raise EvidenceError(NO_CHAMPION)
    known = know_now(desk.intake, instant, desk.rules.forecast_days)
    occasion = Occasion(
        kind=PredictionKind.LIVE,
        lead_days={day: (day - known.days[0]).days for day in known.days},
        table_versions=known.table_versions,
        known_at=dict.fromkeys(known.days, instant),
        scored_at=instant,
        dagster_run_id=desk.dagster_run_id,
    )
    rows = _score(desk, known.features, serving, occasion)
    beside = score_shadows(
        list_shadows(state, known.days[0], desk.rules.shadows),
        lambda shadow: _score(desk, known.features, shadow, occasion._replace(role=Role.SHADOW)),
        serving,
    )
    mixed = _mix(desk, state, known.days[0], {serving.candidate.candidate_id: rows, **beside.by_candidate})
    return log_predictions(
        desk.intake.lake,
        desk.ledger,
        rows,
        cells=known.cells,
        fires=known.fires,
        warnings=(*known.warnings, *beside.warnings, *([mixed] if isinstance(mixed, str) else [])),
        shadows=tuple(beside.by_candidate.values()),
        mixture=mixed if isinstance(mixed, pa.Table) else None,
        served_by=desk.rules.served_by,
    )


def _mix(desk: Desk, state: LedgerState, day: dt.date, said: Mapping[str, pa.Table]) -> pa.Table | str | None:
    """The rows of the mixture, or why the champion alone answers; `None` where no mixture is asked for."""
    if desk.rules.served_by is not Role.MIXTURE:
        return None
    mixture = find_mixture(state, day, desk.rules.shadows, said)
    if isinstance(mixture, str):
        return f"the champion alone answers, not the mixture: {mixture}. See: forest-fire history --events"
    return mix_rows(mixture, said, desk.rules.classes)


def _past_days(desk: Desk, days: Sequence[dt.date], instant: dt.datetime, *, retro: bool) -> list[PredictedDay]:
    """What stands of past days, and with `retro` what is said now of the others."""
    if not days:
        return []
    issues = issues_between(desk.intake.lake, Interval(start=days[0], end=days[-1] + DAY))
    answers = {day: answer_of_day(issues, day, desk.rules.served_by) for day in days}
    standing = {day: issue for day, issue in answers.items() if issue is not None and (not retro or _is_final(issue))}
    open_days = [day for day in days if day not in standing]
    if open_days and not retro:
        msg = (
            f"{_listed(open_days)} was not predicted on the day; nothing was predicted now. To have it predicted from "
            f"what is known today, marked as retro: forest-fire predict {_asked(open_days)} --retro"
        )
        raise RefusedRequestError(msg)
    made = _predict_retro(desk, open_days, instant) if open_days else []
    kept = [_stand(desk, issue) for issue in standing.values()]
    return sorted([*kept, *made], key=lambda predicted: predicted.issue.date)


def _is_final(issue: Issue) -> bool:
    """Whether it was predicted on its day: then nothing is added to it any more."""
    return issue.kind is PredictionKind.LIVE and issue.lead_days == 0


def _stand(desk: Desk, issue: Issue) -> PredictedDay:
    """What was said of a day before."""
    lake = desk.intake.lake
    cells, fires = lake.read(TableName.CELLS), current_rows(lake.read(TableName.FIRES), TableName.FIRES)
    rows = read_issue(lake, issue)
    return PredictedDay(issue, is_new=False, rows=rows, n_cells=rows.num_rows, cells=cells, fires=fires, warnings=())


def _predict_retro(desk: Desk, days: Sequence[dt.date], instant: dt.datetime) -> list[PredictedDay]:
    intake = desk.intake
    lake, calendar = intake.lake, intake.calendar
    versions = pin_versions(intake)
    by_version = _serve_past_days(desk, days)
    mark = lake.complete_through(TableName.FEATURES) or calendar.history_start
    final = mark - (calendar.weather_lag_days + 1) * DAY
    early = [day for day in days if not calendar.history_start <= day <= final]
    if early:
        msg = (
            f"the features of {_listed(early)} are not final: the lake has those from {calendar.history_start} to "
            f"{final}; nothing was predicted. They come with the period that contains the day: forest-fire retrain"
        )
        raise RefusedRequestError(msg)
    parts = []
    for serving, its_days in by_version.values():
        windows = runs_of_days(its_days)
        read = [_features_of(desk, window, versions) for window in windows]
        occasion = Occasion(
            kind=PredictionKind.RETRO,
            lead_days={},
            table_versions=versions,
            known_at={day: calendar.first_instant(day + (calendar.weather_lag_days + 1) * DAY) for day in its_days},
            scored_at=instant,
            dagster_run_id=desk.dagster_run_id,
        )
        parts.append(_score(desk, pa.concat_tables(read).sort_by(ROW_ORDER), serving, occasion))
    cells = lake.read(TableName.CELLS, version=versions[TableName.CELLS])
    fires = current_rows(lake.read(TableName.FIRES, version=versions[TableName.FIRES]), TableName.FIRES)
    return log_predictions(lake, desk.ledger, pa.concat_tables(parts), cells=cells, fires=fires)


def _serve_past_days(desk: Desk, days: Sequence[dt.date]) -> Mapping[int, tuple[ServingModel, list[dt.date]]]:
    """Version to the model of then and its days."""
    state, calendar, rules = _state_of(desk), desk.intake.calendar, desk.rules
    found: dict[int, tuple[ServingModel, list[dt.date]]] = {}
    nobody = []
    for day in days:
        serving = serve_past_day(state, rules.model_name, day, calendar.instant_at(day, rules.hour))
        if serving is None:
            nobody.append(day)
        else:
            found.setdefault(serving.version, (serving, []))[1].append(day)
    if nobody:
        first = min((reign.as_of for reign in state.reigns if reign.as_of is not None), default=None)
        since = "there is no champion yet" if first is None else f"the first one stands from {first} on"
        msg = (
            f"no champion may predict {_listed(nobody)}: {since}, and a model trained on the day or later never does; "
            "nothing was predicted. Ask for later days, or decide earlier periods first: forest-fire backfill"
        )
        raise RefusedRequestError(msg)
    return found


def _features_of(desk: Desk, window: Interval, versions: Mapping[str, int]) -> pa.Table:
    lake = desk.intake.lake
    return lake.read(TableName.FEATURES, version=versions[TableName.FEATURES], day_column="date", window=window)


def _score(desk: Desk, features: pa.Table, serving: ServingModel, occasion: Occasion) -> pa.Table:
    """Rows of the log for `features`, whose bytes of the model were proved before."""
    if not features.num_rows:
        msg = "no cell belongs to the park on these days, so that nothing can be predicted. Run: forest-fire status"
        raise EvidenceError(msg)
    model = desk.models.load(serving.candidate.stored)
    return log_rows(features, predict(model, features), serving, occasion, desk.rules.classes)


def _state_of(desk: Desk) -> LedgerState:
    return desk.ledger.state(desk.rules.model_name)


def _listed(days: Sequence[dt.date]) -> str:
    return list_capped(days)


def _asked(days: Sequence[dt.date]) -> str:
    """The options that ask for these days."""
    first, last = min(days), max(days)
    return f"--date {first}" if first == last else f"--from {first} --to {last}"
