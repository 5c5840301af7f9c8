"""Each guardrail passes at its limit and fails beyond it, and says both figures."""

import math
from dataclasses import replace

import numpy as np
import pytest

from forest_fire_retrain.core.decision.case import GuardrailFinding
from forest_fire_retrain.core.decision.guardrails import (
    _holm,
    check_calibration,
    check_climatology,
    check_finite,
    check_prediction_shift,
    check_rank_shift,
    check_schema,
    check_slices,
    day_numbers,
    weekly_overdispersion,
)
from forest_fire_retrain.core.decision.scored_rows import NullShares, ScoredRows
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.window_evidence import SliceSums, WindowEvidence
from forest_fire_retrain.core.decision.window_sums import sum_up_slices
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import (
    CLIMATOLOGY_LOSS,
    DAY,
    FIRST_DAY,
    RULE,
    example_slice,
    example_window,
    without_champion,
)

N_SIMULATED = 1_000


def scored(challenger: np.ndarray, champion: np.ndarray | None) -> ScoredRows:
    """Rows of one day."""
    n_rows = len(challenger)
    return ScoredRows(
        window=Interval(start=FIRST_DAY, end=FIRST_DAY + DAY),
        dates=np.full(n_rows, np.datetime64(FIRST_DAY)),
        regions=np.full(n_rows, "north"),
        labels=np.zeros(n_rows, dtype=np.int8),
        challenger=challenger,
        climatology=np.full(n_rows, 0.01),
        champion=champion,
    )


def check_rows(n_rows: int = 700, n_expected_rows: int = 700, **shares: tuple[float, float]) -> GuardrailFinding:
    """Missing shares are in the newest window and in training."""
    null_shares = {name: NullShares(*pair) for name, pair in shares.items()}
    return check_schema(n_rows=n_rows, n_expected_rows=n_expected_rows, null_shares=null_shares, rule=RULE)


def test_schema_wants_one_row_per_cell_and_day() -> None:
    assert check_rows().passed
    for n_rows in (0, 699, 701):
        found = check_rows(n_rows)
        assert (found.code, found.passed) == (ReasonCode.SCHEMA, False)
        assert f"{n_rows} rows for 700 cell-days" in found.sentence


def test_schema_wants_no_measure_that_went_missing_in_more_than_a_quarter_of_the_newest_window() -> None:
    assert check_rows(wind=(0.25, 0.0), rain=(0.0, 0.2)).passed
    assert not check_rows(wind=(0.2501, 0.0), rain=(0.0, 0.2)).passed
    found = check_rows(wind=(0.75, 0.125), rain=(0.1, 0.0))
    assert (found.passed, found.value, found.limit) == (False, 0.625, 0.25)
    assert found.sentence == (
        "700 rows for 700 cell-days; wind is missing in 75.0% of the newest window and in 12.5% of training, "
        "62 percentage points more, allowed 25 percentage points"
    )


def test_a_measure_that_no_station_ever_delivered_is_no_news() -> None:
    assert check_rows(wind=(1.0, 1.0), rain=(0.0, 0.0)).value == 0


def test_one_row_is_a_row() -> None:
    assert check_rows(1, 1).sentence.startswith("1 row for 1 cell-day; no measure is missing")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 0.0, 1.0, 1.5])
def test_a_prediction_that_is_no_probability_is_found(bad: float) -> None:
    assert check_finite(scored(np.array([0.5, 0.1]), None)).passed
    found = check_finite(scored(np.array([0.5, bad]), None))
    assert (found.code, found.passed, found.value) == (ReasonCode.NON_FINITE, False, 1)
    assert found.sentence == "1 of 2 predictions is no probability"


def test_no_predictions_at_all_do_not_pass() -> None:
    assert not check_finite(scored(np.empty(0), None)).passed


# ---- climatology ----


def against_climatology(*weekly_excess: float) -> tuple[WindowEvidence, ...]:
    return tuple(
        example_window(week, loss_challenger=(CLIMATOLOGY_LOSS + excess / 7,) * 7)
        for week, excess in enumerate(weekly_excess)
    )


