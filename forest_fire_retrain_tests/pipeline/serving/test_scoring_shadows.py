"""Shadows are scored beside the champion, into the same log, and never change what it says."""

import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain.adapters.shap_explainer import ShapExplainer
from forest_fire_retrain.cli.predicting import _choose
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.drafts import draft_shadow
from forest_fire_retrain.core.ledger.payloads import ShadowPayload
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.serving.explanation_words import say_champion, say_explanation
from forest_fire_retrain.core.serving.issues import Issue, answer_of_day
from forest_fire_retrain.core.serving.log_notes import LastLive
from forest_fire_retrain.core.serving.prediction_log import FEATURE_COLUMNS, PREDICTIONS, Role
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.explaining_mixtures import explain_prediction
from forest_fire_retrain.pipeline.investigating.reading_log import read_predictions
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_last_live_of, read_log
from forest_fire_retrain_tests.example_reigns import NEXT_WEEK, PARK, Reigns, retrain, stamp_at, three_reigns
from forest_fire_retrain_tests.pipeline.serving.test_predicting import (
    AT_EIGHT,
    DAY,
    EVER,
    TODAY,
    Changed,
    forecast,
    predict,
)

LATER = AT_EIGHT + dt.timedelta(hours=3)


def warm(reigns: Reigns, days: int = 28) -> Installation:
    settings = reigns.installation.settings.model_copy(update={"warm_days": days})
    return replace(reigns.installation, settings=settings)


def order(reigns: Reigns, candidate: Candidate, version: int | None = None) -> None:
    payload = ShadowPayload(
        candidate_id=candidate.candidate_id,
        partition_key=candidate.windows.partition_key,
        version=version,
        until=TODAY + 10 * DAY,
        reason="a trial",
    )
    name = reigns.installation.settings.model_name
    reigns.ledger.append(
        draft_shadow(payload, model_name=name, champion=reigns.state.champion, stamp=stamp_at(reigns.installation))
    )


def issues(reigns: Reigns) -> list[Issue]:
    return issues_between(reigns.lake, EVER)


def shadow_rows(reigns: Reigns) -> pa.Table:
    rows = read_log(reigns.lake, EVER)
    return rows.filter(pc.equal(rows["role"], Role.SHADOW.value))


def champion_rows(reigns: Reigns) -> pa.Table:
    rows = read_log(reigns.lake, EVER)
    return rows.filter(pc.equal(rows["role"], Role.CHAMPION.value))


def test_the_former_champion_is_scored_on_the_very_features_of_the_present_one_in_one_commit() -> None:
    reigns = three_reigns()
    (said,) = predict(warm(reigns))
    assert (said.issue.role, said.issue.version, said.is_new) == (Role.CHAMPION, 3, True)
    assert reigns.lake.version(PREDICTIONS) == 0
    assert {(issue.role, issue.version, issue.lead_days) for issue in issues(reigns)} == {
        (Role.CHAMPION, 3, 0),
        (Role.SHADOW, 2, 0),
    }
    beside, served = shadow_rows(reigns).sort_by("cell_id"), champion_rows(reigns).sort_by("cell_id")
    same = ["date", "cell_id", "kind", "feature_hash", "known_at", "scored_at", "table_versions", *FEATURE_COLUMNS]
    assert beside.select(same).equals(served.select(same))
    assert beside["probability"].to_pylist() != served["probability"].to_pylist()
    assert set(beside["candidate_id"].to_pylist()) == {reigns.state.candidates[2].candidate_id}
    assert read_last_live_of(reigns.lake) == LastLive(TODAY, 0.0)


def test_what_the_champion_says_is_the_same_to_the_byte_with_shadows_and_without() -> None:
    alone, beside = three_reigns(), three_reigns()
    predict(alone.installation)
    order(beside, alone.state.candidates[1], 1)
    predict(warm(beside))
    assert {issue.version for issue in issues(beside)} == {1, 2, 3}
    assert champion_rows(beside).equals(champion_rows(alone))


def test_a_shadow_answers_for_no_day() -> None:
    reigns = three_reigns()
    (said,) = predict(warm(reigns))
    assert answer_of_day(issues(reigns), TODAY) == said.issue
    (shown,) = predict(warm(reigns), TODAY, now=AT_EIGHT + 3 * DAY)
    assert shown.issue == said.issue


def test_the_same_inputs_again_write_nothing_and_a_shadow_that_came_since_is_added_alone() -> None:
    reigns = three_reigns()
    predict(warm(reigns))
    predict(warm(reigns), now=LATER)
    assert reigns.lake.version(PREDICTIONS) == 0
    order(reigns, reigns.state.candidates[1], 1)
    (again,) = predict(warm(reigns), now=LATER)
    assert not again.is_new
    assert [(issue.role, issue.version) for issue in issues(reigns)][-1:] == [(Role.SHADOW, 1)]
    assert len(issues(reigns)) == 3
    assert read_last_live_of(reigns.lake) == LastLive(TODAY, 0.0)


def test_newer_data_make_another_issue_of_each_and_none_takes_the_place_of_another() -> None:
    reigns = three_reigns()
    order(reigns, reigns.state.candidates[1], 1)
    first = predict(warm(reigns))
    warmer = forecast(reigns.installation.source, TODAY, 0, AT_EIGHT + dt.timedelta(hours=1), 15.0)
    newer = replace(warm(reigns), source=Changed(reigns.installation.source, warmer))
    second = predict(newer, now=LATER)
    third = predict(warm(reigns), now=LATER + dt.timedelta(hours=1))  # put right
    assert first[0].issue.name not in {second[0].issue.name, third[0].issue.name}
    said = [(issue.role, issue.version) for issue in issues(reigns)]
    assert [said.count(which) for which in ((Role.CHAMPION, 3), (Role.SHADOW, 2), (Role.SHADOW, 1))] == [3, 3, 3]


