"""Windows that share days: of them the one decided last counts, so that no day is evidence twice.

The window of an active period lies in that of the scheduled period which is decided after it. Windows of scheduled
periods share no day, unless the cadence was changed.
"""

from collections.abc import Iterable, Sequence

from forest_fire_retrain.core.decision.window_evidence import WindowEvidence


def leave_out_shared(decided: Iterable[WindowEvidence]) -> list[WindowEvidence]:
    """The windows without those that share a day with a later one that counts, in their order.

    Parameters
    ----------
    decided : iterable of WindowEvidence
        Windows in the order in which they were decided.
    """
    kept, counted = list[WindowEvidence](), set[int]()
    for window in reversed(list(decided)):
        days = range(window.window.start.toordinal(), window.window.end.toordinal())
        if counted.isdisjoint(days):
            kept.append(window)
            counted.update(days)
    return kept[::-1]


def name_successor(window: WindowEvidence, kept: Sequence[WindowEvidence]) -> str:
    """Key of the last of the windows that count which has days of `window`."""
    shares = (held for held in reversed(kept) if _share(held, window))
    return next(held.partition_key for held in shares)


def _share(one: WindowEvidence, other: WindowEvidence) -> bool:
    return one.window.start < other.window.end and other.window.start < one.window.end
