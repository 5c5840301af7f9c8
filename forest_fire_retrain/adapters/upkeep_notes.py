"""When a home was verified and witnessed last: two small files beside the ledger's copy, for readers as that is.

Rules
-----
- A note is written whole or not at all. That it cannot be written changes nothing of what it is about.
- A note that cannot be read is none.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.core.oversight.notes import Verification, Witnessed
from forest_fire_retrain.core.records import Record

VERIFY_FILE, WITNESS_FILE = "last_verify.json", "last_witness.json"

Note = TypeVar("Note", bound=Record)


def keep_verification(folder: Path, note: Verification) -> None:
    """Note what a `verify` found, in place of what the one before did."""
    _keep(folder / VERIFY_FILE, note)


def keep_witnessed(folder: Path, note: Witnessed) -> None:
    """Note that a checkpoint was asked for."""
    _keep(folder / WITNESS_FILE, note)


def read_verification(folder: Path) -> Verification | None:
    """What the last `verify` found; `None` if there was none."""
    return _read(folder / VERIFY_FILE, Verification)


def read_witnessed(folder: Path) -> Witnessed | None:
    """When a checkpoint was asked for last; `None` if never."""
    return _read(folder / WITNESS_FILE, Witnessed)


def _keep(path: Path, note: Record) -> None:
    if not path.parent.is_dir():  # a home that has published nothing is not begun by being looked at
        return
    try:
        with written_beside(path) as beside:
            beside.write_text(note.model_dump_json(), encoding="utf-8")
    except OSError:  # whoever may only read may verify all the same
        return


def _read(path: Path, kind: type[Note]) -> Note | None:
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
