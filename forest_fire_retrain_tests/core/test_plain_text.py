"""What a terminal would obey, hide or turn round is written out; JSON keeps its meaning."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.plain_text import escape_json, find_hidden, many_lines, one_line

ANY = st.text(st.characters())
WHOLE = st.text(st.characters(exclude_categories=("Cs",)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\nb\rc\u2028d", r"a\nb\rc\u2028d"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("byte \udcff", r"byte \udcff"),
        (":fire: [bold]Nørre Å[/bold] 🔥 \\n", ":fire: [bold]Nørre Å[/bold] 🔥 \\n"),
    ],
)
def test_one_line_shows_what_is_there(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_several_lines_keep_their_breaks_alone() -> None:
    assert many_lines("a\n\x1bb\n") == "a\n\\x1bb\n"


def test_what_is_hidden_is_named_once() -> None:
    assert find_hidden("a\nb\nc\u202e") == [r"\n", r"\u202e"]
    assert find_hidden("missed two fires: Nørre Å") == []


@given(ANY)
def test_a_line_is_printable_and_stays_so(text: str) -> None:
    assert find_hidden(one_line(text)) == []
    assert one_line(one_line(text)) == one_line(text)


@given(st.recursive(WHOLE | st.integers(), lambda part: st.lists(part) | st.dictionaries(WHOLE, part), max_leaves=5))
def test_json_means_the_same_and_is_safe(value: object) -> None:
    written = escape_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(written) == value
    assert set(find_hidden(written)) <= {r"\n"}
