"""A mixture over a tiny park: models answer by what they lost on weeks that they had not seen."""

import datetime as dt

import numpy as np
import pytest

from forest_fire_retrain.backtest.candidates import TrainedCandidate, train_on_panel
from forest_fire_retrain.backtest.courses import Course, Policy
from forest_fire_retrain.backtest.panel import Panel, load_panel
from forest_fire_retrain.backtest.routing import Routing
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import plan_periods
from forest_fire_retrain.backtest.studies import Questions, study_stream
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.routing.mixture import MixtureRule, WeightReason
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.backtest.test_replaying import PLAN

CALM = PLAN._replace(scenario=Scenario.NONE, seed=1)
RULE = MixtureRule()


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_panel(CALM)


@pytest.fixture(scope="module")
def candidates(panel: Panel) -> list[TrainedCandidate]:
    return [train_on_panel(panel, CALM, windows, None) for windows in plan_periods(CALM)[:3]]


@pytest.fixture
def course(panel: Panel, candidates: list[TrainedCandidate]) -> Course:
    course = Course(Policy.PASSIVE, panel, CALM, MonitorRule(), lambda _: candidates[0])
    course.decide(candidates[0])
    assert course.reigns
    return course


def days_from(candidate: TrainedCandidate) -> Interval:
    return Interval(start=candidate.windows.as_of, end=candidate.windows.as_of + dt.timedelta(days=7))


def test_one_model_alone_answers_as_the_champion(
    panel: Panel, course: Course, candidates: list[TrainedCandidate]
) -> None:
    routing = Routing(course, panel, CALM, RULE)
    routing.add(candidates[0])
    routing.answer(days_from(candidates[0]))
    measured = routing.measure()
    assert measured is not None
    assert measured.mixture == measured.even == measured.champion
    assert measured.champion_weight == 1.0


def test_a_model_is_weighed_on_weeks_from_its_own_window_on(
    panel: Panel, course: Course, candidates: list[TrainedCandidate]
) -> None:
    routing = Routing(course, panel, CALM, RULE)
    day = candidates[2].windows.as_of
    weights = routing.weigh_models([candidates[0], candidates[2]], day)
    n_weeks = [weight.n_weeks for weight in weights]
    due_end = day - dt.timedelta(days=CALM.policy.label_delay_days)
    assert n_weeks[1] == sum(
        (due_end - week).days >= 7
        for week in (candidates[0].days.start + dt.timedelta(days=n) for n in range(200))
        if week.weekday() == 0 and candidates[2].days.start <= week < due_end
    )
    assert n_weeks[0] > n_weeks[1] > 0
    assert {weight.reason for weight in weights} == {WeightReason.SCORED}
    assert sum(weight.weight for weight in weights) == pytest.approx(1.0)


def test_reports_that_are_known_later_change_the_weights(
    panel: Panel, course: Course, candidates: list[TrainedCandidate]
) -> None:
    blank = panel._replace(reports=type(panel.reports)(*(column[:0] for column in panel.reports)))
    day = candidates[2].windows.as_of
    timely = Routing(course, panel, CALM, RULE).weigh_models(candidates, day)
    silent = Routing(course, blank, CALM, RULE).weigh_models(candidates, day)
    assert timely != silent


def test_where_every_model_is_tainted_the_champion_answers_alone(
    panel: Panel, course: Course, candidates: list[TrainedCandidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course.product, "is_tainted", lambda *_: True)
    routing = Routing(course, panel, CALM, RULE)
    for candidate in candidates:
        routing.add(candidate)
    routing.answer(days_from(candidates[2]))
    measured = routing.measure()
    assert measured is not None
    assert measured.mixture == measured.even == measured.champion


def test_a_tainted_model_has_no_say(
    panel: Panel, course: Course, candidates: list[TrainedCandidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course.product, "is_tainted", lambda model, _: model is candidates[2])
    weights = Routing(course, panel, CALM, RULE).weigh_models(candidates, candidates[2].windows.as_of)
    assert weights[2].weight == 0.0
    assert weights[0].weight + weights[1].weight == pytest.approx(1.0)


def test_a_mixture_is_measured_over_the_days_of_the_champions() -> None:
    result = study_stream(CALM, MonitorRule(), Questions(monitors=False, policies=(Policy.RETRAIN,), mixture=RULE))
    assert result.routing is not None
    assert result.routing.champion == result.courses[0].losses
    assert result.routing.mixture.n_days == result.routing.champion.n_days
    assert result.routing.mixture.log_loss != result.routing.even.log_loss
    assert 0 < result.routing.champion_weight < 1
    assert np.isfinite(result.routing.mixture.log_loss)
