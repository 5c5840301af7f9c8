"""Measure the predictions of the model in production against the fire reports as they are known now.

Rules
-----
- A reign is measured from the knowledge cut-off of the decision that began it: its model has seen nothing of the days
  from there on, whether anybody asked it for predictions or not.
- Its probabilities are made again from the features as they became final; what was said live stands beside them.
- Reports are known as far as the lake was brought: days behind that are neither due nor silent.
- Nothing is carried from one look to the next: all weeks are measured from the lake every time.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.regions import region_names
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.models.climatology import Climatology, fit_climatology
from forest_fire_retrain.core.models.model_rows import label_array, predict
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday, weeks_between
from forest_fire_retrain.core.monitoring.charts import chart_weeks, list_alarms
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.quality_report import QualityReport, Tally, week_rows
from forest_fire_retrain.core.monitoring.quality_state import Heartbeat, judge_quality, silent_days
from forest_fire_retrain.core.monitoring.week_quality import measure_week
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import ISSUE_COLUMNS, list_issues, newest_issues
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.core.serving.risk_classes import RiskClasses
from forest_fire_retrain.core.serving.shadows import ShadowRules
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.pipeline.monitoring.comparing_shadows import ComparingDesk, compare_shadows
from forest_fire_retrain.pipeline.monitoring.doubted_days import find_doubted
from forest_fire_retrain.pipeline.monitoring.measuring_shift import measure_population_shift
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.serving.reading_predictions import read_log

DAY = dt.timedelta(days=1)
LOG_COLUMNS = (*ISSUE_COLUMNS, "cell_id", "probability")
NO_CHAMPION = "there is no champion yet, so no prediction can be judged. Run: forest-fire up, or: forest-fire backfill"


class QualityDesk(NamedTuple):
    """Everything that measuring needs.

    Attributes
    ----------
    lake, engine, models : Lake, SqlEngine, ModelStore
        Where rows and models are.
    calendar : ParkCalendar
        How days are counted.
    label_delay_days : int
        Days after which a day's reports are due.
    decision_rule : DecisionRule
        Thresholds of the label gate.
    monitor_rule : MonitorRule
        Thresholds of monitoring.
    classes : RiskClasses
        How chances are named.
    shadows : ShadowRules
        Who is scored beside the champion.
    """

    lake: Lake
    engine: SqlEngine
    models: ModelStore
    calendar: ParkCalendar
    label_delay_days: int
    decision_rule: DecisionRule
    monitor_rule: MonitorRule
    classes: RiskClasses
    shadows: ShadowRules = ShadowRules()

    @property
    def for_comparing(self) -> ComparingDesk:
        """What comparing shadows needs of it."""
        return ComparingDesk(self.lake, self.engine, self.label_delay_days, self.decision_rule, self.shadows)


class _Scored(NamedTuple):
    """Cell-days of a reign in the order (date, cell), each with its label and chances."""

    rows: pa.Table
    dates: np.ndarray
    labels: np.ndarray
    chances: np.ndarray
    climatology: np.ndarray

    def where(self, kept: np.ndarray) -> "_Scored":
        return _Scored(
            self.rows.filter(pa.array(kept)),
            *(column[kept] for column in (self.dates, self.labels, self.chances, self.climatology)),
        )


def measure_quality(desk: QualityDesk, state: LedgerState, model_name: str, known_at: dt.datetime) -> QualityReport:
    """What can be said of the champion's predictions at `known_at`.

    Parameters
    ----------
    desk : QualityDesk
        Stores and rules.
    state : LedgerState
        The state whose champion is measured.
    model_name : str
        Its model.
    known_at : datetime.datetime
        Now, UTC.

    Raises
    ------
    EvidenceError
        If there is no champion, or nothing was ingested.
    ForestFireRetrainError
        If the lake or the model cannot be read.
    """
    reign = state.reigns[-1] if state.reigns else None
    candidate = None if reign is None else state.candidates.get(reign.version)
    if reign is None or candidate is None or reign.as_of is None:
        raise EvidenceError(NO_CHAMPION)
    fires, today = _read_fires(desk), day_of(known_at, desk.calendar.time_zone)
    reported = min(today, desk.lake.complete_through(TableName.FIRES) or today)
    due_end = last_monday(reported - desk.label_delay_days * DAY)
    served_days = Interval(start=reign.as_of, end=max(today, reign.as_of + DAY))
    scored = _score(desk, candidate, served_days, fires, known_at)
    doubted = find_doubted(desk.lake, desk.engine, desk.decision_rule, state, fires=fires, known_at=known_at)
    weeks = [
        measure_week(week, *_rows_of(scored, week))._replace(doubted=overlaps_any(week, doubted))
        for week in weeks_between(reign.as_of, due_end)
        if (_days_in(scored, week)).any()
    ]
    charted = chart_weeks(weeks, desk.monitor_rule)
    heartbeat = _listen(scored, fires, known_at, reported, desk.calendar)
    verdict = judge_quality(charted, heartbeat, desk.monitor_rule, doubted=doubted, due_end=due_end)
    alarms = list_alarms(charted)
    counted = scored.where(_is_counted(scored, [week.week for week in weeks if not week.doubted]))
    served = _join_served(desk, counted, reign.as_of, due_end)
    same_day = served.get(0)
    return QualityReport(
        model_name=model_name,
        version=reign.version,
        since=reign.as_of,
        due_end=due_end,
        known_at=known_at,
        state=verdict.state,
        sentence=verdict.sentence,
        change=alarms[-1].change.start if alarms and not alarms[-1].is_over else None,
        weeks=week_rows(charted),
        overall=_tally("all", counted, counted.chances),
        by_class=_tally_by(
            desk.classes.classify(counted.chances.tolist()), counted, list(reversed(desk.classes.names))
        ),
        by_region=_tally_by(_regions_of(desk, counted), counted),
        served=None if same_day is None else _tally("as served", same_day[0], same_day[1]),
        served_rescored=None if same_day is None else _tally("scored again", same_day[0], same_day[0].chances),
        by_lead=tuple(
            tally
            for lead, (rows, said) in sorted(served.items())
            if lead > 0 and (tally := _tally(f"{lead}", rows, said)) is not None
        ),
        last_recorded=heartbeat.last_recorded,
        rule=desk.monitor_rule,
        shift=measure_population_shift(
            desk.lake, desk.models.load(candidate.stored), candidate, today, desk.monitor_rule
        ),
        shadows=tuple(compare_shadows(desk.for_comparing, state, known_at)),
    )


def _read_fires(desk: QualityDesk) -> pa.Table:
    if desk.lake.version(TableName.FIRES) is None:
        msg = "the lake has no fires yet, so that no prediction can be judged. Run: forest-fire retrain"
        raise EvidenceError(msg)
    return desk.lake.read(TableName.FIRES)


def _climatology_of(desk: QualityDesk, candidate: Candidate) -> Climatology:
    """The rates of the champion's own training window, as its candidate was judged against."""
    window = candidate.windows.training
    rows = read_labelled(desk.lake, desk.engine, candidate.snapshot, window, feature_columns=("cell_id", "date"))
    return fit_climatology(rows)


