"""Paths as DuckDB takes them: it reads the path of a file as a pattern, which a folder's name may look like."""

import re
from pathlib import Path

OF_PATTERNS = re.compile(r"[*?\[]")


def only(path: Path | str) -> str:
    """The pattern that matches this one file: `a?b` would match `aXb` too, and the rows of another home be read."""
    return OF_PATTERNS.sub(r"[\g<0>]", str(path))


def quoted(text: Path | str) -> str:
    """Between single quotes, where a statement takes no parameter; what is written to is no pattern."""
    return str(text).replace("'", "''")
