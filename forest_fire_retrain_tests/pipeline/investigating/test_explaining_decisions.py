"""A decision is explained on its own rows after its scores were made again; parts and means add up."""

import numpy as np
import pytest

from forest_fire_retrain.adapters.shap_explainer import ShapExplainer
from forest_fire_retrain.core.errors import NotReproducedError, RefusedRequestError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.decision_explanations import log_odds_of
from forest_fire_retrain.pipeline.investigating import explaining_decisions
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.explaining_decisions import explain_decision
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain_tests.example_reigns import WEEKS, Reigns, three_reigns


def archive_of(reigns: Reigns) -> Archive:
    return Archive(reigns.lake, reigns.installation.engine, reigns.tracker, ShapExplainer(), reigns.ledger.entries())


def scores_of(reigns: Reigns, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of champion and candidate on the holdout."""
    payload = read_payload(reigns.state.decisions[key])
    assert payload.champion is not None
    rows = read_holdout(reigns.lake, reigns.installation.engine, payload.holdout)
    stored = reigns.state.candidates[payload.champion.version].stored, payload.candidate.stored
    champion, candidate = (log_odds_of(predict(reigns.tracker.load(model), rows)) for model in stored)
    return champion, candidate


def test_general_level_and_features_add_up_to_the_mean_difference() -> None:
    reigns = three_reigns()
    answer = explain_decision(archive_of(reigns), WEEKS[1])
    champion, candidate = scores_of(reigns, WEEKS[1])
    added = answer.general_level.log_odds + sum(feature.mean for feature in answer.features)
    assert added == pytest.approx((candidate - champion).mean(), abs=1e-9)
    assert answer.whole.mean_absolute == pytest.approx(np.abs(candidate - champion).mean())
    assert answer.n_explained == answer.whole.n_rows == len(champion)
    sizes = [feature.mean_absolute for feature in answer.features]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


def test_cells_days_and_regions_are_parts_of_the_whole() -> None:
    answer = explain_decision(archive_of(three_reigns()), WEEKS[2])
    for parts in (answer.cells, answer.days, answer.regions):
        assert sum(part.n_rows for part in parts) == answer.whole.n_rows
        assert sum(part.n_fires for part in parts) == answer.whole.n_fires
        total = sum(part.mean * part.n_rows for part in parts)
        assert total / answer.whole.n_rows == pytest.approx(answer.whole.mean)
        assert [part.mean_absolute for part in parts] == sorted((p.mean_absolute for p in parts), reverse=True)
    assert answer.champion_version == 2
    assert answer.days[0].name.startswith("2025-")
    assert any("general levels differ" in sentence for sentence in answer.sentences)


def test_a_large_holdout_is_taken_apart_on_evenly_spaced_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining_decisions, "MAX_ROWS", 10)
    answer = explain_decision(archive_of(three_reigns()), WEEKS[1])
    assert answer.n_explained == 10
    assert answer.whole.n_rows > 10


def damage(reigns: Reigns, what: str) -> None:
    payload = read_payload(reigns.state.decisions[WEEKS[1]])
    champion = reigns.state.candidates[1].stored
    match what:
        case "rows":
            reigns.lake.lose(TableName.FEATURES, payload.holdout.snapshot.table_versions[TableName.FEATURES])
        case "champion":
            reigns.tracker.models[champion.model_uri].pipeline[-1].intercept_ += 1e-9
        case "candidate":
            reigns.tracker.forget(payload.candidate.stored)


@pytest.mark.parametrize(
    ("what", "why"),
    [("rows", "its files are gone"), ("champion", "version 1 scores .* was recorded"), ("candidate", "cannot be read")],
)
def test_a_decision_whose_scores_are_not_made_again_is_not_explained(what: str, why: str) -> None:
    reigns = three_reigns()
    damage(reigns, what)
    with pytest.raises(NotReproducedError, match=f"decision of {WEEKS[1]} cannot be explained: .*{why}"):
        explain_decision(archive_of(reigns), WEEKS[1])


def test_what_was_not_compared_is_refused() -> None:
    archive = archive_of(three_reigns())
    with pytest.raises(RefusedRequestError, match="there was no champion"):
        explain_decision(archive, WEEKS[0])
    with pytest.raises(RefusedRequestError, match=f"was not decided live; there are: {WEEKS[0]}"):
        explain_decision(archive, "2020-01-06")
