"""What verify and repair look at in tests, in memory."""

from collections.abc import Callable
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import Reign, reigns_of
from forest_fire_retrain.pipeline.custody.asking_runs import check_runs, read_kept_by_runs
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.repairing import repair
from forest_fire_retrain.pipeline.custody.verifying import verify
from forest_fire_retrain_tests.example_reigns import Reigns, stamp_at

MODEL = "forest_fire_risk"


class Bench(NamedTuple):
    """Three reigns and the ledger's exported copy, which are lists here: its rows, and the reigns in it."""

    reigns: Reigns
    copy: list[LedgerEntry]
    exported: list[Reign]

    def verify(self, rollback_horizon: int = 5, tell: Callable[[str], None] | None = None) -> list[Fault]:
        stores, tracker = self.reigns.installation.stores, self.reigns.tracker
        return verify(
            stores,
            MODEL,
            rollback_horizon=rollback_horizon,
            read_copy=lambda _: list(self.copy),
            read_reigns=lambda: list(self.exported),
            check_kept=lambda rows: check_runs(read_kept_by_runs(tracker), rows),
            tell=tell,
        )

    def repair(self) -> LedgerEntry | None:
        stamp, stores = stamp_at(self.reigns.installation), self.reigns.installation.stores
        return repair(stores, MODEL, self.verify(), stamp, rewrite_copy=self.rewrite_copy)

    def rewrite_copy(self) -> None:
        self.copy[:] = self.reigns.ledger.rows
        self.exported[:] = reigns_of(self.copy)
