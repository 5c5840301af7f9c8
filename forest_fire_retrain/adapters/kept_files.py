"""What people keep outside the home: files of checkpoints, and evidence packs."""

import os
from pathlib import Path

from forest_fire_retrain.core.errors import ProofError


def read_text(path: Path) -> str:
    """What a person kept, as UTF-8.

    Raises
    ------
    ProofError
        If it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ProofError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is no text in UTF-8, and thus no checkpoint"
        raise ProofError(msg) from error


def append_note(path: Path, note: str) -> None:
    """Append a note behind those that stand there; it is on the disk when this returns.

    Raises
    ------
    ProofError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(f"{'' if file.tell() == 0 else chr(10)}{note}".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}. Nothing was changed in the home"
        raise ProofError(msg) from error
