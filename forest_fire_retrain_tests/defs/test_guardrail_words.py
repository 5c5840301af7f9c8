"""What guardrails say to people of a fire department: words, percent, no bare figures, never NaN."""

import math

import pytest

from forest_fire_retrain.core.decision.case import GuardrailFinding
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.defs.guardrail_words import NOT_COMPARED, better_or_worse, describe_guardrail
from forest_fire_retrain.defs.retraining import GUARDRAIL_CHECKS
from forest_fire_retrain_tests.example_park import empty_bench


@pytest.fixture(scope="module")
def evidence() -> object:
    return empty_bench().decide(0).payload.evidence


def finding(code: ReasonCode, value: float, limit: float, sentence: str = "technical") -> GuardrailFinding:
    return GuardrailFinding(code=code, passed=True, value=value, limit=limit, sentence=sentence)


@pytest.mark.parametrize(
    ("code", "value", "limit", "said"),
    [
        (ReasonCode.SCHEMA, 0.07, 0.2, "7 % more values missing than in training (limit: at most 20 %)"),
        (ReasonCode.NON_FINITE, 1, 0, "1 prediction outside 0 to 1 (limit: none)"),
        (ReasonCode.NON_FINITE, 2, 0, "2 predictions outside 0 to 1 (limit: none)"),
        (ReasonCode.MISCALIBRATED, 1.24, 3, "1.2 standard deviations from the recorded fires (limit: at most 3)"),
        (ReasonCode.PREDICTION_SHIFT, 0.5, 0.4, "0.50 times as many fires expected as usual (limit: at least 0.4)"),
        (ReasonCode.PREDICTION_SHIFT, 1.5, 2.5, "1.50 times as many fires expected as usual (limit: at most 2.5)"),
        (ReasonCode.RANK_SHIFT, 0.5, 1.5, "log odds differ by 0.50 (limit: at most 1.5)"),
        (
            ReasonCode.SLICE_REGRESSION,
            0.03,
            0.1,
            "3.0 % worse in the region that stands out (limit: at most 10 % worse)",
        ),
        (
            ReasonCode.SLICE_REGRESSION,
            -0.03,
            0.1,
            "3.0 % better in the region that stands out (limit: at most 10 % worse)",
        ),
        (ReasonCode.SLICE_REGRESSION, 0.0, 0.1, "no region is worse (limit: at most 10 % worse)"),
    ],
)
def test_a_guardrail_says_what_it_saw_and_its_limit(
    evidence: object, code: ReasonCode, value: float, limit: float, said: str
) -> None:
    assert str(describe_guardrail(finding(code, value, limit), evidence)) == said  # type: ignore[arg-type] # as made


@pytest.mark.parametrize("code", GUARDRAIL_CHECKS)
def test_what_is_not_known_is_said_in_words(evidence: object, code: ReasonCode) -> None:
    words = describe_guardrail(finding(code, math.nan, 0.5), evidence)  # type: ignore[arg-type] # as made
    assert "nan" not in str(words).lower()


def test_without_a_champion_nothing_is_compared(evidence: object) -> None:
    words = describe_guardrail(finding(ReasonCode.RANK_SHIFT, 0.0, 1.5, NOT_COMPARED), evidence)  # type: ignore[arg-type] # as made
    assert str(words) == "no champion to compare with (limit: none)"


def test_better_and_worse_are_told_apart() -> None:
    assert [better_or_worse(gain) for gain in (0.071, -0.02, 0.001)] == [
        "7 % better than",
        "2 % worse than",
        "as good as",
    ]
