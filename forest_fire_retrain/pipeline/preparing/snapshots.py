"""What a retraining may know: which table versions it reads and up to when.

Rules
-----
- A live retraining knows what was recorded before the midnight, in the park's time zone, of its `as_of`, in the
  newest table versions.
- A replay `as_known` reads exactly the versions that the original decision pinned.
- A replay `as_corrected` reads the newest versions and every correction recorded in them: also what the last ingest
  found, which counts from that ingest's end on.
"""

import datetime as dt

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.records import HoldoutSet, Knowledge, Snapshot
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import UTC, RetrainingWindows, midnight

DAY = dt.timedelta(days=1)
PINNED_TABLES = (TableName.CELLS, TableName.WEATHER, TableName.FIRES, TableName.FEATURES)


def take_snapshot(
    lake: Lake,
    windows: RetrainingWindows,
    original: LedgerEntry | None,
    knowledge: Knowledge,
    *,
    time_zone: str = UTC,
) -> Snapshot:
    """Pin what a retraining reads.

    Parameters
    ----------
    lake : Lake
        Whose versions are pinned.
    windows : RetrainingWindows
        The partition's windows.
    original : LedgerEntry, optional
        The live decision of the partition, if it was decided before.
    knowledge : Knowledge
        What a replay may know; a live retraining ignores it.
    time_zone : str
        IANA name of the zone whose days the windows are; `as_known` takes the one of the original.

    Raises
    ------
    EvidenceError
        If a table is missing, or `as_known` is asked for where nothing was decided.
    """
    if knowledge is Knowledge.AS_KNOWN:
        return _pinned_by(original, windows).model_copy(update={"knowledge": knowledge})
    versions = {str(name): lake.version(name) for name in PINNED_TABLES}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        msg = (
            f"partition {windows.partition_key}: the lake has no table {', '.join(missing)}; "
            f"run: forest-fire retrain --partition {windows.partition_key}"
        )
        raise EvidenceError(msg)
    pinned = {name: version for name, version in versions.items() if version is not None}
    mark = lake.complete_through(TableName.FIRES) if original else None
    known_until = windows.as_of if mark is None else max(windows.as_of, mark + DAY)  # what an ingest found stands there
    taken = Knowledge.LIVE if original is None else Knowledge.AS_CORRECTED
    return Snapshot(
        knowledge=taken,
        table_versions=pinned,
        known_at=midnight(known_until, time_zone),
        time_zone=time_zone,
        source=lake.origin(TableName.CELLS) or "",
    )


def original_decision(entries: list[LedgerEntry], partition_key: str) -> LedgerEntry | None:
    """The live decision of a partition, if there is one."""
    live = (entry for entry in entries if entry.kind is EntryKind.DECISION and entry.partition_key == partition_key)
    return next(live, None)


def _pinned_by(original: LedgerEntry | None, windows: RetrainingWindows) -> Snapshot:
    if original is None:
        msg = (
            f"partition {windows.partition_key} was never decided, so nothing pins what was known; "
            "materialize it without knowledge: as_known"
        )
        raise EvidenceError(msg)
    return HoldoutSet.model_validate(original.payload["holdout"]).snapshot
