"""`forest-fire backtest --monitors --active --routing`: what monitoring would have said, and what acting on it pays."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from forest_fire_retrain.backtest import course_measures, courses, monitors, routing, scenarios
from forest_fire_retrain.backtest.courses import Policy
from forest_fire_retrain.backtest.monitor_summary import summarise_monitors
from forest_fire_retrain.backtest.monitors import Monitor
from forest_fire_retrain.backtest.studies import StudyResult
from forest_fire_retrain.backtest.study_summary import (
    CourseRow,
    Difference,
    RoutingRow,
    summarise_courses,
    summarise_routing,
)
from forest_fire_retrain.cli.backtesting_monitors import print_monitors
from forest_fire_retrain.cli.console import print_table
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.routing.mixture import MixtureRule

Row = TypeVar("Row")


class Mixer(StrEnum):
    """How several models answer together."""

    MIXTURE = "mixture"


class Studied(NamedTuple):
    """What is asked in place of promotion rules; nothing by default."""

    monitors: tuple[Monitor, ...] = ()
    policies: tuple[Policy, ...] = ()
    mixers: tuple[Mixer, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is."""
        return any(self)


def describe_studies(
    arguments: dict[str, object], results: Sequence[StudyResult], studied: Studied, rule: MonitorRule
) -> dict[str, object]:
    """Everything for programs: arguments, definitions, summaries, streams."""
    mixture = MixtureRule().model_dump(mode="json") if studied.mixers else None
    asked = {"monitors": list(studied.monitors), "active": list(studied.policies), "routing": mixture}
    modules = {
        "monitors": monitors,
        "scenarios": scenarios,
        "courses": courses,
        "course_measures": course_measures,
        "routing": routing,
    }
    return {
        "arguments": {**arguments, **asked, "monitoring": rule.model_dump(mode="json")},
        "definitions": {name: module.__doc__ for name, module in modules.items()},
        "summary": [row.model_dump(mode="json") for row in summarise_monitors(results, studied.monitors)],
        "courses": [row.model_dump(mode="json") for row in summarise_courses(results)],
        "routing": [row.model_dump(mode="json") for row in summarise_routing(results)],
        "streams": [result.model_dump(mode="json") for result in results],
    }


COURSE_COLUMNS: dict[str, Callable[[CourseRow], str | None]] = {
    "scenario": lambda row: row.scenario,
    "course": lambda row: row.policy,
    "log loss": lambda row: f"{row.log_loss:.6f}",
    "against passive": lambda row: _difference(row.against_passive, "%"),
    "above the truth": lambda row: _figure(row.excess, ".2%"),
    "above the truth against passive, points": lambda row: _difference(row.excess_against_passive, ""),
    "promotions a year": lambda row: f"{row.promotions_per_year:.2f}",
    "worse": lambda row: _figure(row.worse_per_year, ".2f"),
    "detection days (never)": lambda row: (
        None if row.n_undetected is None else f"{_figure(row.median_detection_days, '.0f')} ({row.n_undetected})"
    ),
    "alarms a year": lambda row: f"{row.alarms_per_year:.2f}",
    "asked (promoted)": lambda row: f"{row.n_asked} ({row.n_promoted})",
}

ROUTING_COLUMNS: dict[str, Callable[[RoutingRow], str | None]] = {
    "scenario": lambda row: row.scenario,
    "champion's log loss": lambda row: f"{row.champion_log_loss:.6f}",
    "mixture's": lambda row: f"{row.mixture_log_loss:.6f}",
    "against the champion": lambda row: _difference(row.against_champion, "%"),
    "champion above the truth": lambda row: _figure(row.champion_excess, ".2%"),
    "mixture above the truth": lambda row: _figure(row.mixture_excess, ".2%"),
    "above the truth against the champion, points": lambda row: _difference(row.excess_against_champion, ""),
    "even mean against the champion": lambda row: _difference(row.even_against_champion, "%"),
    "mixture against the even mean": lambda row: _difference(row.against_even, "%"),
    "champion's weight": lambda row: f"{row.champion_weight:.2f}",
}


def print_studies(results: Sequence[StudyResult], studied: Studied) -> None:
    """One table for each question."""
    if studied.monitors:
        print_monitors(results, studied.monitors)
    if studied.policies:
        _print_rows("What alarms led to", COURSE_COLUMNS, summarise_courses(results))
    if studied.mixers:
        _print_rows("A mixture against the champion alone", ROUTING_COLUMNS, summarise_routing(results))


def _print_rows(title: str, columns: dict[str, Callable[[Row], str | None]], rows: Sequence[Row]) -> None:
    """A table without the columns that have no figure."""
    cells = {name: [read(row) for row in rows] for name, read in columns.items()}
    shown = {name: column for name, column in cells.items() if any(cell is not None for cell in column)}
    print_table(title, list(shown), list(zip(*shown.values(), strict=True)))


def _difference(difference: Difference | None, unit: str) -> str | None:
    """In hundredths, with its interval."""
    if difference is None:
        return None
    shown = f"{100 * difference.mean:+.3f}{unit}"
    if difference.low is None or difference.high is None:
        return shown
    return f"{shown} ({100 * difference.low:+.3f} to {100 * difference.high:+.3f})"


def _figure(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)
