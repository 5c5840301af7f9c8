"""Which earlier windows a decision may pool with its newest one, and why the others are left out.

Rules
-----
- Only windows of the same opponent, metric and the last `evidence_days` days.
- Suspect windows and their neighbours leave the evidence, the newest window too.
- Sums that were recorded under a flag come back only when a person vouches for the labels: late reports
  mend what is trained from then on, not what was summed without them.
- A window in which the weather feed was silent leaves the evidence, the newest window too: what models say without
  weather is no evidence of what they say with it.
- A window that gave no usable figures, or that does not lie a gap behind both trainings, never comes back.
- Tainted challengers are compared with tainted evidence only, clean ones with clean evidence only.
- Of windows that share days only the one decided last counts: no day is evidence twice.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.decision.label_gate import count_of, overlaps_any, with_neighbours
from forest_fire_retrain.core.decision.shared_days import leave_out_shared, name_successor
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.windows import Interval

NEXT_TO_SUSPECT = "labels suspect there or next to it"
FEED_SILENT = "the weather feed was silent"


class EvidencePool(NamedTuple):
    """Earlier windows in use, oldest first, and the reason for each one left out (the newest too), by partition key."""

    used: tuple[WindowEvidence, ...]
    dropped: dict[str, str]


def pool_windows(
    newest: WindowEvidence,
    earlier: Iterable[WindowEvidence],
    suspect: Sequence[Interval],
    rule: DecisionRule,
    cleared: Sequence[Interval] = (),
    *,
    gap: dt.timedelta | None = None,
) -> EvidencePool:
    """Choose among the windows of earlier live decisions.

    Parameters
    ----------
    newest : WindowEvidence
        The partition's own window.
    earlier : iterable of WindowEvidence
        Windows of earlier live decisions, in the order of these.
    suspect : sequence of Interval
        Windows under a flag that was not lifted.
    rule : DecisionRule
        Thresholds.
    cleared : sequence of Interval
        Windows whose labels a person vouched for.
    gap : datetime.timedelta, optional
        What has to lie between a training and a window; as it is before the newest window by default.
    """
    gap = newest.window.start - newest.challenger_cutoff if gap is None else gap
    decided = list(earlier)
    counted = leave_out_shared([*decided, newest])
    held = sorted(counted[:-1], key=lambda window: window.window.start)
    stale = [count_of(w).window for w in held if w.labels_are_suspect and not overlaps_any(w.window, cleared)]
    oldest_day = newest.window.end - dt.timedelta(days=rule.evidence_days)
    left_out = with_neighbours([*suspect, *stale])
    used: list[WindowEvidence] = []
    kept = {window.partition_key for window in counted}
    dropped = {
        window.partition_key: f"its days are in the window of {name_successor(window, counted)}"
        for window in decided
        if window.partition_key not in kept and window.window.start >= oldest_day and _is_of_reign(window, newest)
    }
    for window in held:
        if window.window.start < oldest_day or window.window.end > newest.window.start:
            continue
        if not _is_of_reign(window, newest):
            continue  # another champion's reign: nobody expects it here
        reason = _why_left_out(window, newest, left_out, gap)
        if reason is None:
            used.append(window)
        else:
            dropped[window.partition_key] = reason
    if overlaps_any(newest.window, with_neighbours(suspect)):
        dropped[newest.partition_key] = NEXT_TO_SUSPECT
    elif newest.feed_is_silent:
        dropped[newest.partition_key] = FEED_SILENT
    return EvidencePool(tuple(used), dropped)


def _is_of_reign(window: WindowEvidence, newest: WindowEvidence) -> bool:
    return window.champion_version == newest.champion_version


def _why_left_out(
    window: WindowEvidence, newest: WindowEvidence, suspect: Sequence[Interval], gap: dt.timedelta
) -> str | None:
    """Why a window of the reign is left out; `None` to use it."""
    if window.metric is not newest.metric:
        return f"judged by {window.metric}"
    if overlaps_any(window.window, suspect):
        return NEXT_TO_SUSPECT
    if window.feed_is_silent:
        return FEED_SILENT
    fault = _find_fault(window, gap)
    if fault is not None:
        return fault
    if window.challenger_is_tainted != newest.challenger_is_tainted:
        return (
            "its challenger was trained on suspect labels"
            if window.challenger_is_tainted
            else "its challenger is clean"
        )
    return None


def _find_fault(window: WindowEvidence, gap: dt.timedelta) -> str | None:
    """Why a window could not have been judged on by itself, if so."""
    if not window.is_usable:
        return "no usable figures"
    cutoffs = [window.challenger_cutoff] + ([window.champion_cutoff] if window.champion_cutoff else [])
    return "not a gap behind both trainings" if window.window.start < max(cutoffs) + gap else None
