"""What is said of a day: by whom, from what, once; and nothing that a retraining could see."""

import datetime as dt
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forest_fire_retrain import operations
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.core.errors import EvidenceError, LakeError, OtherSourceError, RefusedRequestError
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.rows.ports import Source, SourceSlice
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.log_notes import LastLive
from forest_fire_retrain.core.serving.prediction_log import FEATURE_COLUMNS, PREDICTIONS, PredictionKind
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_last_live_of, read_log
from forest_fire_retrain_tests.example_installation import NOW, example_installation, throwaway_home
from forest_fire_retrain_tests.example_reigns import EASY, PARK, WEEKS, Reigns, retrain, three_reigns
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

TODAY = dt.date(2026, 3, 2)
AT_EIGHT = NOW + dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
INGESTED = (TableName.CELLS, TableName.WEATHER, TableName.FIRES, TableName.FEATURES)
EVER = Interval(start=dt.date(2020, 1, 1), end=dt.date(2030, 1, 1))


@dataclass
class Changed:
    """A source that says something else than the one behind it."""

    source: Source
    weather: pa.Table | None = None
    without: tuple[tuple[str, dt.date], ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        self.name = self.name or self.source.name

    def read(self, recorded: Interval) -> SourceSlice:
        said = self.source.read(recorded)
        weather = said.weather
        for cell, day in self.without:
            keys = zip(weather["cell_id"].to_pylist(), weather["date"].to_pylist(), strict=True)
            weather = weather.filter(pa.array([key != (cell, day) for key in keys]))
        more = [] if self.weather is None else [self.weather]
        return said._replace(weather=pa.concat_tables([weather, *more]))

    def read_whole(self) -> None:
        return None


def predict(
    installation: Installation, *days: dt.date, retro: bool = False, now: dt.datetime = AT_EIGHT
) -> list[PredictedDay]:
    return operations.predict_days(installation, days or (TODAY,), retro=retro, now=now)


def forecast(source: Source, day: dt.date, n_ahead: int, made_at: dt.datetime, warmer: float = 0.0) -> pa.Table:
    """The weather of a day as the forecast of a later one."""
    rows = source.read(Interval(start=day, end=day + DAY)).weather.to_pylist()
    changed = [
        {**row, "date": day + n_ahead * DAY, "recorded_at": made_at, "temp_max_c": 20.0 + warmer} for row in rows
    ]
    return pa.Table.from_pylist(changed, source.read(Interval(start=day, end=day + DAY)).weather.schema)


def logged(lake: FakeLake) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = read_log(lake, EVER).to_pylist()
    return rows


@pytest.fixture
def reigns() -> Reigns:
    return three_reigns()


def test_today_is_predicted_by_the_champion_with_one_row_per_cell(reigns: Reigns) -> None:
    (said,) = predict(reigns.installation)
    assert (said.issue.date, said.issue.kind, said.issue.lead_days, said.is_new) == (TODAY, "live", 0, True)
    assert said.issue.version == reigns.state.champion == 3
    assert said.rows.num_rows == said.n_cells == PARK.n_cells
    assert said.rows["rank"].to_pylist() == sorted(said.rows["rank"].to_pylist())
    assert said.share_without_weather == 0.0
    assert read_last_live_of(reigns.lake) == LastLive(TODAY, 0.0)
    predict(reigns.installation, dt.date(2025, 7, 24), retro=True)
    assert read_last_live_of(reigns.lake) == LastLive(TODAY, 0.0)


def test_predicting_writes_nothing_but_the_log(reigns: Reigns) -> None:
    before = {table: list(reigns.lake.tables[table]) for table in INGESTED}
    rows = len(reigns.ledger.entries())
    predict(reigns.installation)
    predict(reigns.installation, dt.date(2025, 7, 24), retro=True)
    assert {table: reigns.lake.tables[table] for table in INGESTED} == before
    assert set(reigns.lake.tables) == {*INGESTED, PREDICTIONS}
    assert len(reigns.ledger.entries()) == rows


def test_the_same_inputs_again_write_nothing_and_the_first_words_stand(reigns: Reigns) -> None:
    (first,) = predict(reigns.installation)
    version = reigns.lake.version(PREDICTIONS)
    (again,) = predict(reigns.installation, now=AT_EIGHT + dt.timedelta(minutes=7))
    assert (again.is_new, again.issue) == (False, first.issue)
    assert again.rows.equals(first.rows)
    assert reigns.lake.version(PREDICTIONS) == version


def test_newer_data_make_another_issue_beside_and_change_no_row_that_was_logged(reigns: Reigns) -> None:
    (first,) = predict(reigns.installation)
    before = logged(reigns.lake)
    warmer = forecast(reigns.installation.source, TODAY, 0, AT_EIGHT + dt.timedelta(hours=1), 15.0)
    newer = replace(reigns.installation, source=Changed(reigns.installation.source, warmer))
    (unseen,) = predict(newer)
    assert unseen.issue == first.issue  # what is recorded later plays no part
    (second,) = predict(newer, now=AT_EIGHT + dt.timedelta(hours=2))
    assert second.is_new
    assert second.issue.name != first.issue.name
    assert [issue.name for issue in issues_between(reigns.lake, EVER)] == [first.issue.name, second.issue.name]
    assert [row for row in logged(reigns.lake) if row["issue"] == first.issue.name] == before


@pytest.mark.parametrize("recipe", ["logistic", "gradient_boosting"])
def test_a_logged_row_is_scored_again_bit_for_bit_from_itself(recipe: str) -> None:
    installation, tracker = _park_with(recipe)
    (live,) = predict(installation)
    (past,) = predict(installation, dt.date(2025, 7, 16), retro=True)
    for said in (live, past):
        (model,) = (tracker.models[uri] for uri in set(said.rows["model_id"].to_pylist()))
        frame = said.rows.select(list(model.feature_names)).to_pandas()
        assert isinstance(frame, pd.DataFrame)
        again = model.predict_proba(frame)[:, 1]
        assert again.tobytes() == said.rows["probability"].to_numpy().tobytes()
        assert np.isfinite(again).all()


@lru_cache
def _park_with(recipe: str) -> tuple[Installation, object]:
    installation = example_installation(throwaway_home(), adjudication=EASY, simulator=PARK, recipe_names=(recipe,))
    retrain(installation, WEEKS[:2])
    return installation, installation.models


def test_features_are_those_that_an_ingest_at_that_moment_would_give(reigns: Reigns) -> None:
    day = dt.date(2025, 8, 3)
    at_the_end = dt.datetime(2025, 8, 4, tzinfo=dt.UTC) - dt.timedelta(microseconds=1)
    said = predict(_crowned_since(reigns, 2025), day, now=at_the_end)[0].rows.sort_by("cell_id")
    retrain(reigns.installation, ("2025-07-28",))
    held = reigns.lake.read(TableName.FEATURES, day_column="date", window=Interval(start=day, end=day + DAY))
    held = held.sort_by("cell_id")
    for name in FEATURE_COLUMNS:
        assert said[name].to_pylist() == held[name].to_pylist(), name


def _crowned_since(reigns: Reigns, year: int) -> Installation:
    """The same, as if everything had been decided at the beginning of that year."""
    rows = [
        row.model_copy(update={"recorded_at": dt.datetime(year, 1, 1, tzinfo=dt.UTC)}) for row in reigns.ledger.rows
    ]
    return replace(reigns.installation, ledger=type(reigns.ledger)(rows))


def test_a_past_day_is_refused_unless_it_is_asked_for_and_then_is_marked(reigns: Reigns) -> None:
    day = dt.date(2025, 7, 24)
    with pytest.raises(RefusedRequestError, match="forest-fire predict --date 2025-07-24 --retro"):
        predict(reigns.installation, day)
    assert reigns.lake.version(PREDICTIONS) is None
    (said,) = predict(reigns.installation, day, retro=True)
    assert (said.issue.kind, said.issue.version, said.is_new) == (PredictionKind.RETRO, 2, True)
    assert said.rows["known_at"].to_pylist()[0] == dt.datetime(2025, 7, 26, tzinfo=dt.UTC)
    (shown,) = predict(reigns.installation, day)
    assert (shown.is_new, shown.issue) == (False, said.issue)
    (again,) = predict(reigns.installation, day, retro=True)
    assert (again.is_new, again.issue) == (False, said.issue)


def test_a_day_that_was_predicted_live_stands_also_where_retro_is_asked_for(reigns: Reigns) -> None:
    (live,) = predict(reigns.installation)
    for retro in (False, True):
        (shown,) = predict(reigns.installation, TODAY, retro=retro, now=AT_EIGHT + 3 * DAY)
        assert (shown.is_new, shown.issue, shown.rows.equals(live.rows)) == (False, live.issue, True)


def test_a_past_day_is_scored_by_the_champion_of_then(reigns: Reigns) -> None:
    days = [dt.date(2025, 7, 14), dt.date(2025, 7, 20), dt.date(2025, 7, 21), dt.date(2025, 7, 26)]
    said = predict(reigns.installation, *days, retro=True)
    assert [found.issue.version for found in said] == [1, 1, 2, 2]
    for found in said:
        assert reigns.state.candidates[found.issue.version].windows.training.end <= found.issue.date


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ((dt.date(2025, 7, 13),), "no champion may predict 2025-07-13: the first one stands from 2025-07-14 on"),
        ((dt.date(2025, 7, 20), dt.date(2025, 7, 27)), "the features of 2025-07-27 are not final.*to 2025-07-26"),
        ((TODAY + DAY,), "2026-03-03 is still to come: today is 2026-03-02"),
    ],
)
def test_a_day_that_cannot_be_predicted_is_refused_and_nothing_of_its_range_is_written(
    reigns: Reigns, days: tuple[dt.date, ...], told: str
) -> None:
    with pytest.raises(RefusedRequestError, match=told):
        predict(reigns.installation, *days, retro=True)
    assert reigns.lake.version(PREDICTIONS) is None


