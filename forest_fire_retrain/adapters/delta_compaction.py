"""Put a table's many small files together, so that reading it does not cost more with every commit.

Rules
-----
- It is a commit of its own: a new version with the same rows, which nobody counts as a change of them. Pinned versions
  keep their files.
- Rows keep their order, so that the days of a file stay close together and reads of some days open few files.
- Of what commits note, theirs are passed over: another writer may have committed in between.
- It may always be left out: whoever was faster, or a full disk, costs speed and nothing else.
"""

from collections.abc import Mapping
from typing import Any

from deltalake import CommitProperties, DeltaTable, WriterProperties
from deltalake.exceptions import DeltaError

MAX_SMALL_FILES = 64
"""Opening a stored file costs about a millisecond."""
WHOLE_FILE_BYTES = 8 * 1024**2
"""Files are put together up to this size; half of it is no small file any more."""
ROWS_OF_A_GROUP = 16_384
"""A read of some days takes whole row groups."""
OPERATION = "OPTIMIZE"
"""What the format calls such a commit in its log."""


def compact_if_scattered(table: DeltaTable) -> None:
    """Put the small files of `table`, opened at its newest version, together if there are too many."""
    sizes = table.get_add_actions(flatten=True)["size_bytes"].to_pylist()
    if sum(size < WHOLE_FILE_BYTES / 2 for size in sizes) < MAX_SMALL_FILES:
        return
    try:
        table.optimize.compact(
            target_size=WHOLE_FILE_BYTES,
            writer_properties=WriterProperties(max_row_group_size=ROWS_OF_A_GROUP),
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except (DeltaError, OSError):  # the commit before it stands, and the next one tries again
        return


def newest_change(table: DeltaTable) -> Mapping[str, Any]:
    """The newest entry of the log that changed rows, with what its writer noted."""
    n_logged = 2
    while True:
        logged = table.history(n_logged)
        changes = [entry for entry in logged if not is_compaction(entry)]
        if changes or len(logged) < n_logged:
            return changes[0] if changes else {}
        n_logged *= 2


def is_compaction(entry: Mapping[str, object]) -> bool:
    """Whether an entry of the log changed no row."""
    return entry.get("operation") == OPERATION
