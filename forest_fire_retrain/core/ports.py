"""What the steps need of the outside world that is of no wing, and everything they need in bundles.

Each wing has ports of its own: `core/rows/ports.py`, `core/models/ports.py`, `core/ledger/ports.py`. Adapters and test
fakes implement them. Each Protocol has one contract suite in the tests, run on the fake and on the real adapter.
"""

from typing import NamedTuple, Protocol

from forest_fire_retrain.core.ledger.ports import Ledger, Registry
from forest_fire_retrain.core.models.ports import ModelStore, RecipeSearch, Tracker
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine


class RecordStore(Protocol):
    """Keeps step records per partition, and pages of decisions; never overwrites one."""

    def put(self, kind: str, partition_key: str, record: Record) -> None:
        """Store `record` as the newest of its kind and partition (the same again changes nothing)."""
        ...

    def newest(self, kind: str, partition_key: str) -> str | None:
        """JSON text of the newest record of that kind and partition, if any."""
        ...

    def keep_page(self, page: str) -> str:
        """Keep a decision's page under its own SHA-256, which is returned; one that is kept is not touched."""
        ...

    def page(self, sha256: str) -> str | None:
        """What is kept under that SHA-256, whatever it has become since; `None` if nothing is."""
        ...


class Progress(Protocol):
    """Tells a person how far long work has come."""

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """One partition of `step` is done; `sentence` says what came of it."""
        ...

    def warn(self, step: str, sentence: str) -> None:
        """`step` goes on, and a person should know what `sentence` says."""
        ...


class Workshop(NamedTuple):
    """Everything a training reads and writes; with files behind it, fit for another process."""

    lake: Lake
    engine: SqlEngine
    records: RecordStore
    tracker: Tracker
    models: ModelStore
    search: RecipeSearch


class Stores(NamedTuple):
    """Everything an adjudication reads and writes."""

    lake: Lake
    engine: SqlEngine
    models: ModelStore
    registry: Registry
    ledger: Ledger
    records: RecordStore
