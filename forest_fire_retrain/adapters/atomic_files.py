"""Write a file beside and rename it: a reader sees the old file or the whole new one, also after a power cut.

A temporary file is called `NAME.PID.part`. Whoever writes next into the folder removes those of processes that are
gone.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFT_OVER = re.compile(r"\.(?P<pid>\d+)\.part(\.wal)?")


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """A name to write under; what stands there at the end of the block takes the place of `target`.

    If the block raises, `target` is as it was. The bytes are on the disk before the name is theirs.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; `target` is as it was.
    """
    remove_left_overs(target.parent)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield beside
        _sync(beside)
        beside.replace(target)
        _sync(target.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def folder_written_beside(target: Path) -> Iterator[Path]:
    """As `written_beside`, for a folder; what a process that is gone had begun there goes first.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full.
    """
    for left_over in target.parent.glob(f".{target.name}.*.parts"):
        pid = left_over.name.removesuffix(".parts").rpartition(".")[2]
        if pid.isdigit() and not _is_running(int(pid)):
            shutil.rmtree(left_over, ignore_errors=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.parts")
    try:
        yield beside
        for path in [*beside.rglob("*"), beside]:
            _sync(path)
        beside.replace(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def remove_left_overs(folder: Path) -> None:
    """Remove what processes that are gone had begun to write."""
    for path in folder.glob("*.part*"):
        found = LEFT_OVER.search(path.name)
        if found is not None and path.name.endswith(found.group()) and not _is_running(int(found["pid"])):
            path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
