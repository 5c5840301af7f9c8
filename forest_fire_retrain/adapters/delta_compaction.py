"""Put a table's many small files together, and its log, so that reading it does not cost more with every commit.

Rules
-----
- It is a commit of its own: a new version with the same rows, which nobody counts as a change of them. Pinned versions
  keep their files.
- Rows keep their order, so that the days of a file stay close together and reads of some days open few files.
- The log is put together in a checkpoint every few commits: who opens the table reads it and the commits behind it.
- Of what commits note, theirs are passed over: another writer may have committed in between.
- Files grow by steps: a file that has grown into the next step waits there for others like it, so that a row is written
  again once or twice in its life and not at every compaction.
- It may always be left out: whoever was faster, or a full disk, costs speed and nothing else.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from deltalake import CommitProperties, DeltaTable, WriterProperties
from deltalake.exceptions import DeltaError

from forest_fire_retrain.adapters.delta_log import read_commits

MAX_SMALL_FILES = 8
"""Opening a stored file costs about a millisecond."""


class Step(NamedTuple):
    """So many files that are smaller than half of `size_bytes` are put together up to that size."""

    max_files: int
    size_bytes: int


STEPS = (Step(MAX_SMALL_FILES, 256 * 1024), Step(64, 8 * 1024**2))
"""From small to large: large ones are worth their opening, and rows that are written again stay on the disk twice."""
COMMITS_OF_A_CHECKPOINT = 10
"""Reading a commit of 36 columns takes a third of a millisecond, a checkpoint four."""
ROWS_OF_A_GROUP = 16_384
"""A read of some days takes whole row groups."""
OPERATION = "OPTIMIZE"
"""What the format calls such a commit in its log."""


def keep_fast(table: DeltaTable) -> None:
    """Put together what there is too much of in `table`, opened at its newest version, behind a commit."""
    committed = table.version()
    compact_if_scattered(table)
    if (table.version() + 1) // COMMITS_OF_A_CHECKPOINT > committed // COMMITS_OF_A_CHECKPOINT:
        try:
            table.create_checkpoint()
        except (DeltaError, OSError):  # the log stands without it
            return


def compact_if_scattered(table: DeltaTable) -> None:
    """Put the small files of `table`, opened at its newest version, together if there are too many of a step."""
    sizes = table.get_add_actions(flatten=True)["size_bytes"].to_pylist()
    least = 0
    for step in STEPS:
        if sum(least <= held < step.size_bytes / 2 for held in sizes) >= step.max_files:
            _compact(table, step.size_bytes)
        least = step.size_bytes // 2


def _compact(table: DeltaTable, size: int) -> None:
    try:
        table.optimize.compact(
            target_size=size,
            writer_properties=WriterProperties(max_row_group_size=ROWS_OF_A_GROUP),
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except (DeltaError, OSError):  # the commit before it stands, and the next one tries again
        return


def newest_change(table: DeltaTable) -> Mapping[str, Any]:
    """The newest entry of the log that changed rows, with what its writer noted."""
    n_logged = 2
    while True:
        logged = read_commits(table, n_logged)
        changes = [entry for entry in logged if not is_compaction(entry)]
        if changes or len(logged) < n_logged:
            return changes[0] if changes else {}
        n_logged *= 2


def is_compaction(entry: Mapping[str, object]) -> bool:
    """Whether an entry of the log changed no row."""
    return entry.get("operation") == OPERATION
