"""Streams of one scenario and cadence put together, rule by rule: the rows of the table."""

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import mean, median, stdev

from forest_fire_retrain.backtest.measures import RuleMeasures, YearMeasures
from forest_fire_retrain.backtest.replaying import StreamResult
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Cadence

LAST_YEARS = 10
REFERENCE = RuleName.ANY_IMPROVEMENT
OF_THE_TRUTH = (
    "n_worse_promotions",
    "worse_per_year",
    "worse_share",
    "mean_worse_loss",
    "median_detection_days",
    "n_undetected",
    "n_corrupted_periods",
)
"""Fields that only a simulated park, whose truth is known, has a value for."""


class SummaryRow(Record):
    """A rule over the streams of a scenario and cadence; definitions are those of `measures`.

    Attributes
    ----------
    scenario, cadence, rule : Scenario, Cadence, RuleName
        Of what.
    n_streams : int
        Histories put together.
    n_promotions, promotions_per_year : int, float
        Promotions that replaced a model, over all streams.
    log_loss, against_climatology : float
        Mean over streams; relative to climatology's, negative is better.
    years_beaten, n_years, last_years_beaten, n_last_years : int
        Calendar years better than climatology, of all, and of the last ten of each stream.
    regret, regret_against_any, regret_against_any_error : float, optional
        Mean over streams; mean difference to any-improvement on the same streams, and its standard error.
    n_periods_without_champion : int
        Decisions after which there was no champion.
    n_worse_promotions, worse_per_year, worse_share, mean_worse_loss : optional
        Truly worse promotions; share of all promotions; mean relative loss they brought.
    median_detection_days, n_undetected : float, int, optional
        Over streams with a drift.
    n_corrupted_periods : int, optional
        Over all streams.
    """

    scenario: Scenario
    cadence: Cadence
    rule: RuleName
    n_streams: int
    n_promotions: int
    promotions_per_year: float
    log_loss: float
    against_climatology: float
    years_beaten: int
    n_years: int
    last_years_beaten: int
    n_last_years: int
    regret: float
    regret_against_any: float | None
    regret_against_any_error: float | None
    n_periods_without_champion: int
    n_worse_promotions: int | None
    worse_per_year: float | None
    worse_share: float | None
    mean_worse_loss: float | None
    median_detection_days: float | None
    n_undetected: int | None
    n_corrupted_periods: int | None


def summarise(results: Sequence[StreamResult]) -> list[SummaryRow]:
    """One row per scenario, cadence and rule, in the order in which they first appear."""
    rows = []
    for (scenario, cadence), grouped in groupby(results, key=lambda result: (result.scenario, result.cadence)):
        streams = list(grouped)
        columns = list(zip(*(stream.rules for stream in streams), strict=True))
        reference = next((column for column in columns if column[0].rule is REFERENCE), None)
        rows += [_summarise_rule(scenario, cadence, column, reference) for column in columns]
    return rows


def _summarise_rule(
    scenario: Scenario, cadence: Cadence, column: Sequence[RuleMeasures], reference: Sequence[RuleMeasures] | None
) -> SummaryRow:
    n_years = sum(measures.n_years for measures in column)
    n_promotions = sum(measures.n_promotions for measures in column)
    log_loss = mean(measures.log_loss for measures in column)
    years = [year for measures in column for year in measures.years]
    last_years = [year for measures in column for year in measures.years[-LAST_YEARS:]]
    differences = [] if reference is None else [m.regret - r.regret for m, r in zip(column, reference, strict=True)]
    return SummaryRow(
        scenario=scenario,
        cadence=cadence,
        rule=column[0].rule,
        n_streams=len(column),
        n_promotions=n_promotions,
        promotions_per_year=n_promotions / n_years,
        log_loss=log_loss,
        against_climatology=log_loss / mean(measures.climatology_log_loss for measures in column) - 1,
        years_beaten=_count_beaten(years),
        n_years=len(years),
        last_years_beaten=_count_beaten(last_years),
        n_last_years=len(last_years),
        regret=mean(measures.regret for measures in column),
        regret_against_any=mean(differences) if differences else None,
        regret_against_any_error=stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else None,
        n_periods_without_champion=sum(measures.n_periods_without_champion for measures in column),
        **_summarise_truth(scenario, column, n_years, n_promotions),
    )


def _summarise_truth(
    scenario: Scenario, column: Sequence[RuleMeasures], n_years: float, n_promotions: int
) -> dict[str, float | int | None]:
    truths = [measures.truth for measures in column if measures.truth is not None]
    if not truths:
        return dict.fromkeys(OF_THE_TRUTH)
    n_worse = sum(truth.n_worse_promotions for truth in truths)
    delays = [truth.detection_delay_days for truth in truths if truth.detection_delay_days is not None]
    return {
        "n_worse_promotions": n_worse,
        "worse_per_year": n_worse / n_years,
        "worse_share": n_worse / n_promotions if n_promotions else None,
        "mean_worse_loss": sum(truth.worse_loss for truth in truths) / n_worse if n_worse else None,
        "median_detection_days": median(delays) if delays else None,
        "n_undetected": len(truths) - len(delays) if scenario.drifts else None,
        "n_corrupted_periods": sum(truth.n_corrupted_periods for truth in truths),
    }


def _count_beaten(years: Sequence[YearMeasures]) -> int:
    return sum(year.log_loss < year.climatology for year in years)
