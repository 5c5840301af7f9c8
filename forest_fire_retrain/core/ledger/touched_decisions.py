"""Which decisions stand on rows that the source has changed since: they stand, and a replay shows the difference."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.windows import Interval

MAX_NAMED = 3


def describe_touched_decisions(entries: Iterable[LedgerEntry], changed: Sequence[Interval], table: str) -> list[str]:
    """One sentence on the live decisions whose windows hold days of these runs, if there are any."""
    decided = [read_payload(entry).holdout.windows for entry in entries if entry.kind is EntryKind.DECISION]
    judged, trained = (
        [windows.partition_key for windows in decided if any(_overlap(part(windows), run) for run in changed)]
        for part in (attrgetter("holdout"), attrgetter("training"))
    )
    if not judged and not trained:
        return []
    days = ", ".join(map(_describe, changed[:MAX_NAMED]))
    if len(changed) > MAX_NAMED:
        days = f"{sum(run.n_days for run in changed)} days from {changed[0].start} on"
    sentence = (
        f"{table}: rows for {days} came or changed after decisions that rest on them: judged on them {_list(judged)}; "
        f"trained on them {_list(trained)}. The decisions stand; materialize a period again to see the difference."
    )
    return [sentence]


def _describe(run: Interval) -> str:
    return str(run.start) if run.n_days == 1 else f"the days in {run}"


def _overlap(window: Interval, other: Interval) -> bool:
    return window.start < other.end and other.start < window.end


def _list(keys: Sequence[str]) -> str:
    """Periods, oldest first; of many the first and the last."""
    if not keys:
        return "none"
    return ", ".join(keys) if len(keys) <= MAX_NAMED else f"{len(keys)} periods from {keys[0]} to {keys[-1]}"
