"""Studied streams of one scenario and cadence put together: the rows of the tables of courses and of mixtures.

Differences are paired: of the same history, so that its luck cancels. The interval is Student's t at 95 %, two-sided,
over streams; of a single stream, over its calendar years.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import mean, median
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.course_measures import CourseMeasures
from forest_fire_retrain.backtest.courses import Policy
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.served_losses import LossMeasures
from forest_fire_retrain.backtest.studies import StudyResult
from forest_fire_retrain.core.decision.block_statistics import describe_blocks
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Cadence

DAYS_PER_YEAR = 365.25
UPPER_TAIL = 0.975


class Difference(Record):
    """A paired difference; its bounds are `None` where there is but one figure."""

    mean: float
    low: float | None
    high: float | None


class CourseRow(Record):
    """A course over the streams of a scenario; definitions are those of `course_measures`.

    Attributes
    ----------
    scenario, cadence, policy : Scenario, Cadence, Policy
        Of what.
    n_streams, n_cells, n_years : int, int, float
        Histories put together, cells of their park, and years served.
    log_loss : float
        Mean over streams.
    against_passive : Difference, optional
        Of the log loss, relative to the passive course's; below zero is better.
    excess : float, optional
        Mean over streams.
    excess_against_passive : Difference, optional
        Of the excess.
    promotions_per_year, worse_per_year : float, optional
        Promotions that replaced a champion, and those of them that were truly worse.
    median_detection_days, n_undetected : float, int, optional
        Over streams with a drift.
    alarms_per_year : float
        Alarms, each counted once.
    n_asked, n_promoted : int
        Candidates off schedule, and those of them that were promoted.
    """

    scenario: Scenario
    cadence: Cadence
    policy: Policy
    n_streams: int
    n_cells: int
    n_years: float
    log_loss: float
    against_passive: Difference | None
    excess: float | None
    excess_against_passive: Difference | None
    promotions_per_year: float
    worse_per_year: float | None
    median_detection_days: float | None
    n_undetected: int | None
    alarms_per_year: float
    n_asked: int
    n_promoted: int


class RoutingRow(Record):
    """A mixture over the streams of a scenario.

    Attributes
    ----------
    scenario, cadence : Scenario, Cadence
        Of what.
    n_streams, n_cells, n_years : int, int, float
        Histories put together, cells of their park, and years served.
    champion_log_loss, mixture_log_loss : float
        Means over streams.
    against_champion : Difference
        Of the log loss, relative to the champion's; below zero is better.
    champion_excess, mixture_excess : float, optional
        Means over streams.
    excess_against_champion : Difference, optional
        Of the excess.
    even_against_champion : Difference
        Of the log loss of the even mean of the same models, relative to the champion's.
    against_even : Difference
        Of the mixture's log loss, relative to that of the even mean.
    champion_weight : float
        Mean weight of the champion.
    """

    scenario: Scenario
    cadence: Cadence
    n_streams: int
    n_cells: int
    n_years: float
    champion_log_loss: float
    mixture_log_loss: float
    against_champion: Difference
    champion_excess: float | None
    mixture_excess: float | None
    excess_against_champion: Difference | None
    even_against_champion: Difference
    against_even: Difference
    champion_weight: float


class Pair(NamedTuple):
    """The same history twice."""

    new: LossMeasures
    old: LossMeasures


def summarise_courses(results: Sequence[StudyResult]) -> list[CourseRow]:
    """One row per scenario, cadence and course, in the order in which they first appear."""
    rows = []
    for (scenario, cadence), streams in _group(result for result in results if result.courses):
        columns = list(zip(*(stream.courses for stream in streams), strict=True))
        rows += [_summarise_course(scenario, cadence, streams[0].n_cells, column, columns[0]) for column in columns]
    return rows


def summarise_routing(results: Sequence[StudyResult]) -> list[RoutingRow]:
    """One row per scenario and cadence, in the order in which they first appear."""
    rows = []
    for (scenario, cadence), streams in _group(result for result in results if result.routing is not None):
        measured = [stream.routing for stream in streams if stream.routing is not None]
        pairs = [Pair(one.mixture, one.champion) for one in measured]
        rows.append(
            RoutingRow(
                scenario=scenario,
                cadence=cadence,
                n_streams=len(streams),
                n_cells=streams[0].n_cells,
                n_years=_count_years([pair.new for pair in pairs]),
                champion_log_loss=mean(pair.old.log_loss for pair in pairs),
                mixture_log_loss=mean(pair.new.log_loss for pair in pairs),
                against_champion=compare_losses(pairs),
                champion_excess=_mean_excess([pair.old for pair in pairs]),
                mixture_excess=_mean_excess([pair.new for pair in pairs]),
                excess_against_champion=compare_excesses(pairs),
                even_against_champion=compare_losses([Pair(one.even, one.champion) for one in measured]),
                against_even=compare_losses([Pair(one.mixture, one.even) for one in measured]),
                champion_weight=mean(one.champion_weight for one in measured),
            )
        )
    return rows


def compare_losses(pairs: Sequence[Pair]) -> Difference:
    """The relative difference of log losses, over streams, or over the years of a single one."""
    if len(pairs) == 1:
        (pair,) = pairs
        return _describe(
            pair.new.log_loss / pair.old.log_loss - 1,
            [new.log_loss / old.log_loss - 1 for new, old in zip(pair.new.years, pair.old.years, strict=True)],
        )
    found = [pair.new.log_loss / pair.old.log_loss - 1 for pair in pairs]
    return _describe(mean(found), found)


def compare_excesses(pairs: Sequence[Pair]) -> Difference | None:
    """The difference of excesses over streams; `None` where the truth is not known."""
    found = [
        pair.new.excess - pair.old.excess
        for pair in pairs
        if pair.new.excess is not None and pair.old.excess is not None
    ]
    return _describe(mean(found), found) if found else None


def _describe(middle: float, found: Sequence[float]) -> Difference:
    """The interval has the width of the figures' own, around the difference of the whole."""
    statistics = describe_blocks(np.array(found))
    half = statistics.upper_bound(UPPER_TAIL) - statistics.mean
    known = math.isfinite(half)
    return Difference(mean=middle, low=middle - half if known else None, high=middle + half if known else None)