def test_corrected_features_make_another_retro_issue(reigns: Reigns) -> None:
    day = dt.date(2025, 7, 24)
    (first,) = predict(reigns.installation, day, retro=True)
    held = reigns.lake.read(TableName.FEATURES)
    place = held.column_names.index("wind_speed_kmh")
    reigns.lake.overwrite(
        TableName.FEATURES, held.set_column(place, held.schema.field(place), pa.array([3.0] * held.num_rows))
    )
    reigns.lake.tables[TableName.FEATURES][-1] = reigns.lake.tables[TableName.FEATURES][-1]._replace(
        mark=dt.date(2025, 7, 28)
    )
    (second,) = predict(reigns.installation, day, retro=True)
    assert second.is_new
    assert {issue.name for issue in issues_between(reigns.lake, EVER)} == {first.issue.name, second.issue.name}


def test_after_a_rollback_the_version_that_was_taken_back_predicts(reigns: Reigns) -> None:
    (before,) = predict(reigns.installation)
    at_nine = AT_EIGHT + dt.timedelta(hours=1)
    stamp = Stamp(at_nine, "ada", "cli")
    operations.rolling_back.roll_back(
        reigns.installation.stores, "forest_fire_risk", to_version=1, reason="test", freeze_until=None, stamp=stamp
    )
    (after,) = predict(reigns.installation, now=at_nine + dt.timedelta(hours=1))
    assert (before.issue.version, after.issue.version, after.is_new) == (3, 1, True)
    (unmoved,) = predict(reigns.installation, now=at_nine - dt.timedelta(minutes=1))
    assert unmoved.issue == before.issue  # at that moment the other one was champion
    assert len(issues_between(reigns.lake, EVER)) == 2