def _decide_against(reigns: Reigns, key: str = NEXT_WEEK) -> Adjudication:
    """A period whose candidate is not promoted."""
    settings = reigns.installation.settings
    strict = settings.adjudication.model_copy(update={"min_fires": 10_000})
    (decided,) = retrain(
        replace(reigns.installation, settings=settings.model_copy(update={"adjudication": strict})), [key]
    )
    assert decided.entry.outcome is not Outcome.PROMOTED
    return decided


def test_two_candidates_without_a_version_stand_beside_each_other() -> None:
    reigns = three_reigns()
    kept, later = _decide_against(reigns), _decide_against(reigns, "2025-08-04")
    for decided in (kept, later):
        order(reigns, decided.payload.candidate)
    said = [*predict(reigns.installation), *predict(reigns.installation, now=LATER)]
    assert [day.issue.version for day in said] == [3, 3]
    beside = [issue for issue in issues(reigns) if issue.role is Role.SHADOW]
    assert [issue.version for issue in beside] == [0, 0]
    assert len({issue.candidate_id for issue in beside}) == 2


def test_days_ahead_are_scored_too_and_past_days_are_not() -> None:
    reigns = three_reigns()
    ahead = forecast(reigns.installation.source, TODAY - DAY, 2, AT_EIGHT - dt.timedelta(hours=1))
    predict(replace(warm(reigns), source=Changed(reigns.installation.source, ahead)))
    predict(warm(reigns), dt.date(2025, 7, 24), retro=True)
    said = {(issue.role, issue.kind.value, issue.lead_days) for issue in issues(reigns)}
    assert said == {(role, "live", lead) for role in (Role.CHAMPION, Role.SHADOW) for lead in (0, 1)} | {
        (Role.CHAMPION, "retro", 0)
    }
    shown = _choose(issues(reigns), [TODAY], TODAY, retro=False)
    assert [(issue.role, issue.date) for issue in shown] == [(Role.CHAMPION, TODAY), (Role.CHAMPION, TODAY + DAY)]


@pytest.mark.parametrize("fault", ["tampered", "gone", "bug"])
def test_a_shadow_that_fails_is_a_warning_and_changes_nothing(fault: str) -> None:
    alone, reigns = three_reigns(), three_reigns()
    uri = reigns.state.candidates[2].stored.model_uri
    if fault == "tampered":
        reigns.tracker.digests[uri] = "0" * 64
    elif fault == "gone":
        del reigns.tracker.models[uri]
    else:
        reigns.tracker.models[uri].pipeline = None  # type: ignore[assignment] # as a fault of this project would
    (said,) = predict(warm(reigns))
    (warning,) = said.warnings
    assert warning.startswith("version 2 was not scored beside the champion, whose prediction stands: ")
    assert shadow_rows(reigns).num_rows == 0
    predict(alone.installation)
    assert champion_rows(reigns).equals(champion_rows(alone))


def test_what_a_shadow_said_is_explained_where_its_issue_is_named_and_says_what_it_is() -> None:
    reigns = three_reigns()
    order(reigns, _decide_against(reigns).payload.candidate)
    predict(warm(reigns))
    archive = Archive(reigns.lake, reigns.installation.engine, reigns.tracker, ShapExplainer(), reigns.ledger.entries())
    cell = str(champion_rows(reigns)["cell_id"][0])
    served = explain_prediction(archive, cell, TODAY)
    assert (served.prediction.role, served.prediction.model_version, served.other_issues) == ("champion", 3, ())
    said = {}
    for issue in issues(reigns):
        if issue.role is Role.SHADOW:
            answer = explain_prediction(archive, cell, TODAY, issue.name)
            assert answer.notes[0] == "It was a shadow: it was scored beside the champion, and nobody was served by it."
            assert answer.prediction.candidate_id == issue.candidate_id
            said[issue.version] = say_explanation(answer)[0].partition(" said ")[0]
            assert say_champion(answer).startswith(f"{said[issue.version].removesuffix(',')}, trained on days")
    (other,) = (issue.candidate_id for issue in issues(reigns) if issue.version == 0)
    assert said == {2: "Version 2, a shadow,", 0: f"The candidate {other}, a shadow,"}


def test_the_history_of_a_cell_is_what_was_served() -> None:
    reigns = three_reigns()
    predict(warm(reigns))
    served = read_predictions(reigns.lake)
    assert set(served["role"].to_pylist()) == {"champion"}
    assert served.num_rows == PARK.n_cells


class PowerCut(BaseException):
    """What stops a run without any of its own code running."""


@pytest.mark.parametrize("point", ["before append predictions", "after append predictions"])
def test_a_prediction_that_was_cut_holds_all_that_was_said_or_nothing(point: str) -> None:
    whole, reigns = three_reigns(), three_reigns()
    predict(warm(whole))
    append = reigns.lake.append

    def cut(table: str, rows: pa.Table, **how: object) -> None:
        if point.startswith("after"):
            append(table, rows, **how)  # type: ignore[arg-type] # as it was called
        raise PowerCut

    reigns.lake.append = cut  # type: ignore[method-assign,assignment] # for one call
    with pytest.raises(PowerCut):
        predict(warm(reigns))
    del reigns.lake.append  # type: ignore[method-assign]
    assert len(issues(reigns)) == (2 if point.startswith("after") else 0)
    predict(warm(reigns))
    assert [issue.name for issue in issues(reigns)] == [issue.name for issue in issues(whole)]
    assert reigns.lake.version(PREDICTIONS) == 0