def _score(
    desk: QualityDesk, candidate: Candidate, window: Interval, fires: pa.Table, known_at: dt.datetime
) -> _Scored:
    """Every cell-day of `window` that the lake has features of, under the champion and climatology."""
    features = desk.lake.read(TableName.FEATURES, day_column="date", window=window)
    rows = labelled_rows(desk.engine, features=features, fires=fires, known_at=known_at)
    any_rows = rows.num_rows > 0
    return _Scored(
        rows.select(["date", "cell_id"]),
        rows["date"].to_numpy().astype("datetime64[D]"),
        label_array(rows),
        predict(desk.models.load(candidate.stored), rows) if any_rows else np.empty(0),
        _climatology_of(desk, candidate).predict(rows) if any_rows else np.empty(0),
    )


def _days_in(scored: _Scored, window: Interval) -> np.ndarray:
    return np.asarray((scored.dates >= np.datetime64(window.start)) & (scored.dates < np.datetime64(window.end)))


def _rows_of(scored: _Scored, week: Interval) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inside = _days_in(scored, week)
    return scored.labels[inside], scored.chances[inside], scored.climatology[inside]


def _is_counted(scored: _Scored, weeks: list[Interval]) -> np.ndarray:
    kept = np.zeros(len(scored.dates), dtype=np.bool_)
    for week in weeks:
        kept |= _days_in(scored, week)
    return kept


