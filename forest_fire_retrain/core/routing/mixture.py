"""A mixture of models by fixed share: weights from matured weekly log losses, computed anew from all of them.

Rules
-----
- Information is full: whoever was served, every model is scored on every cell-day whose reports are due.
- A week multiplies a weight by exp(-loss), the loss being the sum over the week's cell-days. For log loss and the rate
  1 this is Bayes' rule (Vovk 1998, A game of prediction with expert advice).
- Then a share of all weight is dealt out evenly, so that a model that was bad can come back (Herbster & Warmuth 1998,
  Tracking the best expert, fixed share). Their best share is the number of changes over the number of trials; the
  product promotes about once a year, which is 1 in 52 weeks.
- A week that a model was trained on, or that lies before its own window, does not touch its weight: it is asleep, and
  those awake share what they held together (Freund, Schapire, Singer & Warmuth 1997, Using and combining predictors
  that specialize).
- A tainted model has the weight 0. Where every model is tainted, nobody is left to answer.
- Nothing is carried from one look to the next; reports that come late lead to the weights that timely ones would have.
- A mean is summed model by model, so that a cell on its own has the very bits that it has in a park.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forest_fire_retrain.core.records import Record

ROUTING_VERSION = "1"

Floats = NDArray[np.float64]


class MixtureRule(Record):
    """The constants of the mixture.

    Attributes
    ----------
    version : str
        Version of the logic.
    rate : float
        Factor on a week's loss.
    share : float
        Share of all weight that is dealt out evenly after each week.
    n_challengers : int
        Newest candidates that are mixed with the champion and its predecessor.
    """

    version: str = ROUTING_VERSION
    rate: float = Field(default=1.0, gt=0)
    share: float = Field(default=0.02, ge=0, lt=1)
    n_challengers: int = Field(default=3, ge=1)


class WeightReason(StrEnum):
    """Where a weight comes from."""

    TAINTED = "trained on suspect labels"
    QUARANTINED = "rolled back from"
    REJECTED = "rejected by a guardrail"
    UNSEEN = "no matured week yet"
    SCORED = "matured weeks"


class Weight(Record):
    """The weight of one model.

    Attributes
    ----------
    weight : float
        Its share of the answer; all of them make 1, or are 0 where everyone is tainted.
    reason : WeightReason
        Why.
    n_weeks : int
        Weeks it was scored on.
    log_loss : float
        Their sum of losses.
    """

    weight: float
    reason: WeightReason
    n_weeks: int
    log_loss: float


def weigh(losses: Floats, is_tainted: Sequence[bool], rule: MixtureRule) -> tuple[Weight, ...]:
    """Weights after the last matured week, one per model.

    Parameters
    ----------
    losses : numpy.ndarray
        Log loss of each model in each matured week, oldest first, NaN where it is asleep, shape (n_weeks, n_models).
    is_tainted : sequence of bool
        Whether each model was trained on suspect labels.
    rule : MixtureRule
        The constants.

    Raises
    ------
    ValueError
        If there is no model, or the shapes differ.
    """
    if losses.ndim != 2 or losses.shape[1] == 0 or losses.shape[1] != len(is_tainted):  # noqa: PLR2004 - weeks, models
        msg = f"losses of shape {losses.shape} do not fit {len(is_tainted)} models; one column each is needed"
        raise ValueError(msg)
    trusted = ~np.array(is_tainted, dtype=np.bool_)
    weights = np.zeros(len(trusted))
    if trusted.any():
        weights[trusted] = _follow(losses[:, trusted], rule)
    n_weeks = np.isfinite(losses).sum(axis=0)
    return tuple(
        Weight(
            weight=float(weights[place]),
            reason=_reason(bool(trusted[place]), int(n_weeks[place])),
            n_weeks=int(n_weeks[place]),
            log_loss=float(np.nansum(losses[:, place])),
        )
        for place in range(len(trusted))
    )


def weigh_evenly(weights: Sequence[Weight]) -> tuple[Weight, ...]:
    """The same models, all that are not tainted with the same weight: what averaging alone does.

    Parameters
    ----------
    weights : sequence of Weight
        Weights as `weigh` gave them.
    """
    n_trusted = sum(weight.reason is not WeightReason.TAINTED for weight in weights)
    return tuple(
        weight.model_copy(update={"weight": 0.0 if weight.reason is WeightReason.TAINTED else 1 / n_trusted})
        for weight in weights
    )


def mix(probabilities: Sequence[Floats], weights: Sequence[Weight]) -> Floats:
    """The weighted mean of the models' probabilities, of the shape of each of them.

    Raises
    ------
    ValueError
        If no model has weight: then the champion alone answers, and nobody should have asked.
    """
    shares = np.array([weight.weight for weight in weights])
    if not shares.sum() > 0:
        msg = "every model is tainted, so that there is nothing to mix; let the champion answer"
        raise ValueError(msg)
    return blend(probabilities, shares / shares.sum())


def blend(probabilities: Sequence[Floats], shares: Sequence[float] | Floats) -> Floats:
    """The mean of the models' probabilities by shares that make 1, of the shape of each of them; see the rules."""
    mean = np.zeros_like(probabilities[0])
    for chances, share in zip(probabilities, shares, strict=True):
        mean = mean + share * chances
    return mean


def _follow(losses: Floats, rule: MixtureRule) -> Floats:
    """Fixed share over the weeks, in logarithms; shape (n_models,)."""
    n_models = losses.shape[1]
    even = -np.log(n_models)
    logs = np.full(n_models, even)
    for week in losses:
        awake = np.isfinite(week)
        if awake.any():
            held = _log_sum(logs[awake])
            after = logs[awake] - rule.rate * week[awake]
            logs[awake] = after - _log_sum(after) + held
        shares = (1 - rule.share) * np.exp(logs - _log_sum(logs)) + rule.share * np.exp(even)
        with np.errstate(divide="ignore"):
            logs = np.log(shares)
    return np.asarray(np.exp(logs - _log_sum(logs)))


def _log_sum(logs: Floats) -> float:
    """log(sum(exp(logs)))."""
    return float(np.logaddexp.reduce(logs))


def _reason(is_trusted: bool, n_weeks: int) -> WeightReason:  # noqa: FBT001 - one of two facts
    if not is_trusted:
        return WeightReason.TAINTED
    return WeightReason.SCORED if n_weeks else WeightReason.UNSEEN
