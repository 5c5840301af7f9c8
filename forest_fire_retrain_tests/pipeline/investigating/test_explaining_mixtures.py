"""A mixture is explained by its parts, whose shares and products add up, and by what each of them is made of."""

import json

import pytest

from forest_fire_retrain import investigate
from forest_fire_retrain.adapters.shap_explainer import ShapExplainer
from forest_fire_retrain.core.errors import NotReproducedError, RefusedRequestError
from forest_fire_retrain.core.serving.explanation_words import say_explanation
from forest_fire_retrain.core.serving.mixture_explanations import MixtureExplanation, rows_of_parts, say_mixture
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.explaining_mixtures import explain_prediction
from forest_fire_retrain.pipeline.investigating.supposing import suppose
from forest_fire_retrain_tests.example_reigns import Reigns
from forest_fire_retrain_tests.pipeline.monitoring.test_weighing_members import roll_back
from forest_fire_retrain_tests.pipeline.serving.test_mixing_models import answer, rewrite, rows_of, weighed
from forest_fire_retrain_tests.pipeline.serving.test_predicting import TODAY


def archive_of(reigns: Reigns, served_by: Role = Role.MIXTURE) -> Archive:
    stores = reigns.lake, reigns.installation.engine, reigns.tracker, ShapExplainer()
    return Archive(*stores, reigns.ledger.entries(), served_by)


def said() -> tuple[Reigns, str]:
    reigns = weighed()
    return reigns, str(answer(reigns).rows["cell_id"][0])


def test_a_mixture_is_explained_by_parts_that_add_up_and_its_largest_ones_by_their_features() -> None:
    reigns, cell = said()
    found = explain_prediction(archive_of(reigns), cell, TODAY)
    assert isinstance(found, MixtureExplanation)
    assert found.sum_of_shares == pytest.approx(1.0, abs=1e-15)
    assert found.sum_of_parts == pytest.approx(found.prediction.probability, abs=1e-15)
    assert [part.share for part in found.parts] == sorted((part.share for part in found.parts), reverse=True)
    assert {part.name for part in found.parts} == {"version 2", "version 3"}
    for part, explained in zip(found.parts, found.largest, strict=True):
        assert explained.prediction.probability == part.probability
        assert explained.prediction.issue == part.issue
        assert explained.breakdown.deviation <= 1e-9
        assert not any("nobody was served" in note for note in explained.notes)
    first, second, third = say_mixture(found)
    assert first.startswith("The mixture said ")
    assert "2 models" in second
    assert third.endswith(reigns.ledger.rows[-1].summary)
    assert rows_of_parts(found)[-1][1] == "1.000000"
    assert json.loads(found.model_dump_json())["parts"][0]["share"] == found.parts[0].share


def test_where_the_champion_serves_a_mixture_is_explained_only_by_its_name() -> None:
    reigns, cell = said()
    assert explain_prediction(archive_of(reigns, Role.CHAMPION), cell, TODAY).prediction.role == Role.CHAMPION
    issue = str(rows_of(reigns, Role.MIXTURE)["issue"][0])
    assert isinstance(explain_prediction(archive_of(reigns, Role.CHAMPION), cell, TODAY, issue), MixtureExplanation)


@pytest.mark.parametrize("role", [Role.MIXTURE, Role.SHADOW])
def test_a_mixture_that_its_parts_do_not_make_is_not_explained(role: Role) -> None:
    reigns, cell = said()
    rewrite(reigns, "probability", {role: 0.25})
    with pytest.raises(NotReproducedError, match="cannot be made again, so that nothing is explained: its parts make"):
        explain_prediction(archive_of(reigns), cell, TODAY)


def test_a_mixture_whose_weights_the_ledger_does_not_hold_is_not_explained() -> None:
    reigns, cell = said()
    archive = archive_of(reigns)
    with pytest.raises(NotReproducedError, match="holds no weights with the hash"):
        explain_prediction(archive._replace(entries=archive.entries[:-1]), cell, TODAY)


def test_nothing_can_be_supposed_of_a_mixture() -> None:
    reigns, cell = said()
    issue = str(rows_of(reigns, Role.MIXTURE)["issue"][0])
    with pytest.raises(RefusedRequestError, match="is a mixture, and no model of its own"):
        suppose(archive_of(reigns), cell, TODAY, {"temp_max_c": 30.0}, issue)


def test_a_shadow_that_is_champion_today_is_said_to_be_that() -> None:
    reigns, cell = said()
    issue = str(rows_of(reigns, Role.SHADOW)["issue"][0])
    roll_back(reigns)  # version 2, which was a shadow that day, is champion now
    told = say_explanation(explain_prediction(archive_of(reigns), cell, TODAY, issue))
    assert "It is the champion of today, version 2." in told
    assert not any("still the champion" in sentence for sentence in told)


def test_table_figure_and_page_are_those_of_the_parts() -> None:
    reigns, cell = said()
    found = explain_prediction(archive_of(reigns), cell, TODAY)
    assert list(investigate.table_of(found)["share"]) == [part.share for part in found.parts]
    page = investigate.page_of(found)
    assert page.count("<img") == len(found.largest)
    assert "Its parts" in page
