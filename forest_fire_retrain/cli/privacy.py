"""A home is its owner's: nobody else on the machine reads or writes it.

Rules
-----
- What a command or a server writes is readable by its owner alone, unless lake or ledger lie elsewhere: they may be
  shared, and keep the person's own way. The home's folder is private even then, and shields what is in it.
- A home that is open to others, and ours, is closed. Files that are not the product's are left as they are, and so is
  then the folder that they lie in.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from forest_fire_retrain.settings import Settings

OTHERS = stat.S_IRWXG | stat.S_IRWXO
OUR_FOLDERS = frozenset({"cache", "dagster", "export", "lake", "logs", "mlflow", "pictures", "records"})
OUR_FILES = ("demonstration.json", "ledger.duckdb", "notices.sqlite", "serving.", "witness.key")


def write_privately(settings: Settings) -> None:
    """Let this process, and what it starts, write for its owner alone."""
    if settings.private_home and not _keeps_elsewhere(settings):
        os.umask(OTHERS)


def close_home(settings: Settings) -> bool:
    """Take from others what they may do in the home; whether there was anything to take."""
    home = settings.home
    if not settings.private_home or home.stat().st_uid != os.geteuid():
        return False
    entries = list(home.iterdir())
    ours = [entry for entry in entries if _is_ours(entry)]
    closing = [path for entry in ours if _is_open(entry) for path in (*_below(entry), entry)]
    folder = [home] if len(ours) == len(entries) and _is_open(home) else []
    return _close((*closing, *folder)) > 0


def _keeps_elsewhere(settings: Settings) -> bool:
    return settings.lake_uri is not None or settings.ledger_path is not None


def _is_ours(entry: Path) -> bool:
    return entry.name in OUR_FOLDERS if entry.is_dir() else entry.name.startswith(OUR_FILES)


def _is_open(path: Path) -> bool:
    try:
        facts = path.lstat()
    except FileNotFoundError:  # removed meanwhile by who works in the home
        return False
    return not stat.S_ISLNK(facts.st_mode) and bool(facts.st_mode & OTHERS)


def _below(entry: Path) -> Iterator[Path]:
    """Everything below a folder, what is deepest first, so that a cut leaves the folder open and is made good."""
    for folder, folders, files in os.walk(entry, topdown=False):
        yield from (Path(folder) / name for name in (*files, *folders))


def _close(paths: Iterable[Path]) -> int:
    n_closed = 0
    for path in paths:
        with suppress(OSError):  # somebody else's, or on a disk that may only be read
            if _is_open(path):
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
                n_closed += 1
    return n_closed
