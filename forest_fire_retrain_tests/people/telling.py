"""A person at a terminal: says what is done, types a documented command, and needs to see something in the answer."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain_tests.people.documented import PREFIX, refuse_undocumented, refuse_unlisted_settings

PROGRAM = "from forest_fire_retrain.cli import run; import sys; sys.argv[0] = 'forest-fire'; run()"
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Of whoever runs this nothing else reaches the people, above all no setting and no home."""
LONGEST_SECONDS = 600


class NotSeenError(Exception):
    """A person did not get to see what the task needs."""


class Answer(NamedTuple):
    """What was typed, what came of it, and the exit code."""

    line: str
    text: str
    code: int

    def shows(self, *wanted: str) -> "Answer":
        """The answer, in which all of `wanted` stand; blanks and line breaks count as one blank.

        Raises
        ------
        NotSeenError
            If one does not.
        """
        missing = [text for text in wanted if text not in " ".join(self.text.split())]
        if missing:
            msg = f"{self.line}\ndoes not say {missing}, but:\n{self.text}"
            raise NotSeenError(msg)
        return self

    def hides(self, *unwanted: str) -> "Answer":
        """The answer, in which none of `unwanted` stands.

        Raises
        ------
        NotSeenError
            If one does.
        """
        found = [text for text in unwanted if text in self.text]
        if found:
            msg = f"{self.line}\nsays {found}:\n{self.text}"
            raise NotSeenError(msg)
        return self


class Terminal:
    """One person's shell: a folder, settings of its own, and nothing else of this machine.

    Parameters
    ----------
    folder : Path
        Where it stands; what is typed may name files in it.
    settings : mapping
        What the person exported; only listed settings.
    before : sequence of str
        Words put before every program, for instance those that take the network away.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], before: Sequence[str] = ()) -> None:
        refuse_unlisted_settings(frozenset(settings))
        self.folder = folder
        self._before = tuple(before)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        outside = {"HOME": str(folder), "PYTHONPATH": str(PROJECT_ROOT), "COLUMNS": "120"}
        self._environment = {**kept, **outside, **settings}

    @property
    def settings(self) -> dict[str, str]:
        """The settings that were exported."""
        return {name: value for name, value in self._environment.items() if name.startswith(PREFIX)}

    def types(self, line: str, code: int = 0) -> Answer:
        """Type a documented command of `forest-fire`; its answer, which has to end with `code`."""
        refuse_undocumented(line)
        return self._run(line, (sys.executable, "-c", PROGRAM, *shlex.split(line)[1:]), code)

    def shell(self, line: str) -> Answer:
        """Type a command of the system; it has to succeed."""
        return self._run(line, shlex.split(line), 0)

    def night(self, tick: str) -> Answer:
        """What Dagster does at a tick of the schedule while nobody watches; the run may fail."""
        words = ("-m", "forest_fire_retrain_tests.people.night", tick)
        return self._run(None, (sys.executable, *words), 0)

    def _run(self, line: str | None, words: Sequence[str], code: int) -> Answer:
        if line is not None:
            say(f"$ {line}")
        done = subprocess.run(
            (*self._before, *words),
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        answer = Answer(line or "the night", done.stdout, done.returncode)
        say(*answer.text.rstrip("\n").splitlines(), f"[exit code {answer.code}]")
        if answer.code != code:
            msg = f"{answer.line}\nended with exit code {answer.code}, and not with {code}:\n{answer.text}"
            raise NotSeenError(msg)
        return answer.hides("Traceback (most recent call last)")


def begin(title: str) -> None:
    """Print the title of a task."""
    say("", title, "=" * len(title))


def tell(sentence: str) -> None:
    """Print what the person does next, and why."""
    say("", f"# {sentence}")


def say(*lines: str) -> None:
    """Print lines, in the order in which things happened."""
    print(*lines, sep="\n", flush=True)  # noqa: T201 - the people's own voice