def test_challengers_have_to_be_surely_worse_than_climatology_to_fail() -> None:
    # Excesses of 1 ± s over four weeks: sd = s·2/sqrt(3), se = s/sqrt(3), t(0.95, 3) = 2.353, so s = 0.736 is the edge.
    unsure = check_climatology(against_climatology(1.75, 0.25, 1.75, 0.25), RULE)
    sure = check_climatology(against_climatology(1.72, 0.28, 1.72, 0.28), RULE)
    assert (unsure.passed, sure.passed) == (True, False)
    assert sure.value == pytest.approx(1 - 2.3534 * 0.72 / math.sqrt(3), abs=1e-3)
    said = "loss less climatology's +4.000 over 4 windows, 95% lower bound a block +0.022, allowed up to 0"
    assert sure.sentence == said


def test_challengers_better_than_climatology_pass() -> None:
    assert check_climatology(against_climatology(-1.0, -1.0, -1.0), RULE).passed


def test_one_window_cannot_be_surely_worse() -> None:
    found = check_climatology(against_climatology(5.0), RULE)
    assert found.passed
    assert "over 1 window, 95% lower bound a block not known from 1 block" in found.sentence


@pytest.mark.parametrize("figure", [math.nan, math.inf])
def test_losses_that_are_no_numbers_fail_against_climatology(figure: float) -> None:
    assert not check_climatology([example_window(loss_challenger=(figure,) * 7)], RULE).passed


# ---- calibration ----


def calibrated(n_fires: int, expected: float, champion: float | None) -> GuardrailFinding:
    window = example_window(
        fires=(n_fires,) + (0,) * 6,
        expected_challenger=(expected,) + (0.0,) * 6,
        expected_champion=() if champion is None else (champion,) + (0.0,) * 6,
    )
    return check_calibration(window, RULE)


def test_calibration_fails_beyond_three_deviations_if_the_champion_is_nearer() -> None:
    # E = 20: deviation sqrt(20 + 0.15·400) = 8.944, so 46 fires are 2.91 and 47 are 3.02 away.
    assert calibrated(46, 20.0, 47.0).passed
    found = calibrated(47, 20.0, 47.0)
    assert (found.code, found.passed, found.limit) == (ReasonCode.MISCALIBRATED, False, 3.0)
    assert found.value == pytest.approx(27 / math.sqrt(80))
    assert found.sentence == (
        "47 fires, 20.0 expected: z = +3.02, allowed up to 3 either way or as far as the champion's, +0.0"
    )


def test_calibration_passes_where_the_champion_is_as_far_off() -> None:
    assert calibrated(47, 20.0, 20.0).passed
    assert calibrated(47, 20.0, 19.0).passed
    assert not calibrated(47, 20.0, 20.1).passed


def test_without_a_champion_three_deviations_are_the_limit() -> None:
    assert calibrated(46, 20.0, None).passed
    assert not calibrated(47, 20.0, None).passed


@pytest.mark.parametrize("expected", [math.nan, math.inf, 0.0])
def test_an_expectation_that_is_no_number_fails_calibration(expected: float) -> None:
    assert not calibrated(5, expected, 5.0).passed


# ---- shifts ----


@pytest.mark.parametrize(
    ("ratio", "passed", "limit"), [(0.5, True, 0.5), (0.499, False, 0.5), (2.0, True, 2.0), (2.001, False, 2.0)]
)
def test_predictions_may_sum_to_between_half_and_twice_the_champions(
    ratio: float, *, passed: bool, limit: float
) -> None:
    champion = np.full(8, 0.125)
    found = check_prediction_shift(scored(champion * ratio, champion), challengers_at(ratio), RULE)
    assert (found.code, found.passed, found.limit) == (ReasonCode.PREDICTION_SHIFT, passed, limit)
    assert found.value == pytest.approx(ratio)
    assert ("times the champion's, allowed 0.50 to 2.00" in found.sentence) is not passed


def challengers_at(*ratios: float) -> list[WindowEvidence]:
    """Earlier windows whose challengers expected these multiples of the champion's fires."""
    return [example_window(week, expected_challenger=(ratio,) * 7) for week, ratio in enumerate(ratios)]


