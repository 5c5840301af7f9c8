"""Which windows a decision may pool, and the reason said for each that it may not."""

import math

import pytest

from forest_fire_retrain.core.decision.evidence_pool import EvidencePool, pool_windows
from forest_fire_retrain.core.decision.thresholds import DecisionRule, Metric
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import DAY, RULE, example_window, without_champion

NEWEST = example_window(60)
SUSPECT = "labels suspect there or next to it"


def pool(*earlier: WindowEvidence, newest: WindowEvidence = NEWEST, suspect: tuple[Interval, ...] = ()) -> EvidencePool:
    return pool_windows(newest, earlier, suspect, RULE)


def test_windows_of_the_reign_are_pooled_oldest_first() -> None:
    first, second = example_window(57), example_window(58)
    assert pool(second, first) == EvidencePool((first, second), {})


def test_evidence_reaches_back_364_days_from_the_end_of_the_newest_window() -> None:
    oldest = example_window(9)
    assert NEWEST.window.end - oldest.window.start == 364 * DAY
    assert pool(oldest, example_window(8)) == EvidencePool((oldest,), {})
    shorter = DecisionRule(evidence_days=14)
    assert pool_windows(NEWEST, [oldest, example_window(59)], [], shorter).used == (example_window(59),)


def test_only_windows_before_the_newest_are_pooled() -> None:
    assert pool(example_window(60), example_window(61)) == EvidencePool((), {})


def test_windows_of_another_reign_are_passed_over_without_a_word() -> None:
    other = example_window(59, champion_version=2)
    assert pool(other, without_champion(example_window(58))) == EvidencePool((), {})


def test_before_the_first_champion_windows_against_climatology_are_pooled() -> None:
    earlier = without_champion(example_window(59))
    assert pool(earlier, newest=without_champion(NEWEST)).used == (earlier,)


def test_suspect_windows_and_their_neighbours_leave_the_evidence() -> None:
    windows = [example_window(week) for week in range(53, 60)]
    found = pool(*windows, suspect=(windows[3].window,))
    assert found.used == (windows[0], windows[1], windows[5], windows[6])
    assert found.dropped == dict.fromkeys((windows[n].partition_key for n in (2, 3, 4)), SUSPECT)


def test_the_newest_window_leaves_it_too_when_the_one_before_is_suspect() -> None:
    found = pool(example_window(57), suspect=(example_window(59).window,))
    assert found.dropped == {NEWEST.partition_key: SUSPECT}
    assert found.used == (example_window(57),)
    assert pool(suspect=(example_window(58).window,)).dropped == {}


def test_windows_without_weather_leave_the_evidence_and_their_neighbours_stay() -> None:
    blind = {"feed_is_silent": True}
    windows = [example_window(56), example_window(57, **blind), example_window(58)]
    found = pool(*windows)
    assert found.used == (windows[0], windows[2])
    assert found.dropped == {windows[1].partition_key: "the weather feed was silent"}
    newest = example_window(60, **blind)
    assert pool(newest=newest).dropped == {newest.partition_key: "the weather feed was silent"}
    assert pool(newest=newest, suspect=(newest.window,)).dropped == {newest.partition_key: SUSPECT}


def test_sums_recorded_under_a_flag_come_back_only_when_a_person_vouches_for_them() -> None:
    """Late reports lifted the flag, so no window is suspect any more; the recorded sums still lack those fires."""
    flagged = example_window(57, labels_are_suspect=True)
    windows = [example_window(55), example_window(56), flagged, example_window(58), example_window(59)]
    lifted = pool(*windows)
    assert lifted.used == (windows[0], windows[4])
    assert lifted.dropped == dict.fromkeys((window.partition_key for window in windows[1:4]), SUSPECT)
    assert NEWEST.partition_key not in pool(example_window(59, labels_are_suspect=True)).dropped
    vouched = pool_windows(NEWEST, windows, [], RULE, cleared=[flagged.window])
    assert vouched == EvidencePool(tuple(windows), {})


def test_all_days_that_were_counted_leave_with_a_suspect_week() -> None:
    count = LabelCount(
        window=Interval(start=example_window(54).window.start, end=example_window(57).window.end),
        n_fires=2,
        n_expected=30.0,
    )
    windows = [example_window(week) for week in range(48, 60)]
    windows[9] = windows[9].model_copy(update={"labels_are_suspect": True, "label_count": count})
    found = pool(*windows, newest=example_window(62))
    assert found.used == (windows[0], windows[1])


def test_clean_challengers_are_compared_with_clean_evidence_only_and_tainted_with_tainted() -> None:
    clean, tainted = example_window(58), example_window(59, challenger_is_tainted=True)
    key = {"clean": clean.partition_key, "tainted": tainted.partition_key}
    assert pool(clean, tainted) == EvidencePool(
        (clean,), {key["tainted"]: "its challenger was trained on suspect labels"}
    )
    newest = NEWEST.model_copy(update={"challenger_is_tainted": True})
    assert pool(clean, tainted, newest=newest) == EvidencePool((tainted,), {key["clean"]: "its challenger is clean"})


def test_windows_judged_by_another_metric_are_dropped() -> None:
    brier = example_window(59, metric=Metric.BRIER)
    assert pool(brier) == EvidencePool((), {brier.partition_key: "judged by brier"})


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_champion": (), "expected_champion": ()},
        {"loss_challenger": (math.nan,) * 7},
        {"n_rows": 0, "fires": (0,) * 7},
        {"fires": (100,) * 7},
    ],
    ids=["champion not scored", "no number", "no rows", "every row a fire"],
)
def test_a_window_that_was_never_fit_to_be_judged_on_does_not_come_back_later(changes: dict[str, object]) -> None:
    unfit = example_window(59, 0.0, n_days=7, **changes)
    assert pool(unfit) == EvidencePool((), {unfit.partition_key: "no usable figures"})


@pytest.mark.parametrize("cutoff", ["challenger_cutoff", "champion_cutoff"])
def test_a_window_too_close_behind_a_training_does_not_come_back_later(cutoff: str) -> None:
    edge = example_window(59).window.start - 14 * DAY
    held = example_window(59).model_copy(update={cutoff: edge})
    assert pool(held).used == (held,)
    seen = held.model_copy(update={cutoff: edge + DAY})
    assert pool(seen) == EvidencePool((), {seen.partition_key: "not a gap behind both trainings"})


def test_a_longer_gap_holds_for_the_earlier_windows_too() -> None:
    newest = NEWEST.model_copy(update={"challenger_cutoff": NEWEST.window.start - 21 * DAY})
    assert pool(example_window(58), newest=newest).used == ()
