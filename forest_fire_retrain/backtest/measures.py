"""What a rule's promotions cost on one history; a pure function of promotions and score table.

Definitions
-----------
- Everything is measured from the first decision after which every rule has a champion, so that only
  promotions differ; how long a rule had none is told beside it. A rule that never has one is served by
  climatology, and waited for by nobody.
- Production loss: the model promoted at a decision serves from its `as_of` until the next one. Means are
  per cell-day.
- Regret: loss served, above that of the candidate that was best in hindsight in each serving period among
  those trained by then; relative to the latter. Expected losses under the true probability where it is known;
  else losses by what happened, which count luck as skill, so that only differences of regret mean something.
- A promotion is truly worse if the promoted model's expected loss over the next 364 days is above the
  replaced one's.
- Detection delay: days from the drift's start to the first promotion decided after it that is truly better.
- A corrupted period is served by a model whose training was broken, or missed more than 5 % of the fires
  that happened, and whose expected loss over the next 364 days is more than 2 % above that of the newest
  model trained by then of which neither is true.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import numpy as np

from forest_fire_retrain.backtest.rules import NO_CHAMPION, Promotion, champions_of
from forest_fire_retrain.backtest.score_table import ScoreTable
from forest_fire_retrain.backtest.streams import TRUTH_DAYS, RuleName
from forest_fire_retrain.core.records import Record

DAYS_PER_YEAR = 365.25
CORRUPT_LOSS = 0.02


class YearMeasures(Record):
    """A calendar year in production: mean log losses, and how many days of it were served."""

    year: int
    n_days: int
    log_loss: float
    climatology: float


class PromotionMeasures(Record):
    """A change of champion.

    Attributes
    ----------
    as_of : datetime.date
        When it was decided; the promoted model is that period's.
    replaced_as_of : datetime.date, optional
        Period of the model replaced; `None` for the first champion.
    reason : str
        Why.
    true_gain : float, optional
        Share of the replaced model's expected loss over the next 364 days that the promoted one saves.
    """

    as_of: dt.date
    replaced_as_of: dt.date | None
    reason: str
    true_gain: float | None


class TruthMeasures(Record):
    """What only the known truth can say.

    Attributes
    ----------
    expected_log_loss : float
        Mean expected loss served.
    n_worse_promotions : int
        Truly worse promotions.
    worse_loss : float
        Sum of the relative losses they brought.
    detection_delay_days : int, optional
        `None` without a drift, or where it was not detected.
    n_corrupted_periods : int
        Periods served by a corrupted model.
    """

    expected_log_loss: float
    n_worse_promotions: int
    worse_loss: float
    detection_delay_days: int | None
    n_corrupted_periods: int


class RuleMeasures(Record):
    """One rule on one history.

    Attributes
    ----------
    rule : RuleName
        The rule.
    measured_from : datetime.date
        First day measured.
    n_decisions, n_promotions : int
        Decisions from there on; promotions from there on that replaced a model.
    n_periods_without_champion : int
        Decisions after which there was no champion, of all.
    n_years : float
        Years measured.
    log_loss, climatology_log_loss, regret : float
        As defined above.
    years : tuple of YearMeasures
        By calendar year.
    promotions : tuple of PromotionMeasures
        All of them, the first champion and those before the measured days included.
    reasons : dict
        How often the product's rule gave which outcome and reason.
    truth : TruthMeasures, optional
        Where the truth is known.
    """

    rule: RuleName
    measured_from: dt.date
    n_decisions: int
    n_promotions: int
    n_periods_without_champion: int
    n_years: float
    log_loss: float
    climatology_log_loss: float
    regret: float
    years: tuple[YearMeasures, ...]
    promotions: tuple[PromotionMeasures, ...]
    reasons: dict[str, int]
    truth: TruthMeasures | None


def measure_rule(
    rule: RuleName,
    promotions: Sequence[Promotion],
    table: ScoreTable,
    *,
    since: int = 0,
    drift_start: dt.date | None = None,
    reasons: Sequence[str] = (),
) -> RuleMeasures:
    """Measures of one rule.

    Parameters
    ----------
    rule : RuleName
        The rule.
    promotions : sequence of Promotion
        What it did, oldest first.
    table : ScoreTable
        Losses of every candidate.
    since : int
        The decision from which on everything is measured.
    drift_start : datetime.date, optional
        Day from which fires follow otherwise from weather.
    reasons : sequence of str
        Outcome and reason of each decision, where the rule gives them.
    """
    champions = champions_of(list(promotions), table.n_periods)
    served = _served(table.realised, table.climatology_realised, champions, table, since)
    climatology = table.climatology_realised[table.serving_days(since).start :][: len(served)]
    counted = [p for p in promotions if p.place >= since and p.replaced != NO_CHAMPION]
    return RuleMeasures(
        rule=rule,
        measured_from=table.as_of[since],
        n_decisions=table.n_periods - since,
        n_promotions=len(counted),
        n_periods_without_champion=int((champions == NO_CHAMPION).sum()),
        n_years=len(served) / DAYS_PER_YEAR,
        log_loss=float(served.mean() / table.n_cells),
        climatology_log_loss=float(climatology.mean() / table.n_cells),
        regret=measure_regret(champions, table, since),
        years=_measure_years(served, climatology, table, since),
        promotions=tuple(_describe(promotion, table) for promotion in promotions),
        reasons=dict(sorted(Counter(reasons).items())),
        truth=None if table.expected is None else _measure_truth(counted, champions, table, since, drift_start),
    )


def find_common_start(histories: Sequence[Sequence[Promotion]]) -> int:
    """The decision after which every rule has a champion, those left out that never have one."""
    return max((promotions[0].place for promotions in histories if promotions), default=0)


def measure_regret(champions: np.ndarray, table: ScoreTable, since: int = 0) -> float:
    """Loss served above that of the best candidate of each period, relative to the latter."""
    if table.expected is None or table.climatology_expected is None:
        losses, climatology = table.realised, table.climatology_realised
    else:
        losses, climatology = table.expected, table.climatology_expected
    served = _served(losses, climatology, champions, table, since).sum()
    best = sum(
        losses[: place + 1, table.serving_days(place)].sum(axis=1).min() for place in range(since, table.n_periods)
    )
    return float(served / best - 1)


def year_ahead_losses(expected: np.ndarray, table: ScoreTable, place: int) -> np.ndarray:
    """Expected loss of the candidates up to `place` over the 364 days after its decision, shape (place + 1,)."""
    return np.asarray(expected[: place + 1, table.serving_days(place, TRUTH_DAYS)].sum(axis=1))


def _served(
    losses: np.ndarray, climatology: np.ndarray, champions: np.ndarray, table: ScoreTable, since: int
) -> np.ndarray:
    """Loss per day of whoever served, from decision `since` on, shape (n_served_days,)."""
    parts = []
    for place, champion in enumerate(champions[since:], since):
        days = table.serving_days(place)
        parts.append(climatology[days] if champion == NO_CHAMPION else losses[champion, days])
    return np.concatenate(parts)


def _measure_years(
    served: np.ndarray, climatology: np.ndarray, table: ScoreTable, since: int
) -> tuple[YearMeasures, ...]:
    days = np.datetime64(table.as_of[since]) + np.arange(len(served))
    years = days.astype("datetime64[Y]").astype(int) + 1970
    return tuple(
        YearMeasures(
            year=int(year),
            n_days=int(inside.sum()),
            log_loss=float(served[inside].mean() / table.n_cells),
            climatology=float(climatology[inside].mean() / table.n_cells),
        )
        for year in np.unique(years)
        for inside in [years == year]
    )


def _describe(promotion: Promotion, table: ScoreTable) -> PromotionMeasures:
    has_predecessor = promotion.replaced != NO_CHAMPION
    return PromotionMeasures(
        as_of=table.as_of[promotion.place],
        replaced_as_of=table.as_of[promotion.replaced] if has_predecessor else None,
        reason=promotion.reason,
        true_gain=_true_gain(promotion, table) if has_predecessor and table.expected is not None else None,
    )


def _true_gain(promotion: Promotion, table: ScoreTable) -> float:
    assert table.expected is not None  # noqa: S101 - only asked where there is a truth
    ahead = year_ahead_losses(table.expected, table, promotion.place)
    return float(1 - ahead[promotion.place] / ahead[promotion.replaced])


def _measure_truth(
    replacements: Sequence[Promotion],
    champions: np.ndarray,
    table: ScoreTable,
    since: int,
    drift_start: dt.date | None,
) -> TruthMeasures:
    assert table.expected is not None  # noqa: S101 - only asked where there is a truth
    assert table.climatology_expected is not None  # noqa: S101 - as above
    gains = {promotion.place: _true_gain(promotion, table) for promotion in replacements}
    served = _served(table.expected, table.climatology_expected, champions, table, since)
    return TruthMeasures(
        expected_log_loss=float(served.mean() / table.n_cells),
        n_worse_promotions=sum(gain < 0 for gain in gains.values()),
        worse_loss=-sum(gain for gain in gains.values() if gain < 0),
        detection_delay_days=_detection_delay(gains, table, drift_start),
        n_corrupted_periods=sum(
            _is_corrupted(int(champion), place, table.expected, table)
            for place, champion in enumerate(champions[since:], since)
        ),
    )


def _detection_delay(gains: dict[int, float], table: ScoreTable, drift_start: dt.date | None) -> int | None:
    if drift_start is None:
        return None
    found = (table.as_of[place] for place, gain in gains.items() if gain > 0 and table.as_of[place] > drift_start)
    first = next(found, None)
    return None if first is None else (first - drift_start).days


def _is_corrupted(champion: int, place: int, expected: np.ndarray, table: ScoreTable) -> bool:
    if champion == NO_CHAMPION or not table.is_corrupt[champion]:
        return False
    clean = np.flatnonzero(~table.is_corrupt[: place + 1])
    if len(clean) == 0:
        return False
    ahead = year_ahead_losses(expected, table, place)
    return bool(ahead[champion] > (1 + CORRUPT_LOSS) * ahead[clean[-1]])
