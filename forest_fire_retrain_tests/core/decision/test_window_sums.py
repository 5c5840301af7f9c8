"""Sums of a scored window: per day and per region."""

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest

from forest_fire_retrain.core.decision.regions import region_names
from forest_fire_retrain.core.decision.scored_rows import ScoredRows
from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.decision.window_sums import sum_up_slices, sum_up_window
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import FIRST_DAY, WEEK, example_slice, example_window

N_CELLS, N_DAYS = 12, 7
WINDOW = Interval(start=FIRST_DAY, end=FIRST_DAY + WEEK)
CELL_IDS = np.tile([f"c{cell:02d}" for cell in range(N_CELLS)], N_DAYS)


def example_rows(seed: int = 1) -> ScoredRows:
    """A week of twelve cells in two regions, ordered by (date, cell)."""
    rng = np.random.default_rng(seed)
    n_rows = N_CELLS * N_DAYS
    return ScoredRows(
        window=WINDOW,
        dates=np.repeat(np.datetime64(FIRST_DAY) + np.arange(N_DAYS), N_CELLS),
        regions=np.tile(np.array(["south", "north"])[np.arange(N_CELLS) % 2], N_DAYS),
        labels=(rng.random(n_rows) < 0.2).astype(np.int8),
        challenger=rng.uniform(0.05, 0.4, n_rows),
        climatology=rng.uniform(0.05, 0.4, n_rows),
        champion=rng.uniform(0.05, 0.4, n_rows),
    )


def sum_up(rows: ScoredRows, metric: Metric = Metric.LOG_LOSS) -> WindowEvidence:
    has_champion = rows.champion is not None
    return sum_up_window(
        rows,
        partition_key="2024-01-15",
        metric=metric,
        challenger_id="candidate",
        challenger_cutoff=dt.date(2023, 12, 18),
        challenger_is_tainted=False,
        champion_version=3 if has_champion else None,
        champion_cutoff=dt.date(2023, 11, 1) if has_champion else None,
    )


def take(rows: ScoredRows, order: np.ndarray) -> ScoredRows:
    """The rows in another order."""
    arrays = ("dates", "regions", "labels", "challenger", "climatology", "champion")
    return replace(rows, **{name: getattr(rows, name)[order] for name in arrays})


def test_every_series_has_one_figure_a_day() -> None:
    rows = example_rows()
    evidence = sum_up(rows)
    last = rows.day_index == N_DAYS - 1
    assert (evidence.n_rows, evidence.n_fires) == (84, rows.labels.sum())
    assert evidence.fires[-1] == rows.labels[last].sum()
    assert evidence.expected_champion[-1] == pytest.approx(
        rows.champion[last].sum() if rows.champion is not None else 0
    )
    assert evidence.expected_climatology[-1] == pytest.approx(rows.climatology[last].sum())
    assert evidence.loss_challenger[-1] == pytest.approx(log_losses(rows.labels[last], rows.challenger[last]).sum())
    series = (evidence.fires, evidence.expected_challenger, evidence.loss_champion, evidence.loss_climatology)
    assert {len(figures) for figures in series} == {N_DAYS}


def test_a_day_without_rows_counts_nothing() -> None:
    rows = example_rows()
    evidence = sum_up(take(rows, np.flatnonzero(rows.day_index != 3)))
    assert (evidence.fires[3], evidence.loss_challenger[3], evidence.expected_challenger[3]) == (0, 0.0, 0.0)
    assert (evidence.n_rows, len(evidence.fires)) == (72, N_DAYS)


def test_without_a_champion_its_series_and_the_regions_are_empty() -> None:
    evidence = sum_up(replace(example_rows(), champion=None))
    assert (evidence.loss_champion, evidence.expected_champion, evidence.slices) == ((), (), ())
    assert evidence.champion_version is None
    assert evidence.is_usable


def test_regions_add_up_to_the_window() -> None:
    rows = example_rows()
    slices = sum_up_slices(rows)
    assert [sums.name for sums in slices] == ["north", "south"]
    assert sum(sums.n_fires for sums in slices) == rows.labels.sum()
    evidence = sum_up(rows)
    assert sum(sums.loss_champion for sums in slices) == pytest.approx(sum(evidence.loss_champion))
    difference = sum(evidence.loss_challenger) - sum(evidence.loss_champion)
    assert sum(sums.loss_difference for sums in slices) == pytest.approx(difference)


