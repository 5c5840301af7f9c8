"""One home, one source: the rows of another park or feed are refused before any of them is written.

Rules
-----
- Whose rows a home holds is noted with its cells, in the same commit.
- A home that an earlier release filled has no such note. There a source is taken for another one when it delivers
  none of the cells that the home holds.
- A person may accept another source, with a reason, in the ledger. The last acceptance counts.
"""

from collections.abc import Callable

import pyarrow as pa

from forest_fire_retrain.core.errors import OtherSourceError, list_capped
from forest_fire_retrain.core.rows.ports import Lake, Source
from forest_fire_retrain.core.rows.tables import TableName


def refuse_other_source(source: Source, lake: Lake, cells: pa.Table, has_accepted: Callable[[str], bool]) -> None:
    """Refuse rows that do not belong to what the lake holds.

    Parameters
    ----------
    source, lake : Source, Lake
        Where rows come from and would go to.
    cells : pyarrow.Table
        The cells that the source delivers.
    has_accepted : callable
        Whether a person accepted the source of this name; it is asked about another source only.

    Raises
    ------
    OtherSourceError
        If the source is another one and nobody accepted it.
    """
    held = name_held_source(lake, cells)
    if held in (None, source.name) or has_accepted(source.name):
        return
    msg = (
        f"this home holds the rows of {held}, and the source is now {source.name}; nothing was written. Set "
        "FOREST_FIRE_HOME to a home of its own. If it is the same park, run: forest-fire accept-source --reason TEXT"
    )
    raise OtherSourceError(msg)


def name_held_source(lake: Lake, cells: pa.Table) -> str | None:
    """Whose rows the lake holds; `None` if it is empty, or if it is not noted and the `cells` speak for the same."""
    if lake.version(TableName.CELLS) is None:
        return None
    noted = lake.origin(TableName.CELLS)
    if noted is not None:
        return noted
    held = lake.read(TableName.CELLS, columns=["cell_id"])["cell_id"].to_pylist()
    if not held or set(held) & set(cells["cell_id"].to_pylist()):
        return None
    return f"a source with the cells {list_capped(sorted(held))}"
