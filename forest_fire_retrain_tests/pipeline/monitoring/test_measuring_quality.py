"""A reign is measured from the lake as it is known: the same whenever reports came, blind while they are missing."""

import copy
import datetime as dt
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain import watching
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.models.model_rows import label_array, predict
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.quality_report import QualityReport
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import PredictionKind
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.monitoring import doubted_days, measuring_quality
from forest_fire_retrain_tests.example_alarms import LOOKED, alarmed_park
from forest_fire_retrain_tests.example_evidence import example_window
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.example_reigns import AS_OF, Reigns, ingest, three_reigns

DAY = dt.timedelta(days=1)
WEEK = 7 * DAY
TODAY = AS_OF + 16 * WEEK
NOW = midnight(TODAY, "UTC") + dt.timedelta(hours=8)
DUE_END = TODAY - 2 * WEEK


@dataclass
class LateFires:
    """A lake whose reports of fires on `days` were recorded at `arrived`, and not before."""

    lake: object
    days: Interval
    arrived: dt.datetime

    def __getattr__(self, name: str) -> object:
        return getattr(self.lake, name)

    def read(self, table: str, **how: object) -> pa.Table:
        rows: pa.Table = self.lake.read(table, **how)  # type: ignore[attr-defined]
        if table != TableName.FIRES:
            return rows
        late = [day in self.days for day in rows["date"].to_pylist()]
        at = pc.if_else(pa.array(late), pa.scalar(self.arrived, rows["recorded_at"].type), rows["recorded_at"])
        return rows.set_column(rows.schema.get_field_index("recorded_at"), "recorded_at", at)


class Watched(NamedTuple):
    """Sixteen weeks after the last decision, all of them ingested."""

    reigns: Reigns
    installation: Installation


@lru_cache
def _watched() -> Reigns:
    made = three_reigns()
    weeks = [(AS_OF + number * WEEK).isoformat() for number in range(16)]
    ingest(made.installation, weeks)
    return made


@pytest.fixture
def watched() -> Watched:
    made = _watched()
    return Watched(made, replace(made.installation, lake=copy.deepcopy(made.lake)))


def measure(installation: Installation, now: dt.datetime = NOW) -> QualityReport:
    return watching.measure_quality(installation, now)


def test_weeks_tile_the_reign_up_to_the_days_whose_reports_are_due(watched: Watched) -> None:
    report = measure(watched.installation)
    assert (report.version, report.since, report.due_end) == (3, AS_OF, DUE_END)
    starts = [week.week.start for week in report.weeks]
    assert starts == [AS_OF + number * WEEK for number in range(14)]
    assert report.state in (QualityState.OK, QualityState.ALARM)


def test_figures_are_those_of_the_champion_on_the_rows_of_the_lake(watched: Watched) -> None:
    report, installation = measure(watched.installation), watched.installation
    window = Interval(start=AS_OF, end=DUE_END)
    features = installation.lake.read(TableName.FEATURES, day_column="date", window=window)
    fires = installation.lake.read(TableName.FIRES)
    rows = labelled_rows(installation.engine, features=features, fires=fires, known_at=NOW)
    candidate = watched.reigns.state.candidates[3]
    chances = predict(installation.models.load(candidate.stored), rows)
    assert report.overall is not None
    assert report.overall.n_rows == rows.num_rows == 14 * 7 * 6
    assert report.overall.log_loss == float(log_losses(label_array(rows), chances).mean())
    assert sum(week.n_fires for week in report.weeks) == report.overall.n_fires == int(label_array(rows).sum())
    for parts in (report.by_class, report.by_region):
        assert sum(part.n_rows for part in parts) == report.overall.n_rows
        assert np.isclose(sum(part.expected_fires for part in parts), report.overall.expected_fires)


def test_what_the_lake_was_not_brought_to_is_neither_due_nor_silent() -> None:
    """A lake that nobody brought up to date says nothing of the days behind it: reports were not asked for."""
    made = three_reigns()
    ingest(made.installation, [(AS_OF + number * WEEK).isoformat() for number in range(6)])
    brought = AS_OF + 6 * WEEK
    report, later = (measure(made.installation, midnight(brought + n_days * DAY)) for n_days in (0, 70))
    assert later.due_end == report.due_end == brought - 2 * WEEK
    assert (later.state, later.weeks) == (report.state, report.weeks)


