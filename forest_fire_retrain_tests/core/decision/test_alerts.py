"""Alerts: what a person should look at, and what is normal and raises none."""

import pytest

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, GuardrailFinding
from forest_fire_retrain.core.decision.label_gate import count_season
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain_tests.example_evidence import (
    RULE,
    change_ledger,
    change_newest,
    example_case,
    example_window,
    findings,
    steady_gains,
)

EQUAL, WORSE = steady_gains(0.0), steady_gains(-1.2)


def with_finding(case: Case, code: ReasonCode, **changes: object) -> Case:
    changed = [f.model_copy(update=changes) if f.code is code else f for f in case.guardrails]
    return case.model_copy(update={"guardrails": tuple(changed)})


# ---- what is normal ----


@pytest.mark.parametrize("n_weeks", [1, 2, 3])
def test_the_first_decisions_of_a_reign_cannot_answer_and_raise_no_alert(n_weeks: int) -> None:
    decision = adjudicate(example_case(steady_gains(1.2, n_weeks), inconclusive_in_a_row=n_weeks + 1), RULE)
    assert (decision.reason_code, decision.alerts) == (ReasonCode.TOO_FEW_POSITIVES, ())


# ---- a silent feed ----


@pytest.mark.parametrize(("growth", "passed", "n_alerts"), [(0.25, True, 0), (0.26, False, 1)])
def test_a_measure_that_went_missing_raises_an_alert(growth: float, *, passed: bool, n_alerts: int) -> None:
    case = with_finding(example_case(EQUAL), ReasonCode.SCHEMA, passed=passed, value=growth, sentence="wind is missing")
    alerts = adjudicate(case, RULE).alerts
    assert len(alerts) == n_alerts
    assert all("the weather feed is silent from 2024-02-19 to 2024-02-25: wind is missing" in said for said in alerts)


def test_a_silent_feed_is_told_also_where_the_decision_is_about_something_else() -> None:
    case = with_finding(example_case(steady_gains(1.2, 2)), ReasonCode.SCHEMA, passed=False, value=1.0)
    decision = adjudicate(case, RULE)
    assert decision.reason_code is ReasonCode.TOO_FEW_POSITIVES
    assert len(decision.alerts) == 1


def test_rows_that_are_not_there_raise_another_alert() -> None:
    case = with_finding(example_case(EQUAL), ReasonCode.SCHEMA, passed=False, value=0.0, sentence="693 rows for 700")
    assert adjudicate(case, RULE).alerts == (
        "the newest window is not whole: 693 rows for 700 (look at the cells and at the features)",
    )


# ---- the same guardrail ----


@pytest.mark.parametrize(("before", "n_alerts"), [(0, 0), (1, 0), (2, 1), (6, 1)])
def test_the_third_period_that_the_same_guardrail_blocks_raises_an_alert(before: int, n_alerts: int) -> None:
    case = example_case(EQUAL, guardrails=findings(ReasonCode.RANK_SHIFT))
    case = change_ledger(case, blocked_by=ReasonCode.RANK_SHIFT, blocked_in_a_row=before)
    alerts = adjudicate(case, RULE).alerts
    assert len(alerts) == n_alerts
    assert all(f"RANK_SHIFT has blocked {before + 1} periods in a row" in alert for alert in alerts)


def test_another_guardrail_or_another_outcome_begins_anew() -> None:
    facts = {"blocked_by": ReasonCode.RANK_SHIFT, "blocked_in_a_row": 9}
    for guardrails in (findings(ReasonCode.SLICE_REGRESSION), findings()):
        assert adjudicate(change_ledger(example_case(EQUAL, guardrails=guardrails), **facts), RULE).alerts == ()


def test_one_period_is_a_period() -> None:
    case = example_case(EQUAL, guardrails=findings(ReasonCode.RANK_SHIFT))
    (alert,) = adjudicate(case, DecisionRule(alert_blocked_in_a_row=1)).alerts
    assert "has blocked 1 period in a row" in alert


# ---- fires that stay away ----


def weeks_with(fires: int, expected: float, n_weeks: int) -> tuple[WindowEvidence, ...]:
    """Weeks with that many fires and that many expected in each."""
    day = (expected / 7,) * 7
    series = {f"expected_{model}": day for model in ("challenger", "champion", "climatology")}
    return tuple(example_window(week, fires=(fires,) + (0,) * 6, **series) for week in range(n_weeks))


def case_of(windows: tuple[WindowEvidence, ...]) -> Case:
    return example_case([0.0]).model_copy(update={"newest": windows[-1], "earlier": windows[:-1]})


def test_suspect_labels_raise_an_alert_at_once() -> None:
    windows = weeks_with(7, 7.0, 8)
    case = change_newest(case_of(windows), labels_are_suspect=True)
    (alert,) = adjudicate(case, RULE).alerts
    assert alert == (
        "fewer fires than the season expects were recorded from 2024-02-19 to 2024-02-25: 7, expected 7 "
        "(look at the fire reports)"
    )


def test_a_small_park_without_fires_raises_an_alert_when_enough_were_expected() -> None:
    # 0.7 fires a week: four weeks expect 2.8, which the label gate leaves alone; 15 weeks expect 10.5.
    for n_weeks, n_alerts in ((14, 0), (15, 1)):
        decision = adjudicate(case_of(weeks_with(0, 0.7, n_weeks)), RULE)
        assert decision.reason_code is ReasonCode.TOO_FEW_POSITIVES
        assert len(decision.alerts) == n_alerts
    assert "recorded from 2024-01-01 to 2024-04-14: 0, expected 10 (" in decision.alerts[0]


def test_a_small_park_with_the_fires_that_were_expected_raises_none() -> None:
    assert adjudicate(case_of(weeks_with(1, 0.9, 30)), RULE).alerts == ()


def test_no_more_windows_are_counted_than_it_takes() -> None:
    windows = weeks_with(0, 0.7, 40)
    count = count_season(windows[-1], windows[:-1], RULE)
    assert (count.n_fires, count.window.n_days) == (0, 15 * 7)
    assert count.n_expected == pytest.approx(10.5)
    busy = weeks_with(3, 20.0, 40)
    assert count_season(busy[-1], busy[:-1], RULE).window.n_days == RULE.suspect_days


def test_a_window_that_was_ever_flagged_is_passed_over() -> None:
    windows = [w.model_copy(update={"labels_are_suspect": True}) for w in weeks_with(0, 9.0, 8)]
    newest = windows[-1].model_copy(update={"labels_are_suspect": False})
    assert count_season(newest, windows[:-1], RULE).window == newest.window


# ---- an old champion ----


def test_a_champion_older_than_a_year_and_a_half_raises_an_alert() -> None:
    for age_days, n_alerts in ((546, 0), (547, 1)):
        decision = adjudicate(example_case(WORSE, champion_age_days=age_days), RULE)
        assert decision.champion_age_days == age_days
        assert len(decision.alerts) == n_alerts
    assert "the champion's training ended 547 days ago, an alert is due from 547" in decision.alerts[0]


def test_an_old_champion_that_is_being_replaced_raises_none() -> None:
    decision = adjudicate(example_case(EQUAL, champion_age_days=800), RULE)
    assert (decision.outcome, decision.alerts) == (Outcome.PROMOTED, ())


def test_without_guardrails_nothing_is_said_of_the_feed() -> None:
    none: tuple[GuardrailFinding, ...] = ()
    assert adjudicate(example_case(EQUAL, guardrails=none), RULE).alerts == ()