def test_a_cell_without_weather_is_predicted_and_marked(reigns: Reigns) -> None:
    silent = Changed(reigns.installation.source, without=(("C00002", TODAY),))
    (said,) = predict(replace(reigns.installation, source=silent))
    marked = {row["cell_id"]: row["has_weather"] for row in said.rows.to_pylist()}
    assert (len(marked), [cell for cell, has in marked.items() if not has]) == (said.n_cells, ["C00002"])
    assert said.share_without_weather == pytest.approx(1 / PARK.n_cells)
    assert read_last_live_of(reigns.lake) == LastLive(TODAY, pytest.approx(1 / PARK.n_cells, abs=1e-4))
    assert all(0 < row["probability"] < 1 for row in said.rows.to_pylist())


def test_days_ahead_are_predicted_as_far_as_the_source_and_the_setting_reach(reigns: Reigns) -> None:
    source, at_six = reigns.installation.source, AT_EIGHT - dt.timedelta(hours=2)
    ahead = [forecast(source, TODAY, n, at_six, 3.0 * n) for n in (1, 2, 4)]
    unheard = forecast(source, TODAY, 3, AT_EIGHT + dt.timedelta(hours=1))
    foretelling = replace(reigns.installation, source=Changed(source, pa.concat_tables([*ahead, unheard])))
    said = predict(foretelling)
    assert [(found.issue.date, found.issue.lead_days) for found in said] == [
        (TODAY, 0),
        (TODAY + DAY, 1),
        (TODAY + 2 * DAY, 2),
    ]
    assert said[1].rows["temp_max_c"].to_pylist()[0] == 23.0
    assert said[2].rows["temp_max_7d_c"].to_pylist() != said[1].rows["temp_max_7d_c"].to_pylist()
    assert all(found.issue.kind is PredictionKind.LIVE and found.n_cells == found.rows.num_rows for found in said)
    assert not any(found.is_new for found in predict(foretelling))
    (shown,) = predict(foretelling, TODAY + DAY, now=AT_EIGHT + 5 * DAY)
    assert shown.issue == said[1].issue  # nobody predicted it on its day: what was said the day before stands
    alone = replace(foretelling, settings=foretelling.settings.model_copy(update={"forecast_days": 0}))
    assert [found.issue.lead_days for found in predict(alone)] == [0]


