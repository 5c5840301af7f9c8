"""`forest-fire backtest`: what the promotion rules would have done with a history, and what it would have cost."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from forest_fire_retrain.backtest import measures, scenarios
from forest_fire_retrain.backtest.courses import Policy
from forest_fire_retrain.backtest.monitors import Monitor
from forest_fire_retrain.backtest.pictures import draw_figures
from forest_fire_retrain.backtest.replaying import StreamResult, run_streams
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import FolderPlan, RuleName, StreamPlan, plan_periods
from forest_fire_retrain.backtest.studies import Questions, run_studies
from forest_fire_retrain.backtest.summary import SummaryRow, summarise
from forest_fire_retrain.cli.backtesting_studies import Mixer, Studied, describe_studies, print_studies
from forest_fire_retrain.cli.console import out, print_json, print_table
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.routing.mixture import MixtureRule
from forest_fire_retrain.core.windows import Cadence, Interval, day_of
from forest_fire_retrain.settings import Settings, SourceKind, load_settings

PERIODS_PER_LINE = 12
RESULTS_FILE = "results.json"

Closed = TypeVar("Closed", bound=StrEnum)


class Options(NamedTuple):
    """The command line as typed; `None` where nothing was."""

    source: str | None
    first: str
    last: str
    rules: str
    out: Path
    scenarios: Sequence[str]
    seeds: str | None
    cadence: str | None
    n_cores: int
    monitors: str | None = None
    active: str | None = None
    routing: str | None = None


class Request(NamedTuple):
    """The command line understood."""

    source: SourceKind | None
    cadence: Cadence | None
    span: Interval
    rules: tuple[RuleName, ...]
    scenarios: tuple[Scenario, ...]
    seeds: tuple[int, ...]
    n_cores: int
    studied: Studied = Studied()


class BacktestProgress(AbstractContextManager["BacktestProgress"]):
    """Tells how far each stream has come: bars on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=out, disable=not out.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars where they ended."""
        self._bars.stop()

    def advance(self, label: str, n_done: int, n_periods: int) -> None:
        """`n_done` of a stream's periods are done."""
        if out.is_terminal:
            task = self._tasks.setdefault(label, self._bars.add_task(label, total=n_periods))
            self._bars.update(task, completed=n_done)
        elif n_done == n_periods or n_done % PERIODS_PER_LINE == 0:
            out.print(f"{label}: {n_done} of {n_periods} periods", markup=False)


class Quiet(BacktestProgress):
    """Progress that nobody watches, so that only JSON is printed."""

    def advance(self, label: str, n_done: int, n_periods: int) -> None:
        """Say nothing."""


def run_backtest(options: Options, *, as_json: bool) -> None:
    """Replay, print the table and write `results.json` and the figures.

    Raises
    ------
    ConfigurationError
        If an option is wrong; all faults are listed.
    """
    request = understand(options)
    overrides = {"source": request.source, "cadence": request.cadence}
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    plans = plan_streams(request, settings, day_of(read_clock(), settings.time_zone))
    folder = _make_folder(options.out)
    if request.studied:
        _run_studies(request, settings, plans, folder, as_json=as_json)
        return
    with Quiet() if as_json else BacktestProgress() as progress:
        results = run_streams(plans, request.n_cores, progress.advance)
    rows = summarise(results)
    content = describe_results(plans, results, rows)
    _write_results(folder, content)
    pictures = draw_figures(results, folder)
    if as_json:
        print_json(content)
        return
    print_summary(rows)
    out.print(f"Written: {', '.join(str(path) for path in (folder / RESULTS_FILE, *pictures))}", markup=False)


def _run_studies(
    request: Request, settings: Settings, plans: Sequence[StreamPlan], folder: Path, *, as_json: bool
) -> None:
    studied = request.studied
    questions = Questions(bool(studied.monitors), studied.policies, MixtureRule() if studied.mixers else None)
    with Quiet() if as_json else BacktestProgress() as progress:
        results = run_studies(plans, settings.monitoring, questions, request.n_cores, progress.advance)
    content = describe_studies(describe_plan(plans), results, studied, settings.monitoring)
    _write_results(folder, content)
    if as_json:
        print_json(content)
        return
    print_studies(results, studied)
    out.print(f"Written: {folder / RESULTS_FILE}", markup=False)


