"""A ledger in memory, sealed by the same hash chain as the real one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from forest_fire_retrain.core.errors import LedgerError, LedgerLockedError, LedgerTamperedError
from forest_fire_retrain.core.ledger.clocks import follow_clock
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, is_sealed, seal
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.state import LedgerState, fold


def _pass_by(_point: str) -> None:
    """Let every step through."""


@dataclass
class FakeLedger:
    """Implements `Ledger`.

    `interrupt` is called with `before append` and `after append`; raising there cuts the work at that
    point. `known_elsewhere` is how many rows a copy holds. `held_elsewhere` makes another process hold the
    lock. `depth` counts nested `exclusive()`.
    """

    rows: list[LedgerEntry] = field(default_factory=list)
    interrupt: Callable[[str], None] = _pass_by
    held_elsewhere: bool = False
    known_elsewhere: int = 0
    depth: int = 0

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self.held_elsewhere and self.depth == 0:
            raise LedgerLockedError("the ledger is held by process 4711; nothing was written")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def append(self, draft: EntryDraft) -> LedgerEntry:
        if draft.recorded_at.utcoffset() is None:
            raise LedgerError(f"recorded_at {draft.recorded_at} has no time zone; nothing was written")
        with self.exclusive():
            self.refuse_lost_rows()
            draft = follow_clock(draft, self.rows[-1] if self.rows else None)
            self.interrupt("before append")
            entry = seal(draft, len(self.rows) + 1, self._last_hash())
            self.rows.append(entry)
            self.interrupt("after append")
        return entry

    @contextmanager
    def many_appends(self) -> Iterator[None]:
        yield

    def refuse_lost_rows(self) -> None:
        if len(self.rows) < self.known_elsewhere:
            raise LedgerTamperedError(f"rows {len(self.rows) + 1} to {self.known_elsewhere} are missing")

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        return [entry for entry in self.rows if model_name in (None, entry.model_name)]

    def hashes(self) -> KnownHashes:
        return KnownHashes(row.entry_hash for row in self.rows)

    def state(self, model_name: str) -> LedgerState:
        return fold(self.entries(model_name))

    def read_afresh(self, model_name: str | None = None) -> list[LedgerEntry]:
        return self.entries(model_name)

    def edit_by_hand(self, sequence: int, **changes: object) -> None:
        """Do what a person with the file can do: change a row without sealing it again."""
        self.rows[sequence - 1] = self.rows[sequence - 1].model_copy(update=changes)

    def _last_hash(self) -> str:
        if not self.rows:
            return GENESIS_HASH
        last = self.rows[-1]
        if not is_sealed(last):
            raise LedgerTamperedError(f"row {last.sequence} of the ledger does not match its hash")
        return last.entry_hash