@pytest.mark.parametrize(("ratio", "passed"), [(0.9, True), (0.6, False), (1.6, False)])
def test_a_candidate_that_predicts_unlike_the_last_challengers_is_none_of_them(ratio: float, *, passed: bool) -> None:
    champion = np.full(8, 0.125)
    for earlier in (challengers_at(0.9, 1.0, 1.1), challengers_at(3.0, 0.9, 5.0, 1.0), []):
        found = check_prediction_shift(scored(champion * ratio, champion), earlier, RULE)
        assert found.passed is passed
        assert ("times what is usual, allowed 0.71 to 1.40" in found.sentence) is not passed


def test_what_persists_becomes_usual() -> None:
    champion = np.full(8, 0.125)
    rows = scored(champion * 1.8, champion)
    assert not check_prediction_shift(rows, challengers_at(1.0, 1.0, 1.0, 1.8), RULE).passed
    assert check_prediction_shift(rows, challengers_at(1.0, 1.0, 1.8, 1.8), RULE).passed


def test_log_odds_may_differ_by_a_standard_deviation_of_one() -> None:
    champion = np.full(4, 0.5)
    for spread, passed in ((0.999, True), (1.001, False)):
        log_odds = np.array([spread, -spread, spread, -spread]) + 3.0  # a shift of all is none of this guardrail's
        found = check_rank_shift(scored(1 / (1 + np.exp(-log_odds)), champion), RULE)
        assert (found.code, found.passed, found.limit) == (ReasonCode.RANK_SHIFT, passed, 1.0)
        assert found.value == pytest.approx(spread)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_predictions_that_are_no_numbers_fail_the_shifts(bad: float) -> None:
    champion = np.full(4, 0.5)
    assert not check_prediction_shift(scored(np.array([0.5, 0.5, 0.5, bad]), champion), [], RULE).passed
    assert not check_rank_shift(scored(np.array([0.5, 0.5, 0.5, math.nan]), champion), RULE).passed
    assert not check_prediction_shift(scored(champion, np.zeros(4)), [], RULE).passed


@pytest.mark.parametrize(
    ("ratio", "passed"), [(1.39, True), (1.41, False), (1 / 1.39, True), (1 / 1.41, False), (math.nan, False)]
)
def test_without_a_champion_predictions_are_held_against_the_candidates_before(ratio: float, *, passed: bool) -> None:
    before = np.full(8, 0.125)
    rows = replace(scored(before * ratio, None), predecessor=before)
    found = check_prediction_shift(rows, challengers_at(5.0), RULE)
    assert found.passed is passed
    assert "times the preceding candidate's" in found.sentence
    shuffled = replace(scored(np.array([0.5, 0.01] * 4), None), predecessor=np.array([0.01, 0.5] * 4))
    assert not check_rank_shift(shuffled, RULE).passed


def test_without_anything_before_comparisons_pass_and_say_so() -> None:
    rows = scored(np.full(4, 0.5), None)
    found = (
        check_prediction_shift(rows, [], RULE),
        check_rank_shift(rows, RULE),
        check_slices([without_champion(example_window())], 1.0, RULE),
    )
    assert all(finding.passed and finding.sentence == "no champion to compare with" for finding in found)


# ---- regions ----


def check_regions(*slices: SliceSums, overdispersion: float = 1.0) -> GuardrailFinding:
    return check_slices([example_window(slices=slices)], overdispersion, RULE)


def test_a_region_fails_when_it_is_both_significantly_and_considerably_worse() -> None:
    # z = 10/sqrt(25) = 2, p = .023, and the loss is 10 % up.
    found = check_regions(example_slice(loss_difference=10.0, variance=25.0))
    assert (found.code, found.passed, found.value, found.limit) == (ReasonCode.SLICE_REGRESSION, False, 0.1, 0.05)
    assert found.sentence == (
        "north-east: loss +10.0% against the champion's, adjusted p = 0.02; a region fails above 5% with p below 0.05"
    )


def test_a_region_passes_when_it_is_only_one_of_both() -> None:
    assert check_regions(example_slice(loss_difference=10.0, variance=100.0)).passed
    assert check_regions(example_slice(loss_difference=5.0, variance=1.0)).passed
    assert not check_regions(example_slice(loss_difference=5.1, variance=1.0)).passed


def test_overdispersed_counts_make_a_region_less_sure() -> None:
    sums = example_slice(loss_difference=10.0, variance=25.0)
    assert not check_regions(sums, overdispersion=1.4).passed
    assert check_regions(sums, overdispersion=1.6).passed