def test_a_look_first_brings_the_lake_to_its_day_unless_a_period_waits() -> None:
    park = alarmed_park()  # decided by the month, and looked at in the middle of one
    looked, tables = LOOKED.date(), (TableName.WEATHER, TableName.FIRES, TableName.FEATURES)
    assert {park.lake.complete_through(table) for table in tables} == {looked}
    july_is_over = LOOKED + 4 * WEEK
    look = watching.look_at_quality(park, july_is_over)
    assert (look.report.due_end, look.refused) == (last_monday(looked - 2 * WEEK), ())
    assert park.lake.complete_through(TableName.FIRES) == looked


def test_the_same_knowledge_gives_the_same_bytes(watched: Watched) -> None:
    assert measure(watched.installation).model_dump_json() == measure(watched.installation).model_dump_json()


def test_reports_that_come_late_are_blindness_and_then_what_reports_in_time_would_have_said(watched: Watched) -> None:
    silent = Interval(start=AS_OF + 4 * WEEK, end=TODAY)
    delivered = NOW - dt.timedelta(minutes=1)
    late = replace(
        watched.installation,
        lake=LateFires(watched.installation.lake, silent, delivered),  # type: ignore[arg-type] # a lake
    )
    before = measure(late, delivered - dt.timedelta(hours=1))
    assert before.state is QualityState.BLIND
    in_time, after = measure(watched.installation), measure(late)
    same = {"last_recorded"}
    assert after.model_dump_json(exclude=same) == in_time.model_dump_json(exclude=same)
    assert after.state is not QualityState.BLIND


def test_what_was_served_stands_beside_the_same_rows_scored_again(watched: Watched) -> None:
    assert measure(watched.installation).served is None
    days = [AS_OF + number * DAY for number in range(10)]
    log_predictions(watched.installation, days, kind=PredictionKind.LIVE, scored_at=midnight(AS_OF, "UTC"), version=3)
    report = measure(watched.installation)
    assert report.served is not None
    assert report.served_rescored is not None
    assert report.served.n_rows == report.served_rescored.n_rows == 60
    assert report.loss_of_the_feed == pytest.approx(0.0, abs=1e-12)


def test_another_model_in_the_log_is_a_difference_of_the_served(watched: Watched) -> None:
    days = [AS_OF + number * DAY for number in range(10)]
    log_predictions(watched.installation, days, kind=PredictionKind.LIVE, scored_at=midnight(AS_OF, "UTC"), version=1)
    report = measure(watched.installation)
    assert report.loss_of_the_feed is not None
    assert report.loss_of_the_feed != 0


def test_weeks_whose_reports_the_label_gate_doubts_do_not_count(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubted = Interval(start=AS_OF + 2 * WEEK, end=AS_OF + 3 * WEEK)
    count = LabelCount(window=doubted, n_fires=0, n_expected=1e10)
    flagged = example_window(0).model_copy(update={"label_count": count})
    before = measure(watched.installation)
    monkeypatch.setattr(doubted_days, "read_flagged", lambda *_: [flagged])
    after = measure(watched.installation)
    assert [week.week for week in after.weeks if week.doubted] == [doubted]
    assert before.overall is not None
    assert after.overall is not None
    assert after.overall.n_rows == before.overall.n_rows - 7 * 6


def test_without_a_champion_there_is_nothing_to_judge(tmp_path: object) -> None:
    with pytest.raises(EvidenceError, match="no champion yet"):
        measure(example_installation(tmp_path))  # type: ignore[arg-type] # a folder


def test_the_newest_report_is_kept_as_a_record(watched: Watched) -> None:
    report = watching.look_at_quality(watched.installation, NOW).report
    kept = watched.installation.records.newest("prediction_quality", report.model_name)
    assert kept is not None
    assert QualityReport.model_validate_json(kept) == report


@pytest.mark.parametrize(("days_ago", "expected"), [(0, 0.0), (1, 0.0), (2, 60.0), (3, 120.0)])
def test_only_whole_days_without_a_report_are_silence(days_ago: int, expected: float) -> None:
    """A park that expects many fires a day is not blind on the morning after its newest report."""
    dates = np.arange(np.datetime64(TODAY - WEEK), np.datetime64(TODAY)).repeat(100)
    chances = np.full(len(dates), 0.6)
    scored = measuring_quality._Scored(pa.table({}), dates, np.zeros(len(dates), np.int8), chances, chances)
    reported = midnight(TODAY - days_ago * DAY, "UTC") + dt.timedelta(hours=2)
    fires = pa.table({"recorded_at": pa.array([reported], pa.timestamp("us", "UTC"))})
    heartbeat = measuring_quality._listen(scored, fires, NOW, TODAY, ParkCalendar(AS_OF - 700 * DAY))
    assert heartbeat.expected_since == pytest.approx(expected)
