"""The five tasks are played to their end, and what they are held to could fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain_tests.people.documented import (
    UndocumentedError,
    documented_commands,
    documented_settings,
    refuse_undocumented,
    refuse_unlisted_settings,
)
from forest_fire_retrain_tests.people.telling import Answer, NotSeenError, Terminal

TASKS = (
    "1. A failed night run, found and mended",
    "2. A bad champion, rolled back and kept out",
    "3. A past prediction, explained",
    "4. A home, restored on another path",
    "5. An auditor's pack, checked offline",
    "All five tasks were done",
)
LONGEST_SECONDS = 1_200


@pytest.mark.slow
def test_five_people_do_their_tasks_with_documented_commands_alone(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREST_FIRE_")}
    done = subprocess.run(
        (sys.executable, "-m", "forest_fire_retrain_tests.people", "--work", str(tmp_path)),
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert [line for line in done.stdout.splitlines() if line in TASKS] == list(TASKS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "forest-fire conjure",
        "forest-fire rollback --reason x --quietly",
        "forest-fire status 2025-07-07",
        "forest-fire ledger burn",
        "dagster job launch",
    ],
)
def test_what_no_page_lists_is_not_typed(line: str) -> None:
    with pytest.raises(UndocumentedError):
        refuse_undocumented(line)


def test_what_the_pages_list_is_typed(tmp_path: Path) -> None:
    for line in (
        "forest-fire status --check",
        "forest-fire ledger backup x",
        "forest-fire evidence 2025-07-07 --out x",
    ):
        refuse_undocumented(line)
    assert {"up", "rollback", "ledger restore"} <= set(documented_commands())
    assert "FOREST_FIRE_HOME" in documented_settings()
    refuse_unlisted_settings(frozenset({"PATH", "FOREST_FIRE_HOME"}))
    with pytest.raises(UndocumentedError, match="FOREST_FIRE_MAGIC"):
        Terminal(tmp_path, {"FOREST_FIRE_MAGIC": "1"})


def test_who_does_not_see_what_the_task_needs_has_not_done_it(tmp_path: Path) -> None:
    answer = Answer("forest-fire champion", "  version     4", 0)
    assert answer.shows("version 4").hides("version 5") is answer
    with pytest.raises(NotSeenError, match="does not say"):
        answer.shows("version 5")
    with pytest.raises(NotSeenError, match="says"):
        answer.hides("version")
    with pytest.raises(NotSeenError, match="exit code 0, and not with 1"):
        Terminal(tmp_path, {}).types("forest-fire status --help", code=1)
