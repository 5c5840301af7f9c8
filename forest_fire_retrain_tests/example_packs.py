"""A ledger with pages and a key, to make evidence packs of: three reigns, a replay, and a period more."""

import datetime as dt
from functools import lru_cache
from pathlib import Path

from forest_fire_retrain.adapters.witness_key import WitnessKey
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.installation import PublishedLedger
from forest_fire_retrain.proofs import witness, write_evidence
from forest_fire_retrain_tests.example_reigns import NEXT_WEEK, WEEKS, Reigns, decide, ingest, three_reigns
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.records import FakeRecordStore
from forest_fire_retrain_tests.test_proofs import seal_again

MODEL = "forest_fire_risk"
NOW = dt.datetime(2026, 3, 3, 9, tzinfo=dt.UTC)
ATTACHMENTS = {"model_card.md": b"# A card\n", "explanation.html": b"<p>why</p>\n"}


@lru_cache
def _decided() -> tuple[list[LedgerEntry], dict[str, str]]:
    """Three reigns, the second period replayed, and a period more."""
    reigns: Reigns = three_reigns()
    decide(reigns.installation, WEEKS[1])
    ingest(reigns.installation, [NEXT_WEEK])
    decide(reigns.installation, NEXT_WEEK)
    assert isinstance(reigns.installation.records, FakeRecordStore)
    return list(reigns.ledger.rows), dict(reigns.installation.records.pages)


class Home:
    """A ledger with its pages and its key."""

    def __init__(self, folder: Path) -> None:
        rows, pages = _decided()
        self.folder, self.ledger, self.records = folder, FakeLedger(list(rows)), FakeRecordStore(pages=dict(pages))
        self.key = WitnessKey(folder / "witness.key", is_made=True)

    @property
    def published(self) -> PublishedLedger:
        return PublishedLedger(self.ledger, self.folder / "export", MODEL, self.key)

    @property
    def public_key(self) -> str:
        return witness(self.published).public_key

    def make(self, period: str = WEEKS[1], *, kept: str | None = None, name: str = "e.zip") -> Path:
        target = self.folder / name
        write_evidence(
            self.published, self.records, period, target, now=NOW, kept=kept, attachments=ATTACHMENTS, is_replaced=True
        )
        return target

    def checkpoint_of(self, n_rows: int) -> str:
        """The checkpoint as it was when the ledger had so many rows."""
        return witness(self.published._replace(ledger=FakeLedger(self.ledger.rows[:n_rows]))).note

    def pretend(self, place: int, **changes: object) -> None:
        """Rewrite a decision with its page, and everything that can be recomputed."""
        rows = list(self.ledger.rows)
        rows[place] = rows[place].model_copy(update=changes)
        self.ledger.rows[:] = seal_again(rows)