@pytest.mark.parametrize(
    ("time_zone", "instant", "today"),
    [
        ("Pacific/Kiritimati", "2026-03-01T17:00", "2026-03-02"),
        ("Pacific/Pago_Pago", "2026-03-02T08:00", "2026-03-01"),
        ("America/Los_Angeles", "2026-03-09T06:59", "2026-03-08"),  # the day that lasts 23 hours
        ("America/Los_Angeles", "2026-03-08T07:59", "2026-03-07"),
    ],
)
def test_today_is_the_parks_day(time_zone: str, instant: str, today: str) -> None:
    made = three_reigns().installation
    installation = replace(
        _crowned_since(three_reigns(), 2026), settings=made.settings.model_copy(update={"time_zone": time_zone})
    )
    now = dt.datetime.fromisoformat(f"{instant}:00+00:00")
    said = predict(installation, dt.date.fromisoformat(today), now=now)
    assert said[0].issue.date.isoformat() == today
    with pytest.raises(RefusedRequestError, match="still to come"):
        predict(installation, dt.date.fromisoformat(today) + DAY, now=now)


def test_without_a_champion_or_an_ingest_there_is_one_clear_message(tmp_path: Path, reigns: Reigns) -> None:
    with pytest.raises(EvidenceError, match=r"there is no champion yet.*forest-fire up"):
        predict(example_installation(tmp_path))
    with pytest.raises(EvidenceError, match=r"the lake has no cells yet.*forest-fire retrain"):
        predict(replace(reigns.installation, lake=FakeLake()))


def test_another_source_predicts_nothing(reigns: Reigns) -> None:
    other = Changed(reigns.installation.source, name="another park")
    with pytest.raises(OtherSourceError, match="another park"):
        predict(replace(reigns.installation, source=other))


def test_a_history_that_is_over_has_no_today(reigns: Reigns) -> None:
    over = reigns.installation.settings.model_copy(update={"end_date": dt.date(2026, 1, 1)})
    with pytest.raises(RefusedRequestError, match="the history ends on 2026-01-01"):
        predict(replace(reigns.installation, settings=over))


@dataclass
class Locked:
    """A ledger in memory behind the lock of a real one, as another process has it."""

    rows: FakeLedger
    file: Path

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        return self.rows.entries(model_name)

    def state(self, model_name: str) -> LedgerState:
        return self.rows.state(model_name)

    def refuse_lost_rows(self) -> None:
        """Nothing is lost in memory."""

    def exclusive(self) -> AbstractContextManager[None]:
        return DuckDbLedger(self.file, patience_seconds=30).exclusive()


def test_two_runs_at_once_write_an_issue_once(reigns: Reigns, tmp_path: Path) -> None:
    reigns.lake.interrupt = lambda _point: time.sleep(0.2)  # whoever looked before the other wrote would write it again
    ledgers = [Locked(reigns.ledger, tmp_path / "ledger.duckdb") for _ in range(3)]
    threads = [Thread(target=predict, args=(replace(reigns.installation, ledger=ledger),)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logged(reigns.lake)) == PARK.n_cells


def test_a_lake_that_is_written_meanwhile_is_read_again(reigns: Reigns) -> None:
    moved = replace(reigns.installation, source=Changed(reigns.installation.source))
    n_reads, limit, read = 0, 0, Changed.read

    def write_meanwhile(source: Changed, recorded: Interval) -> SourceSlice:
        nonlocal n_reads
        n_reads += 1
        if n_reads <= limit:
            reigns.lake.append(TableName.FIRES, reigns.lake.read(TableName.FIRES).slice(0, 0))
        return read(source, recorded)

    for limit, expected in ((1, None), (99, "written by another run")):  # noqa: B007 - read in the function above
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Changed, "read", write_meanwhile)
            n_reads = 0
            if expected is None:
                (said,) = predict(moved)
                pinned = f'"fires":{reigns.lake.version(TableName.FIRES)},'
                assert pinned in str(said.rows["table_versions"][0])
            else:
                with pytest.raises(LakeError, match=expected):
                    predict(moved)
