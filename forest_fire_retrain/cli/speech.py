"""The command's own voice: one line or several, without secrets, without what a terminal obeys or hides.

Needs no library, so that a fault can be told before anything is imported.
"""

import sys
from collections.abc import Collection

from forest_fire_retrain.core.plain_text import many_lines, one_line
from forest_fire_retrain.outgoing import cleared

NAME = "forest-fire"


def line_of(text: str, secrets: Collection[str] | None = None) -> str:
    """`text` as one line of the output; `secrets` as in `outgoing.cleared`."""
    return one_line(cleared(text, secrets))


def lines_of(text: str) -> str:
    """`text` with its line breaks, for what this project lays out itself."""
    return many_lines(cleared(text))


def complain(message: str) -> None:
    """Say on the error output what is wrong, and what to do."""
    print(f"{NAME}: {lines_of(message)}", file=sys.stderr)  # noqa: T201 - this is the command's own voice


def note(text: str) -> None:
    """Say on the error output what belongs beside the answer."""
    print(lines_of(text), file=sys.stderr)  # noqa: T201 - as above