def test_a_region_speaks_only_with_ten_fires() -> None:
    broken = {"loss_difference": 50.0, "variance": 25.0}
    assert not check_regions(example_slice(n_fires=10, **broken)).passed
    found = check_regions(example_slice(n_fires=9, **broken))
    assert (found.passed, found.sentence) == (
        True,
        "no region has 10 fires in the newest windows: nothing can be told apart",
    )


def test_more_regions_need_more_evidence() -> None:
    broken = example_slice("b", loss_difference=10.0, variance=25.0)  # p = .023
    fine = [example_slice(name, variance=25.0) for name in "acd"]
    assert not check_regions(broken).passed
    assert check_regions(broken, *fine).passed


def test_a_region_is_summed_over_the_windows() -> None:
    half = example_slice(n_fires=5, loss_champion=50.0, loss_difference=5.0, variance=12.5)
    windows = [example_window(week, slices=(half,)) for week in range(2)]
    found = check_slices(windows, 1.0, RULE)
    assert (found.passed, found.value) == (False, 0.1)


@pytest.mark.parametrize("field", ["loss_difference", "expected_difference", "variance", "loss_champion"])
def test_a_region_whose_figures_are_no_numbers_fails_however_few_its_fires(field: str) -> None:
    changes: dict[str, object] = {"loss_difference": 10.0, "variance": 25.0, "n_fires": 1, field: math.nan}
    found = check_regions(example_slice(**changes), example_slice("other"))
    assert not found.passed


def test_holms_adjustment_is_the_published_one() -> None:
    # Holm (1979): sorted p times 4, 3, 2, 1, never falling, never above 1; given back in the order of the input.
    assert _holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert _holm([0.6, 0.9]) == [1.0, 1.0]
    assert _holm([0.02]) == [0.02]


def test_overdispersion_is_that_of_weekly_counts_and_at_least_one() -> None:
    counts = (0, 14, 0, 14)  # expected are 7 a week: (7² / 7) in every week
    windows = [example_window(week, fires=(count,) + (0,) * 6) for week, count in enumerate(counts)]
    assert weekly_overdispersion(windows, RULE) == pytest.approx(7.0)
    assert weekly_overdispersion([example_window()], RULE) == 1.0
    assert weekly_overdispersion([example_window(expected_challenger=(0.0,) * 7)], RULE) == 1.0
    assert weekly_overdispersion([], RULE) == 1.0


def test_days_are_numbered_without_a_gap_between_windows_that_touch() -> None:
    days = day_numbers([example_window(0), example_window(1), example_window(4)])
    assert days.tolist() == [FIRST_DAY.toordinal() + day for day in (*range(14), *range(28, 35))]


# ---- simulation: 28 days, 120 cells in four regions, 2.5 % fires ----


def simulate_month(rng: np.random.Generator, broken_shift: float) -> GuardrailFinding:
    """Champion and challenger err equally; in one region the challenger's log odds are also moved by `broken_shift`."""
    n_rows = 28 * 120
    truth = rng.normal(-4.1, 0.9, n_rows)
    regions = np.tile(np.array(["ne", "nw", "se", "sw"]), n_rows // 4)
    noise = rng.normal(0, 0.25, (2, n_rows))
    new = truth + noise[0] + np.where(regions == "se", broken_shift, 0.0)
    rows = scored(1 / (1 + np.exp(-new)), 1 / (1 + np.exp(-truth - noise[1])))
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    slices = sum_up_slices(replace(rows, regions=regions, labels=labels))
    return check_slices([example_window(slices=slices)], 1.0, RULE)


@pytest.mark.slow
def test_equal_models_are_almost_never_blocked_by_a_region() -> None:
    rng = np.random.default_rng(21)
    blocked = [not simulate_month(rng, 0.0).passed for _ in range(N_SIMULATED)]
    assert np.mean(blocked) <= 0.02


def test_a_broken_region_is_found() -> None:
    rng = np.random.default_rng(22)
    for shift in (-1.0, 1.0):
        found = [simulate_month(rng, shift) for _ in range(N_SIMULATED // 10)]
        named = [finding.sentence.startswith("se:") for finding in found if not finding.passed]
        assert len(named) > 0.6 * len(found)
        assert np.mean(named) > 0.95
