"""Does the demonstration tell its story, whenever it begins? Decided in memory, by the product's own rule.

    python -m forest_fire_retrain_tests.benchmarks.demonstration 2026-01-05 2026-03-09

Each day is the Monday of a first decision. Prints the decisions, and exits with 1 where a part of the story is missing.
"""

import argparse
import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.adapters.demonstration import MISREAD_DECISIONS, N_DECISIONS, plan_demonstration
from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import RuleName, StreamPlan, plan_periods
from forest_fire_retrain.core.decision.case import Decision
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.oversight.decision_alerts import join_overlapping
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.settings import Settings

TRAINED_ON_ARCHIVE = range(MISREAD_DECISIONS[0], MISREAD_DECISIONS[1] + 1)
"""Decisions, counted from 1, whose candidate was trained on fires under wrong years."""


class Story(NamedTuple):
    """What happened in a demonstration; decisions are counted from 1.

    Attributes
    ----------
    decisions : tuple of Decision
        All of them, oldest first.
    held : tuple of LabelCount
        Windows whose flags neither late reports nor a person had lifted at the last decision.
    """

    decisions: tuple[Decision, ...]
    held: tuple[LabelCount, ...]

    def places(self, *reasons: ReasonCode, outcome: Outcome | None = None) -> list[int]:
        """Which decisions were for one of the reasons, or had the outcome."""
        return [
            place
            for place, decision in enumerate(self.decisions, start=1)
            if decision.reason_code in reasons or decision.outcome is outcome
        ]

    def _refused(self) -> set[int]:
        return set(self.places(outcome=Outcome.REJECTED_BY_GUARDRAIL))

    def what_is_missing(self) -> list[str]:
        """The parts of the story that did not happen."""
        doubted = self.places(ReasonCode.LABELS_SUSPECT)
        last_promoted = max(self.places(outcome=Outcome.PROMOTED), default=0)
        parts = {
            "a first champion": bool(self.places(ReasonCode.INAUGURAL)),
            "a promotion for being better": bool(self.places(ReasonCode.SUPERIOR)),
            "a refused candidate that the misread archive made": bool(self._refused() & set(TRAINED_ON_ARCHIVE)),
            "a champion that the misread archive did not make": 0 < last_promoted < TRAINED_ON_ARCHIVE[0],
            "labels that were doubted": bool(doubted),
            "one doubt that waits for a person": len(join_overlapping(self.held)) == 1,
            "later doubts that late reports lifted": len(self.held) < len(doubted),
            "a decision after them": bool(doubted) and doubted[-1] < len(self.decisions),
        }
        return [part for part, happened in parts.items() if not happened]


def decide_demonstration(first: dt.date) -> Story:
    """Every decision of the demonstration whose first one is about the week that begins on `first`."""
    plan = plan_stream(first)
    panel = load_panel(plan)
    product, candidate = ProductRule(panel, plan.rule), None
    for place, windows in enumerate(plan_periods(plan)):
        candidate = train_on_panel(panel, plan, windows, None)
        product.decide(place, candidate)
    held = [] if candidate is None else product._find_suspect(candidate.windows.as_of)
    return Story(tuple(product.decisions), tuple(held))


def plan_stream(first: dt.date) -> StreamPlan:
    """The demonstration as a history to replay, with the thresholds and windows that a home has."""
    demonstration = plan_demonstration(first)
    settings = Settings(start_date=demonstration.start_date, simulator=demonstration.simulator)
    return StreamPlan(
        source=demonstration.simulator,
        scenario=Scenario.NONE,
        seed=demonstration.simulator.seed,
        cadence=settings.cadence,
        span=Interval(start=first, end=first + dt.timedelta(weeks=N_DECISIONS, days=1)),
        history_start=demonstration.start_date,
        policy=settings.window_policy,
        recipes=tuple(find_recipe(name) for name in settings.recipe_names),
        training_seed=settings.seed,
        n_threads=settings.n_threads,
        rule=settings.decision_rule,
        rules=(RuleName.OURS,),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the demonstrations that begin on the days given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", nargs="+", type=dt.date.fromisoformat, help="Monday of the first decision")
    missing: list[str] = []
    for first in parser.parse_args(arguments).first:
        story = decide_demonstration(first)
        for place, decision in enumerate(story.decisions, start=1):
            print(f"{first} {place:>2}  {decision.reason_code:<22} {decision.sentence}")  # noqa: T201 - its output
        lacks = story.what_is_missing()
        print(f"{first} {'missing: ' + '; '.join(lacks) if lacks else 'the whole story'}", flush=True)  # noqa: T201
        missing += lacks
    return int(bool(missing))


if __name__ == "__main__":
    raise SystemExit(main())