def _write_results(folder: Path, content: dict[str, object]) -> None:
    (folder / RESULTS_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def understand(options: Options) -> Request:
    """The options, checked together.

    Raises
    ------
    ConfigurationError
        If any is wrong; all faults are listed in one message.
    """
    faults: list[str] = []
    source = _one_of(SourceKind, "--source", options.source, faults)
    cadence = _one_of(Cadence, "--cadence", options.cadence, faults)
    rules = _some_of(RuleName, "--rules", options.rules.split(","), faults)
    chosen = _some_of(Scenario, "--scenario", options.scenarios or [Scenario.NONE], faults)
    seeds = _parse_seeds(options.seeds, faults)
    span = _parse_span(options.first, options.last, faults)
    if options.n_cores < 1:
        faults.append(f"--cores: is {options.n_cores}, must be at least 1")
    studied = Studied(
        monitors=_some_of(Monitor, "--monitors", _split(options.monitors), faults),
        policies=_some_of(Policy, "--active", _split(options.active), faults),
        mixers=_some_of(Mixer, "--routing", _split(options.routing), faults),
    )
    if faults or span is None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        msg = f"{counted(len(faults), 'option')} wrong; nothing was done.\n{listed}\nSee: forest-fire backtest --help"
        raise ConfigurationError(msg)
    return Request(source, cadence, span, rules, chosen, seeds, options.n_cores, studied)


def plan_streams(request: Request, settings: Settings, today: dt.date) -> list[StreamPlan]:
    """One plan per scenario and seed, each checked to be possible.

    Raises
    ------
    ConfigurationError
        If tuning is on, the source cannot go through a scenario, periods are too short for candidates off schedule, or
        they leave too little history to train on.
    """
    if settings.tuning_trials:
        msg = f"a backtest does not tune, but {settings.tuning_trials} trials are set; set FOREST_FIRE_TUNING_TRIALS=0"
        raise ConfigurationError(msg)
    on_folder = settings.source is SourceKind.FOLDER
    impossible = [str(scenario) for scenario in request.scenarios if on_folder and scenario.needs_simulator]
    if impossible or (on_folder and len(request.seeds) > 1):
        what = f"scenario {', '.join(impossible)}" if impossible else "more than one seed"
        msg = f"a folder has one history, and {what} needs many; use --source simulator, or leave the option out"
        raise ConfigurationError(msg)
    if on_folder and settings.data is not None:
        source = FolderPlan(settings.data, settings.assumed_report_lag_days, today)
    if settings.cadence is Cadence.WEEKLY and Policy.RETRAIN in request.studied.policies:
        msg = (
            "where periods are weeks, the next one is the answer to an alarm; use --active restart, or monthly periods"
        )
        raise ConfigurationError(msg)
    plans = [
        StreamPlan(
            source=source if on_folder else settings.simulator,
            scenario=scenario,
            seed=seed,
            cadence=settings.cadence,
            span=request.span,
            history_start=settings.start_date,
            policy=settings.window_policy,
            recipes=tuple(find_recipe(name) for name in settings.recipe_names),
            training_seed=settings.seed,
            n_threads=settings.n_threads,
            rule=settings.decision_rule,
            rules=request.rules,
            time_zone=settings.time_zone,
        )
        for scenario in request.scenarios
        for seed in request.seeds
    ]
    for plan in plans:
        plan_periods(plan)
        _ = plan.park
    return plans


def describe_results(
    plans: Sequence[StreamPlan], results: Sequence[StreamResult], rows: Sequence[SummaryRow]
) -> dict[str, object]:
    """Everything for programs: arguments, definitions, summary, streams. The same arguments give the same text."""
    return {
        "arguments": {**describe_plan(plans), "rules": list(plans[0].rules)},
        "definitions": {"measures": measures.__doc__, "scenarios": scenarios.__doc__},
        "summary": [row.model_dump(mode="json") for row in rows],
        "streams": [result.model_dump(mode="json") for result in results],
    }


def describe_plan(plans: Sequence[StreamPlan]) -> dict[str, object]:
    """What was replayed, for programs."""
    plan = plans[0]
    park = plan.park
    return {
        "source": "folder" if park is None else "simulator",
        "simulator": None if park is None else plan.source.model_dump(mode="json"),  # type: ignore[union-attr] # a park
        "scenarios": list(dict.fromkeys(plan.scenario for plan in plans)),
        "seeds": list(dict.fromkeys(plan.seed for plan in plans)),
        "cadence": plan.cadence,
        "from": plan.span.start.isoformat(),
        "to": plan.span.end.isoformat(),
        "history_start": plan.history_start.isoformat(),
        "time_zone": plan.time_zone,
        "windows": plan.policy.model_dump(mode="json"),
        "recipes": [recipe.model_dump(mode="json") for recipe in plan.recipes],
        "rule": plan.rule.model_dump(mode="json"),
    }


COLUMNS: dict[str, Callable[[SummaryRow], str | None]] = {
    "scenario": lambda row: row.scenario,
    "rule": lambda row: row.rule,
    "promotions a year": lambda row: f"{row.promotions_per_year:.2f}",
    "log loss": lambda row: f"{row.log_loss:.6f}",
    "against climatology": lambda row: f"{row.against_climatology:+.2%}",
    "years beaten (last ten)": lambda row: (
        f"{row.years_beaten}/{row.n_years} ({row.last_years_beaten}/{row.n_last_years})"
    ),
    "regret": lambda row: f"{row.regret:.2%}",
    "regret above any-improvement": lambda row: _with_error(row.regret_against_any, row.regret_against_any_error),
    "worse promotions a year": lambda row: _figure(row.worse_per_year, ".2f"),
    "share worse": lambda row: _figure(row.worse_share, ".0%"),
    "detection days (never)": lambda row: (
        None if row.n_undetected is None else f"{_figure(row.median_detection_days, '.0f')} ({row.n_undetected})"
    ),
    "corrupted periods": lambda row: _figure(row.n_corrupted_periods, "d"),
}


def print_summary(rows: Sequence[SummaryRow]) -> None:
    """The table of rules, one row per scenario and rule; columns without a figure are left out."""
    cells = {title: [read(row) for row in rows] for title, read in COLUMNS.items()}
    shown = {title: column for title, column in cells.items() if any(cell is not None for cell in column)}
    n_streams = max(row.n_streams for row in rows)
    print_table(
        f"Backtest, {rows[0].cadence}, {counted(n_streams, 'stream')} a scenario",
        list(shown),
        list(zip(*shown.values(), strict=True)),
    )


def _figure(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


def _with_error(value: float | None, error: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:+.2%}" if error is None else f"{value:+.2%} ± {error:.2%}"


def _one_of(kind: type[Closed], option: str, value: str | None, faults: list[str]) -> Closed | None:
    if value is None:
        return None
    if value not in list(kind):
        faults.append(f"{option}: {value!r} is none of {', '.join(kind)}")
        return None
    return kind(value)


def _some_of(kind: type[Closed], option: str, values: Sequence[str], faults: list[str]) -> tuple[Closed, ...]:
    chosen = [_one_of(kind, option, value.strip(), faults) for value in values]
    return tuple(dict.fromkeys(value for value in chosen if value is not None))


def _split(text: str | None) -> list[str]:
    """The parts of an option; none where it was left out."""
    return [] if text is None else text.split(",")


def _parse_seeds(text: str | None, faults: list[str]) -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in (text or "1").split(",")))
    except ValueError:
        faults.append(f"--seeds: {text!r} is not a list of whole numbers such as 1,2,3")
        return ()
    if min(seeds) < 0:
        faults.append(f"--seeds: {min(seeds)} is negative, allowed are whole numbers from 0 on")
    return seeds


def _parse_span(first: str, last: str, faults: list[str]) -> Interval | None:
    days = {}
    for option, text in (("--from", first), ("--to", last)):
        try:
            days[option] = dt.date.fromisoformat(text)
        except ValueError:
            faults.append(f"{option}: {text!r} is not a day such as 2024-06-03")
    if len(days) < 2:  # noqa: PLR2004 - both ends
        return None
    if days["--from"] >= days["--to"]:
        faults.append(f"--to: {last} is not after --from {first}")
        return None
    return Interval(start=days["--from"], end=days["--to"])


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--out: {folder} cannot be made ({error.strerror}); name a folder that can be written to"
        raise ConfigurationError(msg) from error
    return folder
