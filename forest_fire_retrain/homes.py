"""Whether there is a home where the settings say, and where a person may have meant.

Rules
-----
- A folder is a home if it holds anything that an installation writes. An empty folder is none: it may be the place
  where nothing is mounted.
- Who reads where no home is, is told so: an empty answer would look like an empty ledger.
"""

from difflib import get_close_matches
from pathlib import Path

from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.settings import Settings

MARKS = ("dagster", "mlflow", "lake", "records", "export", "ledger.duckdb")
LIKENESS = 0.5


def is_home(folder: Path) -> bool:
    """Whether an installation has written here."""
    return any((folder / mark).exists() for mark in MARKS)


def has_home(settings: Settings) -> bool:
    """Whether there is anything of this installation, in its home or at the ledger's own place."""
    return is_home(settings.home) or settings.ledger_file.exists()


def refuse_missing_home(settings: Settings) -> None:
    """Refuse to answer for a home that is not there.

    Raises
    ------
    HomeError
        If there is none; the nearest is in the message.
    """
    if not has_home(settings):
        near = nearest_place(settings.home)
        meant = "" if near is None else f" Nearest: {near}."
        msg = (
            f"there is no home at {settings.home} (FOREST_FIRE_HOME); nothing was done.{meant} "
            "To begin a new one there, run: forest-fire up"
        )
        raise HomeError(msg)


def describe_new_home(settings: Settings) -> str | None:
    """That a home is about to be made, and which one lies near; `None` where there is one."""
    if has_home(settings):
        return None
    near = nearest_place(settings.home)
    beside = "" if near is None or not is_home(near) else f" There is another one at {near}."
    return f"A new home is made at {settings.home}.{beside}"


def nearest_place(wanted: Path) -> Path | None:
    """What is spelled most like `wanted` where its path stops existing: a home before any other folder."""
    parent, missing = wanted.parent, wanted.name
    while not parent.is_dir() and parent != parent.parent:
        parent, missing = parent.parent, parent.name
    try:
        beside = [path for path in parent.iterdir() if path.is_dir() and path != wanted]
    except OSError:
        return None
    for places in ([path for path in beside if is_home(path)], beside):
        near = get_close_matches(missing, [path.name for path in places], 1, cutoff=LIKENESS)
        if near:
            return parent / near[0]
    return None
