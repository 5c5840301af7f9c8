"""What people keep outside the home: files of checkpoints, and evidence packs."""

import io
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.core.errors import ProofError

FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that an archive can hold."""

UNIX, ORDINARY_FILE, ENCRYPTED = 3, 0o100644 << 16, 1


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


def read_appended(path: Path) -> str:
    """What stands in a file that notes are appended to; nothing where there is none yet.

    Raises
    ------
    ProofError
        If it cannot be read.
    """
    try:
        is_there = path.exists()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ProofError(msg) from error
    return read_text(path) if is_there else ""


def append_note(path: Path, note: str) -> None:
    """Append a note behind those that stand there; it is on the disk when this returns.

    Raises
    ------
    ProofError
        If the file cannot be written.
    """
    try:
        _refuse_missing_folder(path)
        with path.open("ab") as file:
            file.write(f"{'' if file.tell() == 0 else chr(10)}{note}".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}. Nothing was changed in the home"
        raise ProofError(msg) from error


def write_pack(path: Path, files: Mapping[str, bytes], *, is_replaced: bool = False) -> None:
    """Write the files of an evidence pack as one archive; the same files make the same bytes.

    Raises
    ------
    ProofError
        If the file is there already and is not to be replaced, or cannot be written.
    """
    try:
        if path.exists() and not is_replaced:
            msg = f"{path} is there already and was kept. Name another file, or take --force"
            raise ProofError(msg)
        _refuse_missing_folder(path)
        with written_beside(path) as beside:
            beside.write_bytes(pack(files))
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise ProofError(msg) from error


def _refuse_missing_folder(path: Path) -> None:
    """What is to be kept elsewhere must not land on this disk because the other one is not mounted."""
    if not path.parent.is_dir():
        msg = f"{path} cannot be written: there is no folder {path.parent}; make it, or mount what it lies on"
        raise ProofError(msg)


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of `files`: not compressed, in the order of their names, without a time or an owner."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, FIRST_TIME)
            entry.create_system, entry.external_attr = UNIX, ORDINARY_FILE
            packed.writestr(entry, content)
    return archive.getvalue()


def read_pack(path: Path) -> dict[str, bytes] | None:
    """The files of an archive; `None` if it is not, to the byte, what `pack` makes of its files.

    Nothing is read that is compressed, so that nothing is larger than the archive.

    Raises
    ------
    ProofError
        If it cannot be read.
    """
    try:
        written = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ProofError(msg) from error
    files = _unpack(written)
    return None if files is None or pack(files) != written else files


def _unpack(written: bytes) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(written)) as packed:
            entries = packed.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED for entry in entries):
                return None
            return {entry.filename: packed.read(entry) for entry in entries}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, struct.error, IndexError):
        return None
