"""Messages and documents name the next command to run: every one of them exists."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from forest_fire_retrain.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"forest-fire ([a-z][a-z-]+)(?: (backup|restore|export)\b)?")
WORDS_AFTER_IT = {"command", "says", "prints", "risk"}  # prose about the command itself


def texts() -> list[Path]:
    return [*ROOT.glob("README.md"), *ROOT.glob("docs/*.md"), *(ROOT / "forest_fire_retrain").rglob("*.py")]


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_is_named_exists(path: Path) -> None:
    commands: dict[str, object] = get_command(app).commands  # type: ignore[attr-defined] # a group has commands
    named = {match.group(1) for match in NAMED.finditer(path.read_text(encoding="utf-8"))} - WORDS_AFTER_IT
    assert named <= set(commands)


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert NAMED.search("Run: forest-fire conjure").group(1) == "conjure"  # type: ignore[union-attr] # it matches
    assert "conjure" not in get_command(app).commands  # type: ignore[attr-defined] # as above