def _summarise_course(
    scenario: Scenario,
    cadence: Cadence,
    n_cells: int,
    column: Sequence[CourseMeasures],
    passive: Sequence[CourseMeasures],
) -> CourseRow:
    n_years = _count_years([one.losses for one in column])
    pairs = [Pair(new.losses, old.losses) for new, old in zip(column, passive, strict=True)]
    is_passive = column[0].policy is Policy.PASSIVE
    worse = [one.n_worse_promotions for one in column if one.n_worse_promotions is not None]
    delays = [one.detection_delay_days for one in column if one.detection_delay_days is not None]
    alarms = [alarm for one in column for alarm in one.alarms]
    return CourseRow(
        scenario=scenario,
        cadence=cadence,
        policy=column[0].policy,
        n_streams=len(column),
        n_cells=n_cells,
        n_years=n_years,
        log_loss=mean(one.losses.log_loss for one in column),
        against_passive=None if is_passive else compare_losses(pairs),
        excess=_mean_excess([one.losses for one in column]),
        excess_against_passive=None if is_passive else compare_excesses(pairs),
        promotions_per_year=sum(one.n_promotions for one in column) / n_years,
        worse_per_year=sum(worse) / n_years if worse else None,
        median_detection_days=median(delays) if delays else None,
        n_undetected=len(column) - len(delays) if scenario.drifts else None,
        alarms_per_year=len(alarms) / n_years,
        n_asked=sum(alarm.asked is not None for alarm in alarms),
        n_promoted=sum((alarm.answer or "").startswith(Outcome.PROMOTED) for alarm in alarms),
    )


def _mean_excess(losses: Sequence[LossMeasures]) -> float | None:
    known = [one.excess for one in losses if one.excess is not None]
    return mean(known) if known else None


def _count_years(losses: Sequence[LossMeasures]) -> float:
    return sum(one.n_days for one in losses) / DAYS_PER_YEAR


def _group(results: Iterable[StudyResult]) -> Iterator[tuple[tuple[Scenario, Cadence], list[StudyResult]]]:
    """Streams of the same scenario and cadence, as they follow each other."""
    for key, grouped in groupby(results, key=lambda result: (result.scenario, result.cadence)):
        yield key, list(grouped)
