"""Notice when fires are not being recorded: before any test, because no test can.

Rules
-----
- A window is suspect when far fewer fires were recorded than expected: (E - O)/sqrt(E + 0.1 E²) > 1.75 and E > 10, E
  the models' expectation, at most climatology's. That is never more than 0.447 of the expectation.
- O and E are of the last 28 days: a shorter window is counted together with those just before it. Looked at
  alone, one quiet week in some years would taint whatever is trained afterwards.
- The models' is the larger of challenger's and champion's: a challenger that learned from the unrecorded
  weeks expects few fires itself, and would excuse the weeks after them.
- Of windows that share days only the one decided last is counted.
- A window in which the weather feed was silent is never suspect, and is not counted with others.
- A flag is lifted when late reports bring the count back, or by a person; never by time. Only a person
  brings the window's recorded sums back into the evidence.
- The days counted and their neighbours leave the evidence. Whatever was trained on them is tainted, unless what they
  lack is a small share of all the fires it was trained on: that much a model bears, and false alarms are as small.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence

from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.windows import Interval


def count_labels(newest: WindowEvidence, before: Iterable[WindowEvidence], rule: DecisionRule) -> LabelCount:
    """Recorded and expected fires of the newest window and of those that lead up to it within `suspect_days`.

    Only windows without a gap between them are counted, so that the days can be counted again later. One in which the
    weather feed was silent is a gap: what models expect without weather is not to be believed.

    Parameters
    ----------
    newest : WindowEvidence
        The partition's own window.
    before : iterable of WindowEvidence
        Windows of earlier live decisions, of any reign, in the order of these.
    rule : DecisionRule
        Thresholds.
    """
    first_day = newest.window.end - dt.timedelta(days=rule.suspect_days)
    by_end = {window.window.end: window for window in leave_out_shared(before) if not window.feed_is_silent}
    counted = [newest]
    while counted[-1].window.start > first_day and (previous := by_end.get(counted[-1].window.start)) is not None:
        counted.append(previous)
    return LabelCount(
        window=Interval(start=counted[-1].window.start, end=newest.window.end),
        n_fires=sum(window.n_fires for window in counted),
        n_expected=sum(window.n_expected for window in counted),
    )


def count_season(newest: WindowEvidence, earlier: Iterable[WindowEvidence], rule: DecisionRule) -> LabelCount:
    """Recorded and expected fires of the newest windows, as far back as it takes to expect enough to be believed.

    A park in which 28 days never expect `suspect_min_expected` fires is looked at over a season.

    Parameters
    ----------
    newest : WindowEvidence
        The partition's own window.
    earlier : iterable of WindowEvidence
        Windows in use; one that is under a flag, lifted or not, is passed over.
    rule : DecisionRule
        Thresholds.
    """
    counted, expected = gather_season(newest, earlier, rule)
    return LabelCount(
        window=Interval(start=counted[-1].window.start, end=newest.window.end),
        n_fires=sum(window.n_fires for window in counted),
        n_expected=expected,
    )


def gather_season(
    newest: WindowEvidence, earlier: Iterable[WindowEvidence], rule: DecisionRule
) -> tuple[list[WindowEvidence], float]:
    """The windows that `count_season` counts, the newest first, and how many fires they expect."""
    first_day = newest.window.end - dt.timedelta(days=rule.suspect_days)
    counted, expected = [newest], newest.n_expected
    for window in sorted(earlier, key=lambda held: held.window.start, reverse=True):
        if expected > rule.suspect_min_expected and counted[-1].window.start <= first_day:
            break
        if not window.labels_are_suspect:
            counted.append(window)
            expected += window.n_expected
    return counted, expected


def count_of(evidence: WindowEvidence) -> LabelCount:
    """What the gate looked at when the window was new."""
    alone = LabelCount(window=evidence.window, n_fires=evidence.n_fires, n_expected=evidence.n_expected)
    return evidence.label_count or alone


def is_suspect(n_fires: int, expected: float, rule: DecisionRule) -> bool:
    """Whether so few recorded fires cannot be the truth.

    Parameters
    ----------
    n_fires, expected : int, float
        Recorded and expected cell-days with a fire start.
    rule : DecisionRule
        Thresholds.
    """
    if not expected > rule.suspect_min_expected:
        return False
    z = (expected - n_fires) / math.sqrt(expected + rule.suspect_overdispersion * expected**2)
    return z > rule.suspect_z


def missing_share(training: Interval, n_fires: int, suspect: Iterable[LabelCount]) -> float:
    """Share of a training window's fires that is missing, if suspect counts are right; a day is missed once.

    Parameters
    ----------
    training : Interval
        The training window.
    n_fires : int
        Recorded cell-days with a fire start in it.
    suspect : iterable of LabelCount
        What suspect windows hold and were expected to hold.
    """
    missing: dict[int, float] = {}
    for count in suspect:
        a_day = max(count.n_expected - count.n_fires, 0.0) / count.window.n_days
        first = max(count.window.start, training.start).toordinal()
        for day in range(first, min(count.window.end, training.end).toordinal()):
            missing[day] = max(missing.get(day, 0.0), a_day)
    n_missing = math.fsum(missing.values())
    return n_missing / (n_fires + n_missing) if n_missing > 0 else 0.0


def is_tainted(training: Interval, n_fires: int, suspect: Iterable[LabelCount], rule: DecisionRule) -> bool:
    """Whether a model lacks too many of the fires it should have been trained on."""
    return not missing_share(training, n_fires, suspect) <= rule.taint_share


def overlaps_any(interval: Interval, others: Iterable[Interval]) -> bool:
    """Whether `interval` shares a day with any of `others`."""
    return any(interval.start < other.end and other.start < interval.end for other in others)


def with_neighbours(suspect: Sequence[Interval]) -> tuple[Interval, ...]:
    """Each interval widened by its own length on both sides."""
    return tuple(
        Interval(start=interval.shift(-interval.n_days).start, end=interval.shift(interval.n_days).end)
        for interval in suspect
    )
