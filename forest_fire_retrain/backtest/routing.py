"""A mixture of models over a replayed history, against the champion alone.

Definitions
-----------
- The mixture holds the champion, the one before it, and the newest candidates, whether promoted or not.
- Weights are made anew on every Monday and at every decision, from the weeks whose reports are due by then and as they
  are known then. A week counts for a model from the first day of its own holdout window on: it has seen none of these.
  Weeks whose reports are doubted count for nobody.
- Beside it stands the even mean of the same models: what of a gain is averaging, and what the weights bring.
- A model that is tainted by what is known then has the weight 0. Where all are, the champion answers alone.
"""

import datetime as dt
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.candidates import TrainedCandidate
from forest_fire_retrain.backtest.courses import Course
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.served_losses import DayLosses, LossMeasures, join_losses, lose, measure_losses
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.monitoring.calendar_weeks import last_monday, next_monday, weeks_between
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.routing.mixture import MixtureRule, Weight, mix, weigh, weigh_evenly
from forest_fire_retrain.core.windows import Interval


class Routed(NamedTuple):
    """Days on which the same models answered with the same weights, and the champion's weight."""

    days: Interval
    mixture: DayLosses
    even: DayLosses
    champion: DayLosses
    champion_weight: float


class RoutingMeasures(Record):
    """A mixture against the champion alone, over the same days.

    Attributes
    ----------
    mixture, even, champion : LossMeasures
        What was lost by the mixture, by the even mean of the same models, and by the champion alone.
    champion_weight : float
        Mean weight of the champion.
    """

    mixture: LossMeasures
    even: LossMeasures
    champion: LossMeasures
    champion_weight: float


class Routing:
    """Mixes the models of a course as it goes.

    Parameters
    ----------
    course : Course
        Whose champions and candidates.
    panel : Panel
        The history.
    plan : StreamPlan
        Whose label delay says when reports are due, and where the history ends.
    rule : MixtureRule
        The constants.
    """

    def __init__(self, course: Course, panel: Panel, plan: StreamPlan, rule: MixtureRule) -> None:
        self._course, self._panel, self._plan, self._rule = course, panel, plan, rule
        self._newest: deque[TrainedCandidate] = deque(maxlen=rule.n_challengers)
        self._lost: dict[tuple[str, dt.date, bytes], float] = {}
        self._routed: list[Routed] = []

    def add(self, candidate: TrainedCandidate) -> None:
        """A candidate was decided, whatever became of it."""
        self._newest.append(candidate)

    def answer(self, days: Interval) -> None:
        """Answer for `days` with the weights of the first of them."""
        if not self._course.reigns:
            return
        models = self._list_models()
        weights = self.weigh_models(models, days.start)
        chances = [model.probabilities_on(days) for model in models]
        answers = self._combine(chances, weights)
        mixture, even, champion = (lose(self._panel, days, answer) for answer in (*answers, chances[0]))
        share = weights[0].weight if any(weight.weight > 0 for weight in weights) else 1.0
        self._routed.append(Routed(days, mixture, even, champion, share))

    def weigh_models(self, models: list[TrainedCandidate], day: dt.date) -> tuple[Weight, ...]:
        """Weights of models by what is known before `day`."""
        labels = self._panel.labels_known_at(day, self._panel.days)
        doubted = self._course.find_doubted(day)
        first = min(model.days.start for model in models)
        due_end = last_monday(day - dt.timedelta(days=self._plan.policy.label_delay_days))
        begin = first if first.weekday() == 0 else next_monday(first)
        weeks = [week for week in weeks_between(begin, due_end) if not overlaps_any(week, doubted)]
        losses = np.array(
            [[self._lose(model, week, labels[self._panel.places(week)]) for model in models] for week in weeks]
        ).reshape(len(weeks), len(models))
        return weigh(losses, [self._course.product.is_tainted(model, day) for model in models], self._rule)

    def measure(self) -> RoutingMeasures | None:
        """What was lost over all days; `None` where there never was a champion."""
        if not self._routed:
            return None
        whole = Interval(start=self._routed[0].days.start, end=self._routed[-1].days.end)
        lost = {
            name: measure_losses(
                join_losses([getattr(part, name) for part in self._routed]), whole, self._panel.n_cells
            )
            for name in ("mixture", "even", "champion")
        }
        held = sum(part.champion_weight * part.days.n_days for part in self._routed)
        return RoutingMeasures(**lost, champion_weight=held / whole.n_days)

    def _combine(self, chances: list[np.ndarray], weights: Sequence[Weight]) -> tuple[np.ndarray, np.ndarray]:
        """The mixture's and the even mean's probabilities; the champion's where every model is tainted."""
        if not any(weight.weight > 0 for weight in weights):
            return chances[0], chances[0]
        return mix(chances, weights), mix(chances, weigh_evenly(weights))

    def _list_models(self) -> list[TrainedCandidate]:
        """The champion first, each model once."""
        held = [reign.candidate for reign in reversed(self._course.reigns[-2:])]
        known = {model.windows.partition_key for model in held}
        return [*held, *(model for model in reversed(self._newest) if model.windows.partition_key not in known)]

    def _lose(self, model: TrainedCandidate, week: Interval, labels: np.ndarray) -> float:
        """Its loss in a week by these labels; NaN where the week begins before its own window."""
        if week.start < model.days.start:
            return float("nan")
        key = (model.windows.partition_key, week.start, labels.tobytes())
        if key not in self._lost:
            self._lost[key] = float(log_losses(labels, model.probabilities_on(week)).sum())
        return self._lost[key]
