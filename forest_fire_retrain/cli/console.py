"""Where people are spoken to: progress bars on a terminal, plain lines elsewhere, JSON for programs.

Rules
-----
- Text is shown as it is: `[bold]` and `:fire:` are no markup here.
- What is printed as a line is one line, and no text makes the terminal do anything (`core.plain_text`); secrets are
  taken out (`outgoing`).
- JSON loses nothing but secrets: what a terminal would obey is escaped in it.
"""

import datetime as dt
import getpass
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from forest_fire_retrain.cli.speech import line_of, lines_of
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.plain_text import escape_json
from forest_fire_retrain.outgoing import cleared_tree, known_secrets

WIDTH_ELSEWHERE = 220
"""Columns where no terminal says its width, so that a log or a file holds whole rows."""


class Voice(Console):
    """A console that shows text as it is, each on a line of its own."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as the console's own
        """Print; a text is shown on one line, see `print_lines` for several."""
        super().print(*(line_of(part) if isinstance(part, str) else part for part in objects), **options)

    def print_lines(self, text: str, end: str = "\n") -> None:
        """Print a text that this project has laid out in several lines."""
        super().print(lines_of(text), end=end)


out = Voice(
    highlight=False,
    markup=False,
    emoji=False,
    soft_wrap=True,
    width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE,
)


class RunProgress(AbstractContextManager["RunProgress"]):
    """Tells how far a run has come, one line or one bar per step.

    Parameters
    ----------
    n_partitions : int
        Periods of the run.
    """

    def __init__(self, n_partitions: int) -> None:
        self._n_partitions = n_partitions
        self._bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[sentence]}", markup=False),
            console=out,
            disable=not out.is_terminal,
        )
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars where they ended."""
        self._bars.stop()

    def advance(self, step: str, partition_key: str, sentence: str) -> None:
        """One partition of `step` is done; `sentence` says what came of it."""
        line = f"{partition_key}: {sentence}"
        if not out.is_terminal:
            out.print(f"{step:<22} {line}", markup=False)
            return
        if step not in self._tasks:
            whole = step in ("weather", "fire_reports", "features", "provenance")
            self._tasks[step] = self._bars.add_task(step, total=1 if whole else self._n_partitions, sentence="")
        self._bars.update(self._tasks[step], advance=1, sentence=line_of(line))  # type: ignore[arg-type] # a task's id

    def warn(self, step: str, sentence: str) -> None:
        """`step` goes on; `sentence` stays on the screen."""
        out.print(f"{step:<22} warning: {sentence}", markup=False)


def user_name() -> str:
    """Name of the person at the command line, as far as a tag may hold it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in name)[:63]


def stamp_now() -> Stamp:
    """Who is at the command line, and now."""
    return Stamp(read_clock(), user_name(), "cli")


def print_json(value: object) -> None:
    """Print `value` as JSON; days and instants in ISO format."""
    secrets = known_secrets()

    def say(other: object) -> object:
        return cleared_tree(_to_text(other), secrets)  # what JSON has no form for

    written = json.dumps(cleared_tree(value, secrets), indent=2, ensure_ascii=False, default=say)
    sys.stdout.write(escape_json(written) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, every cell as text."""
    secrets = known_secrets()
    cells = [["—" if cell is None else line_of(_to_text(cell), secrets) for cell in row] for row in rows]
    laid_out = None if out.is_terminal else _lay_out(columns, cells)
    if laid_out is not None:
        out.file.write(f"{line_of(title)}\n{laid_out}")
        return
    table = Table(title=Text(line_of(title)), title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    out.print(table)


def _lay_out(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str | None:
    """The table as rich lays it out, which takes a millisecond a row; `None` if a cell has to be broken into lines."""
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if sum(widths) + 3 * (len(widths) - 1) > out.width:
        return None
    rule = "━╇━".join("━" * width for width in widths)
    lines = [" ┃ ".join(map(_pad, columns, widths)), rule, *(" │ ".join(map(_pad, row, widths)) for row in cells)]
    return "".join(f"{line}\n" for line in lines)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print names and their values, one line each."""
    width = max(map(len, facts), default=0)
    out.print(title, style="bold", markup=False)
    for name, value in facts.items():
        out.print(f"  {name:<{width}}  {'—' if value is None else _to_text(value)}", markup=False)


def _to_text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds")
    if isinstance(value, list):
        return "; ".join(_to_text(item).rstrip(".") for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_as_part(part)}" for name, part in value.items())
    return str(value)


def _as_part(value: object) -> str:
    """A value among others of a mapping."""
    return "none" if value is None else f"({_to_text(value)})" if isinstance(value, Mapping) else _to_text(value)
