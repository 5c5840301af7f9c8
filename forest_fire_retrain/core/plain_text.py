r"""Text as a terminal may show it: what it would obey, hide or turn round is written out instead.

Rules
-----
- Control characters (C0, C1, delete), characters that set a direction or have no width, separators of lines and what
  is no character at all (lone surrogates) become their escapes: `\x1b`, `\u202e`, `\ufeff`.
- A text of one line keeps no line break: it cannot pass for two lines.
- Whatever else stands in a text stays as it is, `[bold]`, `:fire:` and a backslash too.
"""

import unicodedata

WRITTEN_OUT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories: controls, formats (directions, no width), surrogates, separators of lines and paragraphs."""


def one_line(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal obeys or hides."""
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def many_lines(text: str) -> str:
    """`text` with its line breaks, and nothing else in it that a terminal obeys or hides."""
    return "\n".join(map(one_line, text.split("\n")))


def escape_json(written: str) -> str:
    r"""JSON with the same meaning, in which `\uXXXX` stands for what a terminal obeys or hides."""
    return written if written.isascii() else "".join(_shown_in_json(letter) for letter in written)


def find_hidden(text: str) -> list[str]:
    """What a terminal would obey or hide in `text`, written out, each once and in its order."""
    return list(dict.fromkeys(_shown(letter) for letter in text if unicodedata.category(letter) in WRITTEN_OUT))


def _shown(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii") if unicodedata.category(letter) in WRITTEN_OUT else letter


def _shown_in_json(letter: str) -> str:
    if letter == "\n" or unicodedata.category(letter) not in WRITTEN_OUT:
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
