"""Which periods wait for a decision, and which were passed over.

Rules
-----
- A period waits as long as it can still be decided live: it ends later than every live decision's cut-off. That is
  the rule by which a materialization is live or a replay (`promotion.classify`).
- A period was passed over when it lies behind the start of the first decided one, in no decided one, and waits no more.
- Periods are compared by their days, not by their keys: the cadence may have been another one.
- An active period is none of these: it waits for nobody, and decides no scheduled period.
"""

import datetime as dt
from collections.abc import Sequence

from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.periods import is_active
from forest_fire_retrain.core.windows import Interval

DUE_HOUR = 6
"""Hour of the park's day at which a period that is over is due to be decided: the schedule's."""


def list_waiting(state: LedgerState, closed: Sequence[Interval]) -> list[Interval]:
    """Those of the `closed` periods that can still be decided live, in their order; none where nothing was decided.

    Parameters
    ----------
    state : LedgerState
        What was decided.
    closed : sequence of Interval
        Periods that are over, oldest first.
    """
    newest = state.newest_as_of
    return [] if newest is None else [period for period in closed if period.end > newest]


def list_passed_over(state: LedgerState, closed: Sequence[Interval]) -> list[Interval]:
    """Those of the `closed` periods that were never decided live and cannot be any more, in their order."""
    newest = state.newest_as_of
    if newest is None:
        return []
    decided = [
        _days(dt.date.fromisoformat(key), entry.as_of)
        for key, entry in state.decisions.items()
        if entry.as_of and not is_active(key)
    ]
    covered = {day for days in decided for day in days}
    first = min(covered)
    return [
        period
        for period in closed
        if period.end <= newest
        and period.start.toordinal() >= first
        and not covered.issuperset(_days(period.start, period.end))
    ]


def _days(start: dt.date, end: dt.date) -> range:
    return range(start.toordinal(), end.toordinal())