def _listen(
    scored: _Scored, fires: pa.Table, known_at: dt.datetime, today: dt.date, calendar: ParkCalendar
) -> Heartbeat:
    """When the newest report was recorded, and how many fires were expected on the whole days since."""
    recorded = fires.filter(pc.less(fires["recorded_at"], pa.scalar(known_at)))["recorded_at"]
    newest = pc.max(recorded).as_py()
    if newest is None:
        return Heartbeat(None, 0.0)
    last = day_of(newest, calendar.time_zone)
    silent = silent_days(last, today)
    if silent is None:
        return Heartbeat(last, 0.0)
    since = _days_in(scored, silent)
    return Heartbeat(last, float(min(scored.chances[since].sum(), scored.climatology[since].sum())))


def _join_served(
    desk: QualityDesk, counted: _Scored, start: dt.date, end: dt.date
) -> dict[int, tuple[_Scored, np.ndarray]]:
    """Lead to the cell-days that were predicted live so far ahead, in order, and what was said of them."""
    if start >= end:
        return {}
    log = read_log(desk.lake, Interval(start=start, end=end), columns=LOG_COLUMNS)
    live = [
        issue
        for issue in newest_issues(list_issues(log))
        if issue.kind is PredictionKind.LIVE and issue.role is Role.CHAMPION
    ]
    found = {}
    for lead in sorted({issue.lead_days for issue in live}):
        names = pa.array([issue.name for issue in live if issue.lead_days == lead])
        said = log.filter(pc.is_in(log["issue"], names)).select(["date", "cell_id", "probability"])
        places = counted.rows.append_column("place", pa.array(np.arange(counted.rows.num_rows)))
        joined = places.join(said, ["date", "cell_id"], join_type="inner").sort_by("place")
        if joined.num_rows:
            kept = np.zeros(counted.rows.num_rows, dtype=np.bool_)
            kept[joined["place"].to_numpy()] = True
            found[lead] = (counted.where(kept), np.asarray(joined["probability"].to_numpy(), dtype=np.float64))
    return found


def _tally(name: str, rows: _Scored, chances: np.ndarray) -> Tally | None:
    if not len(rows.labels):
        return None
    return Tally(
        name=name,
        n_rows=len(rows.labels),
        n_fires=int(rows.labels.sum()),
        expected_fires=float(chances.sum()),
        log_loss=float(log_losses(rows.labels, chances).mean()),
        climatology_log_loss=float(log_losses(rows.labels, rows.climatology).mean()),
    )


def _tally_by(names: list[str], counted: _Scored, order: Sequence[str] | None = None) -> tuple[Tally, ...]:
    """A tally per name, in `order` or by name; names without rows are left out."""
    held = np.array(names, dtype=object)
    found = []
    for name in order or sorted(set(names)):
        kept = np.asarray(held == name)
        if kept.any():
            part = counted.where(kept)
            found.append(_tally(name, part, part.chances))
    return tuple(tally for tally in found if tally is not None)


def _regions_of(desk: QualityDesk, counted: _Scored) -> list[str]:
    cells = desk.lake.read(TableName.CELLS)
    names = region_names(cells["latitude"].to_numpy(), cells["longitude"].to_numpy())
    places = pc.index_in(counted.rows["cell_id"], cells["cell_id"].combine_chunks()).to_numpy()
    return [str(names[place]) for place in places]
