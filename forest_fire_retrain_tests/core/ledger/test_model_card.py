"""A model card says what its decision's row says, the same words each time, within what a registry keeps."""

import datetime as dt

import pytest

from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.drafts import draft_decision
from forest_fire_retrain.core.ledger.entries import LedgerEntry, seal
from forest_fire_retrain.core.ledger.model_card import LONGEST_CARD, model_card
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    STAMP,
    example_case,
    example_payload,
    findings,
    inaugural_case,
    steady_gains,
)

QUALITY = {
    "candidate": {"log_loss": 0.0412, "calibration_slope": 0.93},
    "champion": {"log_loss": 0.05},
    "climatology": {"log_loss": float("nan")},
}


def row_of(payload: DecisionPayload, **columns: object) -> LedgerEntry:
    draft = draft_decision(payload, model_name=MODEL, idempotency_key="key", champion=1, stamp=STAMP)
    return seal(draft.model_copy(update=columns), 41, "0" * 64)


def payload_with(**changes: object) -> DecisionPayload:
    return example_payload(example_case(steady_gains(1.0)), 7).model_copy(update={"quality": QUALITY, **changes})


def change_window(**changes: object) -> DecisionPayload:
    payload = payload_with()
    window: WindowEvidence = payload.evidence.model_copy(update=changes)
    return payload.model_copy(update={"evidence": window})


CARD = model_card(row_of(payload_with()))


@pytest.mark.parametrize(
    "said",
    [
        "# forest_fire_risk, candidate of 2024-03-04",
        "Decided at 2024-06-03T12:00:00+00:00: Promoted the candidate",
        "| source | not recorded |",
        "| park | 100 cells, days of UTC |",
        "| trained on | 2022-01-03 to 2024-02-04: 1500 cell-days, 70 with a fire start |",
        "| judged on | 2024-02-19 to 2024-02-25: 700 cell-days, 7 with a fire start |",
        "| table versions | features 3, fires 5 |",
        f"| training rows, SHA-256 | {'a' * 64} |",
        f"| holdout rows, SHA-256 | {'e' * 64} |",
        f"| model file, SHA-256 | {'7'.rjust(64, 'd')} |",
        "Skill against climatology, in log loss: +17.9% (95% interval +17.9% to +17.9% from 7 days, which are alike",
        "Calibration: 7.0 fires expected, 7 happened.",
        "| on the holdout window | candidate | champion | climatology |",
        "| log loss | 0.0412 | 0.05 |  |",
        "| calibration slope (1 is right) | 0.93 |  |  |",
        "- passed, BELOW_CLIMATOLOGY: BELOW_CLIMATOLOGY 0.0 against 2",
        "- For days from 2024-02-05 on: earlier days are among those it was trained on.",
        'model = get_model(version=N, model_name="forest_fire_risk")',
        "`forest-fire reproduce 2024-03-04`",
        "Ledger row 41, decision ",
    ],
)
def test_the_card_says_it(said: str) -> None:
    assert said in CARD


def test_the_same_row_gives_the_same_card_and_the_order_of_the_parts_is_fixed() -> None:
    assert model_card(row_of(payload_with())) == CARD
    titles = [line for line in CARD.splitlines() if line.startswith("## ")]
    assert titles == [
        "## Data",
        "## How good it is",
        "## Guardrails",
        "## Limits of use",
        "## How to load it",
    ]


def test_a_source_and_a_zone_that_were_recorded_are_named() -> None:
    payload = payload_with()
    snapshot = payload.candidate.snapshot.model_copy(update={"source": "folder /data|x", "time_zone": "America/Lima"})
    candidate = payload.candidate.model_copy(update={"snapshot": snapshot})
    card = model_card(row_of(payload.model_copy(update={"candidate": candidate})))
    assert "| source | folder /data\\|x |" in card
    assert "days of America/Lima" in card


def test_a_guardrail_that_failed_and_one_that_is_missing_are_said() -> None:
    failed = model_card(row_of(payload_with(guardrails=findings(ReasonCode.MISCALIBRATED))))
    assert "- **failed**, MISCALIBRATED" in failed
    assert "- none looked at it" in model_card(row_of(payload_with(guardrails=())))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"challenger_is_tainted": True}, "trained on days whose fire reports were doubted"),
        ({"labels_are_suspect": True}, "reports of the holdout window were doubted"),
        ({"feed_is_silent": True}, "feed was silent"),
    ],
)
def test_what_makes_the_figures_doubtful_is_among_the_limits(changes: dict[str, object], said: str) -> None:
    assert said in model_card(row_of(change_window(**changes)))
    assert said not in CARD


def test_without_a_champion_and_without_quality_the_card_is_whole() -> None:
    card = model_card(row_of(example_payload(inaugural_case(steady_gains(1.0)), 7)))
    assert "on the holdout window" not in card
    assert "## How to load it" in card


def test_where_climatology_lost_nothing_no_skill_is_claimed() -> None:
    card = model_card(row_of(change_window(loss_climatology=(0.0,) * 7)))
    assert "in log loss: not defined (no interval can be given" in card


def test_words_of_others_begin_no_table_link_or_tag() -> None:
    row = row_of(payload_with(), summary="a | b\n# c <script> [d](http://e) `f`")
    assert "a \\| b # c &lt;script> [d]\\(http://e) \\`f\\`" in model_card(row)


def test_a_card_is_no_longer_than_a_registry_keeps() -> None:
    card = model_card(row_of(payload_with(), summary="why " * 5_000))
    assert len(card) == LONGEST_CARD
    assert card.endswith("cut here: the ledger's row is whole.")


def test_the_instant_is_that_of_the_row() -> None:
    row = row_of(payload_with(), recorded_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    assert "Decided at 2025-01-01T00:00:00+00:00" in model_card(row)
