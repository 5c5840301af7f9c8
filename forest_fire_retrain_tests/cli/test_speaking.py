"""How commands speak: help with examples, completion, the version, JSON in one form, text that is never altered."""

import datetime as dt
import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from forest_fire_retrain.cli import console
from forest_fire_retrain.cli.app import app
from forest_fire_retrain.cli.examples import EXAMPLES
from forest_fire_retrain.outgoing import cleared, remember
from forest_fire_retrain_tests.cli.conftest import Run
from forest_fire_retrain_tests.test_documentation import commands_of

PROGRAM = "from forest_fire_retrain.cli import run; run()"
REAL_COMMANDS = commands_of(get_command(app))
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NAMES_OF_OTHERS = re.compile(r"\.(parameters|classes|class_limits|features|versions)\.")
"""Keys below these are names that are not ours: of a library's parameters, of classes that a person has set."""
NASTY = ":fire: [bold]x[/bold] [/] \x1b[31mred \u202eturned\nForged line"
SHOWN = r":fire: [bold]x[/bold] [/] \x1b[31mred \u202eturned\nForged line"


def find_oddities(value: object, path: str = "") -> list[str]:
    """Keys that are no snake_case, instants that are not ISO 8601 with an offset."""
    if isinstance(value, dict):
        odd = [f"{path}.{key}" for key in value if not SNAKE.fullmatch(key)]
        found = [key for key in odd if not NAMES_OF_OTHERS.search(key)]
        return found + [odd for key, held in value.items() for odd in find_oddities(held, f"{path}.{key}")]
    if isinstance(value, list):
        return [odd for held in value for odd in find_oddities(held, f"{path}[]")]
    is_odd = isinstance(value, str) and INSTANT.match(value) and not ISO.fullmatch(value)
    return [f"{path}: {value}"] if is_odd else []


def test_oddities_are_found() -> None:
    assert find_oddities({"last decided": [{"at": "2026-07-14 06:00"}]}) == [
        ".last decided",
        ".last decided[].at: 2026-07-14 06:00",
    ]
    assert find_oddities({"parameters": {"C": 1}, "at": "2026-07-14T06:00:00+02:00", "day": "2026-07-14"}) == []


@pytest.mark.slow
def test_every_answer_in_json_has_one_form(small_park: Path, forest_fire: Run, tmp_path: Path) -> None:
    pack = str(tmp_path / "e.zip")
    assert forest_fire("backfill", "--from", "2025-07-07", "--to", "2025-07-14").code == 0
    predicted = json.loads(forest_fire("predict", "--json").out)
    day, cell = predicted["days"][0]["date"], predicted["days"][0]["highest"][0]["cell_id"]
    assert find_oddities(predicted) == []
    questions = [
        ("predictions",),
        ("predictions", "--date", day, "--issue", predicted["days"][0]["issue"]),
        ("history",),
        ("history", "--retrainings"),
        ("history", "--events"),
        ("champion",),
        ("champion", "--at", "2025-07-20"),
        ("skill",),
        ("quality",),
        ("shadow",),
        ("status",),
        ("verify",),
        ("witness",),
        ("reproduce", "2025-07-07"),
        ("explain", "--cell", cell, "--date", day),
        ("explain", "--cell", cell, "--date", day, "--set", "precip_7d_mm=0"),
        ("explain", "--partition", "2025-07-14"),
        ("evidence", "2025-07-14", "--out", pack),
        ("evidence", "--check", pack),
    ]
    for words in questions:
        answer = forest_fire(*words, "--json")
        assert answer.code == 0, (words, answer.err)
        assert find_oddities(json.loads(answer.out)) == [], words
    asked = {words[0] for words in questions} | {"predict"}
    in_json = {name for name, command in REAL_COMMANDS.items() if any("--json" in p.opts for p in command.params)}
    assert in_json - asked <= {"backtest", "score"}  # measured, and written, elsewhere
    assert small_park.exists()


def test_the_same_instant_is_the_same_in_every_zone(capsys: pytest.CaptureFixture[str]) -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    console.print_json({"at": dt.datetime(2026, 7, 14, 8, tzinfo=zone), "day": dt.date(2026, 7, 14)})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-07-14T06:00:00+00:00", "day": "2026-07-14"}


def test_no_text_is_altered_and_none_passes_for_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.reload(console)
    console.out.print(NASTY)
    console.print_facts("Facts", {"reason": NASTY, "list": [NASTY]})
    console.print_table(NASTY, ("reason",), [(NASTY,)])
    console.print_json({"reason": NASTY})
    printed = capsys.readouterr().out
    lines, _, written = printed.partition("{")
    assert len(lines.splitlines()) == 8, lines
    assert lines.count(SHOWN) == 5
    assert json.loads("{" + written) == {"reason": NASTY}
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_progress_shows_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.reload(console)
    with console.RunProgress(1) as progress:
        progress.advance("features", "2025-07-07", NASTY)
        progress.warn("features", NASTY)
    assert capsys.readouterr().out.count(SHOWN) == 2


def test_what_settings_held_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    remember({"sw0rdf1sh"})
    assert cleared("denied: hunter2, sw0rdf1sh") == "denied: ***, ***"


@pytest.mark.parametrize("command", sorted(REAL_COMMANDS))
def test_every_command_has_an_example_in_its_help_that_can_be_typed(command: str, forest_fire: Run) -> None:
    assert EXAMPLES[command], command
    shown = " ".join(forest_fire(*command.split(), "--help").out.split())
    for words in EXAMPLES[command]:
        line = f"forest-fire {command} {words}".rstrip()
        assert line in shown, shown
        REAL_COMMANDS[command].make_context(command, shlex.split(words))


def test_the_version_is_told(forest_fire: Run) -> None:
    answer = forest_fire("--version")
    assert answer.code == 0
    assert re.fullmatch(r"forest-fire \d+\.\d+\.\d+\n", answer.out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "FOREST_FIRE_HOME": str(tmp_path)}
    typed = {"COMP_WORDS": "forest-fire cle", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "forest-fire cle"}
    asked = {**typed, "_FOREST_FIRE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment | asked, capture_output=True, text=True, check=False
    )
    assert "clear-labels" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(1, "a", None), (22, "wide 火", dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC))],
        [("tab\there", "two\nlines", "\x1b[31m"), ("é", "e\u0301", "[bold]:fire:")],
        [(1, "word " * 60, "x")],
        [(1, "x" * 300, "a " * 200)],
    ],
)
def test_a_table_is_laid_out_as_rich_lays_it_out(
    rows: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for lay_out in (console._lay_out, lambda _columns, _cells: None):
        file = io.StringIO()
        width = console.WIDTH_ELSEWHERE
        plain = console.Voice(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width, file=file)
        monkeypatch.setattr(console, "out", plain)
        monkeypatch.setattr(console, "_lay_out", lay_out)
        console.print_table("Title", ("n", "longer name", "c"), rows)
        written.append(file.getvalue())
    assert written[0] == written[1]
