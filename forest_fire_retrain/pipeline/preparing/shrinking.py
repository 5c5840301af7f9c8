"""A delivery that says much less than the one before is refused until a person accepts it.

Rules
-----
- Refused are: more withdrawals than a small share of what is held, or than half of it; weather that ends earlier than
  it did, in the park or in more than a few of its cells; and a list that lacks more than a few of the cells.
- Forecasts come and go: weather of days that were not over at the last ingest may be withdrawn, and end where it likes.
- A person accepts one delivery, with a reason, in the ledger; the next one that shrinks is asked about again.
"""

import datetime as dt
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import fingerprint_mapping
from forest_fire_retrain.core.errors import ShrunkDeliveryError, list_capped
from forest_fire_retrain.core.rows.cell_days import CellChanges
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.rows.reconciliation import Differences
from forest_fire_retrain.core.rows.row_versions import KEYS, current_rows
from forest_fire_retrain.core.rows.tables import TableName

WITHDRAWN_SHARE, WITHDRAWN_COUNT = 0.02, 5
REMOVED_SHARE, REMOVED_COUNT = 0.2, 1


class Consent(Protocol):
    """What a person accepted."""

    def to_source(self, name: str) -> bool:
        """Whether the source of this name may follow the one whose rows the home holds."""
        ...

    def to_delivery(self, fingerprint: str) -> bool:
        """Whether the delivery with this fingerprint may say less than the one before."""
        ...


class NoConsent:
    """Nobody accepted anything."""

    def to_source(self, _name: str) -> bool:
        """No."""
        return False

    def to_delivery(self, _fingerprint: str) -> bool:
        """No."""
        return False


class Shrinkage(NamedTuple):
    """In what a delivery says less: a sentence for people, and what it is recognised by."""

    sentence: str
    fingerprint: str


def refuse_shrunk_delivery(found: list[Shrinkage], consent: Consent) -> None:
    """Refuse a delivery that says much less than the one before.

    Raises
    ------
    ShrunkDeliveryError
        If it does, and nobody accepted it.
    """
    open_ones = [shrinkage.sentence for shrinkage in found if not consent.to_delivery(shrinkage.fingerprint)]
    if open_ones:
        listed = "; ".join(open_ones)
        msg = (
            f"the source says much less than before: {listed}. Nothing was written. If the delivery was cut off, "
            "deliver it again; if it is right, run: forest-fire accept-delivery --reason TEXT"
        )
        raise ShrunkDeliveryError(msg)


def find_withdrawals(table: TableName, differences: Differences, over_by: dt.date | None = None) -> list[Shrinkage]:
    """Rows that the source no longer delivers, if they are many; of weather those of the days before `over_by`."""
    limit = max(WITHDRAWN_COUNT, int(WITHDRAWN_SHARE * differences.n_held))
    limit = min(limit, max(1, differences.n_held // 2))
    gone = differences.withdrawn
    if table is TableName.WEATHER and over_by is not None:
        gone = gone.filter(pc.less(gone["date"], over_by))
    if gone.num_rows <= limit:
        return []
    days = pc.min_max(gone["date"])
    sentence = (
        f"{table}: {gone.num_rows} of {differences.n_held} rows are no longer delivered, dated "
        f"{days['min']} to {days['max']}, in cells {list_capped(sorted(set(gone['cell_id'].to_pylist())))} "
        f"(allowed: {limit})"
    )
    keys = gone.select(list(KEYS[table])).to_pylist()
    names = sorted(" ".join(str(value) for value in key.values()) for key in keys)
    return [Shrinkage(sentence, _recognise(table, names))]


def find_earlier_ends(delivered: SourceSlice, held: pa.Table, over_by: dt.date | None = None) -> list[Shrinkage]:
    """Weather that ends earlier than what is held: of the park, or of more than a few cells that are still listed.

    Of what is held the days before `over_by` count, by default all.
    """
    known = current_rows(held, TableName.WEATHER)
    before = _last_days(known if over_by is None else known.filter(pc.less(known["date"], over_by)))
    listed = set(delivered.cells["cell_id"].to_pylist())
    now = _last_days(delivered.weather)
    ended, ends = max(before.values(), default=None), max(now.values(), default=None)
    if ended is not None and (ends is None or ends < ended):
        says = "it has no row" if ends is None else f"it ends on {ends}"
        recognised = _recognise("weather ends", [str(ends), str(ended)])
        return [Shrinkage(f"weather: {says}, and went on until {ended} before", recognised)]
    shorter = sorted(c for c, last in before.items() if c in listed and (c not in now or now[c] < last))
    limit = max(REMOVED_COUNT, int(REMOVED_SHARE * len(before)))
    if len(shorter) <= limit:
        return []
    sentence = (
        f"weather: {len(shorter)} of {len(before)} cells have no row or end earlier than before: "
        f"{list_capped(shorter)} (allowed: {limit})"
    )
    return [Shrinkage(sentence, _recognise("cells end", [f"{c} {now.get(c)} {before[c]}" for c in shorter]))]


def _last_days(weather: pa.Table) -> dict[str, dt.date]:
    """Last day of weather by cell."""
    last = weather.group_by("cell_id").aggregate([("date", "max")])
    return dict(zip(last["cell_id"].to_pylist(), last["date_max"].to_pylist(), strict=True))


def find_removed_cells(changes: CellChanges) -> list[Shrinkage]:
    """Cells that the source no longer lists, if they are many."""
    gone = [cell_id for cell_id in changes.removed if cell_id not in changes.renamed]
    n_listed = pc.sum(pc.is_null(changes.cells["last_day"])).as_py() or 0
    n_before = n_listed - len(changes.added) + len(changes.removed)
    limit = max(REMOVED_COUNT, int(REMOVED_SHARE * n_before))
    if len(gone) <= limit:
        return []
    sentence = f"cells: {len(gone)} of {n_before} are no longer listed: {list_capped(gone)} (allowed: {limit})"
    return [Shrinkage(sentence, _recognise("cells", gone))]


def _recognise(what: str, names: list[str]) -> str:
    return fingerprint_mapping({"what": what, "names": names})
