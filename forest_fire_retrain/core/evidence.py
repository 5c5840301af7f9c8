"""What one holdout window says about champion, challenger and climatology: sums per day, ready to pool.

A `WindowEvidence` stands in the ledger row of its decision. Later decisions pool the windows of a
reign from there, so nothing is scored twice and a decision can be recomputed from the ledger alone.
"""

import datetime as dt
import math
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, ConfigDict, PlainSerializer
from scipy.special import logit

from forest_fire_retrain.core.decision_rule import Metric
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.scoring import clip, daily_losses, daily_sums, log_losses
from forest_fire_retrain.core.windows import Interval


def _from_json(value: object) -> object:
    return math.nan if value is None else value


def _to_json(value: float) -> float | None:
    return value if math.isfinite(value) else None


Figure = Annotated[float, BeforeValidator(_from_json), PlainSerializer(_to_json)]
"""A float; what is not finite is `null` in JSON and NaN when it comes back."""

Series = tuple[Figure, ...]


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
    loss_champion: Figure
    loss_difference: Figure
    expected_difference: Figure
    variance: Figure

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
    n_expected: Figure


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

    @property
    def n_fires(self) -> int:
        """Cell-days with a fire start in the whole window."""
        return sum(self.fires)

    @property
    def is_finite(self) -> bool:
        """Whether every sum is a number."""
        series = (
            *self.expected_challenger,
            *self.expected_champion,
            *self.expected_climatology,
            *self.loss_challenger,
            *self.loss_champion,
            *self.loss_climatology,
        )
        return all(math.isfinite(value) for value in series)

    @property
    def is_usable(self) -> bool:
        """Whether it can be evidence: rows of no fire too, every sum a number, the opponent scored."""
        is_scored = self.champion_version is None or bool(self.loss_champion)
        return self.n_rows > self.n_fires and is_scored and self.is_finite


class ScoredRows(Record):
    """Holdout rows with every model's probability; arrays of shape (n_rows,), any order.

    Attributes
    ----------
    window : Interval
        The holdout window.
    dates : numpy.ndarray
        Day of the row, `datetime64[D]`.
    regions : numpy.ndarray
        Region of the row's cell.
    labels : numpy.ndarray
        1 where a fire started, else 0.
    challenger, climatology : numpy.ndarray
        Probabilities.
    champion : numpy.ndarray, optional
        Probabilities of the opponent, if there is one.
    predecessor : numpy.ndarray, optional
        Probabilities of the candidate before this one, where there is no champion.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    window: Interval
    dates: np.ndarray
    regions: np.ndarray
    labels: np.ndarray
    challenger: np.ndarray
    climatology: np.ndarray
    champion: np.ndarray | None
    predecessor: np.ndarray | None = None

    @property
    def reference(self) -> tuple[str, np.ndarray] | None:
        """Whose predictions the candidate's are held against without labels, and these predictions."""
        if self.champion is not None:
            return "the champion's", self.champion
        return None if self.predecessor is None else ("the preceding candidate's", self.predecessor)

    @property
    def day_index(self) -> np.ndarray:
        """Days since the window's first, shape (n_rows,)."""
        return np.asarray((self.dates - np.datetime64(self.window.start)).astype(np.int64))

    def in_order(self, cell_ids: np.ndarray) -> "ScoredRows":
        """The same rows ordered by (date, cell), so that sums have the same bits for every order given."""
        order = np.lexsort((cell_ids, self.dates))
        arrays = ("dates", "regions", "labels", "challenger", "climatology")
        moved = {name: getattr(self, name)[order] for name in arrays}
        others = {"champion": self.champion, "predecessor": self.predecessor}
        moved |= {name: None if values is None else values[order] for name, values in others.items()}
        return self.model_copy(update=moved)


def sum_up_slices(rows: ScoredRows) -> tuple[SliceSums, ...]:
    """Sums per region, sorted by name; empty without a champion.

    The expectation and variance of the loss difference under the challenger's probabilities q with
    the champion's c: each row's difference is linear in the label, so its mean is
    KL-like, q·Δ1 + (1-q)·Δ0, and its variance q(1-q)(logit q - logit c)².
    """
    if rows.champion is None:
        return ()
    new, old = clip(rows.challenger), clip(rows.champion)
    loss_old = log_losses(rows.labels, old)
    difference = log_losses(rows.labels, new) - loss_old
    expected = new * np.log(old / new) + (1 - new) * np.log((1 - old) / (1 - new))
    variance = new * (1 - new) * (logit(new) - logit(old)) ** 2
    codes, names = pd.factorize(rows.regions.astype(object), sort=True)
    per_row = {
        "n_fires": rows.labels,
        "loss_champion": loss_old,
        "loss_difference": difference,
        "expected_difference": expected,
        "variance": variance,
    }
    sums = {field: np.bincount(codes, weights=values, minlength=len(names)) for field, values in per_row.items()}
    counts = sums.pop("n_fires").astype(np.int64)
    return tuple(
        SliceSums(
            name=str(name),
            n_fires=int(counts[place]),
            **{field: float(values[place]) for field, values in sums.items()},
        )
        for place, name in enumerate(names)
    )


def sum_up_window(
    rows: ScoredRows,
    *,
    partition_key: str,
    metric: Metric,
    challenger_id: str,
    challenger_cutoff: dt.date,
    challenger_is_tainted: bool,
    champion_version: int | None,
    champion_cutoff: dt.date | None,
) -> WindowEvidence:
    """Daily sums of a scored window; `labels_are_suspect` is left to the label gate."""
    n_days, day_index = rows.window.n_days, rows.day_index

    def losses(probabilities: np.ndarray) -> Series:
        return tuple(daily_losses(metric, rows.labels, probabilities, day_index, n_days).tolist())

    def sums(values: np.ndarray) -> Series:
        return tuple(daily_sums(values, day_index, n_days).tolist())

    return WindowEvidence(
        partition_key=partition_key,
        window=rows.window,
        metric=metric,
        n_rows=len(rows.labels),
        challenger_id=challenger_id,
        challenger_cutoff=challenger_cutoff,
        challenger_is_tainted=challenger_is_tainted,
        champion_version=champion_version,
        champion_cutoff=champion_cutoff,
        fires=tuple(int(count) for count in sums(rows.labels)),
        expected_challenger=sums(rows.challenger),
        expected_champion=() if rows.champion is None else sums(rows.champion),
        expected_climatology=sums(rows.climatology),
        loss_challenger=losses(rows.challenger),
        loss_champion=() if rows.champion is None else losses(rows.champion),
        loss_climatology=losses(rows.climatology),
        slices=sum_up_slices(rows),
        labels_are_suspect=False,
    )


def region_names(latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """The quarter of the park a cell lies in, split at the median cell; shape (n_cells,).

    Parameters
    ----------
    latitudes, longitudes : numpy.ndarray
        Centroids in degrees, shape (n_cells,).
    """
    north = np.where(latitudes >= np.median(latitudes), "north", "south")
    east = np.where(longitudes >= np.median(longitudes), "east", "west")
    return np.char.add(np.char.add(north, "-"), east).astype(object)
