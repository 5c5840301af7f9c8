"""Pictures of streams that do not begin in the same year."""

import datetime as dt
from pathlib import Path

import pytest

from forest_fire_retrain.backtest.measures import PromotionMeasures, RuleMeasures, YearMeasures
from forest_fire_retrain.backtest.pictures import FEWEST_DAYS, draw_figures, losses_above_climatology
from forest_fire_retrain.backtest.replaying import StreamResult
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName
from forest_fire_retrain.core.windows import Cadence


def measured(years: dict[int, tuple[int, float]]) -> RuleMeasures:
    """The rule's measures with these years: days in production, and loss where climatology's is 1."""
    first = min(years)
    return RuleMeasures(
        rule=RuleName.OURS,
        measured_from=dt.date(first, 1, 1),
        n_decisions=12 * len(years),
        n_promotions=0,
        n_periods_without_champion=0,
        n_years=float(len(years)),
        log_loss=0.9,
        climatology_log_loss=1.0,
        regret=0.0,
        years=tuple(
            YearMeasures(year=year, n_days=n_days, log_loss=loss, climatology=1.0)
            for year, (n_days, loss) in years.items()
        ),
        promotions=(
            PromotionMeasures(as_of=dt.date(first, 1, 1), replaced_as_of=None, reason="first", true_gain=None),
        ),
        reasons={},
        truth=None,
    )


EARLY, LATE = measured({2024: (366, 0.9), 2025: (365, 0.8)}), measured({2025: (365, 0.6), 2026: (FEWEST_DAYS - 1, 5.0)})


def test_a_year_is_the_mean_of_the_streams_in_production_for_long_enough_in_it() -> None:
    assert losses_above_climatology([EARLY, LATE]) == pytest.approx({2024: -10.0, 2025: -30.0})


def test_streams_that_begin_in_different_years_are_drawn(tmp_path: Path) -> None:
    streams = [
        StreamResult(
            label=f"seed {seed}", scenario=Scenario.NONE, cadence=Cadence.MONTHLY, seed=seed, n_broken=0, rules=(rules,)
        )
        for seed, rules in enumerate((EARLY, LATE))
    ]
    paths = draw_figures(streams, tmp_path)
    assert [path.name for path in paths] == ["loss_by_year.png", "promotions.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
