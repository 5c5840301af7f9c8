"""A shadow held against the champion, day by day on the same features: what either lost, and how sure that is.

Rules
-----
- The interval is Student's t on the differences of whole weeks, counted back from the newest day, as in a decision's
  test; a week with a day missing is in the sums and not in the interval.
- It promotes nobody, and is no condition of anything.
"""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forest_fire_retrain.core.decision.block_statistics import SMALLEST_SAMPLE, describe_blocks, sum_blocks
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.monitoring.calendar_weeks import WEEK_DAYS
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.routing.routes import Routing

Floats = NDArray[np.float64]
CONFIDENCE = 0.95


class PairedDay(NamedTuple):
    """A day that both were scored on.

    Attributes
    ----------
    date : datetime.date
        The day.
    n_rows, n_fires : int
        Cells, and those of them with a reported fire start.
    expected_champion, expected_shadow : float
        Sums of the chances.
    loss_champion, loss_shadow : float
        Sums of the log losses.
    """

    date: dt.date
    n_rows: int
    n_fires: int
    expected_champion: float
    expected_shadow: float
    loss_champion: float
    loss_shadow: float


class ShadowComparison(Record):
    """What a shadow and the champion said of the same days, and what became of them.

    Attributes
    ----------
    candidate_id, partition_key : str
        The shadow, and the period it was trained for; the period is empty where the ledger does not know it. The
        candidate is called `mixture` of a mixture.
    version, champion : int, int
        The versions; the shadow's is `None` where it was never promoted.
    first_day, last_day : datetime.date, optional
        The first and the last day that counts; `None` without any.
    n_days, n_rows, n_fires : int
        Days that both were scored on and whose reports are due and not doubted, their cell-days, and those of them
        with a reported fire start.
    n_days_open : int
        Days that both were scored on whose reports are not due yet, or are doubted.
    expected_champion, expected_shadow : float
        Fires that either expected.
    log_loss_champion, log_loss_shadow : float, optional
        Means per cell-day; `None` without any.
    relative_difference : float, optional
        The shadow's loss over the champion's, less one: below zero the shadow was better.
    n_weeks : int
        Whole weeks among the days.
    low, high : float, optional
        95 % interval of the relative difference over the weeks; `None` with fewer than two.
    """

    candidate_id: str
    partition_key: str
    version: int | None
    champion: int
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    n_days: int = 0
    n_rows: int = 0
    n_fires: int = 0
    n_days_open: int = 0
    expected_champion: float = 0.0
    expected_shadow: float = 0.0
    log_loss_champion: float | None = None
    log_loss_shadow: float | None = None
    relative_difference: float | None = None
    n_weeks: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """What people call the shadow."""
        if self.candidate_id == Routing.MIXTURE:
            return "the mixture"
        if self.version is not None:
            return f"version {self.version}"
        return f"the candidate of {self.partition_key}" if self.partition_key else f"candidate {self.candidate_id}"

    def __str__(self) -> str:
        """A sentence with all figures, without a full stop."""
        pair = f"{self.name} beside version {self.champion}"
        if self.log_loss_champion is None or self.log_loss_shadow is None or self.relative_difference is None:
            waits = f", {counted(self.n_days_open, 'day')} without reports that count" if self.n_days_open else ""
            return f"{pair}: no matured day yet{waits}"
        return (
            f"{pair}: {counted(self.n_days, 'day')} from {self.first_day} to {self.last_day}, "
            f"{counted(self.n_fires, 'fire')}, {self.expected_shadow:.1f} and {self.expected_champion:.1f} expected, "
            f"log loss {self.log_loss_shadow:.5f} and {self.log_loss_champion:.5f}, {self.describe_difference()}"
        )

    def describe_difference(self) -> str:
        """The relative difference and its interval."""
        if self.relative_difference is None:
            return "no matured day yet"
        said = f"{self.relative_difference:+.1%}"
        if self.low is None or self.high is None:
            return f"{said} (no interval from {counted(self.n_weeks, 'week')})"
        return f"{said} ({CONFIDENCE:.0%}: {self.low:+.1%} to {self.high:+.1%}, {counted(self.n_weeks, 'week')})"


def cells_of(row: ShadowComparison) -> dict[str, str]:
    """A comparison as a row of a table, by the heading of each column; of two figures the shadow's is the first."""
    losses = (row.log_loss_shadow, row.log_loss_champion)
    return {
        "shadow": row.name,
        "champion": f"version {row.champion}",
        "days": str(row.n_days),
        "reports not in": str(row.n_days_open),
        "fires": str(row.n_fires),
        "expected": f"{row.expected_shadow:.1f} / {row.expected_champion:.1f}",
        "log loss": " / ".join("-" if loss is None else f"{loss:.5f}" for loss in losses),
        "against the champion": row.describe_difference(),
    }


def describe_pairs(days: list[PairedDay]) -> Mapping[str, object]:
    """The figures of a comparison over its days, in any order; nothing without any.

    Parameters
    ----------
    days : list of PairedDay
        Days that count, distinct.
    """
    if not days:
        return {}
    days = sorted(days)
    ours, theirs = (np.array([getattr(day, f"loss_{who}") for day in days]) for who in ("shadow", "champion"))
    n_rows, total = sum(day.n_rows for day in days), float(theirs.sum())
    n_weeks, interval = _interval(np.array([day.date.toordinal() for day in days]), ours, theirs)
    return {
        "first_day": days[0].date,
        "last_day": days[-1].date,
        "n_days": len(days),
        "n_rows": n_rows,
        "n_fires": sum(day.n_fires for day in days),
        "expected_champion": sum(day.expected_champion for day in days),
        "expected_shadow": sum(day.expected_shadow for day in days),
        "log_loss_champion": total / n_rows,
        "log_loss_shadow": float(ours.sum()) / n_rows,
        "relative_difference": float(ours.sum()) / total - 1 if total > 0 else None,
        "n_weeks": n_weeks,
        **({} if interval is None else {"low": interval[0], "high": interval[1]}),
    }


def _interval(days: NDArray[np.int64], ours: Floats, theirs: Floats) -> tuple[int, tuple[float, float] | None]:
    """Whole weeks, and the interval of the relative difference of their sums."""
    differences = sum_blocks(days, ours - theirs, WEEK_DAYS)
    base = sum_blocks(days, theirs, WEEK_DAYS)
    if len(differences) < SMALLEST_SAMPLE or not base.mean() > 0:
        return len(differences), None
    found, tail = describe_blocks(differences), (1 + CONFIDENCE) / 2
    mean = float(base.mean())
    return len(differences), (found.lower_bound(tail) / mean, found.upper_bound(tail) / mean)
