"""When a row is recorded, where a clock was set back: rows that go backwards would make it unclear who reigned when.

Rules
-----
- A row is never recorded before the row before it. A clock that steps back by no more than `TOLERANCE`, as one that is
  kept by a time server may, has the row take the instant of the row before; by more, the row is refused.
- Older ledgers may hold rows that go backwards. Their order is that of the rows, whatever their clocks say
  (`reigns`): who was champion at an instant is well defined, so that they are named and are no fault.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

from forest_fire_retrain.core.errors import LedgerError, list_capped
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry

TOLERANCE = dt.timedelta(minutes=10)


def follow_clock(draft: EntryDraft, before: LedgerEntry | None) -> EntryDraft:
    """`draft`, recorded no earlier than the row before.

    Parameters
    ----------
    draft : EntryDraft
        The row to write.
    before : LedgerEntry, optional
        The newest row of the ledger.

    Raises
    ------
    LedgerError
        If the clock was set back by more than `TOLERANCE`; nothing may be written.
    """
    if before is None or draft.recorded_at >= before.recorded_at:
        return draft
    if before.recorded_at - draft.recorded_at <= TOLERANCE:
        return draft.model_copy(update={"recorded_at": before.recorded_at})
    row = f"row {before.sequence}"
    msg = (
        f"this machine's clock says {_written(draft.recorded_at)}, but {row} of the ledger was recorded at "
        f"{_written(before.recorded_at)}: the clock was set back, or was ahead then. Nothing was written. Set the "
        f"clock right and run the same command again; if {row} is ahead of the time, wait until then, or take back a "
        "backup from before it: forest-fire ledger restore BACKUP"
    )
    raise LedgerError(msg)


def describe_backward_rows(entries: Sequence[LedgerEntry]) -> str | None:
    """Which rows were recorded before the row before them, and why that is no fault; `None` if there are none."""
    rows = [later.sequence for earlier, later in pairwise(entries) if later.recorded_at < earlier.recorded_at]
    if not rows:
        return None
    return (
        f"rows recorded before the row before them, by a clock that was set back: {list_capped(rows)}. Their order "
        "holds: who was champion at an instant follows the rows"
    )


def _written(instant: dt.datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
