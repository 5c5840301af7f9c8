"""What one holdout window says about champion, challenger and climatology: sums per day, ready to pool.

A `WindowEvidence` stands in the ledger row of its decision. Later decisions pool the windows of a
reign from there, so nothing is scored twice and a decision can be recomputed from the ledger alone.
"""

import datetime as dt
import math
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Annotated, Any, Self

from pydantic import GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

from forest_fire_retrain.core.decision.thresholds import Metric
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval


class _OrNull:
    """`null` is NaN; no function is called for a number, of which a row has hundreds."""

    def __get_pydantic_core_schema__(self, source: type[float], handler: GetCoreSchemaHandler) -> CoreSchema:
        null = core_schema.no_info_after_validator_function(lambda _: math.nan, core_schema.none_schema())
        return core_schema.union_schema([handler(source), null], mode="left_to_right")


def _to_json(value: float) -> float | None:
    return value if math.isfinite(value) else None


JsonFloat = Annotated[float, _OrNull(), PlainSerializer(_to_json)]
"""A float; what is not finite is `null` in JSON and NaN when it comes back."""

Series = tuple[JsonFloat, ...]


class SliceSums(Record):
    """Sums over one region's rows of a window, for the score test.

    Attributes
    ----------
    name : str
        The region.
    n_fires : int
        Cell-days with a fire start.
    loss_champion, loss_difference : float
        Champion's log loss; challenger's minus champion's.
    expected_difference, variance : float
        Of `loss_difference`, if the challenger's probabilities were true and the rows independent.
    """

    name: str
    n_fires: int
    loss_champion: JsonFloat
    loss_difference: JsonFloat
    expected_difference: JsonFloat
    variance: JsonFloat

    @property
    def is_finite(self) -> bool:
        """Whether every sum is a number."""
        sums = (self.loss_champion, self.loss_difference, self.expected_difference, self.variance)
        return all(math.isfinite(value) for value in sums)


class LabelCount(Record):
    """What the label gate looked at.

    Attributes
    ----------
    window : Interval
        The newest window, and those just before it where windows are short.
    n_fires : int
        Recorded cell-days with a fire start.
    n_expected : float
        How many were expected.
    """

    window: Interval
    n_fires: int
    n_expected: JsonFloat


class WindowEvidence(Record):
    """One window, day by day; every series has one figure per day of `window`.

    Attributes
    ----------
    partition_key : str
        The partition whose holdout window it is.
    window : Interval
        The holdout window.
    metric : Metric
        The metric of the loss series.
    n_rows : int
        Cell-days scored.
    challenger_id : str
        The partition's candidate.
    challenger_cutoff : datetime.date
        First day it has not seen.
    challenger_is_tainted : bool
        Whether it was trained on suspect labels.
    champion_version, champion_cutoff : int, datetime.date, optional
        The opponent; `None` where there was no champion.
    fires : tuple of int
        Cell-days with a fire start.
    expected_challenger, expected_champion, expected_climatology : tuple of float
        Sums of probabilities.
    loss_challenger, loss_champion, loss_climatology : tuple of float
        Losses under `metric`; champion's series are empty where there was none.
    slices : tuple of SliceSums
        Regions; empty without a champion.
    labels_are_suspect : bool
        Verdict of the label gate when the window was new.
    label_count : LabelCount, optional
        What the gate looked at; `None` in rows of rule version 3 and before, whose gate looked at the window alone.
    feed_is_silent : bool
        Whether the weather feed was, so that the models' predictions say nothing about them; not in rows of rule
        version 6 and before.
    """

    partition_key: str
    window: Interval
    metric: Metric
    n_rows: int
    challenger_id: str
    challenger_cutoff: dt.date
    challenger_is_tainted: bool
    champion_version: int | None
    champion_cutoff: dt.date | None
    fires: tuple[int, ...]
    expected_challenger: Series
    expected_champion: Series
    expected_climatology: Series
    loss_challenger: Series
    loss_champion: Series
    loss_climatology: Series
    slices: tuple[SliceSums, ...]
    labels_are_suspect: bool
    label_count: LabelCount | None = None
    feed_is_silent: bool = False

    @cached_property
    def n_fires(self) -> int:
        """Cell-days with a fire start in the whole window; each decision that pools the window asks, as below."""
        return sum(self.fires)

    @cached_property
    def n_expected(self) -> float:
        """The larger of challenger's and champion's expectation over the window, at most climatology's."""
        models = max(sum(self.expected_challenger), sum(self.expected_champion))
        return min(models, sum(self.expected_climatology))

    @cached_property
    def is_finite(self) -> bool:
        """Whether every sum is a number."""
        series = (
            self.expected_challenger,
            self.expected_champion,
            self.expected_climatology,
            self.loss_challenger,
            self.loss_champion,
            self.loss_climatology,
        )
        if math.isfinite(sum(map(sum, series))):  # nothing that is no number leaves a sum that is one
            return True
        return all(map(math.isfinite, chain.from_iterable(series)))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As of every record; what was found out about this one is not taken for true of another."""
        copied = super().model_copy(update=update, deep=deep)
        for found_out in ("n_fires", "n_expected", "is_finite"):
            copied.__dict__.pop(found_out, None)
        return copied

    @property
    def is_usable(self) -> bool:
        """Whether it can be evidence: rows of no fire too, every sum a number, the opponent scored."""
        is_scored = self.champion_version is None or bool(self.loss_champion)
        return self.n_rows > self.n_fires and is_scored and self.is_finite
