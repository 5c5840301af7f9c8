"""What the pages document: people may type that, and nothing else."""

import re
import shlex
from functools import lru_cache

from forest_fire_retrain.places import PROJECT_ROOT

COMMANDS = PROJECT_ROOT / "docs" / "commands.md"
SETTINGS = PROJECT_ROOT / "docs" / "settings.md"
SECTION = re.compile(r"^## forest-fire (?P<name>.+)\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|", re.MULTILINE)
PREFIX = "FOREST_FIRE_"
OF_EVERY_COMMAND = frozenset({"--help"})


class UndocumentedError(Exception):
    """Somebody would have to know what no page says."""


@lru_cache
def documented_commands() -> dict[str, frozenset[str]]:
    """Options and arguments of every command that `docs/commands.md` has a section for, by the command's words."""
    text = COMMANDS.read_text(encoding="utf-8")
    return {match["name"]: frozenset(ROW.findall(match["text"])) | OF_EVERY_COMMAND for match in SECTION.finditer(text)}


@lru_cache
def documented_settings() -> frozenset[str]:
    """Every variable that `docs/settings.md` lists."""
    return frozenset(ROW.findall(SETTINGS.read_text(encoding="utf-8")))


def refuse_undocumented(line: str) -> None:
    """Refuse a line of a `forest-fire` command with a word that its section does not list.

    Raises
    ------
    UndocumentedError
        If the command, an option or an argument is on no page.
    """
    program, *words = shlex.split(line)
    names = [name for name in documented_commands() if words[: len(name.split())] == name.split()]
    if program != "forest-fire" or not names:
        msg = f"docs/commands.md has no section for: {line}"
        raise UndocumentedError(msg)
    name = max(names, key=len)
    listed, given = documented_commands()[name], words[len(name.split()) :]
    unknown = [word for word in given if word.startswith("--") and word not in listed]
    arguments = {word for word in listed if not word.startswith("--")}
    if unknown or (given and not given[0].startswith("--") and not arguments):
        msg = f"docs/commands.md does not list {', '.join(unknown) or given[0]} for: {line}"
        raise UndocumentedError(msg)


def refuse_unlisted_settings(names: frozenset[str]) -> None:
    """Refuse settings that no page lists.

    Raises
    ------
    UndocumentedError
        If one is not in `docs/settings.md`.
    """
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in documented_settings())
    if unknown:
        msg = f"docs/settings.md does not list {', '.join(unknown)}"
        raise UndocumentedError(msg)
