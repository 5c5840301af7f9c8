"""A silent weather feed: the window rejects the candidate, is no evidence then or later, and somebody is told."""

import numpy as np
import pytest

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, Challenger
from forest_fire_retrain.core.decision.case_building import build_case
from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES, NullShares, ScoredHoldout, ScoredRows
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.windows import Interval, WindowPolicy, plan_windows
from forest_fire_retrain_tests.example_evidence import (
    DAY,
    DELAY_DAYS,
    FIRST_DAY,
    GAP_DAYS,
    RULE,
    WEEK,
    example_champion,
    example_window,
)

N_CELLS = 100
POLICY = WindowPolicy(label_delay_days=DELAY_DAYS, gap_days=GAP_DAYS, training_window_days=730, min_training_days=365)


def build_week(
    week: int, earlier: tuple[WindowEvidence, ...], missing: float = 0.0, *, in_training: float = 0.0
) -> Case:
    """The case of a week in which the wind is missing in that share of the rows."""
    start = FIRST_DAY + week * WEEK
    period = Interval(start=start + DELAY_DAYS * DAY, end=start + DELAY_DAYS * DAY + WEEK)
    rng = np.random.default_rng(week)
    champion = np.full(7 * N_CELLS, 0.03)
    labels = np.zeros(7 * N_CELLS, dtype=np.int8)
    labels[:: 7 * N_CELLS // 21] = 1
    rows = ScoredRows(
        window=Interval(start=start, end=start + WEEK),
        dates=np.repeat(np.arange(7), N_CELLS) + np.datetime64(start),
        regions=np.full(7 * N_CELLS, "north-east", dtype=object),
        labels=labels,
        challenger=champion * np.exp(rng.normal(0, 0.01, 7 * N_CELLS)),
        climatology=champion,
        champion=champion,
    )
    shares = dict.fromkeys(RAW_MEASURES, NullShares(0.0, 0.0)) | {"wind_speed_kmh": NullShares(missing, in_training)}
    windows = plan_windows(period, FIRST_DAY - 1000 * DAY, POLICY)
    return build_case(
        ScoredHoldout(rows, "c" * 64, None, shares, 7 * N_CELLS),
        Challenger("candidate", "a" * 64, "b" * 64, windows, 1_000),
        example_champion(FIRST_DAY - 100 * DAY),
        earlier=earlier,
        just_before=earlier,
        suspect=(),
        rule=RULE,
    )


EARLIER = tuple(example_window(week) for week in range(5))


def test_a_week_without_weather_rejects_the_candidate_whatever_came_before() -> None:
    case = build_week(5, EARLIER, missing=1.0)
    decision = adjudicate(case, RULE)
    assert (decision.outcome, decision.reason_code) == (Outcome.REJECTED_BY_GUARDRAIL, ReasonCode.SCHEMA)
    assert "wind_speed_kmh is missing in 100.0% of the newest window and in 0.0% of training" in decision.sentence
    assert "the weather feed is silent from 2024-02-05 to 2024-02-11" in decision.alerts[0]
    assert case.used == EARLIER
    assert decision.comparison.n_windows == 5


@pytest.mark.parametrize(("missing", "is_silent"), [(0.25, False), (0.26, True)])
def test_a_feed_is_silent_when_more_than_a_quarter_is_missing(missing: float, *, is_silent: bool) -> None:
    case = build_week(5, EARLIER, missing)
    assert case.newest.feed_is_silent is is_silent
    assert (case.newest.partition_key in case.dropped) is is_silent
    assert (adjudicate(case, RULE).reason_code is ReasonCode.SCHEMA) is is_silent


def test_what_was_missing_in_training_too_is_not_silence() -> None:
    assert not build_week(5, EARLIER, 1.0, in_training=1.0).newest.feed_is_silent


def test_what_models_expect_without_weather_makes_no_label_suspect() -> None:
    busy = {f"expected_{model}": (9.0,) * 7 for model in ("challenger", "champion", "climatology")}
    quiet = tuple(example_window(week, **busy) for week in range(5))
    suspect, silent = build_week(5, quiet), build_week(5, quiet, missing=1.0)
    assert suspect.newest.labels_are_suspect
    assert not silent.newest.labels_are_suspect
    assert not any("fires" in alert for alert in adjudicate(silent, RULE).alerts)
    passed_over = build_week(6, (*quiet[:4], quiet[4].model_copy(update={"feed_is_silent": True}), silent.newest))
    assert passed_over.newest.label_count is not None
    assert passed_over.newest.label_count.window == passed_over.newest.window
    assert not passed_over.newest.labels_are_suspect


def test_the_week_after_the_feeds_return_decides_on_the_weeks_with_weather() -> None:
    silent = build_week(5, EARLIER, missing=1.0).newest
    back = build_week(6, (*EARLIER, silent))
    assert back.dropped == {silent.partition_key: "the weather feed was silent"}
    assert [window.partition_key for window in back.used] == [w.partition_key for w in (*EARLIER, back.newest)]
    decision = adjudicate(back, RULE)
    assert decision.outcome is Outcome.KEPT
    assert decision.alerts == ()
