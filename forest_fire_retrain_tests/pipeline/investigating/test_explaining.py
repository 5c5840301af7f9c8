"""A logged prediction is said again to the bit before anything is explained; whatever is in the way has a name."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain import investigate
from forest_fire_retrain.adapters.shap_explainer import ShapExplainer
from forest_fire_retrain.core.errors import NotReproducedError, RefusedRequestError
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.explanation_words import say_second_opinion
from forest_fire_retrain.core.serving.explanations import Explanation
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.cell_history import _such_days
from forest_fire_retrain.pipeline.investigating.explaining_mixtures import explain_prediction
from forest_fire_retrain.pipeline.investigating.supposing import parse_changes, suppose
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.example_reigns import Reigns, three_reigns
from forest_fire_retrain_tests.fakes.lake import TableVersion

DAY = dt.date(2025, 7, 23)
"""In the reign of version 2, by partition time."""


def archive_of(reigns: Reigns) -> Archive:
    return Archive(reigns.lake, reigns.installation.engine, reigns.tracker, ShapExplainer(), reigns.ledger.entries())


def logged() -> tuple[Reigns, Archive, str]:
    """Three reigns, a week in the log, and one of its cells."""
    reigns = three_reigns()
    rows = log_predictions(reigns.installation, [DAY - dt.timedelta(days=back) for back in range(7)])
    return reigns, archive_of(reigns), rows["cell_id"][0].as_py()


def rewrite_log(reigns: Reigns, name: str, value: object) -> None:
    """Do what a person with access to the files could do."""
    rows = reigns.lake.read(PREDICTIONS)
    place = rows.column_names.index(name)
    changed = rows.set_column(
        place, rows.schema.field(name), pa.array([value] * rows.num_rows, rows.schema.types[place])
    )
    reigns.lake.tables[PREDICTIONS].append(TableVersion(changed, None))


def test_a_prediction_is_made_up_of_its_general_level_and_its_lines() -> None:
    _, archive, cell = logged()
    answer = explain_prediction(archive, cell, DAY)
    chance = answer.prediction.probability
    added = answer.breakdown.general_level.log_odds + sum(line.log_odds for line in answer.breakdown.lines)
    assert added == pytest.approx(math.log(chance / (1 - chance)), abs=1e-9)
    assert added == pytest.approx(answer.breakdown.general_level.log_odds + sum(f.log_odds for f in answer.features))
    sizes = [abs(line.log_odds) for line in answer.breakdown.lines]
    assert sizes == sorted(sizes, reverse=True)
    assert "Time of the year: 23 July" in [line.sentence for line in answer.breakdown.lines]
    assert answer.champion_then.version == answer.prediction.model_version == 2
    assert answer.champion_then.why


def test_what_champion_of_today_says_differs_by_lines_that_add_up() -> None:
    _, archive, cell = logged()
    answer = explain_prediction(archive, cell, DAY)
    now = answer.champion_now
    assert now is not None
    assert now.version == 3
    assert now.probability is not None
    assert now.difference is not None
    odds = [math.log(chance / (1 - chance)) for chance in (answer.prediction.probability, now.probability)]
    moved = now.difference.general_level.log_odds + sum(line.log_odds for line in now.difference.lines)
    assert moved == pytest.approx(odds[1] - odds[0], abs=1e-9)
    assert now.difference.general_level.features == ()
    assert not now.was_trained_on_day


def test_a_cell_that_was_predicted_before_the_first_ingest_that_knows_it_is_explained_by_its_id() -> None:
    reigns, archive, cell = logged()
    named = explain_prediction(archive, cell, DAY)
    cells = reigns.lake.read(TableName.CELLS)
    reigns.lake.overwrite(TableName.CELLS, cells.filter(pc.not_equal(cells["cell_id"], cell)))
    answer = explain_prediction(archive, cell, DAY)
    assert answer.cell_name == cell != named.cell_name
    assert answer.breakdown == named.breakdown
    assert set(investigate.predictions(cell=cell, installation=reigns.installation)["cell_id"]) == {cell}
    with pytest.raises(RefusedRequestError, match="there is no cell 'nowhere'"):
        investigate.predictions(cell="nowhere", installation=reigns.installation)


def test_a_champion_of_today_that_was_trained_on_the_day_is_said_to_know_it() -> None:
    reigns, _, cell = logged()
    early = dt.date(2025, 6, 2)
    log_predictions(reigns.installation, [early], version=1)
    answer = explain_prediction(archive_of(reigns), cell, early)
    now = answer.champion_now
    assert now is not None
    assert now.was_trained_on_day
    assert "knows what happened" in say_second_opinion(now, answer.prediction)


def test_the_history_of_the_cell_is_what_lake_and_log_say() -> None:
    reigns, archive, cell = logged()
    fires = {(held["cell_id"], held["date"]) for held in reigns.lake.read(TableName.FIRES).to_pylist()}
    of_cell = sorted((day for where, day in fires if where == cell and day < DAY), reverse=True)
    history = explain_prediction(archive, cell, DAY).history
    assert list(history.last_fires) == of_cell[:5]
    assert history.n_fires_on_day == sum((cell, DAY) == fire for fire in fires)
    assert [day.date for day in history.days_before] == [DAY - dt.timedelta(days=back) for back in range(1, 7)]
    assert history.usual is not None
    assert history.usual.last_day < DAY
    assert 0 < history.usual.median <= history.usual.highest_tenth < 1


def test_a_fire_of_the_day_itself_is_none_of_those_before() -> None:
    reigns, archive, _ = logged()
    reports = reigns.lake.read(TableName.FIRES).sort_by("recorded_at").to_pylist()
    fires = {held["fire_id"]: (held["cell_id"], held["date"]) for held in reports}.values()
    cell, day = next((where, day) for where, day in fires if DAY - dt.timedelta(days=7) < day <= DAY)
    history = explain_prediction(archive, cell, day).history
    assert history.n_fires_on_day == 1
    assert history.n_fires_before == sum(where == cell and other < day for where, other in fires)
    assert day not in history.last_fires


def test_the_same_time_of_the_year_ends_before_the_day_and_crosses_the_turn_of_the_year() -> None:
    such = _such_days(dt.date(2025, 1, 5))
    assert such[0] == Interval(start=dt.date(2024, 12, 21), end=dt.date(2025, 1, 5))
    assert such[1] == Interval(start=dt.date(2023, 12, 22), end=dt.date(2024, 1, 22))


def test_it_is_explained_as_of_then_after_the_lake_was_corrected() -> None:
    reigns, archive, cell = logged()
    before = explain_prediction(archive, cell, DAY)
    held = reigns.lake.read(TableName.FEATURES)
    place = held.column_names.index("temp_max_c")
    warmer = held.set_column(place, held.schema.field("temp_max_c"), pa.array(np.full(held.num_rows, 41.0)))
    reigns.lake.overwrite(TableName.FEATURES, warmer)
    after = explain_prediction(archive, cell, DAY)
    assert (after.breakdown, after.features, after.prediction) == (before.breakdown, before.features, before.prediction)


def damage(reigns: Reigns, what: str) -> None:
    stored = reigns.state.candidates[2].stored
    match what:
        case "value":
            rewrite_log(reigns, "temp_max_c", 41.0)
        case "chance":
            rewrite_log(reigns, "probability", 0.25)
        case "hash":
            rewrite_log(reigns, "feature_hash", "0" * 64)
        case "version of the features":
            rewrite_log(reigns, "feature_version", 9)
        case "version":
            rewrite_log(reigns, "model_version", 7)
        case "artifact":
            rewrite_log(reigns, "artifact_sha256", "0" * 64)
        case "bytes of the model":
            reigns.tracker.tamper(stored)
        case "model":
            reigns.tracker.forget(stored)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("value", "feature values have the hash"),
        ("chance", "says .* on the logged values, 0.25 was logged"),
        ("hash", "000000000000 was logged"),
        ("version of the features", "features of version 9, this release knows 1, 2"),
        ("version", "the ledger knows no version 7"),
        ("artifact", "the prediction names 000000000000"),
        ("bytes of the model", "SHA-256"),
        ("model", "cannot be read"),
    ],
)
def test_what_cannot_be_said_again_is_not_explained(what: str, why: str) -> None:
    reigns, archive, cell = logged()
    damage(reigns, what)
    with pytest.raises(NotReproducedError, match=f"cannot be said again, so that nothing is explained: .*{why}"):
        explain_prediction(archive, cell, DAY)
    with pytest.raises(NotReproducedError):
        suppose(archive, cell, DAY, {"precip_mm": 0.0})


def test_a_champion_of_today_that_is_gone_takes_nothing_from_the_answer() -> None:
    reigns, archive, cell = logged()
    reigns.tracker.forget(reigns.state.candidates[3].stored)
    now = explain_prediction(archive, cell, DAY).champion_now
    assert now is not None
    assert now.fault is not None
    assert "cannot be read" in now.fault
    assert now.difference is None


def test_the_same_champion_is_no_second_opinion() -> None:
    reigns, _, cell = logged()
    log_predictions(reigns.installation, [DAY], version=3, kind=PredictionKind.LIVE, issue="today")
    now = explain_prediction(archive_of(reigns), cell, DAY).champion_now
    assert now is not None
    assert (now.version, now.difference) == (3, None)


def test_live_goes_before_retro_the_newest_first_and_an_issue_can_be_named() -> None:
    reigns, _, cell = logged()
    noon = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    for hours, kind, name in [(1, "live", "x-early"), (2, "live", "x-late"), (3, "retro", "retro-last")]:
        at = noon + dt.timedelta(hours=hours)
        log_predictions(reigns.installation, [DAY], kind=PredictionKind(kind), scored_at=at, issue=name)
    archive = archive_of(reigns)
    answer = explain_prediction(archive, cell, DAY)
    assert answer.prediction.issue == "x-late"
    assert answer.other_issues[:2] == ("retro-last", "x-early")
    assert explain_prediction(archive, cell, DAY, "retro-").prediction.issue == "retro-last"
    with pytest.raises(RefusedRequestError, match=r"2 issues are called 'x'"):
        explain_prediction(archive, cell, DAY, "x")
    with pytest.raises(RefusedRequestError, match=r"no issue is called 'zz'"):
        explain_prediction(archive, cell, DAY, "zz")


def test_a_version_that_was_not_champion_then_is_noted() -> None:
    reigns, _, cell = logged()
    log_predictions(reigns.installation, [DAY], version=1, kind=PredictionKind.LIVE, issue="odd")
    notes = explain_prediction(archive_of(reigns), cell, DAY).notes
    assert any("version 1 was not the champion then" in note for note in notes)


def test_what_is_not_in_the_log_is_refused_with_the_next_command() -> None:
    reigns, archive, cell = logged()
    with pytest.raises(
        RefusedRequestError, match=r"holds days from 2025-07-17 to 2025-07-23. Run: forest-fire predict"
    ):
        explain_prediction(archive, cell, dt.date(2025, 1, 1))
    with pytest.raises(RefusedRequestError, match=f"there is no cell '{cell}x'; the nearest: .*{cell}"):
        explain_prediction(archive, f"{cell}x", DAY)
    del reigns.lake.tables[PREDICTIONS]
    with pytest.raises(RefusedRequestError, match=r"nothing was predicted yet. Run: forest-fire predict"):
        explain_prediction(archive, cell, DAY)


def test_a_supposition_changes_the_chance_by_what_its_lines_say_and_is_not_logged() -> None:
    reigns, archive, cell = logged()
    version = reigns.lake.version(PREDICTIONS)
    answer = suppose(archive, cell, DAY, {"precip_7d_mm": 80.0, "temp_max_c": None})
    odds = [math.log(chance / (1 - chance)) for chance in (answer.prediction.probability, answer.probability)]
    moved = sum(line.log_odds for line in answer.difference.lines)
    assert moved == pytest.approx(odds[1] - odds[0], abs=1e-9)
    assert answer.difference.general_level.log_odds == 0
    assert {name for line in answer.difference.lines if line.log_odds for name in line.features} == {
        "precip_7d_mm",
        "temp_max_c",
    }
    assert answer.is_supposed
    assert [change.sentence_after for change in answer.changes] == [
        "80 mm of rain in the last 7 days",
        "Highest temperature of the day: not known",
    ]
    assert any("precip_mm" in warning and "ffmc" in warning for warning in answer.warnings)
    assert reigns.lake.version(PREDICTIONS) == version


def test_a_supposition_about_an_unknown_feature_names_the_nearest() -> None:
    _, archive, cell = logged()
    with pytest.raises(RefusedRequestError, match="takes no feature 'precip_7day'; the nearest: precip_7d_mm"):
        suppose(archive, cell, DAY, {"precip_7day": 0.0})
    with pytest.raises(RefusedRequestError, match="not a number that a measure can have"):
        suppose(archive, cell, DAY, {"precip_7d_mm": math.inf})
    with pytest.raises(RefusedRequestError, match="nothing is changed"):
        suppose(archive, cell, DAY, {})


def test_what_a_person_types_becomes_changes() -> None:
    assert parse_changes(["precip_7d_mm=0", " dc = 1e2", "fwi=missing"]) == {
        "precip_7d_mm": 0.0,
        "dc": 100.0,
        "fwi": None,
    }
    for wrong in (["precip_7d_mm"], ["=3"], ["dc=1", "dc=2"], ["dc=wet"]):
        with pytest.raises(RefusedRequestError):
            parse_changes(wrong)


def test_an_explanation_goes_through_json_unchanged() -> None:
    _, archive, cell = logged()
    answer = explain_prediction(archive, cell, DAY)
    assert Explanation.model_validate_json(answer.model_dump_json()) == answer
