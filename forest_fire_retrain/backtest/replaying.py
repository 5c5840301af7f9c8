"""Replay histories: train every period's candidate once, let every rule decide, measure."""

from collections.abc import Callable, Sequence
from functools import partial

from forest_fire_retrain.adapters.worker_processes import run_tasks
from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.measures import RuleMeasures, find_common_start, measure_rule
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.rules import replay_rule
from forest_fire_retrain.backtest.scenarios import Scenario, change_date, plan_faults
from forest_fire_retrain.backtest.score_table import Scorekeeper, ScoreTable
from forest_fire_retrain.backtest.streams import RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Cadence

Progress = Callable[[int, int], None]
StreamProgress = Callable[[str, int, int], None]


class StreamResult(Record):
    """One history under every rule.

    Attributes
    ----------
    label : str
        Names the stream for people.
    scenario, cadence, seed : Scenario, Cadence, int
        Which history.
    n_broken : int
        Retrains that were broken on purpose.
    rules : tuple of RuleMeasures
        In the order asked for.
    """

    label: str
    scenario: Scenario
    cadence: Cadence
    seed: int
    n_broken: int
    rules: tuple[RuleMeasures, ...]


def replay_stream(plan: StreamPlan, progress: Progress | None = None) -> StreamResult:
    """Replay `plan`; the same plan gives the same result.

    Parameters
    ----------
    plan : StreamPlan
        The history and the rules.
    progress : callable, optional
        Told the number of periods done, and of all.

    Raises
    ------
    ConfigurationError, InputContractError, EvidenceError
        If the history cannot be laid out, read or trained on.
    """
    windows = plan_periods(plan)
    panel = load_panel(plan)
    breaks = plan.scenario is Scenario.BROKEN
    faults = plan_faults(plan.seed, len(windows)) if breaks else [None] * len(windows)
    scores, product = Scorekeeper(panel, windows, plan.span.end), ProductRule(panel, plan.rule)
    for place, (window, fault) in enumerate(zip(windows, faults, strict=True)):
        candidate = train_on_panel(panel, plan, window, fault)
        scores.add(place, candidate)
        if RuleName.OURS in plan.rules:
            product.decide(place, candidate)
        if progress is not None:
            progress(place + 1, len(windows))
    table = scores.table()
    return StreamResult(
        label=plan.label,
        scenario=plan.scenario,
        cadence=plan.cadence,
        seed=plan.seed,
        n_broken=sum(fault is not None for fault in faults),
        rules=_measure(plan, table, product),
    )


def run_streams(plans: Sequence[StreamPlan], n_cores: int, progress: StreamProgress) -> list[StreamResult]:
    """Replay every plan.

    Parameters
    ----------
    plans : sequence of StreamPlan
        The streams.
    n_cores : int
        Processes; with one, or one stream, everything runs in this one and every period is reported.
    progress : callable
        Told a stream's label and its periods done and in all; from other processes only when it is done.

    Raises
    ------
    ForestFireRetrainError
        Whatever stopped a stream; streams not yet begun are dropped.
    """
    if n_cores == 1 or len(plans) == 1:
        return [replay_stream(plan, partial(progress, plan.label)) for plan in plans]
    results = []
    for result in run_tasks([partial(replay_stream, plan) for plan in plans], len(plans), n_processes=n_cores):
        n_decisions = result.rules[0].n_decisions
        progress(result.label, n_decisions, n_decisions)
        results.append(result)
    return results


def _measure(plan: StreamPlan, table: ScoreTable, product: ProductRule) -> tuple[RuleMeasures, ...]:
    """Every rule over the same days."""
    promotions = {
        rule: product.promotions if rule is RuleName.OURS else replay_rule(rule, table.holdout) for rule in plan.rules
    }
    since = find_common_start(list(promotions.values()))
    drift_start = change_date(plan.span) if plan.scenario.drifts else None
    return tuple(
        measure_rule(
            rule,
            promotions[rule],
            table,
            since=since,
            drift_start=drift_start,
            reasons=product.reasons if rule is RuleName.OURS else (),
        )
        for rule in plan.rules
    )
