"""The newest days are held against the training that the champion's candidate pinned, whatever the reports say."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.monitoring.last_look import read_look
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.population_shift import (
    PREDICTIONS,
    MeasureShift,
    PopulationShift,
    Sample,
    measure_shift,
)
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.monitoring import measuring_shift
from forest_fire_retrain.pipeline.monitoring.measuring_shift import measure_population_shift
from forest_fire_retrain_tests.pipeline.monitoring.test_measuring_quality import (
    DAY,
    NOW,
    TODAY,
    LateFires,
    Watched,
    measure,
    watched,
)

__all__ = ["watched"]

SHORT = MonitorRule(shift_days=28)


@dataclass
class WarmerDays:
    """A lake whose features from `start` on are `n_degrees` warmer, but not the pinned ones."""

    lake: object
    start: dt.date
    n_degrees: float

    def __getattr__(self, name: str) -> object:
        return getattr(self.lake, name)

    def read(self, table: str, **how: object) -> pa.Table:
        rows: pa.Table = self.lake.read(table, **how)  # type: ignore[attr-defined]
        if table != TableName.FEATURES or "temp_max_c" not in rows.column_names:
            return rows
        later = rows["date"].to_numpy().astype("datetime64[D]") >= np.datetime64(self.start)
        warmer = rows["temp_max_c"].to_numpy() + np.where(later, self.n_degrees, 0.0)
        return rows.set_column(rows.schema.get_field_index("temp_max_c"), "temp_max_c", pa.array(warmer))


def shift_of(made: Watched, today: dt.date = TODAY, rule: MonitorRule = SHORT) -> PopulationShift | None:
    candidate = made.reigns.state.candidates[3]
    installation = made.installation
    return measure_population_shift(
        installation.lake, installation.models.load(candidate.stored), candidate, today, rule
    )


def test_figures_are_those_of_the_rows_of_the_lake(watched: Watched) -> None:
    shift = shift_of(watched)
    assert shift is not None
    assert [measure.name for measure in shift.measures] == [*RAW_MEASURES, PREDICTIONS]
    assert shift.window == Interval(start=TODAY - 28 * DAY, end=TODAY)
    installation, candidate = watched.installation, watched.reigns.state.candidates[3]
    assert shift.training == candidate.windows.training
    model, samples = installation.models.load(candidate.stored), []
    versions = candidate.snapshot.table_versions
    for window, version in ((shift.training, versions[TableName.FEATURES]), (shift.window, None)):
        rows = installation.lake.read(TableName.FEATURES, version=version, day_column="date", window=window)
        samples.append(Sample(rows["date"].to_numpy().astype("datetime64[D]"), predict(model, rows)))
    assert shift.measures[-1] == measure_shift(PREDICTIONS, *samples)


def test_a_champion_is_looked_at_from_the_end_of_its_training_on(watched: Watched) -> None:
    training = watched.reigns.state.candidates[3].windows.training
    shift = shift_of(watched, rule=MonitorRule(shift_days=3650))
    assert shift is not None
    assert shift.window == Interval(start=training.end, end=TODAY)
    assert shift.moved == ()
    assert shift_of(watched, training.end) is None


def test_days_that_nobody_has_ingested_are_not_looked_at(watched: Watched) -> None:
    shift = shift_of(watched, TODAY + 30 * DAY)
    assert shift is not None
    assert shift.window.end == TODAY
    assert shift_of(watched, TODAY - 3 * DAY) != shift


def test_warmer_days_move_their_measure_and_no_other(watched: Watched) -> None:
    before = shift_of(watched)
    lake = WarmerDays(watched.installation.lake, TODAY - 28 * DAY, 15.0)
    candidate = watched.reigns.state.candidates[3]
    model = watched.installation.models.load(candidate.stored)
    after = measure_population_shift(lake, model, candidate, TODAY, SHORT)  # type: ignore[arg-type] # a lake
    assert before is not None
    assert after is not None
    assert "temp_max_c" in [measure.name for measure in after.moved]
    index = {measure.name: measure.index for measure in before.measures}
    assert {measure.name for measure in after.measures if measure.index != index[measure.name]} <= {
        "temp_max_c",
        PREDICTIONS,
    }


def test_fire_reports_play_no_part(watched: Watched) -> None:
    silent = LateFires(watched.installation.lake, Interval(start=TODAY - 60 * DAY, end=TODAY), NOW + DAY)
    candidate = watched.reigns.state.candidates[3]
    model = watched.installation.models.load(candidate.stored)
    assert measure_population_shift(silent, model, candidate, TODAY, SHORT) == shift_of(watched)  # type: ignore[arg-type] # a lake


def test_of_a_large_park_every_nth_cell_is_read(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shift_of(watched)
    assert whole is not None
    monkeypatch.setattr(measuring_shift, "MOST_TRAINING_ROWS", 3 * whole.training.n_days)
    thinned = shift_of(watched)
    assert thinned is not None
    assert thinned.measures[0].n_rows == whole.measures[0].n_rows // 2


def test_the_report_of_a_look_holds_the_shift(watched: Watched) -> None:
    shift = measure(watched.installation).shift
    assert shift is not None
    assert shift == shift_of(watched, rule=MonitorRule())


def test_what_is_told_of_a_look_is_what_its_record_says(watched: Watched) -> None:
    report = measure(watched.installation)
    assert report.shift is not None
    moved = report.shift.measures[:1]
    told = read_look(report.model_copy(update={"shift": moved_to(report.shift, moved)}).model_dump_json())
    assert (told.version, told.state, told.sentence) == (report.version, report.state, report.sentence)
    assert (told.looked_at, told.change, told.limit) == (report.known_at, report.change, report.shift.limit)
    assert [(one.name, one.index) for one in told.moved] == [(one.name, one.index) for one in moved]
    older = read_look(report.model_dump_json(exclude={"shift"}))
    assert (older.state, older.moved, older.limit) == (report.state, (), None)


def moved_to(shift: PopulationShift, moved: tuple[MeasureShift, ...]) -> PopulationShift:
    return shift.model_copy(update={"moved": moved})
