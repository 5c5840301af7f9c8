"""What a decision's sentence says is what its figures say."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Decision
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain_tests.example_evidence import (
    CHAMPION_LOSS,
    RULE,
    change_newest,
    example_case,
    example_window,
    inaugural_case,
    steady_gains,
)

WEEKLY_LOSS = 7 * CHAMPION_LOSS


def decide(gain: float, *, spread: float = 0.05, n_weeks: int = 8, age_days: int = 100) -> Decision:
    """Eight weeks with that gain as a share of the champion's loss."""
    gains = steady_gains(gain * WEEKLY_LOSS, n_weeks, spread)
    return adjudicate(example_case(gains, champion_age_days=age_days), RULE)


def test_a_refresh_that_looks_better_is_not_said_to_be_worse() -> None:
    decision = decide(0.008, age_days=400)
    assert decision.reason_code is ReasonCode.REFRESH_NON_INFERIOR
    assert "gain +0.8% against version 1" in decision.sentence
    assert "the candidate is surely not worse by 2%: 95% lower bound +0.7%" in decision.sentence
    assert "worse by less" not in decision.sentence


def test_the_own_windows_show_the_figure_that_decided() -> None:
    gains = steady_gains(3.0, 26) + steady_gains(-1.2, 4)
    decision = adjudicate(example_case(gains), RULE)
    assert decision.reason_code is ReasonCode.OWN_WINDOW_WORSE
    assert decision.comparison.relative_gain > 0
    bound = decision.comparison.own_upper / decision.comparison.champion_loss
    assert f"over the last 28 days, gain -1.7%, 80% upper bound {bound:+.1%}" in decision.sentence


def test_one_window_has_one_challenger() -> None:
    case = example_case([0.0])
    month = example_window(0, n_days=28, loss_challenger=tuple(11 + day % 7 / 100 + day / 1e3 for day in range(28)))
    decision = adjudicate(case.model_copy(update={"newest": month, "earlier": ()}), RULE)
    assert decision.reason_code is ReasonCode.OWN_WINDOW_WORSE
    assert "the newest challenger is surely worse" in decision.sentence
    assert "28 fires in 1 window, 4 blocks of 7 days" in decision.sentence


@pytest.mark.parametrize(
    ("n_weeks", "fires", "said"),
    [
        (1, 29, "1 block is too few to answer (needed: 4 blocks)"),
        (2, 29, "2 blocks are too few to answer (needed: 4 blocks)"),
        (5, 1, "5 fires are too few to answer (needed: 20 fires)"),
        (1, 1, "1 fire and 1 block are too few to answer (needed: 20 fires and 4 blocks)"),
    ],
)
def test_only_what_is_too_few_is_said_to_be(n_weeks: int, fires: int, said: str) -> None:
    windows = [example_window(week, fires=(fires,) + (0,) * 6) for week in range(n_weeks)]
    case = example_case([0.0]).model_copy(update={"newest": windows[-1], "earlier": tuple(windows[:-1])})
    decision = adjudicate(case, RULE)
    assert decision.reason_code is ReasonCode.TOO_FEW_POSITIVES
    assert f"Inconclusive; version 1 stays: {said} (" in decision.sentence


def test_one_fire_alone_is_too_few() -> None:
    windows = [example_window(week, fires=(int(week == 0),) + (0,) * 6) for week in range(5)]
    case = example_case([0.0]).model_copy(update={"newest": windows[-1], "earlier": tuple(windows[:-1])})
    decision = adjudicate(case, RULE)
    assert "1 fire is too few to answer (needed: 20 fires)" in decision.sentence
    assert "1 fire in 5 windows, 5 blocks of 7 days" in decision.sentence


def test_what_is_surely_better_by_too_little_is_not_said_to_be_no_better() -> None:
    decision = decide(0.008)
    assert decision.reason_code is ReasonCode.NOT_SUPERIOR
    assert "it is surely better, but by 0.8%, and more than 1% is needed (gain +0.8%" in decision.sentence


def test_what_looks_better_and_is_not_sure_says_by_how_much_it_is_not() -> None:
    decision = decide(0.02, spread=4.0)
    assert decision.reason_code is ReasonCode.NOT_SUPERIOR
    assert "it looks better by 2.0%, but that is not sure: 85% lower bound -0.4%" in decision.sentence


def test_a_tainted_challenger_is_told_the_gain_that_it_needs() -> None:
    case = example_case(steady_gains(0.02 * WEEKLY_LOSS))
    decision = adjudicate(change_newest(case, challenger_is_tainted=True), RULE)
    assert "by 2.0%, and more than 3% is needed after training on suspect labels" in decision.sentence
    enough = change_newest(example_case(steady_gains(0.05 * WEEKLY_LOSS)), challenger_is_tainted=True)
    assert "8 blocks are too few to believe that (needed: 39)" in adjudicate(enough, RULE).sentence
    one = DecisionRule(min_fires=1, min_blocks=2, tainted_min_blocks=3)
    few = change_newest(example_case(steady_gains(0.05 * WEEKLY_LOSS, 2)), challenger_is_tainted=True)
    assert "2 blocks are too few to believe that (needed: 3)" in adjudicate(few, one).sentence


def test_a_gain_near_its_limit_shows_on_which_side_it_lies() -> None:
    above, below = (decide(gain, spread=1e-5) for gain in (0.010002, 0.009998))
    assert (above.reason_code, below.reason_code) == (ReasonCode.SUPERIOR, ReasonCode.NOT_SUPERIOR)
    assert "it is better by 1.0002% (" in above.sentence
    assert "it is surely better, but by 0.9998%, and more than 1% is needed" in below.sentence


def test_windows_and_fires_of_a_first_decision_agree_with_their_numbers() -> None:
    first, second = inaugural_case([0.0]), inaugural_case([0.0, 0.0])
    assert "it does not beat climatology on its 1 window (" in adjudicate(first, RULE).sentence
    assert "it does not beat climatology on its 2 windows (" in adjudicate(second, RULE).sentence


SINGULAR = re.compile(r"(?<![0-9.,])1 (fires|blocks|windows|days|rows|periods)\b|\(s\)")


@settings(max_examples=200)
@given(
    gain=st.floats(-0.05, 0.05),
    spread=st.floats(1e-4, 5),
    n_weeks=st.integers(1, 12),
    age_days=st.integers(50, 700),
)
def test_no_sentence_contradicts_its_figures(gain: float, spread: float, n_weeks: int, age_days: int) -> None:
    decision = decide(gain, spread=spread, n_weeks=n_weeks, age_days=age_days)
    said, figures = decision.sentence, decision.comparison
    assert SINGULAR.search(said) is None
    if decision.reason_code is ReasonCode.OWN_WINDOW_WORSE:
        (bound,) = re.findall(r"upper bound ([+-][0-9.]+)%", said)
        assert bound.startswith("-")
    if decision.reason_code is ReasonCode.REFRESH_NON_INFERIOR:
        (bound,) = re.findall(r"lower bound ([+-][0-9.]+)%", said)
        assert -2.0 < float(bound) < 100 * figures.relative_gain + 0.05
        assert age_days >= RULE.refresh_age_days
    if "surely better" in said:
        assert figures.relative_gain > 0
    if decision.reason_code is ReasonCode.SUPERIOR:
        assert float(re.findall(r"better by ([0-9.]+)%", said)[0]) > 1.0