def test_a_regions_expectation_and_variance_are_those_of_the_drawn_labels() -> None:
    """20,000 draws of the labels from the challenger's own probabilities; tolerances of four standard errors."""
    rows = example_rows()
    assert rows.champion is not None
    drawn = np.random.default_rng(3).random((20_000, len(rows.labels))) < rows.challenger
    if_fire = np.log(rows.champion / rows.challenger)
    if_none = np.log((1 - rows.champion) / (1 - rows.challenger))
    differences = np.where(drawn, if_fire, if_none)
    for sums in sum_up_slices(rows):
        totals = differences[:, rows.regions == sums.name].sum(axis=1)
        assert totals.mean() == pytest.approx(sums.expected_difference, abs=4 * totals.std() / math.sqrt(20_000))
        assert totals.var() == pytest.approx(sums.variance, rel=4 * math.sqrt(2 / 20_000) + 0.02)


def test_equal_models_differ_nowhere() -> None:
    rows = example_rows()
    for sums in sum_up_slices(replace(rows, champion=rows.challenger)):
        assert (sums.loss_difference, sums.expected_difference, sums.variance) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_comes_back_from_json_as_no_number(figure: float) -> None:
    evidence = example_window(loss_challenger=(figure,) * 7)
    back = WindowEvidence.model_validate_json(evidence.model_dump_json())
    assert not evidence.is_finite
    assert not back.is_finite
    assert all(math.isnan(value) for value in back.loss_challenger)
    assert not example_slice(variance=figure).is_finite


def test_finite_figures_come_back_from_json_with_all_their_bits() -> None:
    evidence = sum_up(example_rows())
    back = WindowEvidence.model_validate_json(evidence.model_dump_json())
    assert back == evidence
    assert back.loss_champion == evidence.loss_champion


@pytest.mark.parametrize(
    "changes",
    [
        {"n_rows": 0, "fires": (0,) * 7},
        {"n_rows": 7},
        {"loss_champion": (), "expected_champion": ()},
        {"expected_climatology": (math.nan,) * 7},
    ],
    ids=["no rows", "every row a fire", "champion not scored", "no number"],
)
def test_a_window_that_says_nothing_is_not_usable(changes: dict[str, object]) -> None:
    assert example_window().is_usable
    assert not example_window(0, 0.0, n_days=7, **changes).is_usable


def test_a_window_without_any_fire_is_usable() -> None:
    assert example_window(fires=(0,) * 7).is_usable


def test_regions_are_the_quarters_about_the_median_cell() -> None:
    latitudes, longitudes = np.array([10.0, 10.0, 20.0, 20.0]), np.array([5.0, 6.0, 5.0, 6.0])
    names = region_names(latitudes, longitudes)
    assert names.tolist() == ["south-west", "south-east", "north-west", "north-east"]
    assert region_names(np.array([1.0]), np.array([2.0])).tolist() == ["north-east"]


def test_what_is_known_of_a_window_is_not_taken_for_true_of_a_copy() -> None:
    window = example_window()
    assert window.is_usable
    other = window.model_copy(update={"loss_challenger": (math.nan, *window.loss_challenger[1:])})
    assert not other.is_usable
    assert other.model_copy(update={"loss_challenger": window.loss_challenger}).is_usable
    assert window.model_copy() == window == WindowEvidence.model_validate_json(window.model_dump_json())


def test_a_copy_with_other_days_has_other_counts() -> None:
    window = example_window(0)
    n_fires, n_expected = window.n_fires, window.n_expected
    fires, expected = (tuple(2 * value for value in series) for series in (window.fires, window.expected_challenger))
    other = window.model_copy(
        update={
            "fires": fires,
            "expected_challenger": expected,
            "expected_champion": expected,
            "expected_climatology": expected,
        }
    )
    assert (other.n_fires, other.n_expected) == (2 * n_fires, pytest.approx(sum(expected)))
    assert (window.n_fires, window.n_expected) == (n_fires, n_expected)
