"""Replay one history: train every period's candidate once, let every rule decide, measure."""

from collections.abc import Callable

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
